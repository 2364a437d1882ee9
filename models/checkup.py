"""What a database says about itself: its version, its clock, whether a commit is durable, whether it can be written."""

import time
from dataclasses import dataclass

import peewee

from models.db import Database, Engine, execute, fetch, is_postgres, transaction

POSTGRESQL = (
    "SELECT current_setting('server_version'), CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT),"
    " current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
)
READ_ONLY = "SELECT current_setting('transaction_read_only')"
SQLITE_SYNCHRONOUS = ("off", "normal", "full", "extra")


@dataclass(frozen=True, slots=True)
class Vitals:
    """`clock` in milliseconds, None where there is none of its own; `unsafe`: settings that let a commit be lost."""

    version: str
    clock: int | None
    unsafe: tuple[str, ...]
    milliseconds: float


async def look(db: Database) -> Vitals:
    """Ask, changing nothing. `milliseconds` is how long a question takes once there is a connection."""
    return await db.read(_look)


def _look(engine: Engine) -> Vitals:
    fetch(engine, "SELECT 1")
    began = time.perf_counter()
    fetch(engine, "SELECT 1")
    took = (time.perf_counter() - began) * 1000
    if is_postgres(engine):
        version, clock, *settings = fetch(engine, POSTGRESQL)[0]
        named = zip(("fsync", "synchronous_commit", "full_page_writes"), settings, strict=True)
        return Vitals(f"PostgreSQL {version}", clock, tuple(name for name, value in named if value == "off"), took)
    version = fetch(engine, "SELECT sqlite_version()")[0][0]
    journal = fetch(engine, "PRAGMA journal_mode")[0][0]
    synchronous = SQLITE_SYNCHRONOUS[fetch(engine, "PRAGMA synchronous")[0][0]]
    unsafe = [f"journal_mode {journal}"] if journal != "wal" else []
    unsafe += [f"synchronous {synchronous}"] if synchronous in ("off", "normal") else []
    return Vitals(f"SQLite {version}", None, tuple(unsafe), took)


async def can_write(db: Database) -> bool:
    """Whether anything can be written now: not on a standby, nor where the database or its file is read-only."""
    return await db.read(_can_write)


def _can_write(engine: Engine) -> bool:
    if is_postgres(engine):
        return bool(fetch(engine, READ_ONLY)[0][0] == "off")
    try:
        # SQLite only tells whoever tries.
        with transaction(engine) as trying:
            execute(engine, "UPDATE facts SET value = value")
            trying.rollback()
    except peewee.OperationalError:
        return False
    return True


async def tables(db: Database) -> frozenset[str]:
    """The names of the tables there are."""
    return frozenset(await db.read(lambda engine: engine.get_tables()))
