"""Figures out of samples: percentiles, medians with their spread, and a process's CPU time."""

import os
import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest of at least one value."""
    return Spread(statistics.median(values), min(values), max(values), len(values))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that so many percent of the ordered ones do not exceed (nearest rank); 0.0 of nothing."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def cpu_seconds(pid: int | None = None) -> float:
    """CPU time that a process, this one by default, has used in all its threads, user and system."""
    times = psutil.Process(pid or os.getpid()).cpu_times()
    return float(times.user + times.system)


def family_cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time of these processes and all that they started and that live: of PostgreSQL and its backends."""
    total = 0.0
    for pid in pids:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += cpu_seconds(process.pid)
    return total


def rss_bytes(pid: int) -> int:
    """How much memory of a process is in RAM."""
    return int(psutil.Process(pid).memory_info().rss)
