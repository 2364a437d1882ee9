"""Limits count alike in memory, in Redis, and by leases."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.buckets import GUARDS, Alone, Buckets, MemoryBuckets, Rule
from realtime.leases import Leases
from realtime.redis_buckets import RedisBuckets
from tests.realtime.buses import fresh_prefix

TEN_A_MINUTE = Rule("send", 10, 60)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


Make = Callable[[Clock], AbstractAsyncContextManager[Buckets]]


@pytest.fixture(params=["memory", "redis", "leases"])
def made(request: pytest.FixtureRequest) -> Make:
    @contextlib.asynccontextmanager
    async def memory(clock: Clock) -> AsyncIterator[Buckets]:
        yield MemoryBuckets(clock)

    @contextlib.asynccontextmanager
    async def leases(clock: Clock) -> AsyncIterator[Buckets]:
        yield Leases(MemoryBuckets(clock), clock)

    if request.param in ("memory", "leases"):
        return memory if request.param == "memory" else leases
    url: str = request.getfixturevalue("redis_url")

    @contextlib.asynccontextmanager
    async def over_redis(clock: Clock) -> AsyncIterator[Buckets]:
        buckets = RedisBuckets(url, fresh_prefix(), clock=clock)
        yield buckets
        assert buckets.fell_back == 0
        await buckets.aclose()

    return over_redis


async def test_exactly_the_burst_is_allowed_at_once(made: Make) -> None:
    async with made(Clock()) as buckets:
        waits = [await buckets.spend("a", TEN_A_MINUTE) for _ in range(12)]
        assert waits == [0.0] * 10 + [6.0] * 2


async def test_exactly_the_burst_is_allowed_to_those_who_come_together(made: Make) -> None:
    async with made(Clock()) as buckets:
        waits = await asyncio.gather(*(buckets.spend("a", TEN_A_MINUTE) for _ in range(300)))
        assert sorted(waits) == [0.0] * 10 + [6.0] * 290


async def test_who_waits_as_long_as_was_said_is_allowed(made: Make) -> None:
    clock = Clock()
    async with made(clock) as buckets:
        for _ in range(10):
            await buckets.spend("a", TEN_A_MINUTE)
        clock.now += 2.5
        assert await buckets.spend("a", TEN_A_MINUTE) == 3.5
        clock.now += 3.5
        assert await buckets.spend("a", TEN_A_MINUTE) == 0.0
        assert await buckets.spend("a", TEN_A_MINUTE) == 6.0


async def test_after_a_long_rest_no_more_than_the_burst_is_allowed(made: Make) -> None:
    clock = Clock()
    async with made(clock) as buckets:
        await buckets.spend("a", TEN_A_MINUTE)
        clock.now += 100_000
        waits = [await buckets.spend("a", TEN_A_MINUTE) for _ in range(11)]
        assert waits.count(0.0) == 10


async def test_what_is_refused_costs_nothing(made: Make) -> None:
    clock = Clock()
    async with made(clock) as buckets:
        assert await buckets.spend("a", TEN_A_MINUTE, cost=9) == 0.0
        for _ in range(50):
            assert await buckets.spend("a", TEN_A_MINUTE, cost=2) == 6.0
        assert await buckets.spend("a", TEN_A_MINUTE) == 0.0


async def test_keys_and_rules_are_apart(made: Make) -> None:
    async with made(Clock()) as buckets:
        once = Rule("once", 1, 60)
        other = Rule("other", 1, 60)
        assert [await buckets.spend(key, rule) for key in "ab" for rule in (once, other)] == [0.0] * 4
        assert await buckets.spend("a", once) == 60.0


async def test_more_than_the_burst_can_never_be_spent(made: Make) -> None:
    async with made(Clock()) as buckets:
        for cost in (0, -1, 11):
            with pytest.raises(ValueError, match="send"):
                await buckets.spend("a", TEN_A_MINUTE, cost=cost)


@pytest.mark.parametrize("key", ["", "a b\r\nc", "ü" * 10_000, "\ud800", "x" * 1_000_000])
async def test_any_text_may_be_a_key(made: Make, key: str) -> None:
    async with made(Clock()) as buckets:
        once = Rule("once", 1, 60)
        assert await buckets.spend(key, once) == 0.0
        assert await buckets.spend(key, once) == 60.0


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 10_000), st.lists(st.integers(0, 5_000_000), max_size=60))
def test_never_more_than_the_rule_allows(burst: int, seconds: int, pauses: list[int]) -> None:
    clock = Clock()
    start = clock.now
    buckets = MemoryBuckets(clock)
    rule = Rule("r", burst, seconds)
    allowed = 0
    for pause in pauses:
        clock.now += pause / 1000
        allowed += buckets.take("a", rule, 1) == 0.0
        assert allowed <= burst + (clock.now - start) / (rule.piece / 1_000_000) + 1e-6


@pytest.mark.parametrize(("burst", "seconds"), [(0, 1), (-1, 1), (1, 0), (1, -1), (10, 0.000_001)])
def test_a_rule_that_allows_nothing_or_everything_is_refused(burst: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="limit r"):
        Rule("r", burst, seconds)


@pytest.mark.parametrize("alone", [Alone.OPEN, Alone.HERE])
def test_what_goes_on_without_redis_is_the_whole_rule(alone: Alone) -> None:
    rule = Rule("r", 10, 60, alone)
    assert rule.without_redis() is rule


@given(st.integers(1, 1000), st.integers(1, 100_000))
def test_what_is_closed_without_redis_keeps_a_share_of_its_burst_and_of_its_pace(burst: int, seconds: int) -> None:
    rule = Rule("r", burst, seconds, Alone.CLOSED)
    alone = rule.without_redis()
    assert alone.name == rule.name
    assert alone.burst == max(1, burst // GUARDS)
    assert alone.piece == pytest.approx(rule.piece * GUARDS, abs=GUARDS + 1)


def test_memory_is_bounded_and_what_is_at_rest_goes_first() -> None:
    clock = Clock()
    buckets = MemoryBuckets(clock, max_keys=100)
    for number in range(100):
        buckets.take(f"old {number}", TEN_A_MINUTE, 1)
    clock.now += 60
    for number in range(100):
        buckets.take(f"new {number}", TEN_A_MINUTE, 10)
    assert len(buckets) == 100
    assert buckets.forgotten == 0
    for number in range(1000):
        buckets.take(f"flood {number}", TEN_A_MINUTE, 10)
    assert len(buckets) == 100
    assert buckets.forgotten == 1000


def test_a_long_key_takes_no_more_room_than_others() -> None:
    buckets = MemoryBuckets(Clock())
    asyncio.run(buckets.spend("x" * 1_000_000, TEN_A_MINUTE))
    assert max(map(len, buckets._rests)) < 200


def test_memory_is_given_back_when_all_is_at_rest() -> None:
    clock = Clock()
    buckets = MemoryBuckets(clock)
    for number in range(1000):
        buckets.take(f"{number}", TEN_A_MINUTE, 1)
    clock.now += 1000
    for _ in range(600):
        buckets.take("one", TEN_A_MINUTE, 1)
        clock.now += 6
    assert len(buckets) == 1
