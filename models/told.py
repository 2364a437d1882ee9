"""A person's log with what it speaks of, as it is now. A page comes by one statement: see models/shown.py."""

from typing import NamedTuple

from models import messages
from models.db import Database, Row, fetch
from models.shown import BESIDE, Shown, of_row
from models.timelines import Entry

AFTER = (
    "SELECT t.user_id, t.position, t.kind, t.conversation_id, t.actor_id, t.message_id, t.at,"
    " c.pair_low, (SELECT u.name FROM users u WHERE u.id = c.pair_low),"
    " c.pair_high, (SELECT u.name FROM users u WHERE u.id = c.pair_high),"
    f" {messages.COLUMNS}, {BESIDE.format(of='m')}"
    " FROM timelines t LEFT JOIN conversations c ON c.id = t.conversation_id"
    " LEFT JOIN messages m ON m.id = t.message_id WHERE t.user_id = %s AND t.position > %s"
    " ORDER BY t.position LIMIT %s"
)
OF_ENTRY = len(Entry._fields)


class Told(NamedTuple):
    """An event, the two people of its conversation by id ("" for who has no name any more), the message."""

    entry: Entry
    people: dict[int, str]
    shown: Shown | None


async def after(db: Database, user_id: int, *, position: int, limit: int) -> list[Told]:
    """What was told to this person behind `position`, oldest first.

    When the first one is not the very next, what lies between has been forgotten meanwhile.
    """
    return [_told(row) for row in await db.read(fetch, AFTER, (user_id, position, limit))]


def _told(row: Row) -> Told:
    low, low_name, high, high_name, *of_message = row[OF_ENTRY:]
    people = {} if low is None else {low: low_name or "", high: high_name or ""}
    return Told(Entry(*row[:OF_ENTRY]), people, of_row(tuple(of_message)) if of_message[0] is not None else None)
