"""Times on the wire."""

import pytest

from actions.times import when, when_known


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (1_700_000_000_007, "2023-11-14T22:13:20.007Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_rfc_3339_utc_with_milliseconds(milliseconds: int, shown: str) -> None:
    assert when(milliseconds) == shown


def test_the_order_of_the_texts_is_the_order_of_the_times() -> None:
    times = [1_799_999_999_999, 1_800_000_000_000, 1_800_000_000_010, 1_800_000_000_100]
    assert sorted(map(when, times)) == [when(time) for time in times]


def test_a_time_that_has_not_come_is_none() -> None:
    assert when_known(None) is None
    assert when_known(0) == when(0)
