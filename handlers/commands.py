"""What a client may say over a WebSocket: the table frame → action, the same for every dialect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from actions import messages
from actions.app import App, Caller
from actions.errors import Refused, TooMany, TryLater, as_refusal
from actions.messages import Outgoing, Sent
from handlers.logs import told
from realtime.connection import Connection
from realtime.dialects import FrameError
from realtime.dialects.plain import Send

log = logging.getLogger("recado.socket")


class Talk:
    """One connection's conversation with us: who speaks, how to answer, how much is on its way."""

    def __init__(self, app: App, caller: Caller, connection: Connection) -> None:
        self.app = app
        self.caller = caller
        self.connection = connection
        self.in_flight = 0
        self._room = asyncio.Event()

    def track(self, sending: "asyncio.Future[Sent]", answered: Callable[["asyncio.Future[Sent]"], None]) -> None:
        """Count a send as on its way until it is durable or refused, then let `answered` see it."""
        self.in_flight += 1
        sending.add_done_callback(partial(self._landed, answered))

    async def room(self) -> None:
        """Wait until something that is on its way has landed: a client cannot pile up work here."""
        self._room.clear()
        await self._room.wait()

    def mistake(self, error: FrameError) -> None:
        """Answer a frame that could not be understood."""
        self.connection.give(self.connection.dialect.error(error.code, error.detail, field=error.field))

    def refuse(self, error: Exception) -> None:
        """Answer a frame that an action refused, or that we failed at."""
        error = as_refusal(error)
        if not isinstance(error, Refused):
            log.error("unexpected error", extra={"request_id": self.caller.origin.request_id, **told(error)})
            self.connection.give(self.connection.dialect.error("internal", "Something went wrong here."))
            return
        wait = error.retry_after if isinstance(error, TooMany | TryLater) else None
        field = error.faults[0].field if error.faults else None
        self.connection.give(self.connection.dialect.error(error.code, error.detail, field=field, retry_after=wait))

    def _landed(self, answered: Callable[["asyncio.Future[Sent]"], None], sending: "asyncio.Future[Sent]") -> None:
        self.in_flight -= 1
        self._room.set()
        answered(sending)


async def send(talk: Talk, frame: Send) -> None:
    """A message in the plain dialect: its event is the answer; only a refusal is told."""
    wanted = Outgoing(frame.recipient, frame.content, frame.client_id, frame.ttl_seconds)
    talk.track(await messages.submit(talk.app, talk.caller, wanted), partial(_refused, talk))


def _refused(talk: Talk, sending: "asyncio.Future[Sent]") -> None:
    error = sending.exception()
    if isinstance(error, Exception):
        talk.refuse(error)


COMMANDS: Mapping[type, Callable[[Talk, Any], Awaitable[None]]] = {Send: send}
