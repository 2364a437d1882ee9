"""Histograms count each value where Prometheus expects it."""

from metrics import Histogram


def test_a_value_counts_for_its_bound_and_all_above() -> None:
    histogram = Histogram([1, 2])
    for value in (0.5, 1, 1.5, 2, 7):
        histogram.observe(value)
    assert histogram.cumulated == [(1, 2), (2, 4), (float("inf"), 5)]
    assert histogram.sum == 12


def test_one_value_may_count_for_many() -> None:
    histogram = Histogram([1])
    histogram.observe(0.5, times=4)
    assert histogram.cumulated == [(1, 4), (float("inf"), 4)]
    assert histogram.sum == 2
