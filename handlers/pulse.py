"""Whether the open sockets are alive: each is pinged once in so many seconds, and closed when it does not answer.

One loop for all sockets in place of a task for each; in each second it is another part's turn, so that ten
thousand sockets are never pinged at once.
"""

import asyncio
from collections.abc import Iterator

from handlers.wire import Wire
from realtime import codes

AT_A_TIME = 100


class Pulse:
    """The open sockets of this instance. `ping_seconds` from ping to ping, `timeout_seconds` for the answer."""

    def __init__(self, ping_seconds: int, timeout_seconds: int) -> None:
        self._turns: list[set[Wire]] = [set() for _ in range(ping_seconds)]
        self._timeout_seconds = timeout_seconds
        self._now = 0
        self._next = 0

    def __len__(self) -> int:
        """How many sockets are open."""
        return sum(map(len, self._turns))

    def __iter__(self) -> Iterator[Wire]:
        """Every open socket of this moment."""
        for wires in self._turns:
            yield from tuple(wires)

    def add(self, wire: Wire) -> None:
        """From now on it is pinged. The turns are given out one after the other, so that all have as many."""
        self._next = (self._next + 1) % len(self._turns)
        wire.turn = self._next
        self._turns[self._next].add(wire)

    def discard(self, wire: Wire) -> None:
        """It is gone."""
        self._turns[wire.turn].discard(wire)

    async def beat(self) -> None:
        """One second has passed: look at those whose time to answer is over, and ask the next ones."""
        self._now = (self._now + 1) % len(self._turns)
        late = self._turns[(self._now - self._timeout_seconds) % len(self._turns)]
        for number, wire in enumerate(tuple(late)):
            await _yield_at(number)
            if wire.is_silent:
                wire.end(codes.TOO_SLOW)
        for number, wire in enumerate(tuple(self._turns[self._now])):
            await _yield_at(number)
            wire.ping()


async def _yield_at(number: int) -> None:
    if number % AT_A_TIME == AT_A_TIME - 1:
        await asyncio.sleep(0)
