"""Who is online, on whichever instance: the interface, what an instance knows of itself, and the twin for one alone.

Somebody is online who has a connection, or had one a moment ago: within the grace a reconnect changes nothing, so
that a person who flaps is told about at most twice in that time. Only ids are known here, and no times are kept.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

Clock = Callable[[], float]


class Presence(Protocol):
    """What actions see of it. MUST be called on the event loop's thread."""

    fell_back: int  # times it answered from this instance alone, because the others could not be asked

    def come(self, user_id: int) -> None:
        """They have a connection to this instance; again changes nothing. A plain call, never waits."""

    def go(self, user_id: int) -> None:
        """They have no connection to this instance any more; harmless for who never had. A plain call."""

    async def turn(self) -> list[int]:
        """The people about whom this instance has to tell: who came or went since, as far as is known here.

        Call it about once a second, whatever else there is to do: an instance that does not is taken for dead.
        Never raises because of others, and waits for them only briefly.
        """

    async def among(self, user_ids: Collection[int]) -> set[int]:
        """Which of these are online. Never raises because of others, and waits for them only briefly."""

    async def aclose(self) -> None:
        """Let go of what is held outside this process. Who was here fades by themselves."""


class Here:
    """The people of one instance."""

    def __init__(self, grace_seconds: float, clock: Clock) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        # Until when those are kept who have no connection any more; None for those who have.
        self._people: dict[int, float | None] = {}
        self._leaving: deque[tuple[float, int]] = deque()  # in the order in which they are due
        self._changed: dict[int, None] = {}

    def __contains__(self, user_id: int) -> bool:
        return user_id in self._people

    def __iter__(self) -> Iterator[int]:
        return iter(self._people)

    def come(self, user_id: int) -> None:
        """See `Presence`."""
        if user_id not in self._people:
            self._changed[user_id] = None
        self._people[user_id] = None

    def go(self, user_id: int) -> None:
        """See `Presence`."""
        if self._people.get(user_id, 0.0) is None:
            due = self._people[user_id] = self._clock() + self._grace_seconds
            self._leaving.append((due, user_id))

    def changes(self) -> list[int]:
        """Who has come or gone for good since this was asked last."""
        now = self._clock()
        while self._leaving and self._leaving[0][0] <= now:
            due, user_id = self._leaving.popleft()
            if self._people.get(user_id) == due:  # else they came back
                del self._people[user_id]
                self._changed[user_id] = None
        changed, self._changed = list(self._changed), {}
        return changed


class LocalPresence:
    """The presence of a single process."""

    fell_back = 0

    def __init__(self, grace_seconds: float = 10.0, *, clock: Clock = time.monotonic) -> None:
        self._here = Here(grace_seconds, clock)
        self.come = self._here.come
        self.go = self._here.go

    async def turn(self) -> list[int]:
        """See `Presence`."""
        return self._here.changes()

    async def among(self, user_ids: Collection[int]) -> set[int]:
        """See `Presence`."""
        return {user_id for user_id in user_ids if user_id in self._here}

    async def aclose(self) -> None:
        """Nothing to do."""
