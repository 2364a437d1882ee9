"""One open WebSocket, from its messages to the commands and back: who speaks, in which dialect, and until when.

Invariants: a socket belongs to one session; what fails in one message is answered, not fatal; nothing that a
client sent is logged.
"""

import asyncio

from actions import factors, sessions
from actions.app import Caller, Origin
from actions.attach import attach, detach, go_live, recover, resume
from actions.errors import Invalid, Unauthenticated
from handlers.base import Doorway
from handlers.commands import COMMANDS, Talk, mistake, refusal
from handlers.framing import Frames
from handlers.pace import WRONG_COST, Pace
from handlers.wire import Wire
from realtime import codes
from realtime.connection import Connection
from realtime.dialects import Dialect, Frame, FrameError
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT, Hello, Welcome

MOST_IN_FLIGHT = 64
HELLO_SECONDS = 10.0
# A stranger's frame: a token and a few words.
HELLO_BYTES = 16_384
# How long a socket stays after its access token has ended, so that a client in trouble can still renew it.
GRACE_SECONDS = 25


class Line:
    """One WebSocket, from the handshake to its end."""

    __slots__ = ("_deadline", "_doorway", "caller", "connection", "dialect", "origin", "talk", "wire")

    def __init__(self, doorway: Doorway, origin: Origin, dialect: Dialect) -> None:
        self._doorway = doorway
        self._deadline: asyncio.TimerHandle | None = None
        self.origin = origin
        self.dialect = dialect
        self.caller: Caller | None = None
        self.connection: Connection | None = None
        self.talk: Talk | None = None
        allowed = doorway.allowance
        pace = None if allowed is None else Pace(allowed, asyncio.get_running_loop().time())
        self.wire = Wire(self, Frames(HELLO_BYTES), pace, doorway.app.hub.backlog.add)

    async def attach(self, caller: Caller) -> None:
        """Everything for this person is kept for this socket from now on. Raises what `attach` raises."""
        app, bound = self._doorway.app, self._doorway.max_queued_bytes
        await factors.require_enrolled(app, caller.user_id)
        self.connection = Connection(caller.user_id, caller.session_id, self.dialect, self.wire, bound)
        try:
            await attach(app, caller, self.connection)
        except BaseException:
            detach(app, self.connection)
            self.connection = None  # the next hello begins anew
            raise
        self.caller = caller
        self.wire.frames.most = self._doorway.max_frame_bytes

    def opened(self) -> None:
        """The upgrade is done. The plain dialect is live at once; v1 waits for the hello."""
        self._doorway.pulse.add(self.wire)
        connection = self.connection
        if connection is not None and connection.closed is not None:
            self.wire.close(connection.closed.code, connection.closed.reason)
        elif self.dialect is PLAIN and connection is not None and self.caller is not None:
            self.talk = Talk(self._doorway.app, self.caller, connection)
            go_live(self._doorway.app, connection)
        else:
            self._close_later(HELLO_SECONDS, codes.NO_HELLO)

    async def hear(self, message: str | bytes | None) -> int:
        """Do what one message asks for; what it costs of the allowance."""
        cost, ref = 1, None
        try:
            frame = self._understood(message)
            ref = getattr(frame, "ref", None)
            if self.talk is None:
                await self._greet(frame)
            elif self.talk.connection.closed is None:
                await COMMANDS[type(frame)](self.talk, frame)
        except FrameError as error:
            cost = WRONG_COST
            self._tell(mistake(self.dialect, error))
        except Exception as error:  # noqa: BLE001 - the one error boundary of the socket
            cost = WRONG_COST
            self._tell(refusal(self.dialect, error, self.origin.request_id, ref))
            if self.talk is None and isinstance(error, Unauthenticated):
                self.close(codes.UNAUTHENTICATED)
            elif self.talk is None and self.connection is not None and self._deadline is None:
                self._close_later(HELLO_SECONDS, codes.NO_HELLO)  # it was not answered: another one may come
        if self.talk is not None and self.talk.in_flight >= MOST_IN_FLIGHT:
            await self.talk.room()
        return cost

    def close(self, code: codes.CloseCode) -> None:
        """Close, once; nothing is written any more."""
        if self.connection is not None:
            self.connection.close(code)
        else:
            self.wire.close(code.code, code.reason)

    def gone(self) -> None:
        """The socket is gone, or there will be none."""
        self._cancel_deadline()
        self._doorway.pulse.discard(self.wire)
        if self.connection is not None:
            detach(self._doorway.app, self.connection)

    def _understood(self, message: str | bytes | None) -> Frame:
        if message is None:
            raise FrameError("too_large", f"A frame has {self.wire.frames.most} bytes at most.")
        if isinstance(message, bytes):
            raise FrameError("invalid", "Send text frames.")
        return self.dialect.decode(message)

    async def _greet(self, frame: Frame) -> None:
        """The first frame of v1: who this is, and from where to go on."""
        if not isinstance(frame, Hello):
            raise Invalid("Say hello first.", code="no_hello")
        app = self._doorway.app
        if self.connection is None:
            await self.attach(await sessions.authenticate(app, frame.token or "", self.origin))
        elif frame.token is not None:
            raise Invalid.field("token", "invalid", "The handshake has shown who this is.")
        caller, connection = self.caller, self.connection
        assert caller is not None and connection is not None  # noqa: S101, PT018 - attached
        self._cancel_deadline()  # it has come in time: how long the answer takes is no fault of the client's
        standing = await resume(app, caller, position=frame.position, epoch=frame.epoch)
        welcome = Welcome(
            caller.username,
            standing.position,
            standing.epoch,
            standing.outcome,
            self._doorway.heartbeat_seconds,
            frame.ref,
        )
        connection.give(V1_DIALECT.answer(welcome))
        try:
            await recover(app, connection, standing, frame.position)
        except Exception:
            self.close(codes.INTERNAL)  # the welcome has promised what cannot be kept here: they come back, and resume
            raise
        self.talk = Talk(app, caller, connection)
        self.talk.renewed = self._keep_open
        self._keep_open()

    def _keep_open(self) -> None:
        """Stay until the access token ends, and a little longer; a ticket's socket stays as long as its session."""
        self._cancel_deadline()
        caller = self.talk.caller if self.talk is not None else None
        if caller is not None and caller.until is not None:
            left = caller.until + GRACE_SECONDS - self._doorway.app.clock() / 1000
            self._close_later(max(0.0, left), codes.UNAUTHENTICATED)

    def _close_later(self, seconds: float, code: codes.CloseCode) -> None:
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close, code)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _tell(self, frame: bytes) -> None:
        if self.connection is not None:
            self.connection.give(frame)
        else:
            self.wire.write(frame)
