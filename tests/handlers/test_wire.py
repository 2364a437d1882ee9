"""The socket below a WebSocket: what is heard when, what waits where, how it ends. The test moves the transport."""

import asyncio
import json
from collections.abc import Callable

import pytest

from handlers.framing import BINARY, CLOSE, FAR, PING, PONG, TEXT, Frames, close_frame, framed
from handlers.pace import WRONG_COST, Allowance
from handlers.wire import LONG, MOST_PER_TURN, MOST_UNREAD, TURNS_TO_BREATHE, Wire
from realtime.codes import INTERNAL, NOT_TEXT, TOO_BIG, TOO_MANY, TOO_SLOW, UNAUTHENTICATED, VIOLATION, CloseCode
from tests.handlers.raw import Person, raw_socket
from tests.handlers.raw import frame as client_frame
from tests.handlers.wires import Ear, Stream, opened, read, turns
from tests.instances import Instance


async def test_to_cut_off_frees_everything() -> None:
    wire, stream, _ = opened()
    stream.takes = False
    wire.write(b"x" * 50_000)
    await turns()
    wire.write(b"x" * 50_000)
    wire.data_received(client_frame(b"x" * 500)[:300])
    assert wire.weight() > 100_300
    wire.abort()
    assert (stream.ended, wire.weight()) == (["abort"], 0)


# In.


async def test_messages_are_heard_one_after_the_other_and_the_others_go_first_after_so_many() -> None:
    wire, _, ear = opened()
    wire.data_received(b"".join(client_frame(b"%d" % n) for n in range(100)))
    assert ear.heard == []
    await turns(1)
    assert len(ear.heard) == MOST_PER_TURN
    await turns()
    assert len(ear.heard) == MOST_PER_TURN * TURNS_TO_BREATHE  # and not even these keep the loop busy for ever
    await read(wire)
    assert ear.heard == [str(n) for n in range(100)]


async def test_a_long_message_takes_more_of_a_turn_and_of_the_allowance() -> None:
    wire, _, ear = opened(most=300_000)
    wire.data_received(client_frame(b"x" * LONG * MOST_PER_TURN) * 3)
    await turns(1)
    assert len(ear.heard) == 1
    await read(wire)
    assert len(ear.heard) == 3
    wire, _, ear = opened(Allowance(per_second=1, burst=20, patience_seconds=9), most=300_000)
    wire.data_received(client_frame(b"x" * LONG * 3) * 10)
    await turns(100)
    assert len(ear.heard) <= 6
    wire.abort()


async def test_while_one_is_handled_the_next_waits_and_at_last_nothing_more_is_read() -> None:
    wire, stream, ear = opened(most=100_000)
    ear.gate = asyncio.Event()
    for _ in range(3):
        wire.data_received(client_frame(b"x" * 20_000))
        await turns()
    assert (ear.heard, stream.reads) == ([], True)
    while stream.reads:
        wire.data_received(client_frame(b"x" * 20_000))
    assert MOST_UNREAD < wire.weight() < MOST_UNREAD + 30_000
    ear.gate.set()
    await turns()
    assert (len(set(ear.heard)), len(ear.heard) > 3, stream.reads, wire.weight()) == (1, True, True, 0)


async def test_a_frame_that_comes_behind_the_handshake_is_heard() -> None:
    ear = Ear()
    ear.wire = wire = Wire(ear, Frames(100), None, lambda size: None)
    wire.frames.feed(client_frame(b"early"))
    wire.connection_made(Stream(wire))
    await turns()
    assert (ear.calls, ear.heard) == (["opened"], ["early"])


async def test_too_large_and_binary_messages_are_handed_on_as_such() -> None:
    wire, _, ear = opened()
    wire.data_received(client_frame(b"x" * 1001) + client_frame(b"\xff", BINARY))
    await turns()
    assert ear.heard == [None, b"\xff"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(b"{}", masked=False), VIOLATION),
        (client_frame(b"\xff"), NOT_TEXT),
        (client_frame(b"x" * (FAR * 1000 + 1)), TOO_BIG),
        (client_frame(b"\x03", CLOSE), VIOLATION),
        (client_frame(b"\x03\xed", CLOSE), VIOLATION),
    ],
)
async def test_what_breaks_the_protocol_is_told_and_nothing_behind_it_is_heard(data: bytes, code: CloseCode) -> None:
    wire, stream, ear = opened()
    wire.data_received(client_frame(b"before") + data + client_frame(b"after"))
    await turns()
    wire.data_received(client_frame(b"later"))
    await turns()
    assert (ear.heard, stream.written) == (["before"], [close_frame(code.code, code.reason)])
    # What still comes is dropped, so that the peer's end is seen.
    assert (stream.ended, stream.reads, wire.weight()) == (["eof"], True, 0)


async def test_a_fault_of_ours_ends_it_and_is_logged_without_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    wire, stream, ear = opened()
    ear.fault = ValueError("sesame")
    wire.data_received(client_frame(b"sesame"))
    await turns()
    assert stream.written == [close_frame(INTERNAL.code, INTERNAL.reason)]
    assert "unexpected error" in caplog.text
    assert "sesame" not in caplog.text


async def test_one_that_has_hung_up_in_the_middle_of_its_fault_is_cut_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.wire.CLOSE_SECONDS", 0.001)
    wire, stream, _ = opened()
    stream.gone = True
    wire.data_received(client_frame(b"", 3))
    await read(wire)
    await stream.aborted.wait()
    assert stream.ended == ["eof", "abort"]


@pytest.mark.parametrize("how", ["broken", "too slow"])
async def test_whoever_is_not_heard_any_more_is_still_read_so_that_its_end_is_seen(how: str) -> None:
    wire, stream, ear = opened(most=100_000)
    ear.gate = asyncio.Event()
    wire.data_received(client_frame(b"x" * 50_000) * 3 + client_frame(b"", 3))
    await turns()
    assert not stream.reads
    if how == "too slow":
        wire.close(TOO_SLOW.code, TOO_SLOW.reason)
    ear.gate.set()
    await read(wire)
    wire.data_received(client_frame(b"x" * 50_000) * 3)
    assert (stream.ended, stream.reads, wire.weight()) == (["eof"], True, 0)


# The allowance.

ALLOWED = Allowance(per_second=200, burst=20, patience_seconds=0.3)


async def test_above_the_allowance_it_is_heard_slowly_and_nothing_is_lost() -> None:
    wire, stream, ear = opened(ALLOWED)
    wire.data_received(b"".join(client_frame(b"%d" % n) for n in range(60)))
    await asyncio.sleep(0.02)
    assert 20 <= len(ear.heard) <= 25
    await read(wire)
    assert ear.heard == [str(n) for n in range(60)]
    assert stream.written == []


async def test_a_flood_is_closed() -> None:
    wire, stream, ear = opened(ALLOWED)
    wire.data_received(b"".join(client_frame(b"%d" % n) for n in range(2000)))
    await read(wire)
    assert stream.written == [close_frame(TOO_MANY.code, TOO_MANY.reason)]
    assert len(ear.heard) < 200
    assert (stream.ended, stream.reads, wire.weight()) == (["eof"], False, 0)


async def test_a_flood_of_large_frames_is_one_by_its_bytes() -> None:
    wire, stream, ear = opened(ALLOWED, most=100_000)
    ear.cost = WRONG_COST
    flood = asyncio.ensure_future(pour(wire, client_frame(b"x" * 30_000)))
    await stream.broken_off.wait()
    flood.cancel()
    assert stream.written == [close_frame(TOO_MANY.code, TOO_MANY.reason)]


async def pour(wire: Wire, data: bytes) -> None:
    """As fast as the wire takes it."""
    while True:
        if isinstance(wire._transport, Stream) and wire._transport.reads:
            wire.data_received(data)
        await asyncio.sleep(0)


@pytest.mark.parametrize("sent", [client_frame(b"", PONG), client_frame(b"", fin=False)])
async def test_control_frames_and_fragments_count_too(sent: bytes) -> None:
    wire, stream, _ = opened(ALLOWED)
    first = sent + (client_frame(b"", 0, fin=False) if sent[0] < 128 else sent) * 2000
    wire.data_received(first)
    await read(wire)
    assert stream.written == [close_frame(TOO_MANY.code, TOO_MANY.reason)]


# The end.


async def test_a_close_is_answered_with_its_code_and_the_socket_ends() -> None:
    for code in (1000, 4999, None):
        wire, stream, _ = opened()
        wire.write(b"last")
        said = b"" if code is None else code.to_bytes(2)
        wire.data_received(client_frame(said + b"bye" if said else b"", CLOSE) + client_frame(b"after"))
        await turns()
        assert b"".join(stream.written) == framed(b"last") + close_frame(code)
        assert stream.ended == ["close"]


async def test_after_our_close_only_the_answer_is_waited_for() -> None:
    wire, stream, ear = opened()
    wire.close(4401, "x")
    wire.data_received(client_frame(b"under way") + client_frame(b"", PING))
    await turns()
    assert (ear.heard, stream.ended, len(stream.written)) == ([], [], 1)
    wire.data_received(client_frame(b"\x11\x31", CLOSE))
    await turns()
    assert (stream.ended, len(stream.written)) == (["close"], 1)


@pytest.mark.parametrize("how", ["close", "eof", "broken", "answered"])
async def test_a_peer_that_does_not_finish_is_cut_off(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.wire.CLOSE_SECONDS", 0.001)
    wire, stream, _ = opened()
    if how == "close":
        wire.close(4401, "x")
    elif how == "eof":
        wire.eof_received()
    else:
        wire.data_received(client_frame(b"", 3 if how == "broken" else CLOSE))
    await stream.aborted.wait()


async def test_what_was_read_is_still_heard_when_the_peer_has_gone_and_then_all_is_let_go() -> None:
    wire, stream, ear = opened()
    ear.gate = asyncio.Event()
    wire.data_received(b"".join(client_frame(b"%d" % n) for n in range(100)))
    await turns(1)
    wire.eof_received()
    wire.connection_lost(None)
    assert ear.calls == ["opened", "gone"]
    ear.gate.set()
    await read(wire)
    assert len(ear.heard) == 100
    # Once more at the end: what was begun meanwhile has to be undone too.
    assert (ear.calls, stream.written, wire._hearer) == (["opened", "gone", "gone"], [], None)


async def test_a_flooder_who_has_gone_is_not_heard_to_the_end() -> None:
    wire, _, ear = opened(ALLOWED)
    wire.data_received(b"".join(client_frame(b"%d" % n) for n in range(1000)))
    await asyncio.sleep(0.02)
    wire.connection_lost(None)
    await read(wire)
    assert len(ear.heard) <= 25
    assert ear.calls == ["opened", "gone", "gone"]


# Signs of life.


async def test_a_ping_waits_for_its_pong() -> None:
    wire, stream, _ = opened()
    assert not wire.is_silent
    wire.ping()
    await turns(1)
    assert (stream.written, wire.is_silent) == ([framed(b"", PING)], True)
    wire.data_received(client_frame(b"something else"))
    await turns()
    assert wire.is_silent  # it sends, but does not read
    wire.data_received(client_frame(b"", PONG))
    await turns()
    assert not wire.is_silent


async def test_whoever_waits_for_us_is_not_silent() -> None:
    wire, stream, ear = opened()
    wire.ping()
    ear.gate = asyncio.Event()
    wire.data_received(client_frame(b"slow") + client_frame(b"", PONG))
    await turns()
    assert not wire.is_silent  # its pong stands behind what we are busy with
    stream.written.clear()
    wire.ping()
    await turns(1)
    assert stream.written == []
    ear.gate.set()
    await turns()
    assert not wire.is_silent


async def test_to_end_goes_through_whoever_it_belongs_to() -> None:
    wire, stream, _ = opened()
    wire.end(UNAUTHENTICATED)
    assert stream.written == [close_frame(UNAUTHENTICATED.code, UNAUTHENTICATED.reason)]


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
