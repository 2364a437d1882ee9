"""What somebody who owns the database does to the audit log, in plain SQL, with the triggers out of the way."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence

from actions.audit_checks import Evidence
from actions.audit_keeper import checkpoint_of, entry_of
from crypto import chain
from crypto.checkpoints import Checkpoint
from models import audit, audit_log
from models.audit import COLUMNS, Stored
from models.audit_log import Due
from models.db import Database, Engine, execute, fetch, is_postgres
from tests.models.storage import AUDIT_KEEPER, NOW, record

TABLES = ("audit", "audit_checkpoints")
# Checkpoints cover records 1 to 10 and 11 to 20; five more follow.
FIRST, SECOND, LAST = 10, 20, 25
BLANKS = ", ".join(["%s"] * 13)

Tamper = Callable[[Database], Awaitable[object]]


async def grow(db: Database, count: int) -> None:
    """So many records more, each another one."""
    for number in range(count):
        told = dataclasses.replace(record(), actor_id=number % 3 or None, reason=f"n{number}", at=NOW + number)
        await audit.append(db, told)


async def checkpoint(db: Database, at: int = NOW) -> Checkpoint:
    made = await audit_log.make_checkpoint(db, AUDIT_KEEPER, at=at, due=Due(1, 0))
    assert made is not None
    return checkpoint_of(made)


async def fill_log(db: Database) -> tuple[Evidence, Evidence]:
    """A log of LAST records: what the server knows, and what somebody knows who has no secret."""
    head = await audit_log.begin(db)
    first_key = AUDIT_KEEPER.first_key(head)
    assert first_key is not None
    outside = []
    for _ in range(2):
        await grow(db, FIRST)
        outside.append(await checkpoint(db))
    await grow(db, LAST - SECOND)
    keys = AUDIT_KEEPER.public_keys()
    return Evidence(keys, AUDIT_KEEPER, outside), Evidence(keys, None, outside)


def disarm(engine: Engine) -> None:
    """Take the triggers away, as the owner of the tables can."""
    if is_postgres(engine):
        for table in TABLES:
            execute(engine, f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    for (name,) in fetch(engine, "SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        execute(engine, f"DROP TRIGGER {name}")


def unkey(engine: Engine) -> None:
    """Let one number stand twice."""
    if is_postgres(engine):
        execute(engine, "ALTER TABLE audit DROP CONSTRAINT IF EXISTS audit_number")
        return
    execute(engine, "CREATE TABLE loose AS SELECT * FROM audit")
    execute(engine, "DROP TABLE audit")
    execute(engine, "ALTER TABLE loose RENAME TO audit")


def sql(*statements: str) -> Tamper:
    """These statements, one after the other, with no trigger in the way."""

    def run(engine: Engine) -> None:
        disarm(engine)
        for statement in statements:
            execute(engine, statement)

    return lambda db: db.write(run)


def rewritten(change: Callable[[str, list[Stored]], Sequence[Stored]], *, unkeyed: bool = False) -> Tamper:
    """All rows as `change(log, rows)` gives them."""

    def run(engine: Engine) -> None:
        disarm(engine)
        if unkeyed:
            unkey(engine)
        log = fetch(engine, "SELECT log FROM audit_head")[0][0]
        rows = [audit.stored(row) for row in fetch(engine, f"SELECT {COLUMNS} FROM audit ORDER BY id")]
        execute(engine, "DELETE FROM audit")
        for row in change(log, rows):
            execute(engine, f"INSERT INTO audit ({COLUMNS}) VALUES ({BLANKS})", tuple(row))

    return lambda db: db.write(run)


def relink(log: str, row: Stored) -> Stored:
    """A row whose link fits, as anybody can make it; its MAC is none."""
    return row._replace(link=chain.link(entry_of(log, row, row.id)), mac=bytes(32))


def forged(log: str, after: Stored) -> Stored:
    """A record that nobody has made, right behind this one."""
    return relink(log, after._replace(id=after.id + 1, reason="forged", prev=after.link))


def relinked(log: str, rows: Sequence[Stored]) -> list[Stored]:
    """The rows, numbered from 1 and linked anew, by somebody without any key."""
    found: list[Stored] = []
    for number, row in enumerate(rows, start=1):
        before = found[-1].link if found else chain.NO_LINK
        if row.id == number and row.prev == before and row.link == chain.link(entry_of(log, row, number)):
            found.append(row)
        else:
            epoch = (number > FIRST) + (number > SECOND)
            found.append(relink(log, row._replace(id=number, prev=before, epoch=epoch)))
    return found


def swapped(one: int, other: int) -> Tamper:
    """Two records in each other's place."""
    numbers = {one: other, other: one}
    return rewritten(lambda log, rows: [row._replace(id=numbers.get(row.id, row.id)) for row in rows])


def with_head(tamper: Tamper) -> Tamper:
    """The same, and the head made to fit, as far as anybody can."""

    async def run(db: Database) -> None:
        await tamper(db)
        await db.write(execute, "UPDATE audit_head SET id = (SELECT max(id) FROM audit)")
        await db.write(execute, "UPDATE audit_head SET link = (SELECT link FROM audit WHERE id = audit_head.id)")

    return run


async def taken_back(db: Database, go_on: int) -> None:
    """The log as it was at record 15, head and all, and from there on something else."""

    def back(engine: Engine) -> None:
        disarm(engine)
        execute(engine, "DELETE FROM audit WHERE id > 15")
        execute(engine, "DELETE FROM audit_checkpoints WHERE number > 1")
        execute(engine, "DELETE FROM audit_head")
        execute(engine, "INSERT INTO audit_head SELECT * FROM kept_head")

    await db.write(back)
    await grow(db, go_on)


async def copy_log(db: Database) -> None:
    """Keep a copy of the whole log beside it."""
    for table in (*TABLES, "audit_head"):
        await db.write(execute, f"CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")


async def restore_log(db: Database) -> None:
    """The log as it was copied; its triggers, and what makes its numbers unique, may have gone."""

    def restore(engine: Engine) -> None:
        for table in (*TABLES, "audit_head"):
            execute(engine, f"DELETE FROM {table}")
            execute(engine, f"INSERT INTO {table} SELECT * FROM copy_of_{table}")

    await db.write(restore)


async def keep_head(db: Database) -> None:
    """Remember the head as it is now: what a backup holds."""
    await db.write(execute, "CREATE TABLE kept_head AS SELECT * FROM audit_head")
