"""Messages: sealed bodies and what is needed to find them. A body that is NULL has been deleted or has expired.

A message without `recipient_position` was withheld: its recipient blocks its sender and must never learn of it,
while its sender sees it as any other. One whose edits were withheld keeps the text that its recipient saw last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import peewee

from models.db import Database, Engine, Row, as_bytes, fetch, rows_of_marks

COLUMNS = (
    "m.id, m.conversation_id, m.sender_id, m.recipient_id, m.client_id, m.client_made, m.sent_at, m.expires_at,"
    " m.edited_at, m.deleted_at, m.revision, m.alg, m.key_generation, m.body, m.sender_position,"
    " m.recipient_position, m.kept_edited_at, m.kept_revision, m.kept_alg, m.kept_key_generation, m.kept_body"
)
SELECT = f"SELECT {COLUMNS} FROM messages m "
# What may be shown now. `body IS NOT NULL` also chooses the partial indexes.
THERE = "m.body IS NOT NULL AND (m.expires_at IS NULL OR m.expires_at > %s)"
TOLD = "m.recipient_position IS NOT NULL"
WITHHELD = "m.recipient_position IS NULL"
ONE = SELECT + f"WHERE m.id = %s AND {THERE} AND (m.sender_id = %s OR (m.recipient_id = %s AND {TOLD}))"
# One that somebody may quote in a conversation of two: their own, or what the other has told them.
BETWEEN = (
    f"SELECT 1 FROM messages m WHERE m.id = %s AND {THERE} AND ((m.sender_id = %s AND m.recipient_id = %s)"
    f" OR (m.sender_id = %s AND m.recipient_id = %s AND {TOLD}))"
)
KNOWN = "SELECT 1 FROM messages m WHERE m.sender_id = %s AND m.client_id = %s"
SENT = "m.sender_id = %s"
# Notes to oneself are among what was sent; the index leaves them out too.
RECEIVED = f"m.recipient_id = %s AND m.sender_id <> m.recipient_id AND {TOLD}"
# One conversation as one of its people sees it: in each direction, and what of their own was withheld.
WITHIN_TOLD = f"m.conversation_id = %s AND m.recipient_id = %s AND {TOLD}"
WITHIN_WITHHELD = f"m.conversation_id = %s AND m.sender_id = %s AND {WITHHELD}"


# Which messages, and the values it asks for.
List = tuple[str, tuple[int, ...]]
# A statement and its values.
Statement = tuple[str, list[int]]


class Messages(peewee.Model):
    """One message; `client_id` is unique for its sender, for ever."""

    id = peewee.BigAutoField()
    conversation_id = peewee.BigIntegerField()
    sender_id = peewee.BigIntegerField()
    recipient_id = peewee.BigIntegerField(null=True)
    client_id = peewee.BlobField()
    client_made = peewee.BooleanField()
    sent_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField(null=True)
    edited_at = peewee.BigIntegerField(null=True)
    deleted_at = peewee.BigIntegerField(null=True)
    revision = peewee.IntegerField()
    alg = peewee.SmallIntegerField()
    key_generation = peewee.IntegerField()
    body = peewee.BlobField(null=True)
    sender_position = peewee.BigIntegerField()
    recipient_position = peewee.BigIntegerField(null=True)
    kept_edited_at = peewee.BigIntegerField(null=True)
    kept_revision = peewee.IntegerField(null=True)
    kept_alg = peewee.SmallIntegerField(null=True)
    kept_key_generation = peewee.IntegerField(null=True)
    kept_body = peewee.BlobField(null=True)

    class Meta:
        legacy_table_names = False


class SealedBody(Protocol):
    """What a body must be to be stored: never text."""

    @property
    def alg(self) -> int: ...
    @property
    def key_generation(self) -> int: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What the recipient still sees of a message whose later edits were withheld from them."""

    edited_at: int | None
    revision: int
    alg: int
    key_generation: int
    body: bytes


class StoredMessage(NamedTuple):
    """A message as it is stored; `body` is None when it has been deleted or swept.

    The positions are those at which it was told first. A note to oneself has the same twice, and what was
    withheld from its recipient none for them.
    """

    id: int
    conversation_id: int
    sender_id: int
    recipient_id: int
    client_id: bytes
    client_made: bool
    sent_at: int
    expires_at: int | None
    edited_at: int | None
    deleted_at: int | None
    revision: int
    alg: int
    key_generation: int
    body: bytes | None
    sender_position: int
    recipient_position: int | None
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: ids below `before`, above `after`; nearest to `after` first if that is given."""

    limit: int
    before: int | None = None
    after: int | None = None


def from_row(row: Row) -> StoredMessage:
    """A stored message from a row of `COLUMNS`."""
    *values, edited_at, revision, alg, key_generation, body = row
    values[4], values[5], values[13] = as_bytes(row[4]), bool(row[5]), as_bytes(row[13])
    # Only a forger leaves out what belongs to a kept text: with 0 it opens by no key, like any other that was changed.
    kept = (edited_at, revision or 0, alg or 0, key_generation or 0)
    values.append(None if body is None else Kept(*kept, bytes(body)))
    return StoredMessage(*values)


async def one_of(db: Database, user_id: int, message_id: int, now: int) -> StoredMessage | None:
    """A message this person sent or received; None when there is none such, or no longer."""
    rows = await db.read(fetch, ONE, (message_id, now, user_id, user_id))
    return from_row(rows[0]) if rows else None


async def is_between(db: Database, reader_id: int, other_id: int, message_id: int, now: int) -> bool:
    """Whether this message is one of these two people's that the first of them can see now."""
    values = (message_id, now, reader_id, other_id, other_id, reader_id)
    return bool(await db.read(fetch, BETWEEN, values))


async def is_known(db: Database, sender_id: int, client_id: bytes) -> bool:
    """Whether this person has sent a message of that `client_id`, whatever has become of it."""
    return bool(await db.read(fetch, KNOWN, (sender_id, client_id)))


def of_user(user_id: int, page: Page, now: int) -> Statement:
    """A page of what this person sent or received: rows of `COLUMNS`."""
    return _merged([(SENT, (user_id,)), (RECEIVED, (user_id,))], page, now)


def within(conversation_id: int, people: tuple[int, int], page: Page, now: int) -> Statement:
    """A page of a conversation as the first of these two people sees it: rows of `COLUMNS`."""
    reader, _ = people
    lists: list[List] = [(WITHIN_TOLD, (conversation_id, person)) for person in sorted(set(people))]
    return _merged([*lists, (WITHIN_WITHHELD, (conversation_id, reader))], page, now)


def _merged(lists: Sequence[List], page: Page, now: int) -> Statement:
    """The page that several lists make together; each is read no further than a page."""
    parts: list[str] = []
    values: list[int] = []
    for number, (which, whose) in enumerate(lists):
        text, more = _list(which, whose, page, now)
        parts.append(f"SELECT * FROM ({text}) AS list{number}")
        values += more
    merged = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS page ORDER BY id {_direction(page)} LIMIT %s"
    return merged, [*values, page.limit]


async def by_ids(db: Database, message_ids: list[int]) -> list[StoredMessage]:
    """These messages, in no order, whatever has become of them."""
    return await db.read(_by_ids, tuple(message_ids)) if message_ids else []


def _by_ids(engine: Engine, message_ids: tuple[int, ...]) -> list[StoredMessage]:
    text = SELECT + "WHERE m.id IN " + rows_of_marks(1, len(message_ids))
    return [from_row(row) for row in fetch(engine, text, message_ids)]


def _list(which: str, whose: tuple[int, ...], page: Page, now: int) -> Statement:
    """The statement that lists one page, and its values.

    `id + 0` is what the indexes of the lists hold. Offered the bare id, PostgreSQL may take the primary key for
    a short way to few rows, and read everything that is newer than a list which has grown old.
    """
    text, values = f"{SELECT}WHERE {which} AND {THERE}", [*whose, now]
    for condition, bound in ((" AND m.id + 0 < %s", page.before), (" AND m.id + 0 > %s", page.after)):
        if bound is not None:
            text, values = text + condition, [*values, bound]
    return f"{text} ORDER BY m.id + 0 {_direction(page)} LIMIT %s", [*values, page.limit]


def _direction(page: Page) -> str:
    return "ASC" if page.after is not None else "DESC"
