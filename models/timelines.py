"""The log of each person: position → what happened. Positions start at 1, have no gap, follow commit order.

Whoever appends MUST hold the heads of all people concerned, taken in the order of their ids, until
the commit: that is what makes positions follow commit order and keeps two instances from a deadlock.
What is old is forgotten from the low end: everything up to a head's `floor` is gone, nothing above it.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

import peewee

from models.db import Database, Engine, execute, fetch, is_postgres, rows_of_marks

COLUMNS = "user_id, position, kind, conversation_id, actor_id, message_id, at"
INSERT = f"INSERT INTO timelines ({COLUMNS}) VALUES "
HEADS = "SELECT user_id, position FROM heads WHERE user_id IN "
TAKE = "SELECT user_id, position, blocks FROM heads WHERE user_id IN "
STATE = "SELECT position, floor, acked FROM heads WHERE user_id = %s"
# People in the order of their ids, and when the lowest event was that is kept of each.
OLDEST = (
    "SELECT h.user_id, (SELECT t.at FROM timelines t WHERE t.user_id = h.user_id AND t.position = h.floor + 1)"
    " FROM heads h WHERE h.user_id > %s ORDER BY h.user_id LIMIT %s"
)
FIRST_KEPT = (
    "SELECT position FROM timelines WHERE user_id = %s AND position > %s AND position <= %s AND at >= %s"
    " ORDER BY position LIMIT 1"
)
DROP = "DELETE FROM timelines WHERE user_id = %s AND position > %s AND position <= %s"
RAISE_FLOOR = "UPDATE heads SET floor = %s WHERE user_id = %s"
MOST_PEOPLE = 500
MOST_DROPPED = 1_000


class Kind(IntEnum):
    """What an event tells. New kinds may be added; a number is never used again."""

    MESSAGE = 1
    EDITED = 2
    DELETED = 3
    EXPIRED = 4
    DELIVERED = 5
    READ = 6
    TIMER = 7


class Timelines(peewee.Model):
    """One event in one person's log."""

    user_id = peewee.BigIntegerField()
    position = peewee.BigIntegerField()
    kind = peewee.SmallIntegerField()
    conversation_id = peewee.BigIntegerField()
    actor_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("user_id", "position")


class Heads(peewee.Model):
    """Where a person's log stands, and the lock of whoever appends to it."""

    user_id = peewee.BigIntegerField(primary_key=True)
    position = peewee.BigIntegerField()
    acked = peewee.BigIntegerField(default=0)
    floor = peewee.BigIntegerField(default=0)
    blocks = peewee.BigIntegerField(default=0)

    class Meta:
        legacy_table_names = False


class Entry(NamedTuple):
    """A row of a timeline."""

    user_id: int
    position: int
    kind: int
    conversation_id: int
    actor_id: int
    message_id: int
    at: int


class State(NamedTuple):
    """The newest position, the highest that is forgotten, and the highest that a device has acknowledged."""

    position: int
    floor: int
    acked: int


async def heads_of(db: Database, user_ids: Sequence[int]) -> dict[int, int]:
    """The newest position of each of these people, as far as they exist."""
    return await db.read(_heads_of, tuple(user_ids)) if user_ids else {}


def _heads_of(engine: Engine, user_ids: tuple[int, ...]) -> dict[int, int]:
    heads: dict[int, int] = {}
    for start in range(0, len(user_ids), MOST_PEOPLE):
        some = user_ids[start : start + MOST_PEOPLE]
        heads.update(fetch(engine, HEADS + rows_of_marks(1, len(some)), some))
    return heads


async def state(db: Database, user_id: int) -> State:
    """Where this person's log stands; all 0 for nobody."""
    rows = await db.read(fetch, STATE, (user_id,))
    return State(*rows[0]) if rows else State(0, 0, 0)


async def forget(db: Database, *, before: int, behind: int) -> tuple[int, int | None]:
    """Drop events older than `before` from the low end of the timelines of people with ids above `behind`.

    This is a step: it ends with a page of people, or when much was dropped. Returns how many events were dropped,
    and behind whom to go on, None when nobody is left. In short transactions: nobody waits long for a head.
    """
    dropped = 0
    people = await db.read(fetch, OLDEST, (behind, MOST_PEOPLE))
    for user_id in (row[0] for row in people if row[1] is not None and row[1] < before):
        dropped += (now := await db.write(_forget, user_id, before, MOST_DROPPED))
        if now == MOST_DROPPED:
            return dropped, user_id - 1  # there may be more of theirs
        if dropped >= MOST_DROPPED:
            return dropped, user_id
    return dropped, people[-1][0] if len(people) == MOST_PEOPLE else None


def _forget(engine: Engine, user_id: int, before: int, most: int) -> int:
    head = take_heads(engine, [user_id]).get(user_id, 0)
    # Read under the lock: another instance may have forgotten meanwhile.
    floor = fetch(engine, STATE, (user_id,))[0][1] if head else 0
    up_to = min(floor + most, head)
    kept = fetch(engine, FIRST_KEPT, (user_id, floor, up_to, before))
    up_to = kept[0][0] - 1 if kept else up_to
    if up_to > floor:
        execute(engine, DROP, (user_id, floor, up_to))
        execute(engine, RAISE_FLOOR, (up_to, user_id))
    return int(up_to - floor)


def take_heads(engine: Engine, user_ids: Iterable[int]) -> dict[int, int]:
    """Lock the heads of these people until the commit and return their positions.

    A person who does not exist (any more) is missing in the answer.
    """
    return take_heads_and_blocking(engine, user_ids)[0]


def take_heads_and_blocking(engine: Engine, user_ids: Iterable[int]) -> tuple[dict[int, int], set[int]]:
    """The same, and those of these people who block anybody."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}, set()
    text = TAKE + rows_of_marks(1, len(wanted)) + " ORDER BY user_id"
    if is_postgres(engine):
        text += " FOR UPDATE"
    rows = fetch(engine, text, wanted)
    return {row[0]: row[1] for row in rows}, {row[0] for row in rows if row[2]}


def move_heads(engine: Engine, heads: dict[int, int]) -> None:
    """Set the positions of these people, whose heads are locked."""
    text = "UPDATE heads SET position = v.column2 FROM (VALUES " + rows_of_marks(len(heads), 2)
    execute(engine, text + ") AS v WHERE heads.user_id = v.column1", list(chain.from_iterable(heads.items())))


def insert(engine: Engine, entries: Sequence[Entry]) -> None:
    """Write these events; their positions were taken under the lock of `take_heads`."""
    text = INSERT + rows_of_marks(len(entries), 7)
    execute(engine, text, list(chain.from_iterable(entries)))


def append(
    engine: Engine,
    heads: dict[int, int],
    kind: Kind,
    conversation_id: int,
    actor_id: int,
    message_id: int,
    at: int,
    people: Iterable[int] | None = None,
) -> list[Entry]:
    """Tell something to each of `people` (all in `heads`, whose locks are held); moves `heads` on."""
    entries = place(heads, kind, conversation_id, actor_id, message_id, at, people)
    record(engine, entries)
    return entries


def place(
    heads: dict[int, int],
    kind: Kind,
    conversation_id: int,
    actor_id: int,
    message_id: int,
    at: int,
    people: Iterable[int] | None = None,
) -> list[Entry]:
    """The entries of `append`, to be written together with others by `record`; moves `heads` on."""
    entries = []
    for user_id in sorted(heads if people is None else people):
        heads[user_id] += 1
        entries.append(Entry(user_id, heads[user_id], kind, conversation_id, actor_id, message_id, at))
    return entries


def record(engine: Engine, entries: Sequence[Entry]) -> None:
    """Write what was placed, in the order of placing, and move the heads in the database."""
    if entries:
        insert(engine, entries)
        move_heads(engine, {entry.user_id: entry.position for entry in entries})
