"""Limits over Redis: shared by all instances, and still there when Redis is not."""

import asyncio
import signal

import pytest

from realtime.buckets import Alone, Buckets, Rule
from realtime.leases import Leases
from realtime.redis_buckets import RedisBuckets
from tests.realtime.buses import client, fresh_prefix
from tests.servers import RedisServer

TEN_A_MINUTE = Rule("send", 10, 60)


async def test_redis_counts_by_its_own_clock_for_all_instances(redis_url: str) -> None:
    prefix = fresh_prefix()
    one, two = RedisBuckets(redis_url, prefix), RedisBuckets(redis_url, prefix)
    hourly = Rule("hourly", 4, 3600)
    waits = [await buckets.spend("a", hourly) for buckets in (one, two) * 3]
    assert waits[:4] == [0.0] * 4
    assert all(0 < wait <= 900 for wait in waits[4:])
    async with client(redis_url) as other:
        keys = await other.keys(f"{prefix}:*")
        assert len(keys) == 1
        assert 0 < await other.pttl(keys[0]) <= 3_600_001
    await one.aclose()
    await two.aclose()


async def test_spends_of_one_moment_go_to_redis_together(redis_url: str) -> None:
    buckets = RedisBuckets(redis_url, fresh_prefix())
    await buckets.spend("first", TEN_A_MINUTE)  # makes the connection and loads the script
    async with client(redis_url) as other:
        before = (await other.info("stats"))["total_commands_processed"]
        await asyncio.gather(*(buckets.spend(str(number), TEN_A_MINUTE) for number in range(128)))
        calls = (await other.info("commandstats"))["cmdstat_evalsha"]["calls"]
        await asyncio.gather(*(buckets.spend(str(number), TEN_A_MINUTE) for number in range(128)))
        assert (await other.info("commandstats"))["cmdstat_evalsha"]["calls"] == calls + 1
        assert before > 0
    await buckets.aclose()


async def test_without_redis_the_limit_is_counted_in_memory_and_with_it_in_redis_again(
    own_redis: RedisServer,
) -> None:
    buckets = RedisBuckets(own_redis.url, fresh_prefix(), retry_seconds=0)
    twice = Rule("twice", 2, 3600)
    assert await buckets.spend("a", twice) == 0.0
    own_redis.kill()
    waits = [await buckets.spend("a", twice) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert waits[2] > 0
    assert buckets.fell_back == 3
    own_redis.start()
    assert await buckets.spend("a", twice) == 0.0
    assert buckets.fell_back == 3
    await buckets.aclose()


@pytest.mark.parametrize(("alone", "left"), [(Alone.OPEN, 20), (Alone.CLOSED, 5)])
@pytest.mark.parametrize("leased", [False, True])
async def test_redis_dies_in_the_middle_and_each_rule_goes_on_as_it_says(
    own_redis: RedisServer, alone: Alone, left: int, leased: bool
) -> None:
    shared = RedisBuckets(own_redis.url, fresh_prefix(), retry_seconds=0)
    buckets: Buckets = Leases(shared) if leased else shared
    rule = Rule("twenty", 20, 20 * 3600.0, alone)

    async def allowed(key: str, times: int = 40) -> int:
        return [await buckets.spend(key, rule) for _ in range(times)].count(0.0)

    assert await allowed("spent before") == 20
    assert await allowed("half spent", 10) == 10
    own_redis.kill()
    assert [await allowed(key) for key in ("half spent", "new", "half spent")] == [left, left, 0]
    own_redis.start()
    # Redis knows nothing of it. What was refused without it stays so where one more was an hour away.
    assert await allowed("new") == (20 if alone is Alone.CLOSED or not leased else 0)
    own_redis.kill()
    assert await allowed("new") == 0  # the count in memory has outlasted it: coming and going gives nothing anew
    await buckets.aclose()


async def test_a_redis_that_says_nothing_is_asked_once_and_then_left_alone(own_redis: RedisServer) -> None:
    buckets = RedisBuckets(own_redis.url, fresh_prefix(), timeout_seconds=0.05, retry_seconds=1000)
    assert await buckets.spend("a", TEN_A_MINUTE) == 0.0
    assert own_redis.process is not None
    own_redis.process.send_signal(signal.SIGSTOP)
    waits = await asyncio.gather(*(buckets.spend("b", TEN_A_MINUTE) for _ in range(300)))
    assert waits.count(0.0) == 10
    assert buckets.fell_back == 300
    own_redis.process.send_signal(signal.SIGCONT)
    assert await buckets.spend("c", TEN_A_MINUTE) == 0.0
    assert buckets.fell_back == 301  # it answers again, but was not asked
    await buckets.aclose()


async def test_an_answer_that_makes_no_sense_counts_as_none(redis_url: str) -> None:
    prefix = fresh_prefix()
    buckets = RedisBuckets(redis_url, prefix)
    async with client(redis_url) as other:
        await other.lpush(f"{prefix}:b:send:a", "not a number")
    assert await buckets.spend("a", TEN_A_MINUTE) == 0.0
    assert buckets.fell_back == 1
    await buckets.aclose()


async def test_who_gave_up_waiting_harms_nobody(redis_url: str) -> None:
    buckets = RedisBuckets(redis_url, fresh_prefix())
    gone = asyncio.create_task(buckets.spend("a", TEN_A_MINUTE))
    stays = asyncio.create_task(buckets.spend("b", TEN_A_MINUTE))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 0.0
    await buckets.aclose()
