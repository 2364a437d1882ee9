"""Crypto-shredding: the keys of a conversation that are to be destroyed, and with them what no row has any more.

A conversation goes on with a fresh key, and its older ones are doomed: each is destroyed when it is due, after what is
still to be read was sealed again by the present one. A key that something is still sealed with is never destroyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from models.conversations import PAIR, StoredKey
from models.db import Database, Engine, execute, fetch, rows_of_marks
from models.messages import SELECT, WITHIN_TOLD, WITHIN_WITHHELD, StoredMessage, from_row

NEWEST_KEY = (
    "SELECT c.pair_low, c.pair_high, k.generation, k.master_id, k.wrapped FROM conversation_keys k"
    " JOIN conversations c ON c.id = k.conversation_id WHERE k.conversation_id = %s ORDER BY k.generation DESC LIMIT 1"
)
ADD_KEY = (
    "INSERT INTO conversation_keys (conversation_id, generation, master_id, wrapped) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (conversation_id, generation) DO NOTHING"
)
DOOM = (
    "INSERT INTO doomed_keys (conversation_id, generation, after_at)"
    " SELECT conversation_id, generation, %s FROM conversation_keys WHERE conversation_id = %s AND generation < %s"
    " ON CONFLICT (conversation_id, generation) DO NOTHING"
)
DUE = "SELECT conversation_id, generation FROM doomed_keys WHERE after_at <= %s ORDER BY after_at LIMIT %s"
POSTPONE = "UPDATE doomed_keys SET after_at = %s WHERE conversation_id = %s AND generation = %s"
UNDER = "(m.key_generation = %s OR (m.kept_body IS NOT NULL AND m.kept_key_generation = %s))"
RESEAL = (
    "UPDATE messages SET key_generation = v.column1, alg = v.column2, body = v.column3 FROM (VALUES {marks}) AS v"
    " WHERE messages.id = v.column4 AND messages.revision = v.column5 AND messages.body = v.column6"
)
RESEAL_KEPT = (
    "UPDATE messages SET kept_key_generation = v.column1, kept_alg = v.column2, kept_body = v.column3"
    " FROM (VALUES {marks}) AS v WHERE messages.id = v.column4 AND messages.kept_revision = v.column5"
    " AND messages.kept_body = v.column6"
)
DROP_KEY = "DELETE FROM conversation_keys WHERE conversation_id = %s AND generation = %s"
DROP_DOOM = "DELETE FROM doomed_keys WHERE conversation_id = %s AND generation = %s"


@dataclass(frozen=True, slots=True)
class Doomed:
    """A conversation key that is due to be destroyed."""

    conversation_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Resealed:
    """A text of a message under another key; `old` is the body that it takes the place of, `kept` which of the two."""

    message_id: int
    revision: int
    old: bytes
    alg: int
    key_generation: int
    body: bytes
    kept: bool


async def newest_key(db: Database, conversation_id: int) -> StoredKey | None:
    """The newest key of a direct conversation."""
    rows = await db.read(fetch, NEWEST_KEY, (conversation_id,))
    if not rows:
        return None
    low, high, generation, master_id, wrapped = rows[0]
    return StoredKey(conversation_id, (low, high), generation, master_id, bytes(wrapped))


async def doom(db: Database, fresh: StoredKey, *, after: int) -> None:
    """Let a conversation go on with a fresh key, and destroy the older ones from `after` on."""
    await db.write(_doom, fresh, after)


def _doom(engine: Engine, fresh: StoredKey, after: int) -> None:
    execute(engine, ADD_KEY, (fresh.conversation_id, fresh.generation, fresh.master_id, fresh.wrapped))
    execute(engine, DOOM, (after, fresh.conversation_id, fresh.generation))


async def due(db: Database, *, now: int, limit: int) -> list[Doomed]:
    """The keys that are due to be destroyed, those that have waited longest first."""
    return [Doomed(*row) for row in await db.read(fetch, DUE, (now, limit))]


async def postpone(db: Database, doomed: Doomed, after: int) -> None:
    """Something is sealed with it that does not open: come back to it then."""
    await db.write(execute, POSTPONE, (after, doomed.conversation_id, doomed.generation))


async def sealed_under(db: Database, doomed: Doomed, *, above: int, limit: int) -> list[StoredMessage]:
    """Messages with an id above that which still need this key, by id."""
    return await db.read(_sealed_under, doomed, above, limit)


def _sealed_under(engine: Engine, doomed: Doomed, above: int, limit: int) -> list[StoredMessage]:
    pair = fetch(engine, PAIR, (doomed.conversation_id,))
    found: dict[int, StoredMessage] = {}
    for person in sorted(set(pair[0])) if pair else ():
        for which in (WITHIN_TOLD, WITHIN_WITHHELD):
            values = (doomed.conversation_id, person, doomed.generation, doomed.generation, above, limit)
            text = f"{SELECT}WHERE {which} AND m.body IS NOT NULL AND {UNDER}"
            rows = fetch(engine, text + " AND m.id + 0 > %s ORDER BY m.id + 0 LIMIT %s", values)
            found |= {row[0]: from_row(row) for row in rows}
    return [found[message_id] for message_id in sorted(found)[:limit]]


async def reseal(db: Database, texts: Sequence[Resealed]) -> int:
    """Put these texts in the place of the same ones under an older key; what has changed meanwhile stays as it is."""
    return await db.write(_reseal, tuple(texts)) if texts else 0


def _reseal(engine: Engine, texts: tuple[Resealed, ...]) -> int:
    changed = 0
    for statement, kept in ((RESEAL, False), (RESEAL_KEPT, True)):
        rows = [
            (text.key_generation, text.alg, text.body, text.message_id, text.revision, text.old)
            for text in texts
            if text.kept == kept
        ]
        if rows:
            marks = rows_of_marks(len(rows), 6)
            changed += execute(engine, statement.format(marks=marks), list(chain.from_iterable(rows)))
    return changed


async def destroy_key(db: Database, doomed: Doomed) -> bool:
    """Destroy a conversation key; False, and nothing happens, when something is still sealed with it."""
    return await db.write(_destroy_key, doomed)


def _destroy_key(engine: Engine, doomed: Doomed) -> bool:
    if _sealed_under(engine, doomed, 0, 1):
        return False
    for statement in (DROP_KEY, DROP_DOOM):
        execute(engine, statement, (doomed.conversation_id, doomed.generation))
    return True
