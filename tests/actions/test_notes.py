"""What is noted beside everything else: the first few of a kind, and the number of the others."""

import pytest

from actions.notes import MOST_KINDS, MOST_OF_A_KIND, MOST_WAITING, WINDOW_MILLISECONDS, Notes
from models.audit import Record
from models.db import Database, Unavailable
from tests.models.storage import NOW, opened, rows


def limit(number: int = 0, *, user_id: int | None = 1, reason: str = "send.person") -> Record:
    return Record(NOW + number, "limit", "refused", user_id, reason=reason)


async def noted(db: Database) -> list[tuple[object, ...]]:
    return await rows(db, "SELECT actor_id, reason FROM audit ORDER BY id")


async def test_the_first_few_are_recorded_and_the_others_counted(database_url) -> None:
    notes = Notes()
    async with opened(database_url) as db:
        assert await notes.flush(db, NOW) == 0
        for number in range(1000):
            notes.add(limit(number))
        notes.add(limit(user_id=2))
        assert await notes.flush(db, NOW + 1) == MOST_OF_A_KIND + 1
        assert await noted(db) == [(1, "send.person")] * MOST_OF_A_KIND + [(2, "send.person")]
        assert await notes.flush(db, NOW + WINDOW_MILLISECONDS) == 1
        assert (await noted(db))[-1] == (None, f"send.person dropped={1000 - MOST_OF_A_KIND}")
        notes.add(limit())
        assert await notes.flush(db, NOW + WINDOW_MILLISECONDS + 1) == 1
        assert notes.dropped == 1000 - MOST_OF_A_KIND


async def test_a_crowd_fills_no_memory(database_url) -> None:
    notes = Notes()
    for user_id in range(1, 3 * MOST_KINDS):
        notes.add(limit(user_id=user_id))
    assert notes.dropped == 3 * MOST_KINDS - 1 - MOST_WAITING
    async with opened(database_url) as db:
        assert await notes.flush(db, NOW) == MOST_WAITING + 1


async def test_what_the_database_did_not_take_is_counted(sqlite_url) -> None:
    notes = Notes()
    async with opened(sqlite_url) as db:
        await notes.flush(db, NOW)
    notes.add(limit())
    with pytest.raises(Unavailable):
        await notes.flush(db, NOW + 1)
    assert notes.dropped == 1
    async with opened(sqlite_url) as db:
        await notes.flush(db, NOW + WINDOW_MILLISECONDS)
        assert await noted(db) == [(None, "send.person dropped=1")]


async def test_a_clock_that_jumps_back_ends_the_minute(sqlite_url) -> None:
    notes = Notes()
    async with opened(sqlite_url) as db:
        await notes.flush(db, NOW)
        for _ in range(MOST_OF_A_KIND + 1):
            notes.add(limit())
        assert await notes.flush(db, NOW - 2 * WINDOW_MILLISECONDS) == MOST_OF_A_KIND + 1
