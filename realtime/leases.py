"""Shared limits that cost few trips to Redis: several pieces of a bucket are taken at once, and spent from here.

Never is more allowed than the bucket allows. What was taken and not spent the bucket gets back with time, so it is
lost here at the same pace: what is held here and what is left in the bucket are never more than a burst together.
What other instances hold meanwhile is missing from the bucket: a 25th of the burst at most, each. And a bucket that
was found empty is not asked again before it can have a piece.
"""

import time
from collections.abc import Callable
from typing import Protocol

from realtime.buckets import Buckets, Rule, bucket_name

SHARE = 25  # so many leases make a burst


class Shared(Buckets, Protocol):
    """Buckets that all instances share."""

    @property
    def fell_back(self) -> int: ...


class _Lease:
    """What is known and held of one bucket. Times in microseconds."""

    __slots__ = ("asking", "empty_until", "ends", "left")

    def __init__(self) -> None:
        self.asking = False  # more pieces are on their way
        self.left = 0
        self.ends = 0  # by then the bucket has all of it back
        self.empty_until = 0

    def take(self, now: int, piece: int) -> bool:
        """Spend one of those held; whether there was one."""
        held = min(self.left, (self.ends - now) // piece)
        self.left = max(held - 1, 0)
        return held > 0


class Leases:
    """Buckets over shared ones. Over `most` leases, the oldest is forgotten, and with it what it held."""

    def __init__(self, shared: Shared, clock: Callable[[], float] = time.monotonic, most: int = 20_000) -> None:
        self._shared = shared
        self._clock = clock
        self._most = most
        self._leases: dict[str, _Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    @property
    def fell_back(self) -> int:
        """How often Redis was out of reach when it was asked."""
        return self._shared.fell_back

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        """See `Buckets`."""
        if cost != 1:
            return await self._shared.spend(key, rule, cost)
        lease = self._lease(bucket_name(key, rule))
        now = self._now()
        if lease.take(now, rule.piece):
            return 0.0
        if lease.empty_until > now:
            return (lease.empty_until - now) / 1_000_000
        # Whoever comes while others are on their way asks for one piece only: together they would empty the bucket.
        pieces = 1 if lease.asking else max(1, rule.burst // SHARE)
        if pieces == 1:
            return await self._ask_for_one(lease, key, rule)
        lease.asking = True
        fell_back = self._shared.fell_back
        try:
            wait = await self._shared.spend(key, rule, pieces)
        finally:
            lease.asking = False
        if wait == 0:
            lease.left, lease.ends = pieces - 1, now + pieces * rule.piece
            return 0.0
        # There may still be one, of fewer than were asked for. Without Redis, pieces take another time.
        wait -= (pieces - 1) * rule.piece / 1_000_000
        if wait > 0 and self._shared.fell_back == fell_back:
            return _refused(lease, now, wait, rule)
        return await self._ask_for_one(lease, key, rule)

    async def aclose(self) -> None:
        """Let go of the shared buckets."""
        await self._shared.aclose()

    async def _ask_for_one(self, lease: _Lease, key: str, rule: Rule) -> float:
        asked = self._now()
        wait = await self._shared.spend(key, rule)
        # Those that were on their way may have come meanwhile.
        return 0.0 if wait == 0 or lease.take(self._now(), rule.piece) else _refused(lease, asked, wait, rule)

    def _lease(self, bucket: str) -> _Lease:
        lease = self._leases.get(bucket)
        if lease is None:
            lease = self._leases[bucket] = _Lease()
            if len(self._leases) > self._most:
                del self._leases[next(iter(self._leases))]
        return lease

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)


def _refused(lease: _Lease, asked: int, wait: float, rule: Rule) -> float:
    microseconds = round(wait * 1_000_000)
    # Redis never says more than a piece takes; who does counts alone, until Redis is back, and is asked at no cost.
    if microseconds <= rule.piece:
        lease.empty_until = asked + microseconds
    return wait
