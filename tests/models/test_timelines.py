"""The log of each person: whoever appends holds the heads, so that no position is given twice."""

import asyncio

import pytest

from models import messages, timelines
from models.db import Engine, execute
from models.timelines import Entry, Kind, State, move_heads, take_heads
from tests.models.storage import NOW, fill, opened, rows, timeline

OLD = NOW - 1


def append(engine: Engine, people: list[int], message_id: int, at: int = NOW) -> list[Entry]:
    return timelines.append(engine, take_heads(engine, people), Kind.READ, 7, 8, message_id, at)


async def positions(db, user_id: int) -> list[int]:
    return [position for position, _, _ in await timeline(db, user_id)]


async def test_an_entry_is_kept_whole(database_url) -> None:
    async with opened(database_url, 1) as db:
        await db.write(append, [1], 5)
        assert await rows(db, "SELECT * FROM timelines") == [(1, 1, Kind.READ, 7, 8, 5, NOW)]


async def test_the_heads_of_those_who_exist_are_taken(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await db.write(append, [2], 5)
        assert await db.write(take_heads, [2, 1, 3, 2]) == {1: 0, 2: 1}
        assert await db.write(take_heads, []) == {}


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
        "TIMER": 7,
    }


async def test_what_is_appended_is_told_to_the_named_and_moves_their_heads(database_url) -> None:
    def tell(engine: Engine, people: list[int] | None) -> tuple[list[Entry], dict[int, int]]:
        heads = take_heads(engine, [3, 1, 2, 9])
        return timelines.append(engine, heads, Kind.READ, 7, 8, 5, NOW, people), heads

    async with opened(database_url, 1, 2, 3) as db:
        entries, heads = await db.write(tell, [3, 1])
        assert entries == [Entry(1, 1, Kind.READ, 7, 8, 5, NOW), Entry(3, 1, Kind.READ, 7, 8, 5, NOW)]
        assert heads == {1: 1, 2: 0, 3: 1}
        entries, heads = await db.write(tell, None)
        assert [entry[:2] for entry in entries] == [(1, 2), (2, 1), (3, 2)]
        assert await db.write(tell, []) == ([], {1: 2, 2: 1, 3: 2})
        assert await rows(db, "SELECT user_id, position FROM timelines ORDER BY 1, 2") == [
            (1, 1),
            (1, 2),
            (2, 1),
            (3, 1),
            (3, 2),
        ]


async def test_what_is_placed_for_one_person_several_times_is_recorded_together(database_url) -> None:
    def tell(engine: Engine) -> None:
        heads = take_heads(engine, [1, 2])
        entries = timelines.place(heads, Kind.READ, 7, 8, 5, NOW)
        entries += timelines.place(heads, Kind.READ, 7, 8, 6, NOW, [2])
        timelines.record(engine, entries)

    async with opened(database_url, 1, 2) as db:
        await db.write(tell)
        assert await timelines.heads_of(db, [1, 2]) == {1: 1, 2: 2}
        assert await positions(db, 2) == [1, 2]


async def test_heads_of_many_are_those_of_who_exist(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await db.write(append, [2], 5)
        assert await timelines.heads_of(db, range(1, 2 * timelines.MOST_PEOPLE)) == {1: 0, 2: 1}
        assert await timelines.heads_of(db, []) == {}


async def test_the_state_tells_how_much_has_happened(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await timelines.state(db, 1) == State(0, 0, 0)
        await fill(db, (1, 2), (2, 1), (1, 1))
        assert [await timelines.state(db, each) for each in (1, 2)] == [State(3, 0, 0), State(2, 0, 0)]


async def test_the_state_tells_head_floor_and_what_was_acknowledged(database_url) -> None:
    async with opened(database_url, 1) as db:
        await db.write(execute, "UPDATE heads SET position = 9, floor = 2, acked = 5")
        assert await timelines.state(db, 1) == State(position=9, floor=2, acked=5)
        assert await timelines.state(db, 7) == State(0, 0, 0)


async def test_what_is_old_is_forgotten_from_the_low_end_up_to_the_first_that_is_not(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        for number, at in enumerate([OLD, OLD, NOW, OLD, NOW]):
            await db.write(append, [1], number, at)
        await db.write(append, [2], 1, OLD)
        sent = await fill(db, (3, 3))
        assert await timelines.forget(db, before=NOW, behind=0) == (3, None)
        assert await positions(db, 1) == [3, 4, 5]
        assert await timelines.state(db, 1) == State(5, 2, 0)
        assert (await positions(db, 2), await timelines.state(db, 2)) == ([], State(1, 1, 0))
        assert (await positions(db, 3), await timelines.state(db, 3)) == ([1], State(1, 0, 0))
        assert await timelines.forget(db, before=NOW, behind=0) == (0, None)
        # The next position is the next, and messages stay.
        await db.write(append, [2], 2)
        assert await positions(db, 2) == [2]
        assert await timelines.forget(db, before=NOW + 1, behind=0) == (5, None)
        assert [message.id for message in await messages.by_ids(db, sent)] == sent


@pytest.mark.parametrize(("most_people", "most_dropped"), [(2, 2), (1, 3), (99, 4), (5, 99)])
async def test_forgetting_goes_step_by_step_through_everybody_and_all_that_is_old(
    database_url, monkeypatch: pytest.MonkeyPatch, most_people: int, most_dropped: int
) -> None:
    monkeypatch.setattr(timelines, "MOST_PEOPLE", most_people)
    monkeypatch.setattr(timelines, "MOST_DROPPED", most_dropped)
    people = [1, 2, 3, 4, 5]
    async with opened(database_url, *people) as db:
        for number in range(3):
            await db.write(append, [1, 3, 4], number, OLD)
        await db.write(append, people, 9)
        steps = []
        behind: int | None = 0
        while behind is not None:
            dropped, behind = await timelines.forget(db, before=NOW, behind=behind)
            steps.append(dropped)
            for each in people:
                state = await timelines.state(db, each)
                assert await positions(db, each) == list(range(state.floor + 1, state.position + 1))
        assert sum(steps) == 9
        assert max(steps) < 2 * most_dropped
        assert [await positions(db, each) for each in people] == [[4], [1], [4], [4], [1]]


async def test_forgetting_twice_at_once_while_others_write_leaves_no_gap(database_url) -> None:
    people = [1, 2, 3]
    async with opened(database_url, *people, threads=4) as db, opened(database_url, threads=4) as other:
        for number in range(10):
            await db.write(append, people, number, OLD)
        done = await asyncio.gather(
            *(timelines.forget([db, other][n % 2], before=NOW, behind=0) for n in range(4)),
            *(fill([db, other][n % 2], (1, 2), (2, 3)) for n in range(4)),
        )
        assert sum(dropped for dropped, _ in done[:4]) == 30
        for each in people:
            state = await timelines.state(db, each)
            assert state.floor == 10
            assert await positions(db, each) == list(range(11, state.position + 1))
