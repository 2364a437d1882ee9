"""How far each person has received and read each conversation; forward only, one event for many messages.

`members` holds the newest state, `receipts` when each step was reached, `heads.acked` up to where a person's own
log was acknowledged by any of their devices, `sessions.cursor` by each device. Who reads has received.
Whoever has receipts off causes none and is told none, but of their own reading; their state moves all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import peewee

from models import timelines
from models.db import Database, Engine, execute, fetch, rows_of_marks
from models.messages import RECEIVED, THERE
from models.timelines import Entry, Kind

OWN_HEAD = "SELECT position, acked FROM heads WHERE user_id = %s"
MOVE_CURSOR = "UPDATE sessions SET cursor = %s WHERE id = %s AND user_id = %s AND cursor < %s"
MOVE_ACKED = "UPDATE heads SET acked = %s WHERE user_id = %s AND acked < %s"
NEWLY_RECEIVED = (
    "SELECT conversation_id, actor_id, max(message_id) FROM timelines WHERE user_id = %s AND position > %s"
    f" AND position <= %s AND kind = {Kind.MESSAGE:d} AND actor_id <> %s"
    " GROUP BY conversation_id, actor_id ORDER BY conversation_id"
)
# What is there of a conversation that one of its people received; see the index messages_conversation.
RECEIVED_WITHIN = f"FROM messages m WHERE m.conversation_id = %s AND {RECEIVED} AND {THERE}"
NEWEST_RECEIVED = f"SELECT m.id {RECEIVED_WITHIN} AND m.id + 0 <= %s ORDER BY m.id + 0 DESC LIMIT 1"
ADVANCE_DELIVERED = (
    "UPDATE members SET delivered_up_to = v.column2 FROM (VALUES {marks}) AS v WHERE user_id = %s"
    " AND conversation_id = v.column1 AND delivered_up_to < v.column2 RETURNING conversation_id"
)
ADVANCE_READ = (
    "UPDATE members SET read_up_to = %s, delivered_up_to = CASE WHEN delivered_up_to < %s THEN %s"
    " ELSE delivered_up_to END WHERE user_id = %s AND conversation_id = %s AND read_up_to < %s"
)
UNWILLING = "SELECT id FROM users WHERE NOT receipts AND id IN "
NOTE = "INSERT INTO receipts (conversation_id, user_id, kind, up_to, at) VALUES "
MOST_UNREAD = 1_000
# What the member `own` has received and not read.
UNREAD_BY_OWN = (
    RECEIVED_WITHIN.replace("%s", "own.conversation_id", 1).replace("%s", "own.user_id", 1)
    + " AND m.id + 0 > own.read_up_to"
)
UNREAD = (
    "SELECT own.conversation_id,"
    f" (SELECT count(*) FROM (SELECT 1 {UNREAD_BY_OWN} ORDER BY m.id + 0 LIMIT %s) AS counted)"
    " FROM members own WHERE own.user_id = %s AND own.conversation_id IN "
)


class Receipts(peewee.Model):
    """When somebody had received or read a conversation up to a message."""

    conversation_id = peewee.BigIntegerField()
    user_id = peewee.BigIntegerField()
    kind = peewee.SmallIntegerField()
    up_to = peewee.BigIntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("conversation_id", "user_id", "kind", "up_to")


class BeyondHead(Exception):
    """A position that was not given to anybody yet."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`by` has received or read everything up to `up_to` in the conversation with `peer`."""

    conversation_id: int
    by: int
    peer: int
    kind: Kind
    up_to: int


async def acknowledge(db: Database, *, session_id: int, user_id: int, position: int, now: int) -> list[Entry]:
    """A device of this person holds everything up to `position`; the receipts' entries that follow from it.

    Raises `BeyondHead`. A position at or below an earlier one changes nothing.
    """
    return await db.write(_acknowledge, session_id, user_id, position, now)


def _acknowledge(engine: Engine, session_id: int, user_id: int, position: int, now: int) -> list[Entry]:
    own = fetch(engine, OWN_HEAD, (user_id,))
    head, acked = own[0] if own else (0, 0)
    if position > head:
        raise BeyondHead
    if position <= acked:
        execute(engine, MOVE_CURSOR, (position, session_id, user_id, position))
        return []
    received = fetch(engine, NEWLY_RECEIVED, (user_id, acked, position, user_id))
    heads = timelines.take_heads(engine, {user_id, *(row[1] for row in received)})
    execute(engine, MOVE_CURSOR, (position, session_id, user_id, position))
    if execute(engine, MOVE_ACKED, (position, user_id, position)) == 0 or not received:
        return []  # another device was faster, and told; or there is nothing to tell
    values = chain.from_iterable((row[0], row[2]) for row in received)
    text = ADVANCE_DELIVERED.format(marks=rows_of_marks(len(received), 2))
    moved = {row[0] for row in fetch(engine, text, (*values, user_id))}
    steps = [Receipt(row[0], user_id, row[1], Kind.DELIVERED, row[2]) for row in received if row[0] in moved]
    return _tell(engine, heads, steps, now)


async def read(db: Database, receipt: Receipt, now: int) -> list[Entry]:
    """Note that `by` has read what they received up to `up_to`; the entries for both people."""
    return await db.write(_read, receipt, now)


def _read(engine: Engine, receipt: Receipt, now: int) -> list[Entry]:
    heads = timelines.take_heads(engine, {receipt.by, receipt.peer})
    conversation_id, by = receipt.conversation_id, receipt.by
    newest = fetch(engine, NEWEST_RECEIVED, (conversation_id, by, now, receipt.up_to))
    up_to = newest[0][0] if newest else 0
    if execute(engine, ADVANCE_READ, (up_to, up_to, up_to, by, conversation_id, up_to)) == 0:
        return []
    return _tell(engine, heads, [Receipt(conversation_id, by, receipt.peer, Kind.READ, up_to)], now)


def _tell(engine: Engine, heads: dict[int, int], steps: list[Receipt], now: int) -> list[Entry]:
    """Tell these steps of one person to the peers, and what was read also to their own other devices."""
    people = sorted({person for step in steps for person in (step.by, step.peer)})
    unwilling = {row[0] for row in fetch(engine, UNWILLING + rows_of_marks(1, len(people)), people)} if people else ()
    entries: list[Entry] = []
    notes: list[int] = []
    for step in steps:
        both_willing = step.by not in unwilling and step.peer not in unwilling
        concerned = {step.peer} if both_willing else set()
        if step.kind == Kind.READ:
            concerned.add(step.by)  # else it would stay unread on their other devices
        told = concerned & heads.keys()
        entries += timelines.place(heads, step.kind, step.conversation_id, step.by, step.up_to, now, told)
        if both_willing:
            notes += (step.conversation_id, step.by, int(step.kind), step.up_to, now)
    if notes:
        execute(engine, NOTE + rows_of_marks(len(notes) // 5, 5), notes)
    timelines.record(engine, entries)
    return entries


async def unread(db: Database, user_id: int, conversation_ids: Sequence[int], now: int) -> dict[int, int]:
    """How many received messages are there that this person has not read, at most 1,000 of each conversation."""
    return await db.read(_unread, user_id, tuple(conversation_ids), now) if conversation_ids else {}


def _unread(engine: Engine, user_id: int, conversation_ids: tuple[int, ...], now: int) -> dict[int, int]:
    text = UNREAD + rows_of_marks(1, len(conversation_ids))
    return dict(fetch(engine, text, (now, MOST_UNREAD, user_id, *conversation_ids)))
