"""Times on the wire."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.times import DAYS, date_of, day_of, when, when_known, when_written


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (1_700_000_000_007, "2023-11-14T22:13:20.007Z"),
        (1_700_000_039_999, "2023-11-14T22:13:59.999Z"),
        (1_700_000_040_000, "2023-11-14T22:14:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_rfc_3339_utc_with_milliseconds(milliseconds: int, shown: str) -> None:
    assert when(milliseconds) == shown


@given(st.integers(0, 253_402_300_799_999))
def test_every_millisecond_has_its_own_text(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert when(milliseconds) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("milliseconds", [9_000_000_000_000_000_000, -9_000_000_000_000_000_000, 253_402_300_800_000])
def test_what_no_calendar_has_is_refused(milliseconds: int) -> None:
    with pytest.raises((ValueError, OverflowError, OSError)):
        when(milliseconds)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (2**62, "9999-12-31T23:59:59.999Z"),
        (-(2**62), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_what_somebody_else_has_written_is_always_told(milliseconds: int, shown: str) -> None:
    assert when_written(milliseconds) == shown


def test_every_day_that_can_be_told_is_told() -> None:
    assert (date_of(DAYS[0]), date_of(DAYS[-1])) == ("1970-01-01", "9999-12-31")
    with pytest.raises(ValueError, match=r"out of range|must be"):
        date_of(DAYS[-1] + 1)


def test_the_order_of_the_texts_is_the_order_of_the_times() -> None:
    times = [1_799_999_999_999, 1_800_000_000_000, 1_800_000_000_010, 1_800_000_000_100]
    assert sorted(map(when, times)) == [when(time) for time in times]


def test_a_time_that_has_not_come_is_none() -> None:
    assert when_known(None) is None
    assert when_known(0) == when(0)


@pytest.mark.parametrize(
    ("milliseconds", "date"),
    [
        (0, "1970-01-01"),
        (86_399_999, "1970-01-01"),
        (951_782_400_000, "2000-02-29"),
        (1_700_000_000_123, "2023-11-14"),
        (1_799_971_199_999, "2027-01-14"),
        (1_799_971_200_000, "2027-01-15"),
    ],
)
def test_a_day_is_that_of_utc(milliseconds: int, date: str) -> None:
    assert date_of(day_of(milliseconds)) == date
