"""What goes out: one write a turn, in order; what a slow peer does not take waits here and can be dropped."""

import asyncio

from handlers.framing import PING, PONG, Frames, close_frame, framed
from handlers.outlet import HIGH_WATER, LOW_WATER, PIECE
from handlers.wire import Wire
from realtime.codes import TOO_SLOW
from tests.handlers.raw import frame as client_frame
from tests.handlers.wires import Ear, Stream, opened, read, turns


async def test_little_waits_in_the_system() -> None:
    _, stream, _ = opened()
    assert stream.limits == (HIGH_WATER, LOW_WATER)


async def test_frames_of_one_turn_are_one_write_in_their_order() -> None:
    wire, stream, _ = opened()
    for said in (b"abc", b"de", b"f"):
        wire.write(said)
    assert (stream.written, wire.queued()) == ([], 12)
    await turns(1)
    assert stream.written == [b"\x81\x03abc\x81\x02de\x81\x01f"]
    assert wire.queued() == 0


async def test_what_was_written_goes_out_before_the_close_and_nothing_after_it() -> None:
    wire, stream, _ = opened()
    wire.write(b"abc")
    wire.close(4401, "bye")
    wire.write(b"late")
    wire.close(4409, "again")
    await turns()
    assert stream.written == [b"\x81\x03abc" + close_frame(4401, "bye")]


async def test_what_a_slow_peer_does_not_take_is_counted_and_stays_here() -> None:
    wire, stream, _ = opened()
    stream.takes = False
    for _ in range(100):
        wire.write(b"x" * 9996)
    await turns()
    assert wire.queued() == 1_000_000
    assert PIECE <= stream.kept < PIECE + 10_000
    stream.take()
    assert PIECE < sum(map(len, stream.written)) <= 2 * (PIECE + 10_000)
    stream.takes = True
    stream.take()
    assert b"".join(stream.written) == framed(b"x" * 9996) * 100
    assert wire.queued() == 0


async def test_one_that_is_sent_away_as_too_slow_keeps_nothing_but_the_reason() -> None:
    wire, stream, _ = opened()
    stream.takes = False
    for _ in range(100):
        wire.write(b"x" * 9996)
    await turns()
    begun = len(stream.written)
    wire.close(TOO_SLOW.code, TOO_SLOW.reason)
    assert stream.written[begun:] == [close_frame(TOO_SLOW.code, TOO_SLOW.reason)]
    assert wire.queued() == stream.kept < PIECE + 20_000
    assert stream.ended == ["eof"]


async def test_drained_waits_until_the_peer_has_caught_up_and_not_for_one_that_is_gone() -> None:
    for ending in (Stream.take, lambda stream: stream.wire.connection_lost(None)):
        wire, stream, _ = opened()
        await wire.drained()
        stream.takes = False
        wire.write(b"x" * 20_000)
        waiting = asyncio.ensure_future(wire.drained())
        await turns()
        assert not waiting.done()
        ending(stream)
        await waiting


async def test_nobody_to_write_to_is_no_error() -> None:
    ear = Ear()
    ear.wire = wire = Wire(ear, Frames(10), None, lambda size: None)
    wire.write(b"abc")
    wire.close(4401, "x")
    wire.abort()
    await wire.drained()
    assert (wire.queued(), wire.weight()) == (0, 0)
    wire, stream, ear = opened()
    wire.connection_lost(None)
    wire.write(b"abc")
    wire.close(4401, "x")
    await turns()
    assert (stream.written, wire.queued(), ear.calls) == ([], 0, ["opened", "gone"])


async def test_pings_are_answered_and_only_the_last_one_while_the_peer_does_not_read() -> None:
    wire, stream, _ = opened()
    wire.data_received(client_frame(b"hello", PING))
    await turns()
    assert stream.written.pop() == framed(b"hello", PONG)
    stream.takes = False
    wire.write(b"x" * 20_000)
    await turns()
    stream.written.clear()
    for number in range(1000):
        wire.data_received(client_frame(b"%d" % number, PING))
    await read(wire)
    assert (stream.written, wire.queued()) == ([], stream.kept)
    stream.take()
    assert stream.written == [framed(b"999", PONG)]
