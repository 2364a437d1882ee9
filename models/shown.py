"""Messages with what is shown beside them: the names of their people, when they were received and read.

Everything of a page comes by one statement: each trip to the database costs more than what it brings.
"""

from collections.abc import Sequence
from typing import NamedTuple

from models import messages
from models.db import Database, Engine, Row, fetch, rows_of_marks
from models.messages import Page, Statement, StoredMessage
from models.timelines import Kind

NAME = "(SELECT u.name FROM users u WHERE u.id = {{of}}.{whose})"
FIRST_AT = (
    "(SELECT r.at FROM receipts r WHERE r.conversation_id = {{of}}.conversation_id AND r.user_id = {{of}}.recipient_id"
    " AND r.kind = {kind:d} AND r.up_to >= {{of}}.id ORDER BY r.up_to LIMIT 1)"
)
BESIDE = ", ".join(
    (
        NAME.format(whose="sender_id"),
        NAME.format(whose="recipient_id"),
        FIRST_AT.format(kind=Kind.DELIVERED),
        FIRST_AT.format(kind=Kind.READ),
    )
)
OF_PAGE = f"SELECT page.*, {BESIDE.format(of='page')} FROM ({{page}}) AS page"
OF_MESSAGES = f"SELECT m.id, {BESIDE.format(of='m')} FROM messages m WHERE m.id IN "


class Shown(NamedTuple):
    """A message; its people's names, "" for who is not there; when it was delivered and read, as far as it was.

    Whoever has read it has received it.
    """

    message: StoredMessage
    sender: str
    recipient: str
    delivered_at: int | None
    read_at: int | None


async def of_user(db: Database, user_id: int, page: Page, now: int) -> list[Shown]:
    """A page of what this person sent or received, newest first."""
    return await db.read(_page, messages.of_user(user_id, page, now))


async def within(db: Database, conversation_id: int, people: tuple[int, int], page: Page, now: int) -> list[Shown]:
    """A page of a conversation, newest first, as the first of these two people sees it."""
    return await db.read(_page, messages.within(conversation_id, people, page, now))


async def these(db: Database, stored: Sequence[StoredMessage]) -> list[Shown]:
    """Messages that were read already, in their order."""
    return await db.read(_these, stored) if stored else []


def _page(engine: Engine, page: Statement) -> list[Shown]:
    text, values = page
    whole = OF_PAGE.format(page=text)
    found = [of_row(row) for row in fetch(engine, whole, values)]
    return sorted(found, key=lambda shown: -shown.message.id)


def _these(engine: Engine, stored: Sequence[StoredMessage]) -> list[Shown]:
    ids = [message.id for message in stored]
    beside = {row[0]: row[1:] for row in fetch(engine, OF_MESSAGES + rows_of_marks(1, len(ids)), ids)}
    return [_shown(message, beside.get(message.id, (None,) * 4)) for message in stored]


def of_row(row: Row) -> Shown:
    """The message of a row that holds its columns and those of `BESIDE`."""
    return _shown(messages.from_row(row[:-4]), row[-4:])


def _shown(message: StoredMessage, beside: Row) -> Shown:
    sender, recipient, delivered_at, read_at = beside
    if read_at is not None and (delivered_at is None or read_at < delivered_at):
        delivered_at = read_at
    return Shown(message, sender or "", recipient or "", delivered_at, read_at)
