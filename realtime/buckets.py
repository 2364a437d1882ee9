"""How fast someone goes: limits by GCRA, the leaky bucket that needs one number per key.

The number is the moment at which the key is at rest again. Spending moves it on; a spend that would move
it further than a full burst ahead is refused, and costs nothing. Integer microseconds throughout, so that
the memory twin and the Redis twin count alike. Keys MUST hold nothing secret: they stand in Redis.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

_MAX_KEY = 128
# So many instances that guard alone allow no more together than the whole limit.
GUARDS = 4


class Alone(Enum):
    """What an instance allows by its own count, when it cannot ask Redis."""

    OPEN = "open"  # the whole limit: what must go on
    CLOSED = "closed"  # a quarter of it, in burst and in pace: what must not be tried more often meanwhile
    HERE = "here"  # the whole limit; it is counted by each instance for itself in any case, and Redis never asked


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `burst` pieces at once, and as many per `per_seconds` in the long run."""

    name: str
    burst: int
    per_seconds: float
    alone: Alone = field(default=Alone.OPEN, compare=False)

    def __post_init__(self) -> None:
        if self.burst < 1 or self.piece < 1:
            raise ValueError(f"limit {self.name}: the burst and the time must be positive")

    @property
    def piece(self) -> int:
        """Microseconds that one piece takes."""
        return int(self.per_seconds * 1_000_000) // self.burst

    def without_redis(self) -> "Rule":
        """The rule of an instance that cannot ask Redis."""
        if self.alone is not Alone.CLOSED:
            return self
        burst = max(1, self.burst // GUARDS)
        return replace(self, burst=burst, per_seconds=self.per_seconds / self.burst * GUARDS * burst)


class Buckets(Protocol):
    """What actions and doors see of it."""

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        """0.0 when `cost` pieces were spent, else the seconds to wait before they can be.

        ValueError when the cost is more than the burst, which no waiting helps.
        """

    async def aclose(self) -> None:
        """Let go of what is held outside this process."""


class MemoryBuckets:
    """Buckets of this process. Over `max_keys`, the one longest not spent from is forgotten."""

    fell_back = 0  # it asks nobody

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_keys: int = 100_000) -> None:
        self.max_keys = max_keys
        self.forgotten = 0  # buckets dropped although they were not at rest
        self._clock = clock
        self._rests: dict[str, int] = {}  # the last spent from at the end

    def __len__(self) -> int:
        return len(self._rests)

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        """See `Buckets`."""
        check_cost(rule, cost)
        return self.take(bucket_name(key, rule), rule, cost)

    async def aclose(self) -> None:
        """Nothing to do."""

    def take(self, bucket: str, rule: Rule, cost: int) -> float:
        """The same by a plain call, for a bucket already named."""
        now = int(self._clock() * 1_000_000)
        piece = rule.piece
        rest = max(self._rests.get(bucket, 0), now) + piece * cost
        wait = rest - piece * rule.burst - now
        if wait > 0:
            return wait / 1_000_000
        self._rests.pop(bucket, None)
        self._rests[bucket] = rest
        self._sweep(now)
        return 0.0

    def _sweep(self, now: int) -> None:
        """Two of the oldest at each spend: faster than they can come, so no long pause ever."""
        for _ in range(2):
            oldest = next(iter(self._rests))
            at_rest = self._rests[oldest] <= now
            if not at_rest and len(self._rests) <= self.max_keys:
                return
            del self._rests[oldest]
            self.forgotten += not at_rest
            if not self._rests:
                return


def check_cost(rule: Rule, cost: int) -> None:
    """Raise ValueError for a cost that can never be spent."""
    if not 0 < cost <= rule.burst:
        raise ValueError(f"limit {rule.name}: a cost of {cost} with a burst of {rule.burst}")


def bucket_name(key: str, rule: Rule) -> str:
    """The bucket of the key under the rule."""
    # Bounded, as keys may come from outside; long ones that begin alike share a bucket.
    return f"{rule.name}:{key[:_MAX_KEY].encode(errors='replace').decode()}"
