"""The large table is told in relation to the small one of the same round, by all the CPU that a call takes."""

from bench.goals import LARGE, SMALL
from bench.pages import compared


def test_the_large_table_is_told_in_relation_to_the_small_one():
    large = {"wall_us": 300.0, "cpu_us": 80.0, "database_cpu_us": 40.0}
    small = {"wall_us": 200.0, "cpu_us": 70.0, "database_cpu_us": 30.0}
    found = compared({LARGE: large, SMALL: small})
    assert found[LARGE] == {**large, "cost_us": 120, "times_cost_us": 1.2, "times_wall_us": 1.5}
    assert found[SMALL] == {**small, "cost_us": 100}


def test_where_the_databases_cannot_be_seen_the_server_alone_is_compared():
    found = compared({LARGE: {"wall_us": 1.0, "cpu_us": 90.0}, SMALL: {"wall_us": 1.0, "cpu_us": 100.0}})
    assert found[LARGE]["times_cost_us"] == 0.9


def test_what_was_too_short_to_be_measured_is_not_compared():
    found = compared({LARGE: {"wall_us": 300.0, "cpu_us": 0.0}, SMALL: {"wall_us": 200.0, "cpu_us": 0.0}})
    assert "times_cost_us" not in found[LARGE]
