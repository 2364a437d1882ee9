"""Runs become medians, ratios within a round, and goals that are reached, missed or not measured."""

import json

import pytest

from bench.goals import COLUMNS, GOALS, TITLES
from bench.results import RELAY, Goal, Run, Session, markdown, ratio, reached, section_of, to_json, with_section

RUNS = [
    Run("M1", "8", RELAY, 0, {"per_second": 1000.0}),
    Run("M1", "8", "ours", 0, {"per_second": 500.0}),
    Run("M1", "8", RELAY, 1, {"per_second": 100.0}),
    Run("M1", "8", "ours", 1, {"per_second": 40.0}),
    Run("M1", "8", "ours", 2, {"per_second": 9999.0}),
]


def goal(**wanted: object) -> Goal:
    return Goal("M1", "8", "ours", "per_second", **{"bound": 500, "at_least": True, "told": "fast", **wanted})


def test_a_ratio_is_taken_within_each_round_before_the_median():
    assert ratio(RUNS, "M1", "8", "ours", "per_second") == pytest.approx(0.45)
    assert ratio(RUNS, "M1", "1", "ours", "per_second") is None


def test_a_goal_is_reached_missed_or_not_measured():
    assert reached(RUNS, goal()) == (500.0, True)
    assert reached(RUNS, goal(bound=501)) == (500.0, False)
    assert reached(RUNS, goal(bound=499, at_least=False)) == (500.0, False)
    assert reached(RUNS, goal(bound=0.4, of_relay=True)) == (pytest.approx(0.45), True)
    assert reached([], goal()) is None
    assert reached(RUNS[-1:], goal(of_relay=True)) is None


def test_the_page_shows_targets_medians_and_what_was_not_measured():
    session = Session("2026-11-22", {"cores": "2"}, ["a remark"], RUNS)
    page = markdown(session, [goal(), goal(bound=9e9)], {"M1": "speed", "M5": "two"}, {"M1": {"per_second": "per s"}})
    assert "- a remark" in page
    assert "| M1 fast | 500 | reached |" in page
    assert "| M1 fast | 500 | **not reached** |" in page
    assert "| 8: ours | 500 (40–9,999) | 0.45 |" in page
    assert "| 8: relay | 550 (100–1,000) |  |" in page
    assert page.endswith("## M5: two\n\nNot measured.\n")


def test_the_json_holds_every_run():
    kept = json.loads(to_json(Session("2026-11-22", {}, [], RUNS)))
    assert [run["values"]["per_second"] for run in kept["runs"]] == [1000, 500, 100, 40, 9999]


def test_each_goal_is_of_a_row_and_a_value_that_the_page_shows():
    for each in GOALS:
        assert each.row in TITLES
        assert each.key in COLUMNS[each.row]


def test_a_section_takes_the_place_of_the_one_before_and_leaves_the_rest():
    text = with_section("# Results\n\n## M9: calls\n\nnine\n", "The page", "one\n")
    assert text == "# Results\n\n## M9: calls\n\nnine\n\n## The page\n\none\n"
    again = with_section(text + "\n## Behind\n\nmore\n", "The page", "two")
    assert again == "# Results\n\n## M9: calls\n\nnine\n\n## The page\n\ntwo\n\n## Behind\n\nmore\n"
    assert section_of(again, "The page") == "two"
    assert section_of(again, "Behind") == "more"
    assert section_of(again, "Nothing") == ""
    assert with_section("", "The page", "one") == "## The page\n\none\n"
