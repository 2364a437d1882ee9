"""Frames of RFC 6455: one understanding of the bytes, however they were cut, or an end of the conversation."""

import os
import random
import struct
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FAR,
    PART,
    PING,
    PONG,
    TEXT,
    Broken,
    Frames,
    Message,
    close_code,
    close_frame,
    framed,
    unmask,
)
from realtime.codes import NOT_TEXT, TOO_BIG, VIOLATION, CloseCode
from tests.handlers.raw import frame as client_frame

MOST = 1000


def masked(payload: bytes, opcode: int = TEXT, *, fin: bool = True, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """A client's frame under a mask that changes every byte."""
    head = client_frame(payload, opcode, fin=fin)
    return head[: len(head) - len(payload) - 4] + mask + unmask(mask, payload)


def understood(data: bytes, cuts: Sequence[int] = (), most: int = MOST) -> tuple[list[Message], CloseCode | None]:
    """What comes out when `data` comes in, cut at these places; and the code when it ends the conversation."""
    frames, found = Frames(most), []
    edges = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    try:
        for start, end in pairwise(edges):
            frames.feed(data[start:end])
            while (message := frames.next()) is not None:
                if message is not PART:
                    found.append(message)
    except Broken as broken:
        return found, broken.code
    return found, None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize(("opcode", "content"), [(TEXT, "x"), (BINARY, b"\xff")])
def test_a_message_of_every_size_comes_out_as_it_went_in(size: int, opcode: int, content: str | bytes) -> None:
    said = content * size
    raw = said.encode() if isinstance(said, str) else said
    assert understood(masked(raw, opcode), most=200_000) == ([(opcode, said)], None)


def test_the_example_of_the_rfc() -> None:
    # RFC 6455 §5.7: a single-frame masked text message, and the same text in two frames
    assert understood(bytes.fromhex("818537fa213d7f9f4d5158")) == ([(TEXT, "Hello")], None)
    fragments = masked(b"Hel", fin=False) + masked(b"lo", CONTINUATION)
    assert understood(fragments) == ([(TEXT, "Hello")], None)


def test_control_frames_come_out_between_the_fragments_of_a_message() -> None:
    data = masked(b"a", fin=False) + masked(b"one", PING) + masked(b"b", CONTINUATION, fin=False)
    data += masked(b"two", PONG) + masked(b"", CONTINUATION) + masked(b"\x03\xe8", CLOSE)
    assert understood(data) == ([(PING, b"one"), (PONG, b"two"), (TEXT, "ab"), (CLOSE, b"\x03\xe8")], None)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(b"{}", masked=False), VIOLATION),
        *((client_frame(b"{}", rsv=bits), VIOLATION) for bits in (1, 2, 4, 7)),
        *((masked(b"", opcode), VIOLATION) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        *((masked(b"", opcode, fin=False), VIOLATION) for opcode in (CLOSE, PING, PONG)),
        *((masked(b"x" * 126, opcode), VIOLATION) for opcode in (CLOSE, PING, PONG)),
        (masked(b"", CONTINUATION), VIOLATION),
        (masked(b"", fin=False) + masked(b""), VIOLATION),
        (masked(b"", fin=False) + masked(b"", BINARY, fin=False), VIOLATION),
        (masked(b"x" * (MOST + 1), fin=False) + masked(b""), VIOLATION),
        *((masked(b"", opcode)[:2], VIOLATION) for opcode in (3, 7, 11)),  # no need to wait for the rest
        (masked(b"", fin=False) + masked(b"", CONTINUATION) + masked(b"", CONTINUATION), VIOLATION),
        (masked(b"\xff"), NOT_TEXT),
        (masked("\u00e9".encode()[:1]), NOT_TEXT),
        (masked(b"\xed\xa0\x80"), NOT_TEXT),  # half a surrogate pair
        (masked(b"\xc3", fin=False) + masked(b"\x28", CONTINUATION), NOT_TEXT),
        (masked(b"x" * (FAR * MOST + 1)), TOO_BIG),
        (b"\x81\xff" + b"\xff" * 8 + bytes(4), TOO_BIG),
        (b"".join((masked(b"x" * MOST, fin=False), *(masked(b"x" * MOST, 0, fin=False),) * FAR)), TOO_BIG),
    ],
)
def test_what_breaks_the_protocol_is_told_apart(data: bytes, code: CloseCode) -> None:
    assert understood(data)[1] is code
    assert understood(data, range(len(data)))[1] is code


def test_each_frame_of_a_message_is_told_so_that_it_can_be_counted() -> None:
    frames = Frames(10)
    frames.feed(masked(b"", fin=False) + masked(b"", CONTINUATION, fin=False) * 3 + masked(b"", CONTINUATION))
    assert [frames.next() for _ in range(6)] == [PART] * 4 + [(TEXT, ""), None]
    frames.feed(masked(b"x" * 9, fin=False) + masked(b"x" * 9, 0, fin=False) + masked(b"", 0, fin=False) * 2)
    frames.feed(masked(b"", CONTINUATION) + masked(b"x"))
    assert [frames.next() for _ in range(7)] == [PART] * 4 + [(TEXT, None), (TEXT, "x"), None]


def test_a_character_may_be_cut_by_the_fragments() -> None:
    whole = "\U0001f600".encode()
    data = b"".join(masked(whole[n : n + 1], TEXT if n == 0 else CONTINUATION, fin=n == 3) for n in range(4))
    assert understood(data) == ([(TEXT, "\U0001f600")], None)


@pytest.mark.parametrize("size", [MOST + 1, FAR * MOST])
def test_a_message_above_the_bound_is_told_and_the_next_one_is_understood(size: int) -> None:
    after = masked(b"after")
    assert understood(masked(b"x" * size) + after) == ([(TEXT, None), (TEXT, "after")], None)
    halves = masked(b"x" * (size - MOST), BINARY, fin=False) + masked(b"x" * MOST, CONTINUATION)
    between = masked(b"x" * MOST, fin=False) + masked(b"?", PING) + masked(b"x" * (size - MOST), CONTINUATION)
    assert understood(halves + after) == ([(BINARY, None), (TEXT, "after")], None)
    assert understood(between + after) == ([(PING, b"?"), (TEXT, None), (TEXT, "after")], None)
    empty_end = masked(b"x" * size, fin=False) + masked(b"", CONTINUATION)
    assert understood(empty_end + after, range(0, size, 7)) == ([(TEXT, None), (TEXT, "after")], None)


def test_a_message_of_exactly_the_bound_is_taken_and_the_bound_may_move() -> None:
    frames = Frames(3)
    frames.feed(masked(b"abc") + masked(b"abcd") + masked(b"abcde"))
    assert [frames.next(), frames.next()] == [(TEXT, "abc"), (TEXT, None)]
    frames.most = 5
    assert [frames.next(), frames.next()] == [(TEXT, "abcde"), None]


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.text(max_size=60)),
        st.tuples(st.just(BINARY), st.binary(max_size=200)),
        st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
        st.tuples(st.just(TEXT), st.sampled_from(["x" * 126, "x" * 999, "\u00e9" * 500, "x" * 1001, "x" * 4000])),
    ),
    max_size=12,
)


@given(MESSAGES, st.randoms(use_true_random=False))
def test_however_it_is_fragmented_masked_and_cut_the_same_is_understood(
    messages: list[tuple[int, str | bytes]], chance: random.Random
) -> None:
    data, expected = b"", []
    for opcode, said in messages:
        raw = said.encode() if isinstance(said, str) else said
        if opcode in (PING, PONG):
            data += masked(raw, opcode, mask=chance.randbytes(4))
            expected.append((opcode, raw))
            continue
        places = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.randrange(4)))
        parts = [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
        for number, part in enumerate(parts):
            kind, last = opcode if number == 0 else CONTINUATION, number == len(parts) - 1
            data += masked(part, kind, fin=last, mask=chance.randbytes(4))
            if not last and chance.random() < 0.3:
                data += masked(b"!", PING)
                expected.append((PING, b"!"))
        expected.append((opcode, said if len(raw) <= MOST else None))
    cuts = [chance.randrange(len(data) + 1) for _ in range(chance.randrange(30))]
    assert understood(data, cuts) == (expected, None)
    assert understood(data, range(len(data))) == (expected, None)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_any_bytes_are_understood_in_one_way_or_end_the_conversation(data: bytes, cuts: list[int]) -> None:
    assert understood(data, cuts) == understood(data)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10**6), st.integers(0, 255), st.lists(st.integers(0, 99)))
def test_a_good_frame_with_a_wrong_byte_is_no_worse(payload: bytes, place: int, byte: int, cuts: list[int]) -> None:
    data = bytearray(masked(payload, BINARY) + masked(b"{}"))
    data[place % len(data)] = byte
    assert understood(bytes(data), cuts) == understood(bytes(data))


def test_what_waits_is_counted_and_let_go() -> None:
    frames, one = Frames(MOST), masked(b"x" * 94)
    frames.feed(one * 10 + one[:50])
    assert (frames.waiting, frames.count(5), frames.count(99)) == (1050, 5, 10)
    for left in range(9, -1, -1):
        assert frames.next() is not None
        assert frames.count(99) == left
    assert frames.next() is None
    assert (frames.waiting, frames.kept, frames.count(99)) == (50, 50, 0)
    frames.feed(one[50:])
    assert frames.next() is not None
    assert frames.next() is None
    assert (frames.waiting, frames.kept) == (0, 0)
    frames.feed(masked(b"x" * 600, fin=False))
    assert [frames.next(), frames.next()] == [PART, None]
    assert (frames.waiting, frames.kept) == (0, 600)
    frames.clear()
    assert frames.kept == 0


def test_what_is_too_large_is_not_kept() -> None:
    frames = Frames(1000)
    head = masked(b"x" * 4000)
    frames.feed(head[:2000])
    assert frames.next() is None
    assert frames.kept == 0
    frames.feed(head[2000:] + masked(b"x") * 3)
    assert frames.count(99) == 3  # behind what will be skipped


def test_a_frame_that_comes_byte_by_byte_costs_no_more_memory_than_one_that_comes_whole() -> None:
    size = 30_000
    frames, data = Frames(size), masked(b"x" * size)
    tracemalloc.start()
    try:
        for start in range(0, len(data), 1):
            assert frames.next() is None
            frames.feed(data[start : start + 1])
        assert tracemalloc.get_traced_memory()[1] < 3 * size
    finally:
        tracemalloc.stop()
    assert frames.next() == (TEXT, "x" * size)


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
    assert framed(b"x" * size) == expected + b"x" * size


def test_a_close_frame_says_its_code_and_reason_or_nothing() -> None:
    assert close_frame(4401, "sign in again") == b"\x88\x0f\x11\x31sign in again"
    assert close_frame(None) == b"\x88\x00"


@pytest.mark.parametrize("code", [1000, 1001, 1007, 1011, 1014, 3000, 4401, 4999])
def test_a_client_may_close_with_every_code_there_is(code: int) -> None:
    assert close_code(struct.pack("!H", code) + "\u00e9".encode()) == code
    assert close_code(b"") is None


@pytest.mark.parametrize(
    "payload", [b"\x03", *(struct.pack("!H", code) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535))]
)
def test_a_close_code_that_does_not_exist_breaks_the_protocol(payload: bytes) -> None:
    with pytest.raises(Broken) as caught:
        close_code(payload)
    assert caught.value.code is VIOLATION


def test_a_close_reason_is_text() -> None:
    with pytest.raises(Broken) as caught:
        close_code(b"\x03\xe8\xff")
    assert caught.value.code is NOT_TEXT


def test_tornado_still_has_the_mask_in_c() -> None:
    # A name of Tornado's that it does not promise: whoever updates Tornado learns it here.
    assert type(unmask).__name__ == "builtin_function_or_method", "Tornado has lost its speedups: frames cost more"
    data, mask = os.urandom(1001), os.urandom(4)
    assert unmask(mask, data) == bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    assert unmask(mask, b"") == b""
