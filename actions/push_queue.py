"""Who waits to be told by push, on this instance: when to look after whom, and what became of it.

It is a hint only: what is owed to whom stands in the database. What does not fit here, or was lost with an instance, a
sweep finds there.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MOST_WAITING = 10_000
# How many pushes are under way at a time, in all, and to one push service: one that hangs holds up no other.
MOST_FLYING = 256
MOST_TO_ONE = 64


class Unreachable(Exception):
    """The push service did not answer in time, or not as one. The text is a reason, never the endpoint."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a push service said."""

    status: int
    retry_after: str = ""


class Courier(Protocol):
    """Who carries a push: to public addresses only, without following anybody elsewhere, within bounds."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Its reply; `Unreachable`, or `push_policy.Barred` when it must not go there."""

    def close(self) -> None:
        """End what is under way."""


@dataclass(slots=True)
class Push:
    """The settings of pushing, what waits on this instance, and counters. Without a courier it is switched off."""

    courier: Courier | None = None
    contact: str = ""
    delay: int = 5_000  # milliseconds that a device has to acknowledge
    extra_hosts: tuple[str, ...] = ()
    sent: int = 0
    failed: int = 0
    removed: int = 0
    overflowed: int = 0
    flying: Counter[str] = field(default_factory=Counter)  # by host
    _due: dict[int, int] = field(default_factory=dict)  # by person: when to look

    @property
    def waiting(self) -> int:
        """How many people are to be looked after, and how many pushes are under way."""
        return len(self._due) + self.flying.total()

    @property
    def room(self) -> int:
        """How many more pushes may be begun."""
        return max(0, MOST_FLYING - self.flying.total())

    def begin(self, host: str) -> bool:
        """Count one more under way to this host; False when it has as many as it may have."""
        if self.flying[host] >= MOST_TO_ONE:
            return False
        self.flying[host] += 1
        return True

    def end(self, host: str) -> None:
        """Count one less."""
        self.flying[host] -= 1
        if not self.flying[host]:
            del self.flying[host]

    def note(self, user_id: int, at: int) -> None:
        """Look at this time whether this person is to be told; an earlier time that was noted stays."""
        known = self._due.get(user_id)
        if known is None and len(self._due) >= MOST_WAITING:
            self.overflowed += 1
        elif known is None or at < known:
            self._due[user_id] = at

    def take_due(self, now: int, most: int) -> list[int]:
        """Up to so many people for whom it is time, no longer noted."""
        due = [user_id for user_id, at in self._due.items() if at <= now][:most]
        for user_id in due:
            del self._due[user_id]
        return due
