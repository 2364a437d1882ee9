"""How fast someone goes: limits by GCRA, the leaky bucket that needs one number per key.

The number is the moment at which the key is at rest again. Spending moves it on; a spend that would move
it further than a full burst ahead is refused, and costs nothing. Integer microseconds throughout, so that
the memory twin and the Redis twin count alike. Keys MUST hold nothing secret: they stand in Redis.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_MAX_KEY = 128


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `burst` pieces at once, and as many per `per_seconds` in the long run."""

    name: str
    burst: int
    per_seconds: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.piece < 1:
            raise ValueError(f"limit {self.name}: the burst and the time must be positive")

    @property
    def piece(self) -> int:
        """Microseconds that one piece takes."""
        return int(self.per_seconds * 1_000_000) // self.burst


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
