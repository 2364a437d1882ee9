"""Requests that are given up while Redis is about to answer them: the next one must not get that answer.

A client library kept the connection of a cancelled command, and the next command read the answer of the one before:
people saw the data of others (CVE-2023-28858, CVE-2023-28859). Here each key has an answer of its own to be told by.
"""

import asyncio
from random import Random
from urllib.parse import urlsplit

from prove.tcp import Wire
from realtime.buckets import Rule
from realtime.redis_buckets import RedisBuckets
from tests.servers import GivenRedis, RedisServer

KEYS = 60
TIMES = 1000


def rule_of(number: int) -> Rule:
    """One at once; the wait for the second tells whose it is: so many hours."""
    return Rule(f"adversary{number}", 1, number * 3600.0)


async def test_of_a_thousand_requests_that_are_given_up_none_leaves_its_answer_to_another(
    redis_server: RedisServer | GivenRedis,
) -> None:
    chance, parts = Random(5), urlsplit(redis_server.url)
    wire = Wire(lambda: [parts.port or 6379])
    await wire.start()
    url = redis_server.url.replace(f":{parts.port}", f":{wire.port}")
    buckets = RedisBuckets(url, "adversary", timeout_seconds=20.0, clock=lambda: 1_000_000.0)
    answers: dict[int, set[float]] = {}

    async def ask(number: int) -> None:
        answers.setdefault(number, set()).add(await buckets.spend("key", rule_of(number)))

    try:
        for number in range(1, KEYS + 1):
            assert await buckets.spend("key", rule_of(number)) == 0
        wire.delay_seconds = 0.001
        for _ in range(TIMES // KEYS + 1):
            asked = [asyncio.create_task(ask(chance.randint(1, KEYS))) for _ in range(KEYS)]
            await asyncio.sleep(chance.choice((0, 0.0005, 0.002)))
            for task in asked:
                if chance.random() < 0.5:
                    task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        assert answers
        assert {number: told for number, told in answers.items() if told != {number * 3600.0}} == {}
        assert buckets.fell_back == 0
    finally:
        await buckets.aclose()
        await wire.stop()


async def test_an_answer_that_came_too_late_is_nobodys(redis_server: RedisServer | GivenRedis) -> None:
    """Redis takes longer than one waits for it: what it says then is thrown away with its connection."""
    parts = urlsplit(redis_server.url)
    wire = Wire(lambda: [parts.port or 6379])
    await wire.start()
    url = redis_server.url.replace(f":{parts.port}", f":{wire.port}")
    buckets = RedisBuckets(url, "adversary-late", timeout_seconds=0.2, retry_seconds=0.0, clock=lambda: 1_000_000.0)
    try:
        for number in range(1, 6):
            assert await buckets.spend("key", rule_of(number)) == 0
        wire.delay_seconds = 0.3
        late = [await buckets.spend("key", rule_of(number)) for number in range(1, 6)]
        assert buckets.fell_back == 5  # counted in memory meanwhile
        assert late == [0.0] * 5
        wire.delay_seconds = 0.0
        for _ in range(3):
            for number in range(5, 0, -1):
                assert await buckets.spend("key", rule_of(number)) == number * 3600.0
        assert buckets.fell_back == 5
    finally:
        await buckets.aclose()
        await wire.stop()
