"""What becomes of a message after it was sent: edited, deleted, expired. Each is an event for whoever has it."""

from dataclasses import dataclass

from models import timelines
from models.db import Database, Engine, execute, fetch, rows_of_marks
from models.messages import SealedBody
from models.timelines import Entry, Kind

# Only the sender, only what is still there; the revision tells that nobody else changed it meanwhile.
STILL = "id = %s AND sender_id = %s AND revision = %s AND body IS NOT NULL AND (expires_at IS NULL OR expires_at > %s)"
EDIT = (
    "UPDATE messages SET alg = %s, key_generation = %s, body = %s, revision = revision + 1, edited_at = %s"
    f" WHERE {STILL}"
)
DELETE = f"UPDATE messages SET body = NULL, deleted_at = %s WHERE {STILL}"
# Who knows of it: never a recipient from whom it was withheld.
KNOWN_TO = "conversation_id, sender_id, CASE WHEN recipient_position IS NOT NULL THEN recipient_id END"
PEOPLE = f"SELECT {KNOWN_TO} FROM messages WHERE id = %s AND sender_id = %s"
DUE = f"SELECT {KNOWN_TO}, id FROM messages WHERE body IS NOT NULL AND expires_at <= %s ORDER BY expires_at LIMIT %s"
GONE = "UPDATE messages SET body = NULL WHERE body IS NOT NULL AND expires_at <= %s AND id IN "


@dataclass(frozen=True, slots=True)
class Target:
    """The message as the action saw it."""

    message_id: int
    sender_id: int
    revision: int


async def edit(db: Database, target: Target, sealed: SealedBody, now: int) -> list[Entry]:
    """Replace the sealed text; the entries written, none when the message is not as it was seen."""
    values = (sealed.alg, sealed.key_generation, sealed.body, now)
    return await db.write(_change, target, now, EDIT, values, Kind.EDITED)


async def delete(db: Database, target: Target, now: int) -> list[Entry]:
    """Destroy the sealed text; the entries written, none when the message is not as it was seen."""
    return await db.write(_change, target, now, DELETE, (now,), Kind.DELETED)


def _change(engine: Engine, target: Target, now: int, text: str, values: tuple[object, ...], kind: Kind) -> list[Entry]:
    found = fetch(engine, PEOPLE, (target.message_id, target.sender_id))
    if not found:
        return []
    conversation_id, *people = found[0]
    heads = timelines.take_heads(engine, (user_id for user_id in people if user_id is not None))
    if execute(engine, text, (*values, target.message_id, target.sender_id, target.revision, now)) == 0:
        return []
    return timelines.append(engine, heads, kind, conversation_id, target.sender_id, target.message_id, now)


async def sweep(db: Database, *, now: int, limit: int) -> list[Entry]:
    """Destroy the ciphertext of messages whose time is over, and tell so in both people's timelines.

    Returns the entries written; none means that nothing (more) is due.
    """
    return await db.write(_sweep, now, limit)


def _sweep(engine: Engine, now: int, limit: int) -> list[Entry]:
    due = fetch(engine, DUE, (now, limit))
    if not due:
        return []
    heads = timelines.take_heads(engine, {user_id for row in due for user_id in row[1:3] if user_id is not None})
    text = GONE + rows_of_marks(1, len(due)) + " RETURNING id"
    gone = {row[0] for row in fetch(engine, text, (now, *(row[3] for row in due)))}
    entries: list[Entry] = []
    for conversation_id, sender_id, recipient_id, message_id in due:
        if message_id in gone:  # else another instance was faster
            people = {sender_id, recipient_id} & heads.keys()
            entries += timelines.place(heads, Kind.EXPIRED, conversation_id, sender_id, message_id, now, people)
    timelines.record(engine, entries)
    return entries
