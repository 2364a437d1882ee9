"""Order and bounds of the socket: pipelined sends, work in flight, a reader who does not read."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from socket import SO_RCVBUF, SOL_SOCKET, socket
from typing import Any

import psutil

from handlers.websocket import MOST_IN_FLIGHT, Socket
from realtime.connection import Connection
from realtime.dialects.plain import PLAIN
from tests.handlers.raw import (
    PATIENCE_SECONDS,
    PING,
    Person,
    RawSocket,
    Silent,
    frame,
    listed,
    raw_socket,
)
from tests.instances import Instance
from tests.rooms import join, running_app

Join = Callable[[], Person]


def test_pipelined_sends_keep_their_order_for_everybody(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    with raw_socket(server, alice.token) as speaker, raw_socket(server, bob.token) as listener:
        sends = [frame(json.dumps({"recipient": bob.name, "content": str(n)}).encode()) for n in range(200)]
        speaker.stream.sendall(b"".join(sends))
        expected = [str(number) for number in range(200)]
        heard = [speaker.hear() for _ in range(200)]
        assert [told["message"] for told in heard] == expected
        assert [listener.hear() for _ in range(200)] == heard
        assert [told["id"] for told in heard] == sorted(told["id"] for told in heard)
    assert [message["content"] for message in listed(server, bob)][::-1] == expected


def test_refusals_between_sends_are_all_told(server: Instance, joined: Join) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        for number in range(200):
            opened.say({"recipient": alice.name if number % 2 else "nobody-at-all", "content": str(number)})
        heard = [opened.hear() for _ in range(200)]
        assert [told["message"] for told in heard if "message" in told] == [str(n) for n in range(1, 200, 2)]
        assert sum("error" in told for told in heard) == 100


async def test_no_more_than_so_many_sends_are_on_their_way(sqlite_url: str) -> None:
    from handlers.commands import Talk

    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        connection = Connection(alice.user_id, alice.session_id, PLAIN, Silent(), 1_000_000)
        await app.writer.stop()
        held: list[asyncio.Future[Any]] = []
        all_there = asyncio.Event()

        def add(draft: object) -> asyncio.Future[Any]:
            held.append(asyncio.get_running_loop().create_future())
            if len(held) == MOST_IN_FLIGHT:
                all_there.set()
            return held[-1]

        app.writer.add = add  # type: ignore[method-assign]
        handler = Socket.__new__(Socket)
        handler.connection, handler.talk, handler.dialect = connection, Talk(app, alice, connection), PLAIN
        handler.doorway = Bounds()  # type: ignore[assignment]
        text = json.dumps({"recipient": "alice", "content": "hi"})
        for _ in range(MOST_IN_FLIGHT - 1):
            await handler._answer(text)
        last = asyncio.ensure_future(handler._answer(text))
        await all_there.wait()
        await asyncio.sleep(0)
        assert not last.done()  # the next frame is not read
        held[0].cancel()
        await asyncio.wait_for(last, PATIENCE_SECONDS)
        for future in held:
            future.cancel()


class Bounds:
    """As much of a doorway as a frame needs."""

    max_frame_bytes = 65_536


def small_window(port: int) -> socket:
    """A connection whose receive buffer is small from the start."""
    stream = socket()
    stream.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
    stream.settimeout(PATIENCE_SECONDS)
    stream.connect(("localhost", port))
    return stream


def test_a_client_that_stops_reading_is_sent_away_and_costs_no_memory(narrow: Instance) -> None:
    slow, quick = Person("slow", narrow.join("slow")), Person("quick", narrow.join("quick"))
    assert narrow.process is not None
    process = psutil.Process(narrow.process.pid)
    content = "x" * 16_000
    with closing(small_window(narrow.port)) as stream, raw_socket(narrow, headers=[quick.bearer]) as speaker:
        deaf = RawSocket(stream).shake("/ws/chat/", [slow.bearer], narrow.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        batch = frame(json.dumps({"recipient": "slow", "content": content}).encode()) * 10
        for _ in range(120):  # 19 MB, many times the bound of 300 kB and what the kernel takes
            speaker.stream.sendall(batch)
            assert {speaker.hear()["message"] for _ in range(10)} == {content}
        grown = process.memory_info().rss - before
        assert deaf.close_code() == 4409
    assert grown < 8_000_000, grown
    assert len(listed(narrow, slow)) == 500  # a page of the 1200: nothing is lost: it reads the list when it is back


def test_pings_without_end_from_one_who_does_not_read_cost_no_memory(server: Instance, joined: Join) -> None:
    alice = joined()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with closing(small_window(server.port)) as stream:
        deaf = RawSocket(stream).shake(f"/ws/chat/?token={alice.token}", (), server.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        stream.settimeout(PATIENCE_SECONDS)
        for _ in range(200):
            stream.sendall(frame(b"x" * 125, PING) * 500)  # 13 MB in all
        assert process.memory_info().rss - before < 4_000_000
