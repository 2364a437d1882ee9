"""Migrations: numbered scripts, applied once, in order, by one instance at a time, and never changed afterwards.

`playhouse.migrations` orders and applies them, each in its transaction; this module adds what it
lacks: a lock against a second instance, and a checksum of every script that was applied.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playhouse.migrations import Runner

from models.db import Database, Engine, execute, fetch, is_postgres

DIRECTORY = Path(__file__).parent / "migrations"
# Any number that nobody else uses as an advisory lock in this database.
LOCK = 7_249_331_006
CHECKSUMS = "CREATE TABLE IF NOT EXISTS schema_checksum (name TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL)"
ADD_CHECKSUM = "INSERT INTO schema_checksum (name, sha256) VALUES (%s, %s)"


class Changed(Exception):
    """An applied migration is not the script that was applied, or is not known to this version."""


@dataclass(frozen=True, slots=True)
class State:
    """Which migrations are applied and which are pending, by name."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


async def up(db: Database, directory: Path = DIRECTORY) -> list[str]:
    """Apply what is pending and return the names; `Changed` when history and scripts disagree."""
    return await db.read(_up, directory)


async def state(db: Database, directory: Path = DIRECTORY) -> State:
    """What is applied and pending, without changing anything; `Changed` as in `up`."""
    return await db.read(_state, directory)


def _up(engine: Engine, directory: Path) -> list[str]:
    if not _state(engine, directory).pending:
        return []
    with _alone(engine):
        execute(engine, CHECKSUMS)
        applied = []
        for name in _state(engine, directory).pending:
            with engine.atomic():
                Runner(engine, str(directory)).up(name)
                execute(engine, ADD_CHECKSUM, (name, _checksum(directory, name)))
            applied.append(name)
        return applied


def _state(engine: Engine, directory: Path) -> State:
    known = {path.stem for path in directory.glob("[0-9]*.py")}
    stored: dict[str, str] = {}
    if _has_history(engine):
        stored = dict(fetch(engine, "SELECT name, sha256 FROM schema_checksum"))
    for name, checksum in stored.items():
        if name not in known:
            raise Changed(f"migration {name} was applied by a newer version of Recado")
        if checksum != _checksum(directory, name):
            raise Changed(f"migration {name} is not the one that was applied")
    return State(tuple(sorted(stored)), tuple(sorted(known - stored.keys())))


def _has_history(engine: Engine) -> bool:
    return bool(engine.table_exists("schema_checksum"))


def _checksum(directory: Path, name: str) -> str:
    return hashlib.sha256((directory / f"{name}.py").read_bytes()).hexdigest()


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    if not is_postgres(engine):
        with engine.atomic("EXCLUSIVE"):
            yield
        return
    # Waiting for another instance, and changing a large table, may take as long as they take.
    execute(engine, "SET statement_timeout = 0")
    execute(engine, "SET lock_timeout = 0")
    fetch(engine, "SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        fetch(engine, "SELECT pg_advisory_unlock(%s)", (LOCK,))
        execute(engine, "RESET lock_timeout")
        execute(engine, "RESET statement_timeout")
