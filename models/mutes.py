"""Whose messages do not ring: of these nobody is told by push. Nothing else changes, and nobody else learns of it."""

import peewee

from models.db import Database, execute, fetch

ADD = "INSERT INTO mutes (user_id, muted_id, at) VALUES (%s, %s, %s) ON CONFLICT (user_id, muted_id) DO NOTHING"
REMOVE = "DELETE FROM mutes WHERE user_id = %s AND muted_id = %s"
LIST = (
    "SELECT u.name, m.muted_id FROM mutes m JOIN users u ON u.id = m.muted_id"
    " WHERE m.user_id = %s AND m.muted_id > %s ORDER BY m.muted_id LIMIT %s"
)


class Mutes(peewee.Model):
    """What `muted_id` writes does not ring for `user_id`."""

    user_id = peewee.BigIntegerField()
    muted_id = peewee.BigIntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("user_id", "muted_id")


async def add(db: Database, user_id: int, muted_id: int, now: int) -> bool:
    """Mute a person; False, and nothing happens, when they are muted already."""
    return await db.write(execute, ADD, (user_id, muted_id, now)) == 1


async def remove(db: Database, user_id: int, muted_id: int) -> bool:
    """Take it back; False, and nothing happens, when they are not muted."""
    return await db.write(execute, REMOVE, (user_id, muted_id)) == 1


async def of_user(db: Database, user_id: int, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of (name, id) of those this person has muted, with an id above `after`, by id."""
    return [(row[0], row[1]) for row in await db.read(fetch, LIST, (user_id, after, limit))]
