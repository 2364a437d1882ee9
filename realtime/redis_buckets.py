"""Limits that all instances share: the Redis twin of the buckets in memory, and its fall-back to them.

When Redis is out of reach it counts in memory: each instance then allows the whole limit, or the share of it that
the rule says (`Alone`), and no more. What was spent in Redis does not count here, nor the other way round: somebody who
has spent all gets that share once more. A count in memory outlasts the return of Redis, so that one who comes and goes
gives nothing anew.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from realtime.buckets import MemoryBuckets, Rule, bucket_name, check_cost

log = logging.getLogger("recado.limits")

MAX_BATCH = 128

# KEYS: the buckets. ARGV: the clock or "", then per bucket: microseconds per piece, burst, cost.
# Answers, per bucket, the microseconds to wait, 0 when it was spent.
_SPEND = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local answer = {}
for k, key in ipairs(KEYS) do
  local piece, burst, cost = ARGV[3 * k - 1], ARGV[3 * k], ARGV[3 * k + 1]
  local rest = math.max(tonumber(redis.call('GET', key) or 0), now) + piece * cost
  local wait = rest - piece * burst - now
  if wait <= 0 then
    wait = 0
    redis.call('SET', key, string.format('%.0f', rest), 'PX', math.ceil((rest - now) / 1000) + 1)
  end
  answer[k] = string.format('%.0f', wait)
end
return table.concat(answer, ' ')
"""


class RedisBuckets:
    """Buckets that all instances share. What is spent in the same moment goes to Redis in one call."""

    def __init__(
        self,
        url: str,
        prefix: str = "recado",
        *,
        fallback: MemoryBuckets | None = None,
        timeout_seconds: float = 0.25,
        retry_seconds: float = 1.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.fallback = fallback or MemoryBuckets()
        self.fell_back = 0  # spends counted in memory because Redis was out of reach
        self._prefix = f"{prefix}:b:"
        self._retry_seconds = retry_seconds
        self._clock = clock  # None: that of Redis, the same for all instances
        self._down_until = 0.0
        self._waiting: list[tuple[str, Rule, int, asyncio.Future[float]]] = []
        self._task: asyncio.Task[None] | None = None
        self._timeout_seconds = timeout_seconds
        self._pool: Any = BlockingConnectionPool.from_url(
            url, max_connections=2, timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
        )
        self._script = Redis(connection_pool=self._pool).register_script(_SPEND)

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        """See `Buckets`. Never raises because of Redis."""
        check_cost(rule, cost)
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((bucket_name(key, rule), rule, cost, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._flush(), name="redis-buckets")
        return await answer

    async def aclose(self) -> None:
        """Finish what is under way and give the connections back."""
        if self._task is not None:
            await asyncio.wait((self._task,))
        await self._pool.disconnect()

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                for (bucket, rule, cost, answer), wait in zip(batch, await self._ask(batch), strict=True):
                    if not answer.done():
                        answer.set_result(self._in_memory(bucket, rule, cost) if wait is None else wait)
        finally:
            self._task = None

    async def _ask(self, batch: list[tuple[str, Rule, int, asyncio.Future[float]]]) -> list[float] | list[None]:
        """The seconds to wait for each, or None for each when Redis does not say."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._down_until:
            return [None] * len(batch)
        arguments: list[str | int] = ["" if self._clock is None else int(self._clock() * 1_000_000)]
        for _, rule, cost, _ in batch:
            arguments += (rule.piece, rule.burst, cost)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await self._script(keys=[self._prefix + bucket for bucket, *_ in batch], args=arguments)
            waits = [int(wait) / 1_000_000 for wait in reply.split()]
            if len(waits) != len(batch):
                raise ValueError("too few answers")
        except (RedisError, OSError, ValueError) as error:
            self._down_until = loop.time() + self._retry_seconds
            log.warning("limits are counted in memory: %s", type(error).__name__)
            return [None] * len(batch)
        return waits

    def _in_memory(self, bucket: str, rule: Rule, cost: int) -> float:
        self.fell_back += 1
        return self.fallback.take(bucket, rule.without_redis(), cost)
