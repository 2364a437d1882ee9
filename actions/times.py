"""Times on the wire: RFC 3339, UTC, milliseconds, `Z`; inside, milliseconds since the epoch."""

from datetime import UTC, datetime


def when(milliseconds: int) -> str:
    """`1700000000123` → `2023-11-14T22:13:20.123Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def when_known(milliseconds: int | None) -> str | None:
    """The same for a time that may not have come."""
    return None if milliseconds is None else when(milliseconds)
