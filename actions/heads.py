"""How far logs go, asked of the database for many at once: one question at a time, who comes meanwhile is in the next.

So whoever asks costs the database no more than their share, however many ask.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

Ask = Callable[[Sequence[int]], Awaitable[dict[int, int]]]


class Heads:
    """The newest positions of people's logs. `ask` finds those of several people. Call it on the event loop only."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._wanted: set[int] = set()
        self._next: asyncio.Task[dict[int, int]] | None = None
        self._turn = asyncio.Lock()

    async def of(self, user_id: int) -> int:
        """The head of this person's log, read after this was called; 0 for nobody. Raises what `ask` raises."""
        self._wanted.add(user_id)
        if self._next is None:
            self._next = asyncio.create_task(self._once(), name="heads")
            self._next.add_done_callback(_look_at)
        # Whoever goes away takes nothing from the others.
        return (await asyncio.shield(self._next)).get(user_id, 0)

    async def _once(self) -> dict[int, int]:
        async with self._turn:
            wanted, self._wanted, self._next = sorted(self._wanted), set(), None
            return await self._ask(wanted)


def _look_at(answered: "asyncio.Task[dict[int, int]]") -> None:
    """All who asked may have gone meanwhile: a failure that nobody hears of is no error of ours."""
    if not answered.cancelled():
        answered.exception()
