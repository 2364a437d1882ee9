"""Who is online on one instance: alike in memory and over Redis, a reconnect within the grace tells nothing."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.presence import Here, LocalPresence, Presence
from realtime.redis_presence import RedisPresence
from tests.realtime.buses import fresh_prefix

GRACE = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Make = Callable[[Clock], AbstractAsyncContextManager[Presence]]


@pytest.fixture(params=["memory", "redis"])
def made(request: pytest.FixtureRequest) -> Make:
    @contextlib.asynccontextmanager
    async def memory(clock: Clock) -> AsyncIterator[Presence]:
        yield LocalPresence(GRACE, clock=clock)

    if request.param == "memory":
        return memory
    url: str = request.getfixturevalue("redis_url")

    @contextlib.asynccontextmanager
    async def over_redis(clock: Clock) -> AsyncIterator[Presence]:
        presence = RedisPresence(url, fresh_prefix(), grace_seconds=GRACE, clock=clock, timeout_seconds=5)
        yield presence
        assert presence.fell_back == 0
        await presence.aclose()

    return over_redis


async def test_who_comes_is_online_and_told_once(made: Make) -> None:
    async with made(Clock()) as presence:
        for user_id in (1, 2, 1):
            presence.come(user_id)
        assert sorted(await presence.turn()) == [1, 2]
        assert await presence.turn() == []
        assert await presence.among([1, 2, 3]) == {1, 2}
        assert await presence.among([]) == set()


async def test_who_goes_stays_for_the_grace_and_is_told_once(made: Make) -> None:
    clock = Clock()
    async with made(clock) as presence:
        presence.come(1)
        await presence.turn()
        presence.go(1)
        presence.go(1)
        clock.now += GRACE - 0.1
        assert (await presence.turn(), await presence.among([1])) == ([], {1})
        clock.now += 0.1
        assert (await presence.turn(), await presence.among([1])) == ([1], set())
        clock.now += GRACE
        assert await presence.turn() == []


async def test_a_reconnect_within_the_grace_tells_nothing_however_often(made: Make) -> None:
    clock = Clock()
    async with made(clock) as presence:
        presence.come(1)
        await presence.turn()
        for _ in range(50):
            presence.go(1)
            clock.now += GRACE / 2
            assert await presence.turn() == []
            presence.come(1)
        presence.go(1)
        clock.now += GRACE
        assert await presence.turn() == [1]
        presence.come(1)
        assert await presence.turn() == [1]


async def test_each_has_a_grace_of_their_own(made: Make) -> None:
    clock = Clock()
    async with made(clock) as presence:
        for user_id in (1, 2, 3):
            presence.come(user_id)
        await presence.turn()
        presence.go(1)
        clock.now += 1
        presence.go(2)
        clock.now += GRACE - 1
        assert await presence.turn() == [1]
        clock.now += 1
        assert await presence.turn() == [2]
        assert await presence.among([1, 2, 3]) == {3}


async def test_who_never_came_cannot_go(made: Make) -> None:
    clock = Clock()
    async with made(clock) as presence:
        presence.go(1)
        clock.now += GRACE
        assert (await presence.turn(), await presence.among([1])) == ([], set())


async def test_thousands_who_come_at_once_are_all_told(made: Make) -> None:
    async with made(Clock()) as presence:
        people = range(2**53 - 5000, 2**53)
        for user_id in people:
            presence.come(user_id)
        assert sorted(await presence.turn()) == list(people)
        assert await presence.among(range(2**53 - 9000, 2**53)) == set(people)


@given(st.lists(st.tuples(st.sampled_from(["come", "go", "wait"]), st.integers(1, 3)), max_size=60))
def test_what_is_kept_never_grows_beyond_those_who_left_lately(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    here = Here(GRACE, clock)
    connected: set[int] = set()
    for step, user_id in steps:
        if step == "come":
            here.come(user_id)
            connected.add(user_id)
        elif step == "go":
            here.go(user_id)
            connected.discard(user_id)
        else:
            clock.now += user_id * GRACE / 2
        assert connected <= set(here)
    clock.now += GRACE
    here.changes()
    assert set(here) == connected
    assert not here._leaving
