"""The transport of a connection: frames on the wire as RFC 6455 wants them, and how much of them waits."""

import asyncio
import json
from asyncio import Future
from collections.abc import Callable
from typing import Any

import pytest
from tornado.iostream import StreamClosedError

from handlers.wire import Wire, header
from tests.handlers.raw import TEXT, Person, raw_socket
from tests.instances import Instance


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_header_is_of_the_shortest_form(size: int, expected: bytes) -> None:
    assert header(size) == expected


class Stream:
    """A stream that takes nothing until it is told to."""

    def __init__(self, *, closed: bool = False) -> None:
        self.written: list[tuple[bytes, Future[None]]] = []
        self.closed = closed

    def write(self, sent: bytes) -> "Future[None]":
        if self.closed:
            raise StreamClosedError
        self.written.append((sent, Future()))
        return self.written[-1][1]


class Handler:
    """As much of a WebSocket handler as a wire sees."""

    def __init__(self, stream: Stream | None) -> None:
        self.ws_connection: Any = None if stream is None else self
        self.stream = stream
        self.ended: tuple[int, str] | None = None

    def close(self, code: int, reason: str) -> None:
        self.ended = (code, reason)


async def test_frames_of_one_turn_are_one_write_in_their_order() -> None:
    stream = Stream()
    wire = Wire(Handler(stream))  # type: ignore[arg-type]
    for frame in (b"abc", b"de", b"f"):
        wire.write(frame)
    assert (stream.written, wire.queued()) == ([], 12)
    await asyncio.sleep(0)
    assert [sent for sent, _ in stream.written] == [b"\x81\x03abc\x81\x02de\x81\x01f"]


async def test_what_was_written_goes_out_before_the_close() -> None:
    stream = Stream()
    handler = Handler(stream)
    wire = Wire(handler)  # type: ignore[arg-type]
    wire.write(b"abc")
    wire.close(4401, "bye")
    assert [sent for sent, _ in stream.written] == [b"\x81\x03abc"]
    assert handler.ended == (4401, "bye")


async def test_drained_waits_for_the_peer_and_not_for_one_that_is_gone() -> None:
    stream = Stream()
    wire = Wire(Handler(stream))  # type: ignore[arg-type]
    await wire.drained()
    wire.write(b"abc")
    waiting = asyncio.ensure_future(wire.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.written[0][1].set_exception(StreamClosedError())
    await waiting
    assert stream.written[0][1].exception() is not None


async def test_what_the_peer_has_not_taken_is_counted() -> None:
    stream = Stream()
    wire = Wire(Handler(stream))  # type: ignore[arg-type]
    wire.write(b"abc")
    await asyncio.sleep(0)
    wire.write(b"x" * 200)
    await asyncio.sleep(0)
    assert [sent for sent, _ in stream.written] == [b"\x81\x03abc", b"\x81\x7e\x00\xc8" + b"x" * 200]
    assert wire.queued() == 5 + 204
    taken = stream.written[0][1]
    taken.set_result(None)
    await asyncio.sleep(0)  # callbacks run at the loop's next turn
    assert wire.queued() == 204
    lost = stream.written[1][1]
    lost.set_exception(StreamClosedError())
    await asyncio.sleep(0)
    assert wire.queued() == 0
    assert isinstance(lost.exception(), StreamClosedError)


@pytest.mark.parametrize("stream", [None, Stream(closed=True)])
async def test_nobody_to_write_to_is_no_error(stream: Stream | None) -> None:
    handler = Handler(stream)
    wire = Wire(handler)  # type: ignore[arg-type]
    wire.write(b"abc")
    await asyncio.sleep(0)
    assert wire.queued() == 0
    wire.close(4401, "sign in again")
    assert handler.ended == (4401, "sign in again")


@pytest.mark.parametrize("size", [125, 126, 127, 4096, 16_384])
@pytest.mark.parametrize("sign", ["a", "\u6f22", "\U0001f600"])
def test_frames_of_every_size_arrive_whole(
    server: Instance, joined: Callable[[], Person], size: int, sign: str
) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        # From the second message on, the length of everything but the content is known.
        opened.say({"recipient": alice.name, "content": "-"})
        got = opened.read()
        assert got is not None
        rest = len(got[1]) - 1
        content = sign * max(1, (size - rest) // len(sign.encode()))
        opened.say({"recipient": alice.name, "content": content})
        got = opened.read()
        assert got is not None
        assert (got[0], json.loads(got[1])["message"]) == (TEXT, content)
        assert 0 <= len(got[1]) - rest - len(content.encode()) <= 1  # the id may have a digit more
