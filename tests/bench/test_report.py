"""Tables line up, and numbers have the digits that count."""

import pytest

from bench.report import markdown_table, number, spread_text, text_table
from bench.stats import spread


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.321, "0.32"),
        (6.4, "6.40"),
        (12.34, "12.3"),
        (105.4, "105"),
        (7412.3, "7,412"),
        (5.0, "5"),
        (-1.5, "-1.50"),
    ],
)
def test_a_number_has_the_digits_that_count(value, expected):
    assert number(value) == expected


def test_a_spread_shows_its_ends_only_when_there_is_more_than_one_value():
    assert spread_text(spread([100.0, 300.0, 200.0])) == "200 (100–300)"
    assert spread_text(spread([1.5])) == "1.50"


def test_a_text_table_has_columns_of_one_width():
    assert text_table(["", "value"], [["messages", "7"], ["s", "1,000"]]).splitlines() == [
        "          value",
        "--------  -----",
        "messages      7",
        "s         1,000",
    ]


def test_a_markdown_table_has_a_rule_and_as_many_cells_in_each_line():
    lines = markdown_table(["a", "b", "c"], [["1", "2", "3"]]).splitlines()
    assert lines == ["| a | b | c |", "| --- | --: | --: |", "| 1 | 2 | 3 |"]
