"""The log of each person: position → what happened. Positions start at 1, have no gap, follow commit order.

Whoever appends MUST hold the heads of all people concerned, taken in the order of their ids, until
the commit: that is what makes positions follow commit order and keeps two instances from a deadlock.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

import peewee

from models.db import Engine, execute, fetch, is_postgres, rows_of_marks

INSERT = "INSERT INTO timelines (user_id, position, kind, conversation_id, actor_id, message_id, at) VALUES "


class Kind(IntEnum):
    """What an event tells. New kinds may be added; a number is never used again."""

    MESSAGE = 1
    EDITED = 2
    DELETED = 3
    EXPIRED = 4
    DELIVERED = 5
    READ = 6


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


class Entry(NamedTuple):
    """A row of a timeline."""

    user_id: int
    position: int
    kind: int
    conversation_id: int
    actor_id: int
    message_id: int
    at: int


def take_heads(engine: Engine, user_ids: Iterable[int]) -> dict[int, int]:
    """Lock the heads of these people until the commit and return their positions.

    A person who does not exist (any more) is missing in the answer.
    """
    wanted = sorted(set(user_ids))
    text = "SELECT user_id, position FROM heads WHERE user_id IN " + rows_of_marks(1, len(wanted)) + " ORDER BY user_id"
    if is_postgres(engine):
        text += " FOR UPDATE"
    return dict(fetch(engine, text, wanted))


def move_heads(engine: Engine, heads: dict[int, int]) -> None:
    """Set the positions of these people, whose heads are locked."""
    text = "UPDATE heads SET position = v.column2 FROM (VALUES " + rows_of_marks(len(heads), 2)
    execute(engine, text + ") AS v WHERE heads.user_id = v.column1", list(chain.from_iterable(heads.items())))


def insert(engine: Engine, entries: Sequence[Entry]) -> None:
    """Write these events; their positions were taken under the lock of `take_heads`."""
    text = INSERT + rows_of_marks(len(entries), 7)
    execute(engine, text, list(chain.from_iterable(entries)))
