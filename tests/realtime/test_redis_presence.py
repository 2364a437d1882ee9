"""Presence over Redis: one truth for several instances, whichever of them dies, and whether or not Redis lives."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

from realtime.redis_presence import RedisPresence
from tests.realtime.buses import client, fresh_prefix
from tests.servers import RedisServer

LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 20.0
# So short that a test can wait for it.
SHORT = 0.1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def instances(url: str, count: int = 2, **options: Any) -> AsyncIterator[list[RedisPresence]]:
    """So many that share a prefix of their own."""
    prefix = options.pop("prefix", None) or fresh_prefix()
    options = {"timeout_seconds": 5, "retry_seconds": 0} | options
    made = [RedisPresence(url, prefix, **options) for _ in range(count)]
    try:
        yield made
    finally:
        for presence in made:
            await presence.aclose()


async def told(presence: RedisPresence, user_id: int) -> None:
    """Turn until this one is to be told about."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while user_id not in await presence.turn():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_SECONDS)


async def test_who_is_on_one_instance_is_online_for_all(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        one.come(1)
        assert await one.turn() == [1]
        assert (await two.among([1, 2]), await two.turn()) == ({1}, [])


async def test_a_second_instance_tells_nothing_new_and_the_last_one_tells_the_end(redis_url: str) -> None:
    clock = Clock()
    async with instances(redis_url, clock=clock) as (one, two):
        one.come(1)
        await one.turn()
        two.come(1)
        assert await two.turn() == []
        one.go(1)
        clock.now += 10
        assert (await one.turn(), await one.among([1])) == ([], {1})
        two.go(1)
        clock.now += 10
        assert (await two.turn(), await one.among([1])) == ([1], set())


async def test_of_instances_that_change_one_person_at_once_exactly_one_tells(redis_url: str) -> None:
    clock = Clock()
    async with instances(redis_url, 4, clock=clock) as all_of_them:
        for come in (True, False, True, False):
            for presence in all_of_them:
                presence.come(1) if come else presence.go(1)
            clock.now += 10
            turns = await asyncio.gather(*(presence.turn() for presence in all_of_them))
            assert sorted(turns) == [[], [], [], [1]]


async def test_an_instance_that_dies_fades_and_another_tells_who_is_gone(redis_url: str) -> None:
    async with instances(redis_url, grace_seconds=SHORT) as (dead, other):
        for user_id in (1, 2):
            dead.come(user_id)
        await dead.turn()
        other.come(2)
        await other.turn()
        assert await other.among([1, 2]) == {1, 2}
        # From here on the first one makes no turn any more.
        await told(other, 1)
        assert await other.among([1, 2]) == {2}
        assert await other.turn() == []


async def test_what_a_dead_instance_leaves_behind_is_told_by_one_and_wholly(redis_url: str) -> None:
    async with instances(redis_url, 3, grace_seconds=SHORT) as (dead, *others):
        people = list(range(1, 5001))
        for user_id in people:
            dead.come(user_id)
        await dead.turn()
        found: list[int] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < len(people):
                for presence in others:
                    found += await presence.turn()
                await asyncio.sleep(LOOK_SECONDS)
        assert sorted(found) == people


async def test_an_instance_that_stood_still_comes_back_with_its_people(redis_url: str) -> None:
    async with instances(redis_url, grace_seconds=SHORT) as (slow, other):
        slow.come(1)
        await slow.turn()
        await told(other, 1)
        assert await other.among([1]) == set()
        await told(slow, 1)
        assert await other.among([1]) == {1}


async def test_redis_holds_ids_only_and_forgets_by_itself(redis_url: str) -> None:
    prefix = fresh_prefix()
    async with instances(redis_url, prefix=prefix) as (one, two), client(redis_url) as other:
        one.come(123)
        await one.turn()
        await two.turn()
        keys = sorted(await other.keys(f"{prefix}:*"))
        assert keys[0] == f"{prefix}:p".encode()
        assert [await other.smembers(key) for key in keys[1:]] == [{b"123"}]
        assert len(await other.zrange(keys[0], 0, -1)) == 2
        assert all([0 < await other.pttl(key) <= 600_000 for key in keys])


async def test_what_others_write_into_redis_harms_nothing(redis_url: str) -> None:
    prefix = fresh_prefix()
    async with instances(redis_url, 1, prefix=prefix) as (one,), client(redis_url) as other:
        await other.zadd(f"{prefix}:p", {"ghost": 1, "living": 10**15})
        await other.sadd(f"{prefix}:p:ghost", "7", "not a number", "\N{SNOWMAN}", "9" * 400)
        assert await one.turn() == [7]
        await other.set(f"{prefix}:p:living", "no set")
        one.come(1)
        assert (await one.turn(), await one.among([1, 2])) == ([1], {1})


async def test_without_redis_each_instance_knows_its_own_and_heals(own_redis: RedisServer) -> None:
    clock = Clock()
    async with instances(own_redis.url, clock=clock) as (one, two):
        for presence, user_id in ((one, 1), (one, 2), (two, 3)):
            presence.come(user_id)
        for presence in (one, two, one, two):
            await presence.turn()
        own_redis.kill()
        one.come(4)
        one.go(2)
        clock.now += 10
        assert sorted(await one.turn()) == [2, 4]
        assert await one.turn() == []
        assert (await one.among([1, 2, 3, 4]), await two.among([1, 3])) == ({1, 4}, {3})
        own_redis.start()
        assert (await one.turn(), await two.turn()) == ([], [])
        assert await one.among([1, 2, 3, 4]) == await two.among([1, 2, 3, 4]) == {1, 3, 4}
        # What was told alone is told once more, when all can hear it; who was there all the time is not.
        clock.now += 20
        assert (sorted(await one.turn()), await two.turn()) == ([2, 4], [])
        assert (await one.turn(), await two.turn()) == ([], [])


async def test_who_was_told_gone_while_redis_was_away_is_told_right_behind_it(own_redis: RedisServer) -> None:
    clock = Clock()
    async with instances(own_redis.url, clock=clock) as (one, two):
        for presence in (one, two):
            presence.come(1)
            await presence.turn()
        own_redis.kill()
        one.go(1)
        clock.now += 10
        assert (await one.turn(), await one.among([1])) == ([1], set())
        own_redis.start()
        assert await one.turn() == []  # the other has not noticed yet: it would still be told as gone
        assert await one.among([1]) == set()
        await two.turn()  # finds its connection broken
        await two.turn()
        clock.now += 20
        assert (await one.turn(), await one.among([1])) == ([1], {1})


async def test_after_a_long_absence_of_redis_everybody_is_told_again(own_redis: RedisServer) -> None:
    clock = Clock()
    async with instances(own_redis.url, 1, clock=clock) as (one,):
        one.come(1)
        await one.turn()
        own_redis.kill()
        clock.now += 31
        assert await one.turn() == []
        own_redis.start()
        assert await one.turn() == []
        clock.now += 20
        assert await one.turn() == [1]


async def test_what_is_told_before_all_have_noticed_that_redis_forgot_is_told_again(redis_url: str) -> None:
    clock, prefix = Clock(), fresh_prefix()
    async with instances(redis_url, prefix=prefix, clock=clock) as (one, two), client(redis_url) as other:
        two.come(2)
        for presence in (one, two):
            await presence.turn()
        await other.delete(*await other.keys(f"{prefix}:*"))
        one.come(1)
        assert (await one.turn(), await one.among([2])) == ([1], set())
        clock.now += 10
        assert (await two.turn(), await one.turn(), await one.among([2])) == ([], [], {2})
        clock.now += 20
        assert (await one.turn(), await two.turn()) == ([1], [])
        assert (await one.turn(), await two.turn()) == ([], [])


async def test_a_redis_that_says_nothing_is_asked_once_and_then_left_alone(own_redis: RedisServer) -> None:
    async with instances(own_redis.url, 1, timeout_seconds=0.05, retry_seconds=1000) as (one,):
        assert own_redis.process is not None
        own_redis.process.send_signal(signal.SIGSTOP)
        one.come(1)
        assert await one.turn() == [1]
        own_redis.process.send_signal(signal.SIGCONT)
        assert (await one.among([1, 2]), await one.turn()) == ({1}, [])  # it answers again, but was not asked
        assert one.fell_back == 3


async def test_who_is_told_about_in_the_moment_when_redis_goes_away_is_told_again(own_redis: RedisServer) -> None:
    clock = Clock()
    async with instances(own_redis.url, 1, clock=clock) as (one,):
        one.come(1)
        assert await one.turn() == [1]
        own_redis.kill()
        assert await one.among([1, 2]) == {1}
        own_redis.start()
        assert await one.turn() == []
        clock.now += 20
        assert (await one.turn(), await one.turn()) == ([1], [])
