"""How queries leave the loop, and what becomes of a connection that fails."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import peewee
import psycopg2
import pytest

from actions import accounts, conversations, messages, sessions
from actions.expiry import sweep
from actions.messages import Outgoing
from models import db as module
from models.db import Database, Engine, Unavailable, execute, fetch
from tests.models.drives import DRIVES, public_functions
from tests.models.storage import NOW, SECONDS, draft, on_every_thread, opened, store
from tests.rooms import ORIGIN, PASSWORD, join, running_app
from tests.servers import PostgresServer

THREADS = 3
# PostgreSQL, appendix A.
TROUBLE = {
    "08006": "connection failure",
    "25006": "read-only transaction: a standby, or default_transaction_read_only",
    "42501": "no right to do so, or a file system that is read-only",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "lock timeout",
    "57014": "statement timeout",
    "57P01": "shutdown",
    "57P02": "crash of another backend",
    "57P03": "starting up",
    "57P05": "idle for too long",
    "58030": "input/output error",
    "XX000": "a fault of its own, or a limit on the size of a file",
}
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '{}'; END $$"


@pytest.fixture
def threads_of_queries(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The threads on which anything was asked of a database: a connection, a cursor, a statement."""
    seen: set[int] = set()
    for owner, name in [
        (peewee.Database, "connect"),
        (peewee.Database, "cursor"),
        (peewee.Database, "execute_sql"),
        (peewee.SqliteDatabase, "begin"),
        (peewee.PostgresqlDatabase, "begin"),
        (peewee.Database, "commit"),
        (peewee.Database, "rollback"),
    ]:
        monkeypatch.setattr(owner, name, _noting(getattr(owner, name), seen))
    return seen


def _noting(method, seen):
    def noting(*args, **kwargs):
        seen.add(threading.get_ident())
        return method(*args, **kwargs)

    return noting


async def test_no_function_of_this_room_queries_on_the_loops_thread(database_url, threads_of_queries) -> None:
    assert {name.partition(" ")[0] for name in DRIVES} == public_functions()
    async with opened(database_url, 1, 2) as db:
        (stored,) = await store(db, draft(1, 2, expires_at=NOW + 1))
        for name, drive in DRIVES.items():
            threads_of_queries.clear()
            await drive(db, stored.message_id)
            assert threads_of_queries, name
            assert threading.get_ident() not in threads_of_queries, name


async def test_no_function_of_this_room_lets_a_cursor_leave_its_thread(sqlite_url, monkeypatch) -> None:
    results: list[object] = []
    once = Database._once

    def noting(self, work):
        results.append(once(self, work))
        return results[-1]

    monkeypatch.setattr(Database, "_once", noting)
    async with opened(sqlite_url, 1, 2) as db:
        (stored,) = await store(db, draft(1, 2, expires_at=NOW + 1))
        for name, drive in DRIVES.items():
            results.clear()
            await drive(db, stored.message_id)
            assert results, name
            assert not any(isinstance(result, sqlite3.Cursor) for result in results), name


async def test_a_cursor_that_leaves_its_thread_is_closed_before(sqlite_url) -> None:
    async with opened(sqlite_url) as db:
        cursor = await db.read(lambda engine: engine.execute_sql("SELECT 1"))
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            cursor.fetchall()


async def test_no_action_queries_on_the_loops_thread(database_url, threads_of_queries) -> None:
    async with running_app(database_url) as app:
        caller = await join(app, "alice")
        await join(app, "bob")
        sent = await messages.send(app, caller, Outgoing("bob", "hello", ttl_seconds=1))
        assert [each.id for each in await messages.list_own(app, caller, limit=5)] == [sent.message.id]
        assert len(await messages.list_own(app, caller, limit=5, peer="bob")) == 1
        assert (await messages.read_one(app, caller, sent.message.id)).content == "hello"
        assert len(await conversations.list_own(app, caller, limit=5, before=None)) == 1
        tokens = await accounts.login(app, ORIGIN, username="alice", password=PASSWORD)
        await sessions.refresh(app, tokens.refresh, ORIGIN)
        await sessions.take_ticket(app, await sessions.make_ticket(app, caller), ORIGIN)
        app.clock.turn(seconds=2)
        assert await sweep(app) == 1
        await sessions.end(app, caller)
    assert threads_of_queries
    assert threading.get_ident() not in threads_of_queries


async def test_a_write_that_fails_leaves_nothing_behind(database_url) -> None:
    def half(engine: Engine) -> None:
        execute(engine, "INSERT INTO facts (name, value) VALUES ('half', 'done')")
        raise ValueError("and no further")

    async with opened(database_url) as db:
        with pytest.raises(ValueError, match="no further"):
            await db.write(half)
        assert await db.read(fetch, "SELECT 1 FROM facts WHERE name = 'half'") == []


async def test_what_is_wrong_with_a_statement_rises_as_it_is(database_url) -> None:
    async with opened(database_url) as db:
        again = "INSERT INTO facts (name, value) VALUES ('epoch', '')"
        for run in (db.read, db.write, db.write_batch):
            with pytest.raises(peewee.IntegrityError):
                await run(execute, again)
            await run(fetch, "SELECT 1")


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)]
)
async def test_every_connection_to_sqlite_is_durable_and_overwrites(sqlite_url, pragma: str, value: object) -> None:
    async with opened(sqlite_url, threads=THREADS) as db:
        assert await on_every_thread(db, THREADS, f"PRAGMA {pragma}") == [value] * THREADS
        assert (await db.write_batch(fetch, f"PRAGMA {pragma}"))[0][0] == value


async def test_a_new_file_that_another_connection_switches_to_wal_is_waited_for(
    sqlite_url, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What SQLite says at once, whatever its timeout; `test_instances_that_start_together...` meets it now and then.
    db = Database(sqlite_url, threads=1)
    connect, refusals = db.engine._connect, [1, 2]

    def refused_twice() -> sqlite3.Connection:
        if refusals:
            refusals.pop()
            raise sqlite3.OperationalError("database is locked")
        return connect()

    monkeypatch.setattr(db.engine, "_connect", refused_twice)
    assert await db.read(fetch, "PRAGMA journal_mode") == [("wal",)]
    refusals.extend([1] * 99)
    with pytest.raises(Unavailable):
        await db.write_batch(fetch, "SELECT 1")
    await db.close()


async def test_every_connection_to_postgresql_is_durable_and_bounded(postgres_url) -> None:
    async with opened(postgres_url, threads=THREADS) as db:
        for setting, value in [("synchronous_commit", "on"), ("fsync", "on"), ("statement_timeout", "30s")]:
            assert await on_every_thread(db, THREADS, f"SHOW {setting}") == [value] * THREADS
            assert await db.write_batch(fetch, f"SHOW {setting}") == [(value,)]
        wire = await db.read(lambda engine: engine.connection().get_dsn_parameters())
        assert (wire["keepalives_idle"], wire["tcp_user_timeout"]) == ("15", "30000")


@pytest.mark.parametrize("stop", ["PRAGMA query_only = 1", "PRAGMA max_page_count = 1"])
async def test_sqlite_that_cannot_write_is_unavailable_and_heals(sqlite_url, stop: str) -> None:
    large = "INSERT INTO facts (name, value) VALUES (%s, %s)"
    async with opened(sqlite_url, threads=1) as db:
        # A pragma inside a transaction would have no effect; a batch makes its own.
        for pragma, run in ((db.read, db.write), (db.write_batch, db.write_batch)):
            name = run.__name__
            await pragma(fetch, stop)
            with pytest.raises(Unavailable):
                await run(execute, large, (name, "x" * 100_000))
            await run(execute, large, (name, "x" * 100_000))


async def test_postgresql_that_cannot_write_is_unavailable_and_heals(postgres_url) -> None:
    async with opened(postgres_url, threads=1) as db:
        for number, run in enumerate((db.write, db.write_batch)):
            insert = f"INSERT INTO facts (name, value) VALUES ('{number}', '')"
            await run(execute, "SET default_transaction_read_only = on")
            with pytest.raises(Unavailable) as caught:
                await run(execute, insert)
            assert caught.value.state == "25006"
            await run(execute, insert)


async def test_trouble_of_the_server_is_unavailable(postgres_url) -> None:
    async with opened(postgres_url, threads=1) as db:
        for state in TROUBLE:
            for run in (db.read, db.write, db.write_batch):
                with pytest.raises(Unavailable) as caught:
                    await run(execute, RAISE.format(state))
                assert caught.value.state == state
                assert await run(fetch, "SELECT 1") == [(1,)]


async def test_what_a_statement_is_to_blame_for_is_not_called_trouble_of_the_server(postgres_url) -> None:
    async with opened(postgres_url, threads=1) as db:
        for state in ("23505", "22003", "42601", "42P01", "0A000"):
            with pytest.raises(peewee.DatabaseError):
                await db.read(execute, RAISE.format(state))


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "recado.db"
    path.write_bytes(b"not a database " * 100)
    db = Database(f"sqlite:///{path}", threads=1)
    with pytest.raises(Unavailable):
        await db.read(fetch, "SELECT 1")
    await db.close()


async def test_the_log_says_why_and_says_it_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "recado.db"
    db = Database(f"sqlite:///{path}", threads=1)

    async def fail() -> list[str]:
        caplog.clear()
        path.write_bytes(b"not a database " * 100)
        with pytest.raises(Unavailable):
            await db.read(fetch, "SELECT 1")
        return [vars(record)["reason"] for record in caplog.records]

    assert await fail() == []  # at the start it is told, not logged
    path.unlink()
    assert await db.read(fetch, "SELECT 1") == [(1,)]
    db._failures += 1  # another one has met the end of the server
    assert await fail() == ["cannot connect: DatabaseError SQLITE_NOTADB"]
    assert await fail() == []
    monkeypatch.setattr(module, "SILENT_SECONDS", 0)
    db._silent_until = 0
    assert len(await fail()) == len(await fail()) == 1
    await db.close()


async def test_a_folder_that_is_missing_is_unavailable_until_it_is_there(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/missing/recado.db", threads=1)
    with pytest.raises(Unavailable):
        await db.read(fetch, "SELECT 1")
    (tmp_path / "missing").mkdir()
    assert await db.read(fetch, "SELECT 1") == [(1,)]
    await db.close()


async def test_a_dead_server_is_unavailable_and_every_thread_heals_when_it_is_back(
    own_postgres: PostgresServer,
) -> None:
    async with opened(own_postgres.create_database(), threads=THREADS) as db:
        await on_every_thread(db, THREADS, "SELECT 1")
        await db.write_batch(fetch, "SELECT 1")
        await asyncio.to_thread(own_postgres.kill)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await db.read(fetch, "SELECT 1")
        with pytest.raises(Unavailable):
            await db.write(fetch, "SELECT 1")
        await asyncio.to_thread(own_postgres.start)
        # One failure was enough: no thread meets the death of its own connection later.
        assert await on_every_thread(db, THREADS, "SELECT 1") == [1] * THREADS
        assert await db.write_batch(fetch, "SELECT 1") == [(1,)]


async def test_a_connection_that_cannot_be_opened_holds_up_nobody_else(database_url) -> None:
    db = Database(database_url, threads=2)
    connect, hang, hangs = db.engine._connect, threading.Event(), threading.Event()

    def hang_first() -> object:
        if not hangs.is_set():
            hangs.set()
            assert hang.wait(SECONDS)
        return connect()

    db.engine._connect = hang_first
    hanging = asyncio.create_task(db.read(fetch, "SELECT 1"))
    await asyncio.to_thread(hangs.wait, SECONDS)
    assert await asyncio.wait_for(db.read(fetch, "SELECT 2"), SECONDS) == [(2,)]
    assert await asyncio.wait_for(db.write_batch(fetch, "SELECT 3"), SECONDS) == [(3,)]
    hang.set()
    assert await hanging == [(1,)]
    await db.close()


async def test_closing_waits_for_what_runs_and_refuses_everything_else(database_url) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(engine: Engine) -> list[tuple[object, ...]]:
        begun.set()
        assert go_on.wait(SECONDS)
        return fetch(engine, "SELECT 1")

    async with opened(database_url, threads=1) as db:
        running = asyncio.create_task(db.read(hold))
        await asyncio.to_thread(begun.wait, SECONDS)
        queued = asyncio.create_task(db.read(fetch, "SELECT 2"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(db.close())
        with pytest.raises(Unavailable):
            await queued
        go_on.set()
        assert await running == [(1,)]
        await closing
        for run in (db.read, db.write, db.write_batch):
            with pytest.raises(Unavailable):
                await run(fetch, "SELECT 3")


async def test_whoever_is_cancelled_hears_of_that_and_not_of_the_database(database_url) -> None:
    async with opened(database_url, threads=1) as db:
        go_on = threading.Event()
        running = asyncio.create_task(db.read(lambda engine: go_on.wait(SECONDS)))
        queued = asyncio.create_task(db.read(fetch, "SELECT 2"))
        await asyncio.sleep(0)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        go_on.set()
        assert await running


LONG = {
    "sqlite": "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5e7) SELECT max(x) FROM n",
    "postgresql": "SELECT pg_sleep(20)",
}


@pytest.mark.parametrize("engine", LONG)
async def test_closing_cuts_off_what_does_not_end(request, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.2)
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[engine])
    async with opened(url, threads=2) as db:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask(engine: Engine) -> object:
            loop.call_soon_threadsafe(asked.set)
            return fetch(engine, LONG[kind])

        kind = engine
        running = [asyncio.create_task(run(ask)) for run in (db.read, db.write_batch)]
        await asked.wait()
        await asyncio.sleep(0.1)  # the query is under way
        await db.close()
        for each in running:
            with pytest.raises(Unavailable):
                await each
        assert db._connections == {}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_failures_and_closing_leave_no_connection_open(request, engine: str) -> None:
    failing = {"sqlite": "SELECT * FROM missing", "postgresql": RAISE.format("57014")}[engine]
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[engine])
    made = []
    async with opened(url, threads=THREADS) as db:
        connect = db.engine._connect
        db.engine._connect = lambda: made.append(connect()) or made[-1]
        for _ in range(3):
            with pytest.raises(Unavailable):
                await db.read(execute, failing)
            await on_every_thread(db, THREADS, "SELECT 1")
            await db.write_batch(fetch, "SELECT 1")
        # Every failure made every thread connect anew; what was left behind is closed at once.
        assert len(made) >= 3 * (THREADS + 1)
        assert len([each for each in made if not is_closed(each)]) == THREADS + 1
    assert all(is_closed(each) for each in made)


def is_closed(connection) -> bool:
    try:
        connection.cursor().close()
    except (psycopg2.InterfaceError, sqlite3.ProgrammingError):
        return True
    return False


async def test_a_deadlock_is_tried_again_and_nobody_hears_of_it(postgres_url) -> None:
    meeting = threading.Barrier(2)
    runs: list[int] = []

    winner_is_done = threading.Event()

    def cross(engine: Engine, first: int, second: int) -> None:
        runs.append(first)
        if len(runs) > meeting.parties:
            winner_is_done.wait(SECONDS)
        execute(engine, "UPDATE heads SET position = position + 1 WHERE user_id = %s", (first,))
        if len(runs) <= meeting.parties:
            meeting.wait(SECONDS)
        execute(engine, "UPDATE heads SET position = position + 1 WHERE user_id = %s", (second,))

    async with opened(postgres_url, 1, 2) as db:
        for crossing in asyncio.as_completed([db.write(cross, 1, 2), db.write(cross, 2, 1)]):
            await crossing
            winner_is_done.set()
        assert len(runs) == 3
        assert await db.read(fetch, "SELECT position FROM heads") == [(2,), (2,)]


async def test_what_postgresql_asks_to_try_again_is_tried_once_more(postgres_url) -> None:
    runs: list[int] = []

    def refused(engine: Engine, state: str, times: int) -> None:
        runs.append(1)
        if len(runs) <= times:
            execute(engine, RAISE.format(state))

    async with opened(postgres_url, threads=1) as db:
        for state in ("40P01", "40001"):
            await db.write(refused, state, 1)
            assert len(runs) == 2
            runs.clear()
            with pytest.raises(Unavailable) as caught:
                await db.write(refused, state, 9)
            assert len(runs) == 2
            assert caught.value.state == state
            runs.clear()
