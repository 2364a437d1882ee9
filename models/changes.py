"""What becomes of a message after it was sent: edited, deleted, expired. Each is an event for whoever has it.

Whoever blocks the sender is told of no edit, and goes on seeing the text that they saw last; of a deletion they are
told, for the text is gone from here.
"""

from dataclasses import dataclass

from models import blocks, timelines
from models.db import Database, Engine, execute, fetch, rows_of_marks
from models.messages import SealedBody
from models.timelines import Entry, Kind

# Only the sender, only what is still there; the revision tells that nobody else changed it meanwhile.
STILL = "id = %s AND sender_id = %s AND revision = %s AND body IS NOT NULL AND (expires_at IS NULL OR expires_at > %s)"
NEW_TEXT = "alg = %s, key_generation = %s, body = %s, revision = revision + 1, edited_at = %s"
EDIT = f"UPDATE messages SET {NEW_TEXT}, kept_body = NULL WHERE {STILL}"
# What is kept is what was there before the first such edit. The right sides see the row as it was.
EDIT_UNSEEN = (
    f"UPDATE messages SET {NEW_TEXT},"
    " kept_edited_at = CASE WHEN kept_body IS NULL THEN edited_at ELSE kept_edited_at END,"
    " kept_revision = CASE WHEN kept_body IS NULL THEN revision ELSE kept_revision END,"
    " kept_alg = CASE WHEN kept_body IS NULL THEN alg ELSE kept_alg END,"
    " kept_key_generation = CASE WHEN kept_body IS NULL THEN key_generation ELSE kept_key_generation END,"
    f" kept_body = coalesce(kept_body, body) WHERE {STILL}"
)
NO_TEXT = "body = NULL, kept_body = NULL"
DELETE = f"UPDATE messages SET {NO_TEXT}, deleted_at = %s WHERE {STILL}"
# Who knows of it: never a recipient from whom it was withheld.
KNOWN_TO = "conversation_id, sender_id, CASE WHEN recipient_position IS NOT NULL THEN recipient_id END"
PEOPLE = f"SELECT {KNOWN_TO} FROM messages WHERE id = %s AND sender_id = %s"
DUE = f"SELECT {KNOWN_TO}, id FROM messages WHERE body IS NOT NULL AND expires_at <= %s ORDER BY expires_at LIMIT %s"
GONE = f"UPDATE messages SET {NO_TEXT} WHERE body IS NOT NULL AND expires_at <= %s AND id IN "


@dataclass(frozen=True, slots=True)
class Target:
    """The message as the action saw it."""

    message_id: int
    sender_id: int
    revision: int


async def edit(db: Database, target: Target, sealed: SealedBody, now: int) -> list[Entry]:
    """Replace the sealed text; the entries written, none when the message is not as it was seen."""
    return await db.write(_edit, target, sealed, now)


async def delete(db: Database, target: Target, now: int) -> list[Entry]:
    """Destroy the sealed text; the entries written, none when the message is not as it was seen."""
    return await db.write(_delete, target, now)


def _edit(engine: Engine, target: Target, sealed: SealedBody, now: int) -> list[Entry]:
    conversation_id, people = _known(engine, target)
    heads, blocking = timelines.take_heads_and_blocking(engine, people)
    pairs = {(user_id, target.sender_id) for user_id in blocking - {target.sender_id}}
    blockers = {user_id for user_id, _ in blocks.among(engine, pairs)} if pairs else set()
    values = (sealed.alg, sealed.key_generation, sealed.body, now)
    if not _change(engine, EDIT_UNSEEN if blockers else EDIT, values, target, now):
        return []
    told = heads.keys() - blockers
    return timelines.append(engine, heads, Kind.EDITED, conversation_id, target.sender_id, target.message_id, now, told)


def _delete(engine: Engine, target: Target, now: int) -> list[Entry]:
    conversation_id, people = _known(engine, target)
    heads = timelines.take_heads(engine, people)
    if not _change(engine, DELETE, (now,), target, now):
        return []
    return timelines.append(engine, heads, Kind.DELETED, conversation_id, target.sender_id, target.message_id, now)


def _known(engine: Engine, target: Target) -> tuple[int, set[int]]:
    """The conversation, and who knows of the message; nobody when there is no such message."""
    for conversation_id, *people in fetch(engine, PEOPLE, (target.message_id, target.sender_id)):
        return conversation_id, {user_id for user_id in people if user_id is not None}
    return 0, set()


def _change(engine: Engine, text: str, values: tuple[object, ...], target: Target, now: int) -> bool:
    """Change the message, if it is as it was seen; the heads of all who know of it MUST be held."""
    return execute(engine, text, (*values, target.message_id, target.sender_id, target.revision, now)) == 1


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
