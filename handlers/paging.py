"""Pages of a list: one more is looked for than is shown, and when it is there a `Link` leads on (RFC 8288 §3)."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from handlers.operation import Answer

Found = TypeVar("Found")
Values = Mapping[str, str | int]


def first_of(
    found: Sequence[Found], limit: int, url: str, *, show: Callable[[Found], object], step: Callable[[Found], Values]
) -> Answer:
    """The first `limit` of what was found, as they are shown; `step` says how the page behind one of them is asked."""
    shown = [show(each) for each in found[:limit]]
    if len(found) <= limit:
        return Answer(shown)
    return Answer(shown, headers={"Link": link_next(url, {"limit": limit, **step(found[limit - 1])})})


def link_next(url: str, values: Values) -> str:
    """A `Link` header to the next page."""
    return f'<{url}?{urlencode(values)}>; rel="next"'
