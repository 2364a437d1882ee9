"""The cursor is the highest contiguous position."""

from hypothesis import given
from hypothesis import strategies as st

from prove.cursor import Cursor


@given(start=st.integers(0, 5), order=st.permutations(range(1, 15)), twice=st.lists(st.integers(1, 14)))
def test_whatever_the_order_it_stands_below_the_first_hole(start: int, order: list[int], twice: list[int]) -> None:
    cursor = Cursor(start)
    had: set[int] = set(range(start + 1))
    for position in [*order[:9], *twice]:
        assert cursor.add(position) == (position not in had)
        had.add(position)
        assert cursor.upto == next(n for n in range(99) if n + 1 not in had)
        assert cursor.has_gap == (max(had) > cursor.upto)


def test_skipping_takes_in_what_came_early() -> None:
    cursor = Cursor(0)
    cursor.add(3)
    cursor.add(7)
    cursor.skip(2)
    assert (cursor.upto, cursor.has_gap) == (3, True)
    cursor.skip(1)
    assert cursor.upto == 3
