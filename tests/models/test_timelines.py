"""The log of each person: whoever appends holds the heads, so that no position is given twice."""

import asyncio

from models import timelines
from models.db import Engine
from models.timelines import Entry, Kind, insert, move_heads, take_heads
from tests.models.storage import NOW, opened, rows, timeline


def append(engine: Engine, people: list[int], message_id: int) -> None:
    heads = {user_id: position + 1 for user_id, position in take_heads(engine, people).items()}
    insert(engine, [Entry(each, heads[each], Kind.READ, 7, 8, message_id, NOW) for each in people])
    move_heads(engine, heads)


async def test_an_entry_is_kept_whole(database_url) -> None:
    async with opened(database_url, 1) as db:
        await db.write(append, [1], 5)
        assert await rows(db, "SELECT * FROM timelines") == [(1, 1, Kind.READ, 7, 8, 5, NOW)]


async def test_the_heads_of_those_who_exist_are_taken(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await db.write(append, [2], 5)
        assert await db.write(take_heads, [2, 1, 3, 2]) == {1: 0, 2: 1}


async def test_heads_move_for_the_named_only(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await db.write(move_heads, {1: 4, 3: 2**40})
        assert await db.write(take_heads, [1, 2, 3]) == {1: 4, 2: 0, 3: 2**40}


async def test_many_who_append_at_once_in_any_order_get_positions_without_gap(database_url) -> None:
    people = [1, 2, 3]
    async with opened(database_url, *people, threads=4) as db, opened(database_url, threads=4) as other:
        await asyncio.gather(
            *([db, other][n % 2].write(append, people[n % 3 :] + people[: n % 3], n) for n in range(60))
        )
        logs = [await timeline(db, each) for each in people]
        assert [position for position, _, _ in logs[0]] == list(range(1, 61))
        # Commit order is one: what came first came first for everybody.
        assert logs[0] == logs[1] == logs[2]


async def test_numbers_of_kinds_never_change() -> None:
    assert {kind.name: kind.value for kind in timelines.Kind} == {
        "MESSAGE": 1,
        "EDITED": 2,
        "DELETED": 3,
        "EXPIRED": 4,
        "DELIVERED": 5,
        "READ": 6,
    }
