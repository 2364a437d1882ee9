"""No position is given twice, and no gap is forgotten."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.positions import Given

POSITIONS = st.lists(st.integers(1, 60), max_size=120)


@settings(deadline=None)
@given(st.integers(0, 10), POSITIONS)
def test_every_position_is_given_once_and_the_contiguous_one_is_the_highest_without_a_gap_below(
    upto: int, positions: list[int]
) -> None:
    given_ = Given(upto)
    seen = set(range(upto + 1))
    for position in positions:
        new = position not in seen
        assert given_.is_new(position) is new
        assert given_.add(position) is new
        seen.add(position)
        expected = next(number for number in range(200) if number + 1 not in seen)
        assert given_.upto == expected
        assert given_.has_gap is (max(seen) > expected)


@settings(deadline=None)
@given(POSITIONS, st.integers(0, 60), POSITIONS)
def test_to_begin_late_forgets_nothing_that_was_given(before: list[int], upto: int, after: list[int]) -> None:
    given_ = Given()
    seen: set[int] = set()
    for position in before:
        assert given_.add(position) is (position not in seen)
        seen.add(position)
    assert given_.upto is None
    assert not given_.has_gap
    given_.begin(upto)
    seen |= set(range(upto + 1))
    for position in after:
        assert given_.add(position) is (position not in seen)
        seen.add(position)
    assert given_.upto == next(number for number in range(200) if number + 1 not in seen)


def test_a_position_in_the_wrong_order_is_no_gap_once_the_rest_has_come() -> None:
    given_ = Given(0)
    order = list(range(1, 1001))
    random.Random(1).shuffle(order)
    assert all(given_.add(position) for position in order)
    assert given_.upto == 1000
    assert not given_.has_gap


def test_to_begin_again_only_moves_forward() -> None:
    given_ = Given(10)
    given_.begin(5)
    assert given_.upto == 10
    given_.begin(12)
    assert given_.upto == 12


def test_no_position_below_one_is_ever_new() -> None:
    for given_ in (Given(), Given(0)):
        assert not given_.is_new(0)
        assert not given_.add(-1)


def test_behind_a_gap_only_so_many_are_taken_and_the_rest_is_left_to_the_log() -> None:
    given_ = Given(0, limit=100)
    assert [given_.add(position) for position in range(2, 202)] == [True] * 100 + [False] * 100
    assert given_.refused == 100
    assert given_.add(1)  # the gap closes: what follows is new again
    assert given_.upto == 101
    assert given_.is_new(102)
    assert given_.add(102)


def test_without_a_beginning_only_the_latest_are_remembered() -> None:
    given_ = Given(limit=100)
    for position in range(1, 10_001):
        assert given_.add(position)
        assert not given_.add(position)
    assert len(given_._above) <= 100
    assert not given_.is_new(9_990)
    assert not given_.is_new(1)
    assert given_.upto is None


def test_a_late_beginning_after_much_was_forgotten_loses_nothing() -> None:
    given_ = Given(limit=4)
    for position in range(1, 20):
        given_.add(position)
    given_.begin(3)
    assert given_.upto == 3
    assert given_.is_new(4)  # perhaps given, long ago: to repeat it is better than to lose it
