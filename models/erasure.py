"""Destruction: of a person's messages, of a conversation as one of its people has it, of an account.

Everybody's words are their own. What somebody wrote is destroyed for both people; what the other one wrote leaves
whoever deletes the conversation (its row says that it was never told to them) and stays with its author.

It goes in steps, each one short transaction, so that nobody waits long and a process may die between any two: what is
to be destroyed is what a row of `erasures` says, and each step takes the next that is still there. Keys that have
sealed what is gone are in doomed_keys.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models import audit, sessions, timelines, timers
from models.conversations import PAIR
from models.db import Database, Engine, Row, execute, fetch, is_postgres, rows_of_marks
from models.messages import SENT, WITHIN_TOLD, WITHIN_WITHHELD
from models.timelines import Entry, Kind

ACCOUNT = 0  # in the place of a conversation: everything
NO_BOUND = 2**62
MOST_FORGOTTEN = 1_000

BEGIN = (
    "INSERT INTO erasures (user_id, conversation_id, up_to, begun_at, touched_at) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (user_id, conversation_id) DO UPDATE SET up_to = excluded.up_to, touched_at = excluded.touched_at"
)
NEWEST = "SELECT max(id) FROM messages"
STALE = "UPDATE erasures SET touched_at = %s WHERE touched_at <= %s RETURNING user_id, conversation_id, up_to, begun_at"
TOUCH = "UPDATE erasures SET touched_at = %s WHERE user_id = %s AND conversation_id = %s"
END = "DELETE FROM erasures WHERE user_id = %s AND conversation_id = %s AND up_to <= %s"

TOMBSTONE = "INSERT INTO tombstones (mac, key_id) VALUES (%s, %s) ON CONFLICT (mac) DO NOTHING"
BECOME_NOBODY = (
    "UPDATE users SET name = %s, key = %s, password = %s, disabled_at = %s, created_at = 0, receipts = FALSE,"
    " presence = FALSE, display_name = NULL, language = NULL, seen_on = NULL WHERE id = %s"
)
BLANK_SESSIONS = "UPDATE sessions SET device = '', network = '' WHERE user_id = %s"
# What is one person's alone and goes at once. `heads` last: without it nothing is sent to them or by them any more.
OWN_ROWS = (
    "DELETE FROM push_subscriptions WHERE user_id = %s",
    "DELETE FROM looks WHERE user_id = %s",
    "DELETE FROM totps WHERE user_id = %s",
    "DELETE FROM recovery_codes WHERE user_id = %s",
    "DELETE FROM passkeys WHERE user_id = %s",
    "DELETE FROM pending_logins WHERE user_id = %s",
    "DELETE FROM resets WHERE user_id = %s",
    "DELETE FROM blocks WHERE user_id = %s",
    "DELETE FROM mutes WHERE user_id = %s",
    "DELETE FROM heads WHERE user_id = %s",
)
# What is to be destroyed next: id, conversation, sender, and whoever else has been told of it.
NEXT = (
    "SELECT m.id, m.conversation_id, m.sender_id, CASE WHEN m.recipient_position IS NOT NULL THEN m.recipient_id END,"
    " m.recipient_id FROM messages m WHERE m.body IS NOT NULL AND {which} AND m.id + 0 <= %s ORDER BY m.id + 0 LIMIT %s"
)
NEXT_SENT = NEXT.format(which=SENT)
NEXT_TOLD = NEXT.format(which=WITHIN_TOLD)
NEXT_WITHHELD = NEXT.format(which=WITHIN_WITHHELD)
DESTROY = (
    "UPDATE messages SET body = NULL, kept_body = NULL, deleted_at = %s WHERE body IS NOT NULL AND id IN {marks}"
    " RETURNING id"
)
WITHDRAW = (
    "UPDATE messages SET recipient_position = NULL WHERE recipient_position IS NOT NULL AND id IN {marks} RETURNING id"
)
NEXT_MEMBERSHIP = "SELECT conversation_id FROM members WHERE user_id = %s ORDER BY conversation_id LIMIT 1"
LEAVE = (
    "DELETE FROM receipts WHERE conversation_id = %s AND user_id = %s",
    "DELETE FROM members WHERE conversation_id = %s AND user_id = %s",
)
FORGET_EVENTS = (
    "DELETE FROM timelines WHERE user_id = %s"
    " AND position <= %s + (SELECT min(position) FROM timelines WHERE user_id = %s)"
)
DROP_SESSIONS = "DELETE FROM sessions WHERE user_id = %s"
# Whose pages held what has been erased in the clear, on PostgreSQL.
VACUUMED = (
    "users",
    "looks",
    "sessions",
    "blocks",
    "totps",
    "recovery_codes",
    "passkeys",
    "push_subscriptions",
    "messages",
    "conversation_keys",
)


@dataclass(frozen=True, slots=True)
class Job:
    """What is being destroyed: of whom, in which conversation (`ACCOUNT`: everywhere), up to which message."""

    user_id: int
    conversation_id: int
    up_to: int
    begun_at: int

    @property
    def is_account(self) -> bool:
        """Whether the whole account goes."""
        return self.conversation_id == ACCOUNT


@dataclass(frozen=True, slots=True)
class Gone:
    """A step: what was written into the logs of those concerned, and the two people of each message."""

    entries: tuple[Entry, ...]
    pairs: dict[int, tuple[int, int]]  # by message


async def begin_conversation(db: Database, user_id: int, conversation_id: int, now: int, record: audit.Record) -> Job:
    """Note that this person's side of a conversation is to go, as far as it has come by now."""
    return await db.write(_begin_conversation, user_id, conversation_id, now, record)


def _begin_conversation(engine: Engine, user_id: int, conversation_id: int, now: int, record: audit.Record) -> Job:
    timelines.take_heads(engine, [user_id])  # what they sent before is stored, what they send now comes behind
    up_to = fetch(engine, NEWEST)[0][0] or 0
    execute(engine, BEGIN, (user_id, conversation_id, up_to, now, now))
    audit.insert(engine, record)
    return Job(user_id, conversation_id, up_to, now)


async def begin_account(
    db: Database,
    user_id: int,
    *,
    name: str,
    password: str,
    marks: Sequence[tuple[str, bytes]],
    now: int,
    record: audit.Record,
) -> tuple[Job, list[int]] | None:
    """Make a person nobody: their name becomes `name` and is kept as `marks` (key id, MAC), so that nobody takes it.

    Sessions end, factors, profile and blocks go, nothing can be sent to them or by them any more. Returns what is
    left to do and the sessions that this ended; None when it was done before.
    """
    return await db.write(_begin_account, user_id, name, password, tuple(marks), now, record)


def _begin_account(
    engine: Engine,
    user_id: int,
    name: str,
    password: str,
    marks: tuple[tuple[str, bytes], ...],
    now: int,
    record: audit.Record,
) -> tuple[Job, list[int]] | None:
    if not timelines.take_heads(engine, [user_id]):
        return None
    ended = sessions.end_all(engine, user_id, except_id=None, now=now, reason="erased")
    execute(engine, BLANK_SESSIONS, (user_id,))
    for key_id, mac in marks:
        execute(engine, TOMBSTONE, (mac, key_id))
    execute(engine, BECOME_NOBODY, (name, name, password, now, user_id))
    for statement in OWN_ROWS:
        execute(engine, statement, (user_id,))
    execute(engine, BEGIN, (user_id, ACCOUNT, NO_BOUND, now, now))
    audit.forget_person(engine, user_id)
    audit.insert(engine, record)
    return Job(user_id, ACCOUNT, NO_BOUND, now), ended


async def stale(db: Database, *, now: int, untouched_since: int) -> list[Job]:
    """What nobody has gone on with since then, taken over: it counts as touched now."""
    return [Job(*row) for row in await db.write(fetch, STALE, (now, untouched_since))]


async def step(db: Database, job: Job, *, limit: int, now: int) -> Gone:
    """Destroy the next messages of a job, and tell so in the logs of those concerned; empty when none is left."""
    return await db.write(_step, job, limit, now)


def _step(engine: Engine, job: Job, limit: int, now: int) -> Gone:
    execute(engine, TOUCH, (now, job.user_id, job.conversation_id))
    if job.is_account:
        return _destroy(engine, fetch(engine, NEXT_SENT, (job.user_id, job.up_to, limit)), now)
    me, conversation_id = job.user_id, job.conversation_id
    pair: Row = next(iter(fetch(engine, PAIR, (conversation_id,))), (me, me))
    other = pair[1] if pair[0] == me else pair[0]
    mine = fetch(engine, NEXT_TOLD, (conversation_id, other, job.up_to, limit))
    mine = mine or fetch(engine, NEXT_WITHHELD, (conversation_id, me, job.up_to, limit))
    if mine:
        return _destroy(engine, mine, now)
    theirs = fetch(engine, NEXT_TOLD, (conversation_id, me, job.up_to, limit))
    return _withdraw(engine, me, theirs, now)


def _destroy(engine: Engine, rows: list[Row], now: int) -> Gone:
    if not rows:
        return Gone((), {})
    heads = timelines.take_heads(engine, {person for row in rows for person in row[2:4] if person is not None})
    text = DESTROY.format(marks=rows_of_marks(1, len(rows)))
    gone = {row[0] for row in fetch(engine, text, (now, *(row[0] for row in rows)))}
    entries: list[Entry] = []
    for message_id, conversation_id, sender_id, told, _ in rows:
        if message_id in gone:  # else it was taken back, or expired, meanwhile
            people = {sender_id, told} & heads.keys()
            entries += timelines.place(heads, Kind.DELETED, conversation_id, sender_id, message_id, now, people)
    timelines.record(engine, entries)
    return Gone(tuple(entries), _pairs(rows))


def _withdraw(engine: Engine, me: int, rows: list[Row], now: int) -> Gone:
    if not rows:
        return Gone((), {})
    heads = timelines.take_heads(engine, [me])
    text = WITHDRAW.format(marks=rows_of_marks(1, len(rows)))
    gone = {row[0] for row in fetch(engine, text, [row[0] for row in rows])}
    entries: list[Entry] = []
    for message_id, conversation_id, sender_id, _, _ in rows:
        if message_id in gone:
            entries += timelines.place(heads, Kind.DELETED, conversation_id, sender_id, message_id, now)
    timelines.record(engine, entries)
    return Gone(tuple(entries), _pairs(rows))


def _pairs(rows: list[Row]) -> dict[int, tuple[int, int]]:
    return {row[0]: (min(row[2], row[4]), max(row[2], row[4])) for row in rows}


async def next_membership(db: Database, user_id: int) -> int | None:
    """The next conversation that this person is still a member of."""
    rows = await db.read(fetch, NEXT_MEMBERSHIP, (user_id,))
    return int(rows[0][0]) if rows else None


async def leave(db: Database, user_id: int, conversation_id: int) -> None:
    """Forget how far this person had read a conversation, its timer, and that they were a member of it."""
    await db.write(_leave, user_id, conversation_id)


def _leave(engine: Engine, user_id: int, conversation_id: int) -> None:
    for statement in LEAVE:
        execute(engine, statement, (conversation_id, user_id))
    timers.clear(engine, conversation_id, user_id)


async def forget_events(db: Database, user_id: int) -> int:
    """Drop the lowest events of an erased person's log; how many these were, 0 when none is left."""
    return await db.write(execute, FORGET_EVENTS, (user_id, MOST_FORGOTTEN, user_id))


async def end(db: Database, job: Job) -> None:
    """A job is done, and what it left for last goes."""
    await db.write(_end, job)


def _end(engine: Engine, job: Job) -> None:
    if job.is_account:
        execute(engine, DROP_SESSIONS, (job.user_id,))
    execute(engine, END, (job.user_id, job.conversation_id, job.up_to))


async def scrub(db: Database, *, rows: bool) -> None:
    """Overwrite what was deleted, as far as the engine can.

    SQLite's log is emptied: what is deleted from its file is overwritten at once (`secure_delete`), and older pages
    stand in the log until it is begun anew. With `rows`, PostgreSQL frees the rows that an erasure has left dead,
    without waiting for its own turn.
    """
    await db.read(_scrub, rows)


def _scrub(engine: Engine, rows: bool) -> None:
    if not is_postgres(engine):
        fetch(engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    elif rows:
        execute(engine, "SET statement_timeout = 0")
        try:
            for table in VACUUMED:
                engine.execute_sql("VACUUM " + table)
        finally:
            execute(engine, "RESET statement_timeout")
