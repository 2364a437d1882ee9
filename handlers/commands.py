"""What a client may say over a WebSocket: the table frame → action, the same for every dialect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from actions import changes, messages, presence, receipts, repair, sessions
from actions.app import App, Caller
from actions.errors import Invalid, Refused, TooMany, TryLater, Unauthenticated, as_refusal
from actions.messages import Outgoing, Sent
from handlers.logs import told
from realtime.connection import Connection
from realtime.dialects import Dialect, FrameError, plain, v1

log = logging.getLogger("recado.socket")


def _nobody_asked() -> None:
    """Nothing depends on the token's end."""


class Talk:
    """One connection's conversation with us: who speaks, how to answer, how much is on its way."""

    __slots__ = ("_room", "acked", "app", "caller", "connection", "in_flight", "renewed")

    def __init__(self, app: App, caller: Caller, connection: Connection) -> None:
        self.app = app
        self.caller = caller
        self.connection = connection
        self.in_flight = 0
        self.acked = 0
        # Called when a fresh access token was shown.
        self.renewed: Callable[[], None] = _nobody_asked
        self._room: asyncio.Future[None] | None = None  # made when somebody waits

    def track(self, sending: "asyncio.Future[Sent]", ref: str | None = None) -> None:
        """Count a send as on its way until it is durable or refused; a refusal is answered."""
        self.in_flight += 1
        sending.add_done_callback(partial(self._landed, ref))

    async def room(self) -> None:
        """Wait until something that is on its way has landed: a client cannot pile up work here."""
        self._room = asyncio.get_running_loop().create_future()
        await self._room

    def refuse(self, error: Exception, ref: str | None = None) -> None:
        """Answer a frame that an action refused, or that we failed at."""
        self.connection.give(refusal(self.connection.dialect, error, self.caller.origin.request_id, ref))

    def answer(self, frame: Any) -> None:
        """One of the v1 dialect's own frames."""
        self.connection.give(v1.V1_DIALECT.answer(frame))

    def _landed(self, ref: str | None, sending: "asyncio.Future[Sent]") -> None:
        self.in_flight -= 1
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        error = None if sending.cancelled() else sending.exception()
        if isinstance(error, Exception):
            self.refuse(error, ref)


def mistake(dialect: Dialect, error: FrameError) -> bytes:
    """The frame that tells a mistake of form."""
    return dialect.error(error.code, error.detail, field=error.field, ref=error.ref)


def refusal(dialect: Dialect, error: Exception, request_id: str, ref: str | None) -> bytes:
    """The frame that tells what an action refused; an unexpected error is logged, and told as `internal`."""
    error = as_refusal(error)
    if not isinstance(error, Refused):
        log.error("unexpected error", extra={"request_id": request_id, **told(error)})
        return dialect.error("internal", "Something went wrong here.", ref=ref)
    wait = error.retry_after if isinstance(error, TooMany | TryLater) else None
    field = error.faults[0].field if error.faults else None
    return dialect.error(error.code, error.detail, field=field, ref=ref, retry_after=wait)


async def send_plain(talk: Talk, frame: plain.Send) -> None:
    """A message in the plain dialect: its event is the answer; only a refusal is told."""
    wanted = Outgoing(frame.recipient, frame.content, frame.client_id, frame.ttl_seconds, frame.reply_to)
    talk.track(await messages.submit(talk.app, talk.caller, wanted))


async def send(talk: Talk, frame: v1.Send) -> None:
    """A message: answered when it is durable, by a frame that stands for its event on this connection."""
    wanted = Outgoing(frame.recipient, frame.content, frame.client_id, frame.ttl_seconds, frame.reply_to)
    answer = partial(_sent, talk, frame)
    sending = await messages.submit(talk.app, talk.caller, wanted, answer)
    sending.add_done_callback(partial(_repeated, answer))
    talk.track(sending, frame.ref)


def _sent(talk: Talk, frame: v1.Send, sent: Sent) -> None:
    told_now = v1.Sent(str(frame.client_id), sent.message, sent.position, sent.duplicate, frame.ref)
    talk.connection.answer(v1.V1_DIALECT.answer(told_now), sent.position)


def _repeated(answer: Callable[[Sent], None], sending: "asyncio.Future[Sent]") -> None:
    if not sending.cancelled() and sending.exception() is None and sending.result().duplicate:
        answer(sending.result())


async def acknowledge(talk: Talk, frame: v1.Ack) -> None:
    """The device holds everything up to a position; merged with what it acknowledges meanwhile."""
    if frame.position < talk.acked:
        raise Invalid.field("position", "out_of_range", "A later position was acknowledged before.")
    if frame.position > (talk.connection.given.upto or 0):
        await receipts.acknowledge(talk.app, talk.caller, frame.position)
    else:
        receipts.acknowledge_soon(talk.app, talk.caller, frame.position)
    talk.acked = frame.position


async def read(talk: Talk, frame: v1.Read) -> None:
    """The person has read up to a message."""
    await receipts.read(talk.app, talk.caller, peer=frame.peer, up_to=frame.up_to)


async def edit(talk: Talk, frame: v1.Edit) -> None:
    """Another text for one's own message; the `edited` event is the answer."""
    await changes.edit(talk.app, talk.caller, frame.id, frame.content)


async def delete(talk: Talk, frame: v1.Delete) -> None:
    """One's own message shall be gone; the `deleted` event is the answer."""
    await changes.delete(talk.app, talk.caller, frame.id)


async def typing(talk: Talk, frame: v1.StartedTyping) -> None:
    """The person types."""
    await presence.typing(talk.app, talk.caller, frame.peer)


async def renew(talk: Talk, frame: v1.Auth) -> None:
    """A fresh access token of the same session keeps the connection open."""
    caller = await sessions.authenticate(talk.app, frame.token, talk.caller.origin)
    if (caller.user_id, caller.session_id) != (talk.caller.user_id, talk.caller.session_id):
        raise Unauthenticated("This token belongs to another session.")
    talk.caller = caller
    talk.renewed()


async def ping(talk: Talk, frame: v1.Ping) -> None:
    """Are you there, and how far does the log go?"""
    talk.answer(v1.Pong(await repair.head_of(talk.app, talk.connection), frame.ref))


async def hello(talk: Talk, frame: v1.Hello) -> None:
    """A second hello."""
    raise Invalid.field("type", "invalid", "This connection has said hello.")


COMMANDS: Mapping[type, Callable[[Talk, Any], Awaitable[None]]] = {
    plain.Send: send_plain,
    v1.Send: send,
    v1.Ack: acknowledge,
    v1.Read: read,
    v1.Edit: edit,
    v1.Delete: delete,
    v1.StartedTyping: typing,
    v1.Auth: renew,
    v1.Ping: ping,
    v1.Hello: hello,
}
