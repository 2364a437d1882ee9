"""Group commit: what was sent while the last batch was being committed is the next batch.

One task takes all that waits (bounded), writes it in one transaction, and resolves each waiter in
order after the commit. There is no timer: an idle server commits at once, a busy one batches. A
batch that fails is tried one by one, so that only the rows at fault fail. A batch whose connection
broke is tried again: the unique `client_id` tells what the lost commit had stored.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import peewee

from models.batch import Outcome, write
from models.db import Database, Engine, Unavailable
from models.drafts import Draft, Stored

MOST_IN_BATCH = 512
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)
# disk_full, read_only_sql_transaction, a file system that is read-only: not over in seconds, so the sender is told.
CANNOT_WRITE = frozenset({"53100", "25006", "42501"})


class Full(Exception):
    """More drafts wait than may wait."""


Waiter = tuple[Draft, "asyncio.Future[Stored]"]


class Writer:
    """The one place where messages are written. Call it on the event loop only."""

    def __init__(self, db: Database, *, most_waiting: int = 20_000) -> None:
        self._db = db
        self._most_waiting = most_waiting
        self._waiting: deque[Waiter] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.stored = 0  # drafts that became messages
        self.batches = 0  # transactions that stored them
        self.committed_at = 0.0  # the newest batch, by `time.monotonic`

    @property
    def waiting(self) -> int:
        """How many drafts wait for the next batch."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="writer")

    async def stop(self) -> None:
        """Write what waits, then stop; if this is cancelled, whoever still waits is told `Unavailable`."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def add(self, draft: Draft) -> "asyncio.Future[Stored]":
        """Queue a draft; the future is done when it is committed. Raises `Full` when too many wait.

        The future fails with `Missing`, or with `Unavailable` when the database could not be reached.
        """
        if self._stopping or len(self._waiting) >= self._most_waiting:
            raise Full
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_IN_BATCH))]
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                given_up = [*batch, *self._waiting]
                _resolve(given_up, [Unavailable("stopped")] * len(given_up))
                raise

    async def _commit(self, batch: list[Waiter]) -> None:
        try:
            outcomes = await self._write([draft for draft, _ in batch])
        except Exception as error:  # noqa: BLE001 - the error belongs to whoever waits, not to this task
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for waiter in batch:
                    await self._commit([waiter])
                return
            _resolve(batch, [error] * len(batch))
            return
        self.batches += 1
        self.stored += sum(isinstance(outcome, Stored) and outcome.duplicate is None for outcome in outcomes)
        _resolve(batch, outcomes)

    async def _write(self, drafts: list[Draft]) -> list[Outcome]:
        careful = False
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                outcomes, self.committed_at = await self._db.write_batch(_write_timed, drafts, careful=careful)
                return outcomes
            except peewee.IntegrityError:
                if careful:
                    raise
            except Unavailable as error:
                pause = next(pauses, None)
                if pause is None or self._stopping or error.state in CANNOT_WRITE:
                    raise
                await asyncio.sleep(pause)
            careful = True


def _write_timed(engine: Engine, drafts: list[Draft], *, careful: bool) -> tuple[list[Outcome], float]:
    return write(engine, drafts, careful=careful), time.monotonic()


def _resolve(batch: list[Waiter], outcomes: Sequence[Outcome | Exception]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue  # whoever waited has gone; the message stands
        if isinstance(outcome, Stored):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
