"""How long what is written in a conversation is to last: a timer, the same for its two people, set by either.

It stands with each of the two (`members.ttl_seconds`), for one reason: whoever is blocked sets it for themselves
alone, and sees no difference. All else is set for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models import blocks, timelines
from models.db import Database, Engine, execute, fetch, rows_of_marks
from models.timelines import Entry, Kind

SET = (
    "UPDATE members SET ttl_seconds = %s WHERE conversation_id = %s AND coalesce(ttl_seconds, 0) <> %s"
    " AND user_id IN {marks} RETURNING user_id"
)
OF_USER = (
    "SELECT conversation_id, ttl_seconds FROM members WHERE ttl_seconds IS NOT NULL AND user_id = %s"
    " AND conversation_id IN "
)
CLEAR = "UPDATE members SET ttl_seconds = NULL WHERE conversation_id = %s AND user_id <> %s"


@dataclass(frozen=True, slots=True)
class Timer:
    """What `by` wants of the conversation with `peer`; `seconds` is None where nothing is to disappear."""

    conversation_id: int
    by: int
    peer: int
    seconds: int | None


async def put(db: Database, timer: Timer, now: int) -> list[Entry]:
    """Set the timer; the entries for those to whom it is another one than before."""
    return await db.write(_put, timer, now)


def _put(engine: Engine, timer: Timer, now: int) -> list[Entry]:
    by, peer = timer.by, timer.peer
    heads, blocking = timelines.take_heads_and_blocking(engine, {by, peer})
    if by not in heads:
        return []
    is_blocked = peer in blocking and bool(blocks.among(engine, {(peer, by)}))
    people = {by} if is_blocked else {by, peer}
    seconds = timer.seconds or 0
    text = SET.format(marks=rows_of_marks(1, len(people)))
    changed = {row[0] for row in fetch(engine, text, (timer.seconds, timer.conversation_id, seconds, *sorted(people)))}
    told = changed & heads.keys()
    # In the place of a message, and below 0: no message is ever taken for it.
    return timelines.append(engine, heads, Kind.TIMER, timer.conversation_id, by, -seconds, now, told)


def seconds_of(entry: Entry) -> int | None:
    """The timer that an event of this kind tells; None when it was switched off."""
    return -entry.message_id if entry.message_id < 0 else None


async def of_user(db: Database, user_id: int, conversation_ids: Sequence[int]) -> dict[int, int]:
    """The timers that this person sees in these conversations, in seconds, where there are some."""
    return await db.read(_of_user, user_id, tuple(conversation_ids)) if conversation_ids else {}


def _of_user(engine: Engine, user_id: int, conversation_ids: tuple[int, ...]) -> dict[int, int]:
    return dict(fetch(engine, OF_USER + rows_of_marks(1, len(conversation_ids)), (user_id, *conversation_ids)))


def clear(engine: Engine, conversation_id: int, leaver: int) -> None:
    """No more timer for whoever stays behind in a conversation that has ended."""
    execute(engine, CLEAR, (conversation_id, leaver))
