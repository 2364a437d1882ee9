"""What a database says about itself."""

import time
from pathlib import Path
from urllib.parse import quote

import pytest

from models import checkup, migrate
from models.checkup import Vitals
from models.db import Database, Unavailable, execute, fetch

READ_ONLY = "SET default_transaction_read_only = on"


async def looked(url: str) -> Vitals:
    db = Database(url, threads=1)
    try:
        return await checkup.look(db)
    finally:
        await db.close()


async def test_a_database_tells_its_version_and_that_it_is_safe(database_url: str) -> None:
    vitals = await looked(database_url)
    assert vitals.version.startswith(("SQLite 3.", "PostgreSQL 1"))
    assert vitals.unsafe == ()
    assert 0 < vitals.milliseconds < 60_000


async def test_only_postgresql_has_a_clock_of_its_own(sqlite_url: str, postgres_url: str) -> None:
    assert (await looked(sqlite_url)).clock is None
    clock = (await looked(postgres_url)).clock
    assert clock is not None
    assert abs(clock - time.time() * 1000) < 60_000


async def test_what_lets_a_commit_be_lost_is_named(postgres_url: str) -> None:
    vitals = await looked(f"{postgres_url}?options={quote('-c synchronous_commit=off')}")
    assert vitals.unsafe == ("synchronous_commit",)


@pytest.mark.parametrize(
    ("pragmas", "unsafe"),
    [
        ({"synchronous": "off", "journal_mode": "wal"}, ("synchronous off",)),
        ({"synchronous": "full", "journal_mode": "memory"}, ("journal_mode memory",)),
    ],
)
async def test_unsafe_settings_of_sqlite_are_named(
    sqlite_url: str, pragmas: dict[str, str], unsafe: tuple[str, ...]
) -> None:
    db = Database(sqlite_url, threads=1)
    db.engine._pragmas = list(pragmas.items())
    try:
        assert (await checkup.look(db)).unsafe == unsafe
    finally:
        await db.close()


async def test_the_tables_are_those_of_the_migrations(empty_database_url: str) -> None:
    db = Database(empty_database_url, threads=1)
    try:
        assert await checkup.tables(db) == frozenset()
        await migrate.up(db)
        assert {"users", "canaries", "messages"} <= await checkup.tables(db)
    finally:
        await db.close()


async def test_what_is_no_database_is_out_of_reach(tmp_path: Path, empty_sqlite_url: str) -> None:
    (tmp_path / "recado.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable):
        await looked(empty_sqlite_url)


async def test_whether_anything_can_be_written_is_found_out_without_writing(database_url: str) -> None:
    db = Database(database_url, threads=1)
    await migrate.up(db)
    facts = await db.read(fetch, "SELECT * FROM facts")
    assert await checkup.can_write(db)
    await db.read(execute, "PRAGMA query_only = 1" if "sqlite" in database_url else READ_ONLY)
    assert not await checkup.can_write(db)
    assert await db.read(fetch, "SELECT * FROM facts") == facts
    await db.close()
