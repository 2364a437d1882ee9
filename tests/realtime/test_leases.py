"""Leases: few trips for many spends, never more than the limit, and whoever must wait is told how long."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.buckets import Alone, MemoryBuckets, Rule
from realtime.leases import SHARE, Leases

HUNDRED = Rule("hundred", 100, 100.0)  # one piece a second, leases of four


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Counted(MemoryBuckets):
    """Shared buckets that count how often they are asked, after a trip."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[int] = []
        self.fell_back = 0

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        self.asked.append(cost)
        await asyncio.sleep(0)
        return await super().spend(key, rule, cost)


async def spent(leases: Leases, times: int, rule: Rule = HUNDRED) -> list[float]:
    return [await leases.spend("a", rule) for _ in range(times)]


async def test_a_burst_is_allowed_to_the_last_piece_in_as_many_trips_as_leases() -> None:
    clock = Clock()
    shared = Counted(clock)
    assert await spent(Leases(shared, clock), 100) == [0.0] * 100
    assert shared.asked == [100 // SHARE] * SHARE


async def test_those_who_come_together_get_exactly_the_burst() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases = Leases(shared, clock)
    waits = await asyncio.gather(*(leases.spend("a", HUNDRED) for _ in range(300)))
    assert waits.count(0.0) == 100
    assert set(waits) == {0.0, 1.0}
    assert shared.asked.count(4) == 1  # no second one while one is on its way


async def test_an_empty_bucket_is_not_asked_before_it_can_have_a_piece() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases = Leases(shared, clock)
    await spent(leases, 100)
    shared.asked.clear()
    assert await spent(leases, 50) == [1.0] * 50
    assert shared.asked == [4]
    clock.now += 0.75
    assert await spent(leases, 50) == [0.25] * 50
    assert shared.asked == [4]
    clock.now += 0.25
    assert await spent(leases, 2) == [0.0, 1.0]


async def test_a_refusal_by_an_instance_alone_is_not_kept_for_when_redis_is_back() -> None:
    clock, rule = Clock(), Rule("hundred", 100, 100.0, Alone.CLOSED)
    shared = Counted(clock)
    alone = MemoryBuckets(clock)

    async def guarded(key: str, rule: Rule, cost: int = 1) -> float:
        shared.fell_back += 1
        return alone.take(key, rule.without_redis(), cost)

    leases = Leases(shared, clock)
    redis, shared.spend = shared.spend, guarded  # type: ignore[method-assign]
    assert (await spent(leases, 60, rule)).count(0.0) == 25
    assert await spent(leases, 1, rule) == [4.0]
    shared.spend = redis  # type: ignore[method-assign]
    assert await spent(leases, 1, rule) == [0.0]


async def test_what_lies_idle_goes_back_to_the_bucket() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases, other = Leases(shared, clock), Leases(shared, clock)
    await spent(leases, 1)
    clock.now += 4  # the bucket is full again
    assert (await spent(other, 101)).count(0.0) == 100
    assert await spent(leases, 1) == [1.0]


async def test_what_one_instance_holds_the_other_cannot_spend() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases, other = Leases(shared, clock), Leases(shared, clock)
    await spent(leases, 1)
    assert (await spent(other, 100)).count(0.0) == 96
    assert (await spent(leases, 10)).count(0.0) == 3


Step = tuple[int, int]  # how many milliseconds later, which instance


@settings(deadline=None)
@given(st.integers(1, 120), st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 2))))
def test_however_they_are_spent_no_more_is_allowed_than_by_one_bucket(
    burst: int, seconds: int, steps: Sequence[Step]
) -> None:
    async def play() -> None:
        clock, rule = Clock(), Rule("r", burst, seconds)
        shared = MemoryBuckets(clock)
        instances = [Leases(shared, clock) for _ in range(3)]
        allowed = MemoryBuckets(clock)  # counts what was allowed, and refuses what should not have been
        for milliseconds, number in steps:
            clock.now += milliseconds / 1000
            for _ in range(5):
                if await instances[number].spend("a", rule) == 0.0:
                    assert allowed.take("a", rule, 1) == 0.0

    asyncio.run(play())


async def test_a_lease_that_never_came_stops_nobody() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases = Leases(shared, clock)
    asking = asyncio.create_task(leases.spend("a", HUNDRED))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await spent(leases, 1) == [0.0]
    assert shared.asked == [4, 4]


async def test_memory_is_bounded_and_the_oldest_lease_is_forgotten() -> None:
    clock = Clock()
    shared = Counted(clock)
    leases = Leases(shared, clock, most=10)
    for number in range(30):
        await leases.spend(str(number), HUNDRED)
    assert len(leases) == 10
    shared.asked.clear()
    assert [await leases.spend(str(number), HUNDRED) for number in (29, 0)] == [0.0, 0.0]
    assert shared.asked == [4]


async def test_how_often_redis_was_out_of_reach_is_still_told() -> None:
    shared = Counted(Clock())
    shared.fell_back = 7
    assert Leases(shared).fell_back == 7
