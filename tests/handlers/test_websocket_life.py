"""Sockets that are alive and sockets that only seem so: pings, a line that went dead, a peer that never reads."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handlers import wire
from tests.handlers.inside import PING_SECONDS, TIMEOUT_SECONDS, Inside, running_door
from tests.handlers.raw import RawSocket, frame
from tests.handlers.test_websocket_bounds import small_window
from tests.talk import Talk, talking

V1 = ["recado.v1"]
MOST_AT_ONCE = 262_144  # that asyncio, and uvloop as well, reads from a socket


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers a close in these tests."""
    monkeypatch.setattr(wire, "CLOSE_SECONDS", 0.05)


class Cable:
    """A line between a client and the server, which may go dead without a word to either."""

    def __init__(self) -> None:
        self.port = 0
        self.dead = asyncio.Event()

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                if not self.dead.is_set():
                    sink.write(data)


@asynccontextmanager
async def cable_to(port: int) -> AsyncIterator[Cable]:
    cable, ends = Cable(), []

    async def plug(near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        far, far_end = await asyncio.open_connection("127.0.0.1", port)
        ends.extend((near_end, far_end))
        await asyncio.gather(cable.carry(near, far_end), cable.carry(far, near_end))

    server = await asyncio.start_server(plug, "127.0.0.1")
    cable.port = server.sockets[0].getsockname()[1]
    try:
        yield cable
    finally:
        server.close()
        for end in ends:
            end.close()
        for end in ends:
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()


async def greet(talk: Talk, protocol: list[str] | None, name: str) -> None:
    """Say something that is answered."""
    if protocol is None:
        await talk.say({"recipient": name, "content": "hi"})
        assert (await talk.hear())["message"] == "hi"
    else:
        await talk.say({"type": "hello"})
        assert (await talk.hear())["type"] == "welcome"


@pytest.mark.parametrize("protocol", [None, V1])
async def test_a_line_that_went_dead_is_noticed_and_its_neighbour_stays(
    sqlite_url: str, protocol: list[str] | None
) -> None:
    async with running_door(sqlite_url) as inside, cable_to(inside.port) as cable:
        alice, bob = await inside.join("alice"), await inside.join("bob")
        url = f"ws://localhost:{cable.port}/ws/chat/"
        async with talking(inside.socket_url, bob, subprotocols=protocol) as neighbour:
            await greet(neighbour, protocol, "bob")
            # Not closed by the test: nothing of it would arrive.
            async with talking(url, alice, subprotocols=protocol) as dead:
                await greet(dead, protocol, "alice")
                assert (inside.app.hub.size, len(inside.pulse)) == (2, 2)
                await alive(inside, neighbour, protocol, PING_SECONDS * 2)
                assert (inside.app.hub.size, len(inside.pulse)) == (2, 2)
                cable.dead.set()
                await alive(inside, neighbour, protocol, PING_SECONDS + TIMEOUT_SECONDS)
                await inside.pulse.until(1)
                assert inside.app.hub.size == 1
                dead.connection.close()
                dead.ended = True
            await alive(inside, neighbour, protocol, PING_SECONDS * 3)
            assert (inside.app.hub.size, neighbour.ended) == (1, False)


async def alive(inside: Inside, talk: Talk, protocol: list[str] | None, seconds: int) -> None:
    """Time passes, while the client of `talk` (which answers pings by itself) goes on talking."""
    for _ in range(seconds):
        await inside.pass_by(1)
        await talk.say({"type": "ping"} if protocol else {})
        assert set(await talk.hear()) & {"position", "error"}


@pytest.mark.parametrize("protocol", ["", "recado.v1"])
async def test_one_that_sends_and_never_reads_is_closed_when_it_answers_no_ping(sqlite_url: str, protocol: str) -> None:
    async with running_door(sqlite_url) as inside:
        token = await inside.join("alice")
        reader, writer = await asyncio.open_connection("127.0.0.1", inside.port)
        writer.write(handshake(inside, token, protocol))
        await reader.readuntil(b"\r\n\r\n")
        quiet = {"type": "hello"} if protocol else {"recipient": "alice", "content": "hi"}
        for _ in range(PING_SECONDS + TIMEOUT_SECONDS):
            writer.write(frame(json.dumps(quiet).encode()))
            quiet = {"type": "typing", "peer": "alice"} if protocol else quiet
            await inside.pass_by(1)
        await inside.pulse.until(0)
        assert inside.app.hub.size == 0
        assert b"\x88\x12" + (4409).to_bytes(2) + b"too slow, resume" in await reader.read()
        writer.close()


@pytest.mark.parametrize("protocol", ["", "recado.v1"])
async def test_one_that_asks_and_never_reads_the_answers_is_sent_away(sqlite_url: str, protocol: str) -> None:
    async with running_door(sqlite_url, bounds={"max_queued_bytes": 300_000}) as inside:
        token = await inside.join("alice")
        stream = await asyncio.to_thread(small_window, inside.port)
        with contextlib.closing(stream):
            stream.sendall(handshake(inside, token, protocol))
            deaf = await asyncio.to_thread(RawSocket(stream).answered)
            assert deaf.status == 101
            asks = frame(json.dumps({"type": "hello" if protocol else "ping"}).encode())
            asks += frame(json.dumps({"type": "ping", "ref": "x" * 64}).encode()) * 500

            def pour() -> None:
                with contextlib.suppress(ConnectionError):
                    for _ in range(1000):
                        stream.sendall(asks)

            pouring = asyncio.create_task(asyncio.to_thread(pour))
            heaviest = 0
            while inside.pulse:
                inside.pulse.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(inside.pulse.changed.wait(), 0.01)
                heaviest = max([heaviest, *(one.weight() for one in inside.pulse)])
            await pouring
            assert inside.app.hub.size == 0
            assert 300_000 < heaviest < 300_000 + wire.MOST_UNREAD + MOST_AT_ONCE, heaviest


def handshake(inside: Inside, token: str, protocol: str) -> bytes:
    lines = [
        f"GET /ws/chat/?token={token} HTTP/1.1",
        *(f"Host: localhost:{inside.port}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_the_answer_to_the_handshake_is_that_of_the_rfc_and_nothing_of_the_request_stays(sqlite_url: str) -> None:
    async with running_door(sqlite_url) as inside:
        token = await inside.join("alice")
        reader, writer = await asyncio.open_connection("127.0.0.1", inside.port)
        said = frame(json.dumps({"recipient": "alice", "content": "close behind"}).encode())
        writer.write(handshake(inside, token, "") + said)  # in one packet
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 101 ")
        assert "\r\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head  # RFC 6455 §1.3
        assert b'"close behind"' in await reader.readuntil(b"}")
        writer.close()
        await inside.pulse.until(0)
        assert inside.app.hub.size == 0


async def test_a_peer_that_hangs_up_in_the_handshake_leaves_nothing(sqlite_url: str) -> None:
    async with running_door(sqlite_url) as inside:
        token = await inside.join("alice")
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", inside.port)
            writer.write(handshake(inside, token, ""))
            writer.close()
        async with talking(inside.socket_url, token) as talk:
            await inside.pulse.until(1)
            await talk.say({"recipient": "alice", "content": "hi"})
            assert (await talk.hear())["message"] == "hi"
            assert (inside.app.hub.size, len(inside.app.attached)) == (1, 1)
