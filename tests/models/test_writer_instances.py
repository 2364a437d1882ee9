"""Several instances that write among the same people at once: one order, no gap, no deadlock."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import pytest

from models import changes
from models import db as db_module
from models.drafts import Stored
from models.writer import Writer
from tests.models.storage import NOW, SECONDS, all_of, assert_sound, draft, instances, rows

PEOPLE = range(1, 7)
PAIRS = list(product(PEOPLE, PEOPLE))


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The state of every error that a database has met."""
    seen: list[str | None] = []
    sql_state = db_module.sql_state

    def noting(error: Exception) -> str | None:
        seen.append(sql_state(error))
        return seen[-1]

    monkeypatch.setattr(db_module, "sql_state", noting)
    return seen


async def test_instances_that_write_in_all_directions_agree_on_one_order(database_url, states) -> None:
    async with instances(database_url, *PEOPLE, count=3) as writers:
        stored = [each async for each in talk(writers, rounds=15)]
        assert len(stored) == 3 * 15 * len(PAIRS)
        assert len({each.message_id for each in stored}) == len(stored)
        places = [place for each in stored for place in each.positions]
        assert len(set(places)) == len(places)
        await assert_sound(writers[0]._db, PEOPLE)
        # What was acknowledged is what is stored.
        log = await rows(writers[0]._db, "SELECT user_id, position, message_id FROM timelines")
        told = {(user_id, position): message_id for user_id, position, message_id in log}
        assert told == {place: each.message_id for each in stored for place in each.positions}
        # A deadlock that is mended by trying again would be one all the same.
        assert states == []


async def test_sweeps_and_writes_of_several_instances_do_not_collide(database_url, states) -> None:
    async with instances(database_url, *PEOPLE) as writers:
        await all_of(writers[0].add(draft(*pair, expires_at=NOW + 1)) for pair in PAIRS * 3)
        sweeping = [changes.sweep(writer._db, now=NOW + 1, limit=10) for writer in writers for _ in range(11)]
        swept, stored = await asyncio.wait_for(
            asyncio.gather(asyncio.gather(*sweeping), _gather(talk(writers, rounds=5))), SECONDS
        )
        assert len(stored) == 2 * 5 * len(PAIRS)
        told = [(entry.user_id, entry.message_id) for entries in swept for entry in entries]
        assert len(told) == len(set(told))
        await assert_sound(writers[0]._db, PEOPLE)
        assert states == []


async def talk(writers: list[Writer], rounds: int) -> AsyncIterator[Stored]:
    """Everybody writes to everybody at every instance, each instance in an order of its own."""

    async def speak(number: int, writer: Writer) -> list[Stored]:
        stored: list[Stored] = []
        for turn in range(rounds):
            shift = (number * 7 + turn * 5) % len(PAIRS)
            pairs = (PAIRS[shift:] + PAIRS[:shift])[:: -1 if number % 2 else 1]
            stored += await all_of(writer.add(draft(*pair)) for pair in pairs)
        return stored

    for part in await asyncio.gather(*(speak(number, writer) for number, writer in enumerate(writers))):
        for each in part:
            yield each


async def _gather(stored: AsyncIterator[Stored]) -> list[Stored]:
    return [each async for each in stored]
