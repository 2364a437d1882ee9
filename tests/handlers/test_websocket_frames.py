"""Frames on the socket: the bad ones are answered, only what breaks the protocol ends it."""

import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handlers.framing import FAR
from tests.handlers import corpus
from tests.handlers.raw import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Person,
    RawSocket,
    carries,
    frame,
    raw_socket,
    rows,
)
from tests.instances import Instance

Join = Callable[[], Person]


@pytest.fixture
def line(server: Instance, joined: Join) -> Iterator[tuple[RawSocket, Person]]:
    """A raw socket and who sits at it."""
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        assert opened.status == 101
        yield opened, alice


def is_mistake(answer: Any) -> str | None:
    """The field that an error frame names, after a look at its shape."""
    assert set(answer) <= {"error", "code", "field"}, answer
    assert answer["error"], answer
    assert answer["code"] == "invalid", answer
    field: str | None = answer.get("field")
    return field


GOOD = {"recipient": "nobody", "content": "hi"}


@pytest.mark.parametrize("what", {**corpus.SPOILT, **corpus.OTHER_FORMATS})
def test_a_frame_that_is_not_json_is_answered_and_the_socket_goes_on(
    server: Instance, line: tuple[RawSocket, Person], what: str
) -> None:
    opened, alice = line
    text = {**corpus.SPOILT, **corpus.OTHER_FORMATS}[what]
    carries(opened, alice, "before")
    before = rows(server)
    for field in GOOD:
        opened.send(corpus.spoilt(text, GOOD, field))
        assert is_mistake(opened.hear()) in (None, field, "?", "a\0", "\0"), what
    assert rows(server) == before
    carries(opened, alice, "after")


def test_a_frame_of_the_wrong_shape_names_its_field(server: Instance, line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    carries(opened, alice, "before")
    before = rows(server)
    from realtime.dialects.plain import Send

    for field, value in [*corpus.wrong_values(GOOD, Send), *corpus.missing_fields(GOOD, Send)]:
        opened.say(value)
        assert is_mistake(opened.hear()) == field, value
    for unknown in ("id", "type", "sender", "message", "", "x" * 64):
        opened.say(GOOD | {unknown: 1})
        assert is_mistake(opened.hear()) == unknown
    for content in ("", " \n", "x" * 16_385):
        opened.say({"recipient": alice.name, "content": content})
        assert is_mistake(opened.hear()) == "content"
    for ttl in (0, -1, 2**53 - 1):
        opened.say({"recipient": alice.name, "content": "hi", "ttl_seconds": ttl})
        assert is_mistake(opened.hear()) == "ttl_seconds"
    assert rows(server) == before
    carries(opened, alice, "after")


def test_a_recipient_who_does_not_exist_is_told(server: Instance, line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    before = rows(server)
    for name in ("nobody-at-all", "", "x" * 10_000, "\u202e", "*[\n", "%s{0.__class__}"):
        opened.say({"recipient": name, "content": "hi"})
        assert opened.hear() == {"error": "There is no such recipient.", "code": "not_found"}
    assert rows(server) == before
    carries(opened, alice, "after")


def test_binary_frames_are_answered(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    for payload in (b"", b"\0\xff", json.dumps({"recipient": alice.name, "content": "x"}).encode(), os.urandom(70_000)):
        opened.send(payload, BINARY)
        assert is_mistake(opened.hear()) is None
    carries(opened, alice, "after")


def test_pings_are_answered_and_pongs_are_not(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    opened.send(b"hello", PING)
    assert opened.read() == (PONG, b"hello")
    opened.send(b"unasked", PONG)
    carries(opened, alice, "after")


def test_fragments_are_one_message_and_a_ping_may_come_between(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    text = json.dumps({"recipient": alice.name, "content": "h\u00e9llo \U0001f600"}, ensure_ascii=False).encode()
    opened.send(text[:1], TEXT, fin=False)
    opened.send(b"", PING)
    for byte in text[1:]:
        opened.send(bytes((byte,)), 0, fin=False)
    for _ in range(1000):
        opened.send(b"", 0, fin=False)
    opened.send(b"", 0)
    assert opened.read() == (PONG, b"")
    assert opened.hear()["message"] == "h\u00e9llo \U0001f600"


def test_a_frame_over_the_bound_is_answered_and_one_far_over_it_ends_the_socket(
    line: tuple[RawSocket, Person], frame_limit: int
) -> None:
    opened, alice = line
    rest = len(json.dumps({"recipient": alice.name, "content": ""}))
    for size in (frame_limit + 1, frame_limit * FAR):
        opened.say({"recipient": alice.name, "content": "x" * (size - rest)})
        assert opened.hear() == {"error": f"A frame has {frame_limit} bytes at most.", "code": "too_large"}
    # Bytes count, not characters.
    opened.say(json.dumps({"recipient": alice.name, "content": "\u6f22" * (frame_limit // 2)}, ensure_ascii=False))
    assert opened.hear()["code"] == "too_large"
    opened.say({"recipient": alice.name, "content": "x" * (frame_limit - rest)})
    assert (is_mistake(opened.hear())) == "content"  # the frame fits, its content does not
    carries(opened, alice, "after")
    # Only the start of a frame: whoever goes on sending may find the line cut before reading why.
    opened.stream.sendall(struct.pack("!BBQ", 0x81, 0xFF, frame_limit * FAR + 1))
    assert opened.close_code() == 1009


@pytest.mark.parametrize("sign", ["a", "\U0001f600", '"', "\\", "\u6f22", "\x01"])
def test_the_longest_content_fits_into_a_frame_however_it_is_escaped(line: tuple[RawSocket, Person], sign: str) -> None:
    opened, alice = line
    content = "x" + sign * 16_383
    units = memoryview(content.encode("utf-16-le")).cast("H")
    escaped = "".join(f"\\u{unit:04x}" for unit in units)
    opened.say(f'{{"recipient": "{alice.name}", "content": "{escaped}"}}')
    assert opened.hear().get("message") == content


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        *(
            (frame(corpus.spoilt(text, GOOD, "content")), 1007)
            for text in (corpus.NOT_UTF8["a raw surrogate"], b"\xff")
        ),
        *((frame(b"{}", rsv=1), 1008), (frame(b"{}", rsv=4), 1008), (frame(b"{}", 3), 1008), (frame(b"", 11), 1008)),
        *((frame(b"{}", 0), 1008), (frame(b"{", fin=False) + frame(b"}", TEXT), 1008)),
        *((frame(b"x" * 126, PING), 1008), (frame(b"", PING, fin=False), 1008)),
        *((b"\x81\xff" + b"\xff" * 8 + bytes(4), 1009), (b"\x88\x83" + bytes(4) + b"\x03\xe8\xff", 1007)),
        *((b"\x88\x81" + bytes(4) + b"\x03", 1008), (frame(b"\x03\xee", CLOSE), 1008)),
        # Frames without a mask (RFC 6455 §5.1): a proxy in between could be made to take them for something else.
        *((frame(b"{}", masked=False), 1008), (frame(b"\x03\xe8", CLOSE, masked=False), 1008)),
    ],
)
@pytest.mark.parametrize("protocol", ["", "recado.v1"])
def test_what_breaks_the_protocol_ends_that_socket_alone_and_is_told(
    server: Instance, joined: Join, bad: bytes, code: int, protocol: str
) -> None:
    alice = joined()
    asked = [("Sec-WebSocket-Protocol", protocol)] if protocol else []
    with raw_socket(server, alice.token) as witness, raw_socket(server, alice.token, asked) as opened:
        opened.stream.sendall(bad + frame(json.dumps({"recipient": alice.name, "content": "behind"}).encode()))
        assert opened.close_code() == code
        carries(witness, alice, "after")


def test_a_frame_in_pieces_is_waited_for(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    for byte in frame(json.dumps({"recipient": alice.name, "content": "slow"}).encode()):
        opened.stream.sendall(bytes((byte,)))
    assert opened.hear()["message"] == "slow"
