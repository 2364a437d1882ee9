"""Percentiles and spreads are of the samples, and CPU time is that of real processes."""

import os
import subprocess
import sys

import pytest

from bench.stats import cpu_seconds, family_cpu_seconds, percentile, rss_bytes, spread


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1.0), (1, 1.0), (50, 5.0), (51, 6.0), (90, 9.0), (99, 10.0), (100, 10.0)],
)
def test_a_percentile_is_the_lowest_sample_that_so_many_do_not_exceed(percent, expected):
    assert percentile([float(number) for number in range(1, 11)], percent) == expected


def test_a_percentile_of_nothing_is_zero_and_of_one_sample_that_sample():
    assert percentile([], 99) == 0.0
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0


def test_a_spread_has_the_median_and_both_ends():
    found = spread([3.0, 1.0, 10.0])
    assert (found.median, found.low, found.high, found.count) == (3.0, 1.0, 10.0, 3)


def test_cpu_time_grows_with_work():
    before = cpu_seconds()
    while cpu_seconds() == before:
        sum(range(10_000))
    assert cpu_seconds() > before


def test_the_family_counts_what_its_children_used():
    busy = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        alone, together = cpu_seconds(child.pid), family_cpu_seconds([os.getpid()])
        child.communicate(b"\n")
    assert alone >= 0.09
    assert together >= alone


def test_a_process_has_memory():
    assert rss_bytes(os.getpid()) > 1_000_000
