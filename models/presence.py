"""Who may see whether whom is online: people with a conversation, both willing, neither blocking the other.

The rule is the same in both directions, so whoever may see a person is also whom that person may see. What is stored
is a day, never a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from models.db import Database, Engine, execute, fetch, rows_of_marks

# Looked up one by one, by primary key: as an anti-join, PostgreSQL would read the table whole.
BLOCKS = "(SELECT b.at FROM blocks b WHERE b.user_id = {by} AND b.blocked_id = {whom})"
BLOCKED = (
    f"({BLOCKS.format(by='me.id', whom='p.id')} IS NOT NULL OR {BLOCKS.format(by='p.id', whom='me.id')} IS NOT NULL)"
)
# Of more conversations than that the ones go first in which something was received last.
CIRCLE = (
    "SELECT p.id, p.name, me.name, me.presence FROM (SELECT conversation_id FROM members WHERE user_id = %s"
    " ORDER BY delivered_up_to DESC, conversation_id LIMIT %s) AS own"
    " JOIN conversations c ON c.id = own.conversation_id JOIN users me ON me.id = %s"
    " JOIN users p ON p.id = c.pair_low + c.pair_high - me.id"
    f" WHERE p.id <> me.id AND p.presence AND NOT {BLOCKED}"
)
# A cross join keeps SQLite at looking up what is wanted.
PAIRS = (
    "SELECT me.id, p.id, me.name, p.name, me.presence AND p.presence AND p.id <> me.id, {blocked}"
    " FROM (VALUES {marks}) AS wanted CROSS JOIN conversations c"
    " JOIN users me ON me.id = c.pair_low JOIN users p ON p.id = c.pair_high"
    " WHERE c.pair_low = wanted.column1 AND c.pair_high = wanted.column2"
)
PEERS = (
    "SELECT c.id, p.id, p.display_name, p.seen_on, me.presence AND p.presence AND p.id <> me.id, {blocked}"
    " FROM conversations c JOIN users me ON me.id = %s JOIN users p ON p.id = c.pair_low + c.pair_high - me.id"
    " WHERE c.id IN {marks}"
)
SEEN = "UPDATE users SET seen_on = %s WHERE presence AND (seen_on IS NULL OR seen_on < %s) AND id IN "


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom a person may see and be seen by, as (id, name), as far as these are willing; `shown`: the person is."""

    name: str
    shown: bool
    peers: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two people with a conversation: both are `willing`, and (`visible`) neither blocks the other."""

    ids: tuple[int, int]
    names: tuple[str, str]
    willing: bool
    visible: bool


@dataclass(frozen=True, slots=True)
class Peer:
    """The other one of a conversation. `seen_on` (days since the epoch) is known only where `visible`."""

    id: int
    display_name: str | None
    visible: bool
    seen_on: int | None


async def circles_of(db: Database, user_ids: Sequence[int], *, most: int) -> dict[int, Circle]:
    """The circle of each of these people, each from at most `most` conversations; without one for who has nobody."""
    return await db.read(_circles_of, tuple(user_ids), most) if user_ids else {}


def _circles_of(engine: Engine, user_ids: tuple[int, ...], most: int) -> dict[int, Circle]:
    circles: dict[int, Circle] = {}
    for user_id in user_ids:
        rows = fetch(engine, CIRCLE, (user_id, most, user_id))
        if rows:
            circles[user_id] = Circle(rows[0][2], bool(rows[0][3]), tuple((row[0], row[1]) for row in rows))
    return circles


async def meetings(db: Database, pairs: Sequence[tuple[int, int]]) -> list[Meeting]:
    """Those of these pairs (low id first) that have a conversation."""
    return await db.read(_meetings, tuple(pairs)) if pairs else []


def _meetings(engine: Engine, pairs: tuple[tuple[int, int], ...]) -> list[Meeting]:
    text = PAIRS.format(marks=rows_of_marks(len(pairs), 2), blocked=BLOCKED)
    rows = fetch(engine, text, list(chain.from_iterable(pairs)))
    return [
        Meeting((low, high), (low_name, high_name), bool(willing), bool(willing and not blocked))
        for low, high, low_name, high_name, willing, blocked in rows
    ]


async def peers_of(db: Database, user_id: int, conversation_ids: Sequence[int]) -> dict[int, Peer]:
    """The other one of each of this person's direct conversations, by conversation."""
    return await db.read(_peers_of, user_id, tuple(conversation_ids)) if conversation_ids else {}


def _peers_of(engine: Engine, user_id: int, conversation_ids: tuple[int, ...]) -> dict[int, Peer]:
    text = PEERS.format(marks=rows_of_marks(1, len(conversation_ids)), blocked=BLOCKED)
    peers: dict[int, Peer] = {}
    for row in fetch(engine, text, (user_id, *conversation_ids)):
        conversation_id, peer_id, display_name, seen_on, willing, blocked = row
        visible = bool(willing and not blocked)
        peers[conversation_id] = Peer(peer_id, display_name, visible, seen_on if visible else None)
    return peers


async def seen(db: Database, user_ids: Sequence[int], day: int) -> None:
    """Note that these people were here on that day (days since the epoch); of who hides it, nothing is noted."""
    if user_ids:
        await db.write(_seen, tuple(sorted(user_ids)), day)


def _seen(engine: Engine, user_ids: tuple[int, ...], day: int) -> int:
    return execute(engine, SEEN + rows_of_marks(1, len(user_ids)), (day, day, *user_ids))
