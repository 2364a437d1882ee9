"""A database in trouble, on real servers: a full disk, nothing but reading, a crash under load.

Whatever it is: a clear answer that says when to try again, nothing lost that was acknowledged, reading as long as it
goes, and all is well again without a restart.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest

from models.db import Engine
from tests.flows.sender import Sender, device, stored, until
from tests.instances import Instance, Reply
from tests.served import serving
from tests.servers import PostgresServer
from wiring.serve import Server

# Too long for the page that a row is in: where such texts are kept, there must be room for them.
LONG = "long words " * 1000
CLIENTS = 10
Trouble = Callable[[Server, PostgresServer | None], AbstractAsyncContextManager[None]]


def ask(postgres: PostgresServer, database: str, *statements: str) -> Any:
    """Ask as the administrator; the answer to the last statement."""
    connection = psycopg2.connect(urlsplit(postgres.databases.admin_url())._replace(path=f"/{database}").geturl())
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


def database_of(server: Server) -> str:
    return urlsplit(server.settings.database.url).path.removeprefix("/")


@asynccontextmanager
async def full_disk(server: Server, postgres: PostgresServer | None) -> AsyncIterator[None]:
    """No room for long texts. PostgreSQL meets the kernel's own ENOSPC: their file is /dev/full for a while."""
    if postgres is None:
        async with pragma(server, max_page_count=(1, 2**30)):
            yield
        return
    where = "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'messages'"
    others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    (path,) = ask(postgres, database_of(server), "CHECKPOINT", where)
    file = postgres.directory / "cluster" / path
    file.rename(file.with_suffix(".kept"))
    file.symlink_to("/dev/full")
    # Whoever has the file open would go on in it.
    ask(postgres, database_of(server), f"{others} AND datname = '{database_of(server)}'")
    try:
        yield
    finally:
        assert "No space left on device" in postgres.log_tail()
        file.unlink()
        file.with_suffix(".kept").rename(file)


@asynccontextmanager
async def read_only(server: Server, postgres: PostgresServer | None) -> AsyncIterator[None]:
    """Nothing can be written, as on a standby."""
    if postgres is None:
        async with pragma(server, query_only=(1, 0)):
            yield
        return
    change = "ALTER SYSTEM SET default_transaction_read_only = {}"
    reload = "SELECT pg_reload_conf()"
    await asyncio.to_thread(ask, postgres, "postgres", change.format("on"), reload)
    await asyncio.to_thread(heard, postgres, "on")
    try:
        yield
    finally:
        await asyncio.to_thread(ask, postgres, "postgres", change.format("off"), reload)
        await asyncio.to_thread(heard, postgres, "off")


def heard(postgres: PostgresServer, value: str) -> None:
    """Until a reload has come to new connections; those that are open hear of it with their next statement."""
    while ask(postgres, "postgres", "SHOW default_transaction_read_only") != (value,):
        pass


@asynccontextmanager
async def pragma(server: Server, **pragmas: tuple[int, int]) -> AsyncIterator[None]:
    """SQLite's own bounds, for every connection that is opened from now on, and then their end."""
    [(name, values)] = pragmas.items()

    async def set_to(value: int) -> None:
        def work(engine: Engine) -> None:
            engine.pragma(name, value, permanent=True)

        await server.app.db.read(work)
        server.app.db._failures += 1  # so that every thread connects anew

    await set_to(values[0])
    try:
        yield
    finally:
        await set_to(values[1])


class Caller:
    """Sends by REST, one after the other, and again under the same `client_id` when it is told to."""

    def __init__(self, instance: Instance, token: str) -> None:
        self.instance = instance
        self.token = token
        self.finishing = False
        self.stored: set[str] = set()

    def run(self) -> None:
        client_id = str(uuid4())
        while not self.finishing or client_id not in self.stored:
            body = {"recipient": "bob", "content": "by call", "client_id": client_id}
            reply = self.instance.call("POST", "/api/auth/send/", body, token=self.token)
            if reply.status == 503:
                assert reply.json["code"] == "unavailable"
                assert int(reply.headers["retry-after"]) >= 1
                continue
            assert reply.status in (200, 201), reply
            self.stored.add(client_id)
            client_id = client_id if self.finishing else str(uuid4())


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that serves on an engine of its own, and that engine's server."""
    monkeypatch.setattr("models.writer.RETRY_SECONDS", (0.02,))
    postgres = request.getfixturevalue("own_postgres") if request.param == "postgresql" else None
    url = postgres.create_database() if postgres else None
    return partial(serving, tmp_path, database_url=url), postgres


@pytest.mark.parametrize("trouble", [full_disk, read_only])
async def test_what_cannot_be_stored_is_refused_with_a_time_and_stored_when_it_can_be(
    served: Any, trouble: Trouble
) -> None:
    serve, postgres = served
    async with serve() as (instance, server):

        async def call(method: str, path: str, body: object = None) -> Reply:
            return await asyncio.to_thread(instance.call, method, path, body, token=alice)

        alice, bob = [await asyncio.to_thread(instance.join, name) for name in ("alice", "bob")]
        first, by_call, by_socket = (str(uuid4()) for _ in range(3))
        short = {"recipient": "bob", "content": "short", "client_id": first}
        wanted = {"recipient": "bob", "content": LONG, "client_id": by_call}
        frame = {"type": "send", "ref": "r", "recipient": "bob", "content": LONG, "client_id": by_socket}
        async with device(instance, alice) as (talk, _), device(instance, bob) as (other, _):
            assert (await call("POST", "/api/auth/send/", short)).status == 201
            async with trouble(server, postgres):
                for _ in range(2):
                    await talk.say(frame)
                    refused, told = await asyncio.gather(call("POST", "/api/auth/send/", wanted), until(talk, "error"))
                    assert (refused.status, refused.json["code"]) == (503, "unavailable")
                    assert int(refused.headers["retry-after"]) >= 1
                    assert (told["code"], told["ref"], told["retry_after"] > 0) == ("unavailable", "r", True)
                shown = await call("GET", "/api/auth/messages/")
                assert [message["client_id"] for message in shown.json] == [first]
                assert (await call("GET", "/api/events/?after=0")).json["position"] == 1
                ready = await call("GET", "/readyz")
                if trouble is read_only:
                    assert (ready.status, ready.json["database"].partition(":")[0]) == (503, "read-only")
            # There is room again, and nobody has been restarted or signed out.
            assert (await call("POST", "/api/auth/send/", wanted)).status == 201
            await talk.say(frame)
            assert (await until(talk, "sent"))["duplicate"] is False
            heard = [(await other.hear())["message"]["client_id"] for _ in range(3)]
            assert heard == [first, by_call, by_socket]
            assert await asyncio.to_thread(stored, instance, bob) == {first: 1, by_call: 1, by_socket: 1}
            assert (await call("GET", "/readyz")).status == 200


async def test_postgresql_crashes_under_load_and_every_try_is_answered_once(
    tmp_path: Path, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, database_url=own_postgres.create_database()) as (instance, _):

        async def call(method: str, path: str, body: object = None, token: str | None = None) -> Reply:
            return await asyncio.to_thread(instance.call, method, path, body, token=token)

        for name in ("alice", "bob"):
            await asyncio.to_thread(instance.register, name)
        signed_in = {"username": "alice", "password": "correct horse battery"}
        tokens = (await call("POST", "/api/auth/login/", signed_in)).json
        caller = Caller(instance, tokens["access"])
        async with AsyncExitStack() as stack:
            devices = [await stack.enter_async_context(device(instance, tokens["access"])) for _ in range(CLIENTS)]
            senders = [Sender(talk) for talk, _ in devices]
            running = [asyncio.create_task(sender.run()) for sender in senders]
            calling = asyncio.create_task(asyncio.to_thread(caller.run))
            # The writer waits a while for a server that comes back; then with less patience, so that many are refused.
            for patience in (None, (0.02,)):
                await asyncio.gather(*(sender.sends_more(5) for sender in senders))
                if patience is not None:
                    monkeypatch.setattr("models.writer.RETRY_SECONDS", patience)
                await asyncio.to_thread(own_postgres.kill, signal.SIGQUIT)  # "immediate": as a crash
                while patience is not None and not any(sender.refused for sender in senders):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(own_postgres.start)
            await asyncio.gather(*(sender.sends_more(5) for sender in senders))
            for each in (caller, *senders):
                each.finishing = True
            # Each try had one answer, no socket was closed, and whatever was refused went through in the end.
            assert await asyncio.gather(*running) == [None] * CLIENTS
            await calling
        assert {frame["code"] for sender in senders for frame in sender.refused} == {"unavailable"}
        sent = {client_id for sender in senders for client_id in sender.tries}
        assert sent == {client_id for sender in senders for client_id in sender.sent}
        assert await asyncio.to_thread(stored, instance, tokens["access"]) == dict.fromkeys(sent | caller.stored, 1)
        # Nobody was signed out.
        assert (await call("GET", "/api/users/me/", token=tokens["access"])).status == 200
        assert (await call("POST", "/api/auth/refresh/", {"refresh": tokens["refresh"]})).status == 200
        assert (await call("GET", "/readyz")).status == 200
