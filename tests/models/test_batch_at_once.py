"""A batch in one round trip: it stores what the careful way stores, and locks before it looks."""

import asyncio
import random
import threading
import time

import peewee
import pytest

from models import blocks, timelines
from models.batch import write
from models.db import Engine, Unavailable, execute, fetch
from models.drafts import Missing, Stored
from models.messages import COLUMNS
from tests.models.storage import NOW, SECONDS, Sealed, assert_sound, draft, opened, rows, timeline

PEOPLE = 6
UNSEALED = Sealed(b"plain text")
MESSAGES = f"SELECT {COLUMNS} FROM messages m ORDER BY m.id"
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE 'EXECUTE%%'"
)


async def test_it_stores_what_the_careful_way_stores(postgres_server) -> None:
    """Whoever talks to whom, notes and blocks among it: the rows, logs and outcomes are the same."""
    chance = random.Random(1)
    drafts = [
        draft(chance.randint(1, PEOPLE), chance.randint(1, PEOPLE), expires_at=chance.choice([None, NOW + 9]))
        for _ in range(100)
    ]
    seen = []
    for careful in (False, True):
        async with opened(postgres_server.create_database(), *range(1, PEOPLE + 1)) as db:
            await blocks.add(db, 1, 2, NOW)
            await blocks.add(db, 4, 1, NOW)
            outcomes = await db.write_batch(write, drafts, careful=careful)
            logs = [await timeline(db, person) for person in range(1, PEOPLE + 1)]
            seen.append((outcomes, logs, await rows(db, MESSAGES)))
            await assert_sound(db, range(1, PEOPLE + 1))
    assert all(isinstance(outcome, Stored) for outcome in seen[0][0])
    assert _plain(seen[0]) == _plain(seen[1])


def _plain(seen: tuple) -> tuple:
    outcomes, logs, messages = seen
    return outcomes, logs, [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in messages]


async def test_a_draft_of_or_to_nobody_is_left_out(postgres_url) -> None:
    async with opened(postgres_url, 1, 2) as db:
        drafts = [draft(1, 9), draft(1, 2), draft(9, 1), draft(9, 9)]
        outcomes = await db.write_batch(write, drafts, careful=False)
        assert [type(outcome) for outcome in outcomes] == [Missing, Stored, Missing, Missing]
        assert outcomes[1].positions == ((1, 1), (2, 1))
        await assert_sound(db, [1, 2])


@pytest.mark.parametrize("spoiler", ["repeat", "twice", "unsealed"])
async def test_what_spoils_a_batch_leaves_nothing_behind(postgres_url, spoiler: str) -> None:
    async with opened(postgres_url, 1, 2) as db:
        first = draft(1, 2)
        await db.write_batch(write, [first], careful=False)
        fresh = draft(1, 2)
        bad = {
            "repeat": first,
            "twice": draft(1, 2, client_id=fresh.client_id),
            "unsealed": draft(1, 2, sealed=UNSEALED),
        }[spoiler]
        with pytest.raises(peewee.IntegrityError):
            await db.write_batch(write, [fresh, draft(2, 1), bad], careful=False)
        assert len(await rows(db, MESSAGES)) == 1
        await assert_sound(db, [1, 2])


async def test_each_connection_is_prepared_anew(postgres_url) -> None:
    def lose(engine: Engine) -> None:
        raise peewee.OperationalError("the connection is gone")

    async with opened(postgres_url, 1, 2) as db:
        for count in (1, 2, 3):
            await db.write_batch(write, [draft(1, 2)], careful=False)
            assert len(await rows(db, MESSAGES)) == count
            with pytest.raises(Unavailable):
                await db.write_batch(lose)


async def test_a_block_and_a_position_taken_while_it_waits_for_a_head_count(postgres_url) -> None:
    """The second statement sees what was committed before the first had its locks."""
    async with opened(postgres_url, 1, 2) as db:
        held, letting_go = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def block_slowly(engine: Engine) -> None:
            heads = timelines.take_heads(engine, [2])
            loop.call_soon_threadsafe(held.set)
            assert letting_go.wait(SECONDS)
            execute(engine, blocks.ADD, (2, 1, NOW))
            execute(engine, blocks.COUNT, (1, 2))
            timelines.append(engine, heads, timelines.Kind.READ, 1, 2, 1, NOW)

        blocking = asyncio.ensure_future(db.write(block_slowly))
        await held.wait()
        writing = asyncio.ensure_future(db.write_batch(write, [draft(1, 2), draft(2, 1)], careful=False))
        await db.read(_wait_for_somebody_who_waits)
        letting_go.set()
        await blocking
        withheld, answer = await writing
        assert withheld.positions == ((1, 1),)
        assert answer.positions == ((2, 2), (1, 2))
        await assert_sound(db, [1, 2])


def _wait_for_somebody_who_waits(engine: Engine) -> None:
    deadline = time.monotonic() + SECONDS
    while not fetch(engine, WAITING):
        assert time.monotonic() < deadline
