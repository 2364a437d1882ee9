"""Whom somebody does not want to hear from. To the blocked, a block looks like nothing at all.

`heads.blocks` counts whom a person blocks. Whoever writes a message holds that row anyway, so that almost every
message is written without a look at this table, and a block holds from the moment it is committed.
"""

from collections.abc import Collection
from itertools import chain

import peewee

from models.db import Database, Engine, execute, fetch, rows_of_marks

ADD = "INSERT INTO blocks (user_id, blocked_id, at) VALUES (%s, %s, %s) ON CONFLICT (user_id, blocked_id) DO NOTHING"
REMOVE = "DELETE FROM blocks WHERE user_id = %s AND blocked_id = %s"
COUNT = "UPDATE heads SET blocks = blocks + %s WHERE user_id = %s"
LIST = (
    "SELECT u.name, b.blocked_id FROM blocks b JOIN users u ON u.id = b.blocked_id"
    " WHERE b.user_id = %s AND b.blocked_id > %s ORDER BY b.blocked_id LIMIT %s"
)
ANY = "SELECT 1 FROM blocks WHERE user_id = %s AND blocked_id = %s"
# A cross join keeps SQLite at looking up what is wanted.
AMONG = (
    "SELECT b.user_id, b.blocked_id FROM (VALUES {marks}) AS wanted CROSS JOIN blocks b"
    " WHERE b.user_id = wanted.column1 AND b.blocked_id = wanted.column2"
)


class Blocks(peewee.Model):
    """`user_id` does not want to hear from `blocked_id`."""

    user_id = peewee.BigIntegerField()
    blocked_id = peewee.BigIntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("user_id", "blocked_id")


async def add(db: Database, user_id: int, blocked_id: int, now: int) -> bool:
    """Block a person; False, and nothing happens, when they are blocked already."""
    return await db.write(_change, ADD, (user_id, blocked_id, now), 1)


async def remove(db: Database, user_id: int, blocked_id: int) -> bool:
    """Take a block back; False, and nothing happens, when there is none."""
    return await db.write(_change, REMOVE, (user_id, blocked_id), -1)


def _change(engine: Engine, text: str, values: tuple[int, ...], step: int) -> bool:
    changed = execute(engine, text, values) == 1
    if changed:
        execute(engine, COUNT, (step, values[0]))
    return changed


async def of_user(db: Database, user_id: int, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of (name, id) of those this person blocks, with an id above `after`, by id."""
    return [(row[0], row[1]) for row in await db.read(fetch, LIST, (user_id, after, limit))]


async def is_blocked(db: Database, user_id: int, by: int) -> bool:
    """Whether `by` has blocked this person."""
    return bool(await db.read(fetch, ANY, (by, user_id)))


def among(engine: Engine, pairs: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of these (who blocks, whom) that are blocks; the heads of the first of each are held."""
    text = AMONG.format(marks=rows_of_marks(len(pairs), 2))
    return {(row[0], row[1]) for row in fetch(engine, text, list(chain.from_iterable(pairs)))}
