"""Times on the wire: RFC 3339, UTC, milliseconds, `Z`; inside, milliseconds since the epoch."""

from datetime import UTC, date, datetime
from functools import lru_cache

EPOCH = date(1970, 1, 1)
# Those that `date_of` can tell.
DAYS = range(date.max.toordinal() - EPOCH.toordinal() + 1)
DAY = 86_400_000
LAST = 253_402_300_799_999  # of the year 9999
MINUTE = 60_000


def when(milliseconds: int) -> str:
    """`1700000000123` → `2023-11-14T22:13:20.123Z`."""
    minute, rest = divmod(milliseconds, MINUTE)
    return f"{_minute(minute)}:{rest / 1000:06.3f}Z"


def when_written(milliseconds: int) -> str:
    """The same for what stands in a row that somebody may have spoilt: the nearest time there is, never an error."""
    return when(min(max(milliseconds, 0), LAST))


def when_known(milliseconds: int | None) -> str | None:
    """The same for a time that may not have come."""
    return None if milliseconds is None else when(milliseconds)


def day_of(milliseconds: int) -> int:
    """The day (UTC) in days since the epoch."""
    return milliseconds // DAY


def date_of(day: int) -> str:
    """`19675` → `2023-11-14`."""
    return date.fromordinal(EPOCH.toordinal() + day).isoformat()


@lru_cache(1024)
def _minute(minute: int) -> str:
    """All but the seconds: the times of one page, or of one moment, have few different ones."""
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%M}"
