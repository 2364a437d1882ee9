"""What a route is: one operation, its shapes and its answers. The table of all is in `routes.py`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from actions.app import App, Caller, Origin
from actions.ceremonies import Site
from actions.limits import Rule

B = TypeVar("B")
Q = TypeVar("Q")


class Nothing(msgspec.Struct, frozen=True):
    """A body or a query without any field of ours: what is given is ignored."""


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body or a query without any field: what is given is refused."""


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request whose shape is right. `caller` is who asks; only operations open to all have None."""

    app: App
    origin: Origin
    body: B
    query: Q
    path: Mapping[str, str]
    url: str
    signed_in: Caller | None = None
    # The page keeps its refresh token in a cookie that no script can read.
    keeps_cookie: bool = False
    cookie: str | None = None
    # Where the page that asks is, for passkeys; asked only by who needs it.
    site: Callable[[], Site | None] = lambda: None

    @property
    def caller(self) -> Caller:
        """Who asks; for operations that need somebody signed in."""
        assert self.signed_in is not None  # noqa: S101 (the door has refused everybody else)
        return self.signed_in


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `refresh_cookie`: a new value, an empty one to remove the cookie, or None to leave it.

    `pieces`: a body that is made while it is sent; `headers` say what it is.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    refresh_cookie: str | None = None
    pieces: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    `enrols`: what somebody needs to enrol a second factor. `lenient` (COMPAT: the operations of the first
    system) ignores unknown fields; all others refuse them.
    """

    method: str
    path: str
    act: Callable[[Call[Any, Any]], Awaitable[Answer]]
    summary: str
    answers: Mapping[int, Any]
    problems: tuple[int, ...] = ()
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    lenient: bool = False
    signed_in: bool = True
    limit: Rule | None = None
    # Open to who has no second factor yet where everybody must.
    enrols: bool = False
    tags: tuple[str, ...] = ()

    @property
    def body_shape(self) -> type[msgspec.Struct]:
        """What a body is read into."""
        return self.body or self._no_shape

    @property
    def query_shape(self) -> type[msgspec.Struct]:
        """What the query is read into."""
        return self.query or self._no_shape

    @property
    def _no_shape(self) -> type[msgspec.Struct]:
        return Nothing if self.lenient else NoFields
