"""The log by long poll: answer at once with what there is, or wait for the next event."""

import asyncio
from dataclasses import replace

from actions import attach, events, limits
from actions.app import App, Caller
from actions.errors import Unauthenticated
from actions.events import Placed, Standing
from realtime.codes import UNAUTHENTICATED
from realtime.connection import Connection
from realtime.dialects.v1 import V1
from realtime.events import Event

MOST_QUEUED = 1 << 20


class InTheLog(V1):
    """What stands in the log: who waits for that is not woken by what passes."""

    def encode(self, event: Event, position: int | None) -> bytes | None:
        """The event's frame; None for what has no position."""
        return None if position is None else super().encode(event, position)


IN_THE_LOG = InTheLog()


class Ear:
    """The transport of somebody who waits: any frame wakes them, and none is kept."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def write(self, frame: bytes) -> None:  # noqa: ARG002 - it is in the log
        """Wake up."""
        self.heard.set()

    def queued(self) -> int:
        """Nothing is kept."""
        return 0

    def weight(self) -> int:
        """Nothing is kept."""
        return 0

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - the answer tells
        """Wake up: the session may have ended."""
        self.heard.set()

    def abort(self) -> None:
        """Wake up."""
        self.heard.set()

    async def drained(self) -> None:
        """Nothing is kept."""


async def events_after(
    app: App, caller: Caller, *, position: int, epoch: str | None, limit: int, wait: float
) -> tuple[Standing, list[Placed]]:
    """The events behind `position`, at most `limit`; when there are none, what comes within `wait` seconds.

    Nothing is told when the outcome is `reset`.
    """
    await limits.spend(app, limits.READ, caller.user_id)
    if wait <= 0:
        return await _now(app, caller, position, epoch, limit)
    ear = Ear()
    connection = Connection(caller.user_id, caller.session_id, IN_THE_LOG, ear, MOST_QUEUED)
    try:
        await attach.attach(app, caller, connection)
        # Whose place is known is found by the sweep, and so woken when the bus has lost something.
        connection.given.begin(position)
        connection.release()
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            ear.heard.clear()
            standing, found = await _now(app, caller, position, epoch, limit)
            if found or standing.outcome == "reset":
                return standing, found
            if not await _heard(connection, ear, deadline):
                # What the bus has lost is in the log.
                return await _now(app, caller, position, epoch, limit)
    finally:
        attach.detach(app, connection)


async def _heard(connection: Connection, ear: Ear, deadline: float) -> bool:
    """Wait for a frame, which may be one that is not in the log; False when there is no more waiting."""
    if connection.closed is None:
        try:
            async with asyncio.timeout_at(deadline):
                await ear.heard.wait()
        except TimeoutError:
            return False
    if connection.closed is UNAUTHENTICATED:
        raise Unauthenticated("Sign in again.")
    return connection.closed is None


async def _now(app: App, caller: Caller, position: int, epoch: str | None, limit: int) -> tuple[Standing, list[Placed]]:
    standing = await events.standing(app, caller.user_id, position=position, epoch=epoch)
    if standing.outcome == "reset":
        return standing, []
    found = await events.after(app, caller.user_id, position=position, limit=limit)
    if events.is_forgotten(position, standing.position, found):
        return replace(standing, outcome="reset"), []
    # Read later than the head: what came in between is told as well, and the head is no lower.
    head = max(standing.position, found[-1][0]) if found else standing.position
    return replace(standing, position=head), found
