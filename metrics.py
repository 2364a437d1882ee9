"""What is counted while it happens, for whoever reads it out. Costs a few additions; knows no names."""

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """How often a value was at most each of `bounds`, which rise; in seconds, where nothing else is said."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float, times: int = 1) -> None:
        """Count this value so many times."""
        self._counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    @property
    def cumulated(self) -> list[tuple[float, int]]:
        """Each bound, infinity last, with how many values were at most that."""
        total = 0
        pairs = []
        for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
            total += count
            pairs.append((bound, total))
        return pairs
