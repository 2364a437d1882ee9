"""An erasure whose process is killed half-way is finished by the next one; nobody's log has a gap."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from urllib.error import URLError

from actions import erasure, messages, sessions
from actions.app import App
from actions.messages import Outgoing
from models.db import fetch, open_engine
from settings import load
from tests.actions.stage import log_of
from tests.instances import ROOT, Instance
from tests.rooms import ORIGIN
from wiring.build import build_app, load_keys, open_database

PASSWORD = "correct horse battery"
MANY = 1_400
PATIENCE_SECONDS = 60


@asynccontextmanager
async def rooms_of(instance: Instance) -> AsyncIterator[App]:
    """What an instance consists of, in this process, on its database and with its keys."""
    settings = load(instance.environment, ROOT / "settings.toml")
    db = await open_database(settings)
    app = build_app(settings, db, await load_keys(settings, instance.environment, db))
    app.writer.start()
    try:
        yield app
    finally:
        await app.writer.stop()
        app.hashing.close()
        await db.close()


async def write(instance: Instance, hers: str, his: str) -> None:
    async with rooms_of(instance) as app:
        alice = await sessions.authenticate(app, hers, ORIGIN)
        bob = await sessions.authenticate(app, his, ORIGIN)
        await asyncio.gather(*(messages.send(app, alice, Outgoing("bob", "hers")) for _ in range(MANY)))
        await messages.send(app, bob, Outgoing("alice", "his"))


def left(url: str) -> int:
    engine = open_engine(url)
    engine.connect()
    with closing(engine):
        return int(fetch(engine, "SELECT count(*) FROM messages WHERE body IS NOT NULL")[0][0])


def test_an_erasure_that_is_killed_is_finished_by_the_next_start(tmp_path: Path, database_url: str) -> None:
    with Instance(tmp_path, database_url=database_url) as instance:
        hers, his = instance.join("alice"), instance.join("bob")
        asyncio.run(write(instance, hers, his))

        def leave() -> None:
            with suppress(URLError, ConnectionError):  # it is killed before it can answer
                instance.call("DELETE", "/api/auth/account/", {"password": PASSWORD}, token=hers)

        leaving = threading.Thread(target=leave)
        leaving.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left(database_url) == MANY + 1:
            assert time.monotonic() < deadline
        instance.kill()
        leaving.join()
        assert 1 < left(database_url) <= MANY
        instance.start()
        assert instance.call("POST", "/api/auth/login/", {"username": "alice", "password": PASSWORD}).status == 401

        async def go_on() -> None:
            async with rooms_of(instance) as app:
                now = app.clock() + erasure.STALE_MILLISECONDS
                app.clock = lambda: now
                await erasure.resume(app)
                bob = await sessions.authenticate(app, his, ORIGIN)
                position = 0
                while page := await log_of(app, bob, after=position):  # which looks for gaps
                    position += len(page)
                assert position == 2 * MANY + 1

        asyncio.run(go_on())
        assert left(database_url) == 1
        (kept,) = instance.call("GET", "/api/auth/messages/", token=his).json
        assert kept["content"] == "his"
