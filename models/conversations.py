"""Conversations, their members, and their wrapped keys; a direct one is unique per pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import peewee

from models.db import Database, Engine, Row, as_bytes, execute, fetch, rows_of_marks
from models.messages import THERE, WITHIN_TOLD, WITHIN_WITHHELD
from models.receipts import UNREAD_BY_OWN

BY_PAIR = (
    "SELECT c.id, c.pair_low, c.pair_high, k.generation, k.master_id, k.wrapped FROM conversations c"
    " JOIN conversation_keys k ON k.conversation_id = c.id WHERE c.pair_low = %s AND c.pair_high = %s"
    " ORDER BY k.generation DESC LIMIT 1"
)
ID_OF_PAIR = "SELECT id FROM conversations WHERE pair_low = %s AND pair_high = %s"
# A cross join keeps SQLite at looking up what is wanted, in place of reading all keys.
KEYS = (
    "SELECT c.id, c.pair_low, c.pair_high, k.generation, k.master_id, k.wrapped FROM (VALUES {marks}) AS wanted"
    " CROSS JOIN conversation_keys k JOIN conversations c ON c.id = k.conversation_id"
    " WHERE k.conversation_id = wanted.column1 AND k.generation = wanted.column2"
)
ADD = (
    "INSERT INTO conversations (id, pair_low, pair_high, created_at) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (pair_low, pair_high) DO NOTHING"
)
ADD_MEMBER = "INSERT INTO members (user_id, conversation_id) VALUES (%s, %s)"
ADD_KEY = "INSERT INTO conversation_keys (conversation_id, generation, master_id, wrapped) VALUES (%s, %s, %s, %s)"
PAIR = "SELECT pair_low, pair_high FROM conversations WHERE id = %s"
# The newest message still there of each conversation of a member: three index look-ups for each of them.
PEER = "(SELECT c.pair_low + c.pair_high - own.user_id FROM conversations c WHERE c.id = own.conversation_id)"
NEWEST_IN = "SELECT (SELECT m.id FROM messages m WHERE {which} AND {there} ORDER BY m.id + 0 DESC LIMIT 1) AS id"
NEWEST_SEEN = " UNION ALL ".join(
    NEWEST_IN.format(there=THERE, which=which.replace("%s", "own.conversation_id", 1).replace("%s", whose, 1))
    for which, whose in (
        (WITHIN_TOLD, "own.user_id"),
        (WITHIN_TOLD, PEER),
        (WITHIN_WITHHELD, "own.user_id"),
    )
)
NEWEST = (
    f"WITH newest AS MATERIALIZED (SELECT (SELECT max(seen.id) FROM ({NEWEST_SEEN}) AS seen) AS id"
    " FROM members own WHERE own.user_id = %s{which})"
    " SELECT id FROM newest WHERE id < %s ORDER BY id DESC LIMIT %s"
)
NEWEST_OF_ALL = NEWEST.format(which="")
# One look-up of its own for each, which PostgreSQL would make a join of all that they hold were it an EXISTS.
NEWEST_OF_UNREAD = NEWEST.format(which=f" AND (SELECT 1 {UNREAD_BY_OWN} ORDER BY m.id + 0 DESC LIMIT 1) IS NOT NULL")
ABOVE_ALL = 2**62


class Conversations(peewee.Model):
    """A conversation; `pair_low` and `pair_high` are its two people when it is a direct one."""

    id = peewee.BigIntegerField(primary_key=True)
    pair_low = peewee.BigIntegerField(null=True)
    pair_high = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


class Members(peewee.Model):
    """Who takes part in a conversation."""

    user_id = peewee.BigIntegerField()
    conversation_id = peewee.BigIntegerField()
    delivered_up_to = peewee.BigIntegerField(default=0)
    read_up_to = peewee.BigIntegerField(default=0)
    ttl_seconds = peewee.IntegerField(null=True)

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("user_id", "conversation_id")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A conversation's wrapped key, with what it is bound to."""

    conversation_id: int
    pair: tuple[int, int]
    generation: int
    master_id: str
    wrapped: bytes


async def by_pair(db: Database, pair: tuple[int, int]) -> StoredKey | None:
    """The direct conversation of `pair` (low id first) with its newest key."""
    return await db.read(_by_pair, pair)


def _by_pair(engine: Engine, pair: tuple[int, int]) -> StoredKey | None:
    rows = fetch(engine, BY_PAIR, pair)
    return _stored_key(rows[0]) if rows else None


async def create(db: Database, offered: StoredKey, now: int) -> StoredKey:
    """Store a direct conversation with its first key, and return what is stored.

    When another instance was first, its conversation and key are returned and the offered ones dropped.
    """
    return await db.write(_create, offered, now)


def _create(engine: Engine, offered: StoredKey, now: int) -> StoredKey:
    low, high = offered.pair
    if execute(engine, ADD, (offered.conversation_id, low, high, now)) == 1:
        for user_id in sorted({low, high}):
            execute(engine, ADD_MEMBER, (user_id, offered.conversation_id))
        execute(engine, ADD_KEY, (offered.conversation_id, offered.generation, offered.master_id, offered.wrapped))
    rows = fetch(engine, BY_PAIR, offered.pair)
    return _stored_key(rows[0])


async def id_of_pair(db: Database, pair: tuple[int, int]) -> int | None:
    """The id of the direct conversation of `pair` (low id first)."""
    rows = await db.read(fetch, ID_OF_PAIR, pair)
    return int(rows[0][0]) if rows else None


async def newest_of(
    db: Database, user_id: int, *, limit: int, before: int | None, now: int, unread: bool = False
) -> list[int]:
    """The last message of each of this person's conversations, newest first; ids below `before`.

    With `unread` only of those in which something waits to be read.
    """
    below = ABOVE_ALL if before is None else before
    text, nows = (NEWEST_OF_UNREAD, (now,)) if unread else (NEWEST_OF_ALL, ())
    rows = await db.read(fetch, text, (now, now, now, user_id, *nows, below, limit))
    return [int(row[0]) for row in rows]


async def keys_of(db: Database, wanted: Sequence[tuple[int, int]]) -> list[StoredKey]:
    """The stored keys of these (conversation id, generation) pairs; those that are gone are left out."""
    return await db.read(_keys_of, tuple(wanted)) if wanted else []


def _keys_of(engine: Engine, wanted: tuple[tuple[int, int], ...]) -> list[StoredKey]:
    text = KEYS.format(marks=rows_of_marks(len(wanted), 2))
    return [_stored_key(row) for row in fetch(engine, text, [value for pair in wanted for value in pair])]


def _stored_key(row: Row) -> StoredKey:
    conversation_id, low, high, generation, master_id, wrapped = row
    return StoredKey(conversation_id, (low, high), generation, master_id, as_bytes(wrapped) or b"")
