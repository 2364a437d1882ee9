"""Migrations: applied once, in order, by one instance at a time; never changed afterwards."""

import asyncio
from pathlib import Path

import peewee
import pytest
from playhouse.schema_diff import diff_models

from models import (
    blocks,
    conversations,
    factors,
    messages,
    migrate,
    passkeys,
    pending,
    receipts,
    sessions,
    timelines,
    users,
)
from models.db import Database, Engine, execute, fetch, is_postgres
from models.migrate import DIRECTORY, Changed, State
from tests.models.storage import SECONDS, opened

MODELS = [
    users.Users,
    sessions.Sessions,
    conversations.Conversations,
    conversations.Members,
    messages.Messages,
    timelines.Timelines,
    timelines.Heads,
    receipts.Receipts,
    blocks.Blocks,
    factors.Totps,
    factors.RecoveryCodes,
    passkeys.Passkeys,
    pending.PendingLogins,
]
BASE = [path.stem for path in sorted(DIRECTORY.glob("[0-9]*.py"))]
# What PostgreSQL calls what Peewee declares.
TYPES = {
    "BIGINT": "bigint",
    "BIGAUTO": "bigint",
    "INT": "integer",
    "SMALLINT": "smallint",
    "TEXT": "text",
    "BLOB": "bytea",
    "BOOL": "boolean",
}


def script(folder: Path, name: str, *statements: str, after: str = "") -> None:
    lines = [f"    db.execute_sql({statement!r})" for statement in statements]
    (folder / f"{name}.py").write_text("\n".join(["def up(migrator, db):", *lines, f"    {after or 'return'}"]))


async def test_a_fresh_database_gets_everything_and_then_nothing_more(empty_database_url) -> None:
    db = Database(empty_database_url)
    assert await migrate.state(db) == State((), tuple(BASE))
    assert await migrate.up(db) == BASE
    assert await migrate.state(db) == State(tuple(BASE), ())
    assert await migrate.up(db) == []
    await db.close()


async def test_instances_that_start_together_apply_it_once(empty_database_url) -> None:
    databases = [Database(empty_database_url, threads=1) for _ in range(4)]
    applied = await asyncio.wait_for(asyncio.gather(*(migrate.up(db) for db in databases)), SECONDS)
    assert sorted(applied, key=len) == [[], [], [], BASE]
    assert len(await databases[0].read(fetch, "SELECT value FROM facts WHERE name = 'epoch'")) == 1
    for db in databases:
        await db.close()


async def test_what_is_new_is_applied_in_order_on_what_is_there(empty_database_url, tmp_path: Path) -> None:
    script(tmp_path, "0001_first", "CREATE TABLE first (id INTEGER)")
    db = Database(empty_database_url)
    assert await migrate.up(db, tmp_path) == ["0001_first"]
    script(tmp_path, "0003_third", "INSERT INTO first VALUES (3)")
    script(tmp_path, "0002_second", "INSERT INTO first VALUES (2)")
    assert await migrate.state(db, tmp_path) == State(("0001_first",), ("0002_second", "0003_third"))
    assert await migrate.up(db, tmp_path) == ["0002_second", "0003_third"]
    assert await db.read(fetch, "SELECT id FROM first") == [(2,), (3,)]
    await db.close()


@pytest.mark.parametrize("look", [migrate.up, migrate.state])
async def test_a_script_that_was_changed_is_told(empty_database_url, tmp_path: Path, look) -> None:
    script(tmp_path, "0001_first", "CREATE TABLE first (id INTEGER)")
    db = Database(empty_database_url)
    await migrate.up(db, tmp_path)
    script(tmp_path, "0001_first", "CREATE TABLE first (id BIGINT)")
    with pytest.raises(Changed, match="0001_first is not the one"):
        await look(db, tmp_path)
    await db.close()


@pytest.mark.parametrize("look", [migrate.up, migrate.state])
async def test_a_database_of_a_newer_version_is_told(empty_database_url, tmp_path: Path, look) -> None:
    script(tmp_path, "0001_first", "CREATE TABLE first (id INTEGER)")
    script(tmp_path, "0002_second", "CREATE TABLE second (id INTEGER)")
    db = Database(empty_database_url)
    await migrate.up(db, tmp_path)
    (tmp_path / "0002_second.py").unlink()
    with pytest.raises(Changed, match="0002_second was applied by a newer version"):
        await look(db, tmp_path)
    await db.close()


async def test_a_migration_that_fails_leaves_nothing_behind_and_can_be_mended(
    empty_database_url, tmp_path: Path
) -> None:
    script(tmp_path, "0001_first", "CREATE TABLE first (id INTEGER)")
    db = Database(empty_database_url, threads=1)
    await migrate.up(db, tmp_path)
    script(tmp_path, "0002_second", "CREATE TABLE second (id INTEGER)", after="raise ValueError('half way')")
    with pytest.raises(ValueError, match="half way"):
        await migrate.up(db, tmp_path)
    assert await migrate.state(db, tmp_path) == State(("0001_first",), ("0002_second",))
    # The lock is free: another instance can go on.
    other = Database(empty_database_url, threads=1)
    script(tmp_path, "0002_second", "CREATE TABLE second (id INTEGER)")
    assert await asyncio.wait_for(migrate.up(other, tmp_path), SECONDS) == ["0002_second"]
    await other.close()
    await db.close()


async def test_a_migration_and_its_checksum_stand_or_fall_together(
    empty_database_url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "0001_first", "CREATE TABLE first (id INTEGER)")
    db = Database(empty_database_url, threads=1)
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "ADD_CHECKSUM", "INSERT INTO schema_checksum (name, sha256) VALUES (%s, %s || NULL)")
        with pytest.raises(peewee.IntegrityError):
            await migrate.up(db, tmp_path)
    assert not await db.read(lambda engine: engine.table_exists("first"))
    assert await migrate.up(db, tmp_path) == ["0001_first"]
    await db.close()


async def test_a_migration_may_take_longer_than_a_request(empty_postgres_url, tmp_path: Path) -> None:
    asks = "INSERT INTO seen SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout')"
    script(tmp_path, "0001_first", "CREATE TABLE seen (name TEXT, setting TEXT)", asks)
    db = Database(empty_postgres_url, threads=1)
    await migrate.up(db, tmp_path)
    seen = dict(await db.read(fetch, "SELECT name, setting FROM seen"))
    assert (seen["statement_timeout"], seen["lock_timeout"]) == ("0", "0")
    assert await db.read(fetch, "SHOW statement_timeout") == [("30s",)]
    assert await db.read(fetch, "SHOW lock_timeout") == [("30s",)]
    await db.close()


async def test_every_model_agrees_with_its_table(database_url) -> None:
    async with opened(database_url) as db:
        for model in MODELS:
            await db.read(_assert_agrees, model)


def _assert_agrees(engine: Engine, model: type[peewee.Model]) -> None:
    with engine.bind_ctx([model]):
        diff = diff_models(engine, [model])
    assert (diff.create_tables, diff.add_columns, diff.drop_columns) == ([], [], [])
    table = model._meta.table_name
    columns = {column.name: column for column in engine.get_columns(table)}
    fields = {field.column_name: field for field in model._meta.sorted_fields}
    assert {name: field.null for name, field in fields.items()} == {
        # The row number of SQLite is declared without a word, and never NULL.
        name: column.null and not column.primary_key
        for name, column in columns.items()
    }
    keys = model._meta.get_primary_keys()
    assert engine.get_primary_keys(table) == [field.column_name for field in keys]
    if is_postgres(engine):
        expected = {name: TYPES[field.field_type] for name, field in fields.items()}
        assert {name: column.data_type for name, column in columns.items()} == expected


async def test_a_unique_name_in_the_model_is_unique_in_the_table(database_url) -> None:
    async with opened(database_url) as db:
        indexes = await db.read(lambda engine: engine.get_indexes("users"))
        assert {("key",)} <= {tuple(index.columns) for index in indexes if index.unique}


async def test_the_table_refuses_a_body_that_is_not_sealed(database_url) -> None:
    insert = (
        "INSERT INTO messages (conversation_id, sender_id, recipient_id, client_id, client_made, sent_at, revision,"
        " alg, key_generation, body, sender_position) VALUES (1, 1, 1, %s, %s, 1, 0, %s, 1, %s, 1)"
    )
    async with opened(database_url) as db:
        for body in (b"hello", b"", b"gAAAA", b"\x80\x00\x00\x00\x00\x00", b"GAAAAA"):
            with pytest.raises(peewee.IntegrityError):
                await db.write(execute, insert, (b"1", True, 1, body))
        await db.write(execute, insert, (b"1", True, 1, b"gAAAAAB"))
        await db.write(execute, insert, (b"2", True, 1, None))
        # An envelope sealed by the devices is not ours to judge.
        await db.write(execute, insert, (b"3", True, 2, b"anything"))
