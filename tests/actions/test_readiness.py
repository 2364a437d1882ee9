"""Readiness: the truth, whatever has failed."""

import asyncio
import threading

import pytest

from actions import readiness
from actions.readiness import Parts
from models.db import fetch
from tests.actions.stage import NotingBus, change
from tests.models.storage import on_every_thread
from tests.rooms import running_app
from tests.servers import PostgresServer

SET_READ_ONLY = "SELECT set_config('default_transaction_read_only', '{}', FALSE)"
READY = Parts(ready=True, database="ok", migrations="ok", bus="ok")


async def test_an_instance_with_all_its_parts_is_ready(database_url: str) -> None:
    async with running_app(database_url) as app:
        assert await readiness.ask(app) == READY


async def test_a_pending_migration_is_named(database_url: str) -> None:
    async with running_app(database_url) as app:
        await change(app, "DELETE FROM schema_checksum WHERE name = '0001_base'")
        assert await readiness.ask(app) == Parts(ready=False, database="ok", migrations="pending: 0001_base", bus="ok")


async def test_a_database_of_a_newer_version_is_told(database_url: str) -> None:
    async with running_app(database_url) as app:
        await change(app, "INSERT INTO schema_checksum (name, sha256) VALUES ('9999_future', 'x')")
        parts = await readiness.ask(app)
        assert (parts.ready, parts.database) == (False, "ok")
        assert "9999_future" in parts.migrations


async def test_a_dead_bus_is_told_and_sends_nobody_away(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        NotingBus(app).up = False
        parts = await readiness.ask(app)
        assert parts.ready
        assert parts.bus.startswith("down")


async def test_an_instance_that_leaves_is_not_ready_and_asks_nobody(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        app.leaving = True
        parts = await readiness.ask(app)
        assert (parts.ready, parts.database) == (False, "not asked")


async def test_a_database_that_is_down_is_told_and_found_again(own_postgres: PostgresServer) -> None:
    async with running_app(own_postgres.create_database()) as app:
        assert await readiness.ask(app) == READY
        own_postgres.kill()
        parts = await readiness.ask(app)
        assert (parts.ready, parts.database, parts.migrations) == (False, "cannot be reached", "not known")
        own_postgres.start()
        while await readiness.ask(app) != READY:  # noqa: ASYNC110 - a busy machine may take longer than one question
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_database_that_can_only_be_read_is_told(request: pytest.FixtureRequest, engine: str) -> None:
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[engine])
    begin, end = {
        "sqlite": ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
        "postgresql": (SET_READ_ONLY.format("on"), SET_READ_ONLY.format("off")),
    }[engine]
    async with running_app(url) as app:
        await on_every_thread(app.db, 2, begin)
        parts = await readiness.ask(app)
        assert (parts.ready, parts.database.partition(":")[0], parts.migrations) == (False, "read-only", "ok")
        await on_every_thread(app.db, 2, end)
        assert await readiness.ask(app) == READY


async def test_a_database_that_does_not_answer_is_not_waited_for(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SECONDS", 0.05)
    async with running_app(sqlite_url) as app:
        go_on = threading.Event()
        held = [app.db.read(lambda engine: go_on.wait(30) and fetch(engine, "SELECT 1")) for _ in range(2)]
        waiting = asyncio.gather(*held)
        await asyncio.sleep(0)
        parts = await readiness.ask(app)
        assert (parts.ready, parts.database) == (False, "cannot be reached")
        go_on.set()
        await waiting
