"""An instance that is told to go is gone within seconds, by itself, whatever it is busy with and whatever hangs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.flows.sender import Sender, device, stored
from tests.instances import Instance, Reply
from tests.servers import PostgresServer
from tests.talk import PATIENCE_SECONDS

IDLE, AT_A_TIME = 2_000, 100
BUSY = 20
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
# A close frame with 1012 and our reason (RFC 6455 §5.5.1).
GOODBYE = b"\x88\x14" + (1012).to_bytes(2, "big") + b"restarting, resume"
Socket = tuple[asyncio.StreamReader, asyncio.StreamWriter]
MANY = {"RECADO_WEBSOCKET_SOCKETS_PER_USER": "1000", "RECADO_LOG_LEVEL": "warning"}


async def idle(instance: Instance, token: str) -> Socket:
    """A socket of the plain dialect, by hand: thousands of real clients would be most of the work."""
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
    writer.write(
        f"GET /ws/chat/?token={token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return reader, writer


@asynccontextmanager
async def idle_crowd(instance: Instance, tokens: list[str]) -> AsyncIterator[list[Socket]]:
    sockets: list[Socket] = []
    try:
        while len(sockets) < IDLE:
            some = (idle(instance, tokens[number % len(tokens)]) for number in range(AT_A_TIME))
            sockets += await asyncio.gather(*some)
        yield sockets
    finally:
        for _, writer in sockets:
            writer.transport.abort()


def told_to_go(instance: Instance) -> None:
    assert instance.process is not None
    instance.process.send_signal(signal.SIGTERM)


def ends_by_itself(instance: Instance) -> None:
    """An end that had to be forced has another exit code."""
    assert instance.stop() == 0
    assert "Traceback" not in instance.log()


async def test_with_thousands_of_sockets_everybody_is_sent_away_and_nothing_is_lost(tmp_path: Path) -> None:
    with Instance(tmp_path, settings=MANY) as instance:
        tokens = [instance.join(name) for name in ("alice", "bob", "carol", "dave")]
        async with AsyncExitStack() as stack:
            sockets = await stack.enter_async_context(idle_crowd(instance, tokens[2:]))
            talks = [await stack.enter_async_context(device(instance, tokens[0])) for _ in range(BUSY)]
            senders = [Sender(talk) for talk, _ in talks]
            running = [asyncio.create_task(sender.run()) for sender in senders]
            await asyncio.gather(*(sender.sends_more() for sender in senders))
            told_to_go(instance)
            assert [await task for task in running] == [1012] * BUSY
            await asyncio.to_thread(ends_by_itself, instance)
            goodbyes = await asyncio.gather(*(reader.read() for reader, _ in sockets))
        assert sum(heard.endswith(GOODBYE) for heard in goodbyes) == IDLE
        instance.start()
        found = stored(instance, instance.sign_in("alice"))
        assert {found[client_id] for sender in senders for client_id in sender.sent} == {1}
        assert set(found.values()) == {1}


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """A server that holds its connections and does nothing any more."""
    assert server.process is not None
    parent = psutil.Process(server.process.pid)
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


@contextmanager
def killed(server: PostgresServer) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


@pytest.mark.parametrize("trouble", [killed, frozen])
async def test_with_the_database_gone_whoever_waits_is_told_so_and_the_process_ends(
    tmp_path: Path, own_postgres: PostgresServer, trouble: Any
) -> None:
    url = own_postgres.create_database()
    with Instance(tmp_path, database_url=url, settings=MANY) as instance:
        alice, _ = instance.join("alice"), instance.join("bob")
        loop = asyncio.get_running_loop()

        def send(client_id: str) -> Reply:
            body = {"recipient": "bob", "content": "by call", "client_id": client_id}
            return instance.call("POST", "/api/auth/send/", body, token=alice)

        def read() -> Reply:
            return instance.call("GET", "/api/auth/messages/", token=alice)

        async with device(instance, alice) as (talk, _):
            pool = ThreadPoolExecutor(12)
            sender = Sender(talk)
            running = asyncio.create_task(sender.run())
            await sender.sends_more()
            assert send(str(uuid4())).status == 201
            with trouble(own_postgres):
                calls = [loop.run_in_executor(pool, send, str(uuid4())) for _ in range(4)]
                # More than there are threads to ask the database.
                calls += [loop.run_in_executor(pool, read) for _ in range(8)]
                await asyncio.wait(calls, timeout=0.5)  # they are under way, or refused already
                told_to_go(instance)
                assert await running == 1012
                await asyncio.to_thread(ends_by_itself, instance)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    for reply in [await call for call in calls]:
                        assert (reply.status, reply.json["code"]) == (503, "unavailable")
                        assert int(reply.headers["retry-after"]) >= 1
        pool.shutdown()
        instance.start()
        found = stored(instance, instance.sign_in("alice"))
        assert {found[client_id] for client_id in sender.sent} == {1}
        assert set(found.values()) == {1}


def test_an_end_that_hangs_is_forced(tmp_path: Path) -> None:
    code = "import asyncio, threading; from wiring.leaving import end_by; end_by(0.2); threading.Event().wait()"
    process = psutil.Popen([os.sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert process.wait(20) == 1
