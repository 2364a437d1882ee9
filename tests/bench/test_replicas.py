"""Two instances are compared with one of the same round, by what they carry and by what a message costs them."""

import pytest

from bench.goals import ALONE, APART, CALM, CALM_APART, TOGETHER
from bench.replicas import CASES, compared

ROUND = {
    ALONE: {"per_second": 1000.0, "server_cpu_us": 100.0, "p50_ms": 9.0},
    TOGETHER: {"per_second": 1900.0, "server_cpu_us": 100.0, "p50_ms": 9.0},
    APART: {"per_second": 1200.0, "server_cpu_us": 160.0, "p50_ms": 9.0},
    CALM: {"per_second": 500.0, "server_cpu_us": 300.0, "p50_ms": 2.0},
    CALM_APART: {"per_second": 500.0, "server_cpu_us": 400.0, "p50_ms": 3.5},
}


def test_two_are_told_in_relation_to_one():
    found = compared(ROUND)
    assert (found[TOGETHER]["times_one"], found[TOGETHER]["times_by_cpu"]) == (1.9, 2.0)
    assert (found[APART]["times_one"], found[APART]["times_by_cpu"]) == (1.2, 1.25)
    assert "times_one" not in found[ALONE]


def test_the_way_between_instances_is_what_the_median_has_more_than_on_one():
    found = compared(ROUND)
    assert found[CALM_APART]["added_p50_ms"] == pytest.approx(1.5)
    assert "added_p50_ms" not in found[CALM]
    assert "added_p50_ms" not in ROUND[CALM_APART]


def test_cases_that_are_compared_differ_in_one_thing():
    options = {case: [option for option in asked if option != "--apart"] for case, (asked, _) in CASES.items()}
    assert options[ALONE] == options[TOGETHER] == options[APART]
    assert options[CALM] == options[CALM_APART]
    assert [case for case, (asked, _) in CASES.items() if "--apart" in asked] == [APART, CALM_APART]
    assert [case for case, (_, both) in CASES.items() if not both] == [ALONE]
