"""Coming back: everybody opens a socket in the same moment, resumes, and counts what comes."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
from picows import WSError, WSTransport

from bench.away import V1, Away, Ear, Heard, State
from bench.ledger import Texts
from bench.stats import cpu_seconds, family_cpu_seconds
from bench.talk import connect

LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.5, 1.5  # before one who was turned away comes again
GIVE_UP_SECONDS = 180.0
TURNED_AWAY = (WSError, OSError, TimeoutError)


class _Hello(msgspec.Struct, tag="hello"):
    position: int
    epoch: str


class CatchUp:
    """What one client must get behind a position, and has got. `number` → text: those of person `index`."""

    def __init__(self, index: int, position: int, waiting: int, texts: Texts) -> None:
        self.index = index
        self.position = position
        self.wrong = 0
        self.refused = False
        self._waiting = waiting
        self._texts = texts
        self._seen: set[int] = set()

    @property
    def missing(self) -> int:
        """How many events have not come."""
        return self._waiting - len(self._seen)

    def take(self, heard: Heard) -> None:
        """A frame. An event is right at the next position, with a text that was sent and has not come yet."""
        if heard.type == "error" or (heard.type == "welcome" and heard.outcome != "recovered"):
            self.refused = True
        if heard.type != "message":
            return
        number = None if heard.message is None else self._texts.number(self.index, heard.message.content)
        if heard.position != self.position + 1 or number is None or number in self._seen:
            self.wrong += 1
            return
        self.position = heard.position
        self._seen.add(number)


@dataclass(slots=True)
class Storm:
    """What was seen; times in seconds since all began to come, CPU in seconds until all had everything."""

    took: list[float] = field(default_factory=list)
    again: int = 0  # tries that were turned away
    wrong: int = 0
    lost: int = 0
    server_cpu_seconds: float = 0.0
    database_cpu_seconds: float = 0.0
    own_cpu_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Until the last one had everything, or gave up."""
        return max(self.took)


async def come_back(
    url: str, state: State, settle: float, server_pids: Sequence[int] = (), database_pids: Sequence[int] = ()
) -> Storm:
    """Let everybody come at once, and wait until each has everything or gives up.

    `settle` seconds before, the server notices who has gone; as long behind, it is seen what comes once more.
    """
    texts = state.texts
    clients = [
        _Client(url, away, CatchUp(index, away.position, state.waiting, texts))
        for index, away in enumerate(state.people)
    ]
    await asyncio.sleep(settle)
    storm = Storm()
    before = _cpu(server_pids, database_pids)
    began = time.perf_counter()
    storm.took = [ended - began for ended in await asyncio.gather(*(client.run(began) for client in clients))]
    spent = (after - was for after, was in zip(_cpu(server_pids, database_pids), before, strict=True))
    storm.own_cpu_seconds, storm.server_cpu_seconds, storm.database_cpu_seconds = spent
    await asyncio.sleep(settle)
    for client in clients:
        client.hang_up()
        storm.again += client.again
        storm.wrong += client.catch_up.wrong
        storm.lost += client.catch_up.missing
    return storm


def _cpu(server_pids: Sequence[int], database_pids: Sequence[int]) -> tuple[float, float, float]:
    return cpu_seconds(), family_cpu_seconds(server_pids), family_cpu_seconds(database_pids)


class _Client:
    """One who comes back, again and again if need be."""

    def __init__(self, url: str, away: Away, catch_up: CatchUp) -> None:
        self.catch_up = catch_up
        self.again = 0
        self._url = url
        self._away = away
        self._transport: WSTransport | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, began: float) -> float:
        """The moment at which everything was here, or nothing more is to be expected."""
        while not await self._try() and time.perf_counter() < began + GIVE_UP_SECONDS:
            self.again += 1
            # Spread, as clients do it: else all who were turned away would come again together.
            await asyncio.sleep(random.uniform(LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS))  # noqa: S311 - jitter
        return time.perf_counter()

    def hang_up(self) -> None:
        """Go away again."""
        if self._transport is not None:
            self._transport.disconnect()

    async def _try(self) -> bool:
        ear = Ear(self._take)
        hello = msgspec.json.encode(_Hello(self.catch_up.position, self._away.epoch))
        try:
            self._transport = await connect(self._url, replace(V1, opening=hello), self._away.person, ear)
        except TURNED_AWAY:
            return False
        await asyncio.wait((self._done, ear.gone), timeout=GIVE_UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return self._done.done()

    def _take(self, heard: Heard) -> None:
        self.catch_up.take(heard)
        if (self.catch_up.refused or not self.catch_up.missing) and not self._done.done():
            self._done.set_result(None)
