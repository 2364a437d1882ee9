"""The WebSocket: who connects is known before the upgrade, and hears everything from before the answer on.

Invariants: a socket belongs to one session; its frames are handled in the order in which they came;
what fails in one frame is answered, not fatal; nothing that a client sent is logged.
"""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qsl

from tornado.websocket import WebSocketHandler

from actions import limits, sessions
from actions.app import Caller
from actions.attach import attach, detach, go_live, recover, resume
from actions.errors import Invalid, Unauthenticated, as_refusal
from handlers.base import Base
from handlers.commands import COMMANDS, Talk, mistake, refusal
from handlers.door import MOST_TOKEN
from handlers.eager import run_eagerly
from handlers.problems import DoorError
from handlers.wire import Wire
from realtime import codes
from realtime.connection import Connection
from realtime.dialects import Dialect, Frame, FrameError
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT, Hello, Welcome

DIALECTS: dict[str | None, Dialect] = {PLAIN.subprotocol: PLAIN, V1_DIALECT.subprotocol: V1_DIALECT}
MOST_IN_FLIGHT = 64
HELLO_SECONDS = 10.0
# How long a socket stays after its access token has ended, so that a client in trouble can still renew it.
GRACE_SECONDS = 25
KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes


class Socket(WebSocketHandler, Base):
    """One WebSocket connection."""

    caller: Caller | None = None
    connection: Connection | None = None
    talk: Talk | None = None
    dialect: Dialect
    wire: Wire
    deadline: asyncio.TimerHandle | None = None
    route = "/ws/chat/"
    methods = ("GET",)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake and the whole life. Refused before the upgrade: a bad token by 401, a foreign origin by 403."""
        if self.refusal is not None or self._finished:
            await self.serve()
            return
        try:
            await self._admit()
        except Exception as error:  # noqa: BLE001 - the one error boundary of the handshake
            self._leave()
            self.finish_problem(as_refusal(error))
            return
        try:
            await super().get(*args, **kwargs)
        finally:
            self._leave()

    def check_origin(self, origin: str) -> bool:
        """`admit` has looked at it, and at the scheme and the host as well."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """The first dialect that we speak as well; without one, the plain one."""
        return next((name for name in subprotocols if name in DIALECTS), None)

    def get_compression_options(self) -> None:
        """No compression: what is secret and what others sent would share a window."""

    def open(self, *args: str, **kwargs: str) -> None:
        """The upgrade is done. The plain dialect is live at once; v1 waits for the hello."""
        self.set_nodelay(True)
        connection = self.connection
        if connection is not None and connection.closed is not None:
            self.close(connection.closed.code, connection.closed.reason)
        elif self.dialect is PLAIN and connection is not None and self.caller is not None:
            self.talk = Talk(self.doorway.app, self.caller, connection)
            go_live(self.doorway.app, connection)
        else:
            self._close_later(HELLO_SECONDS, codes.NO_HELLO)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """One frame. What is returned is awaited before the next frame is read.

        Most frames need no waiting: then they cost no task.
        """
        return run_eagerly(self._answer(message))

    def on_close(self) -> None:
        """The socket is gone, whoever closed it."""
        self._leave()

    def admit(self) -> None:
        """Refuse what no token could make good: a wrong method, host or origin, and what is no handshake."""
        super().admit()
        self.check_fetch()
        headers = self.request.headers
        if headers.get("Upgrade", "").lower() != "websocket" or headers.get("Sec-WebSocket-Version") != "13":
            told = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            raise DoorError(426, "This is a WebSocket of version 13 (RFC 6455).", headers=told)
        asked = {part.strip().lower() for part in headers.get("Connection", "").split(",")}
        if "upgrade" not in asked or not KEY.fullmatch(headers.get("Sec-WebSocket-Key", "")):
            raise DoorError(400, "The handshake is not complete (RFC 6455 §4.2.1).")

    async def _admit(self) -> None:
        await limits.spend(self.doorway.app, limits.CONNECT, self.origin.address)
        names = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        self.dialect = DIALECTS[self.select_subprotocol([name.strip() for name in names])]
        self.wire = Wire(self)
        caller = await self._identify()
        if caller is not None:
            await self._attach(caller)
        self.mark()

    async def _identify(self) -> Caller | None:
        """Who shows exactly one token: in a header, as a ticket, or (COMPAT) in the query; v1 may show it later."""
        query = parse_qsl(self.request.query, keep_blank_values=True)
        tickets = [value for name, value in query if name == "ticket"]
        tokens = [value for name, value in query if name == "token"]
        bearers = self.request.headers.get_list("Authorization")
        shown = tickets + tokens + bearers
        if not shown and self.dialect is V1_DIALECT:
            return None
        if len(shown) != 1:
            raise Unauthenticated("Show one access token or one ticket.")
        if len(shown[0]) > MOST_TOKEN:
            raise Unauthenticated("The access token is not valid.")
        app = self.doorway.app
        if tickets:
            return await sessions.take_ticket(app, shown[0], self.origin)
        if tokens and not self.doorway.websocket_query_token:
            raise Unauthenticated("Tokens in the query are switched off: get a ticket.")
        scheme, _, token = shown[0].partition(" ") if bearers else ("bearer", "", shown[0])
        return await sessions.authenticate(app, token.strip() if scheme.lower() == "bearer" else "", self.origin)

    async def _attach(self, caller: Caller) -> None:
        self.caller = caller
        self.connection = Connection(
            caller.user_id, caller.session_id, self.dialect, self.wire, self.doorway.max_queued_bytes
        )
        await attach(self.doorway.app, caller, self.connection)

    async def _answer(self, message: str | bytes) -> None:
        ref: str | None = None
        try:
            if isinstance(message, bytes):
                raise FrameError("invalid", "Send text frames.")
            if _size(message) > self.doorway.max_frame_bytes:
                raise FrameError("too_large", f"A frame has {self.doorway.max_frame_bytes} bytes at most.")
            frame = self.dialect.decode(message)
            ref = getattr(frame, "ref", None)
            if self.talk is None:
                await self._greet(frame)
            elif self.talk.connection.closed is None:
                await COMMANDS[type(frame)](self.talk, frame)
        except FrameError as error:
            self._tell(mistake(self.dialect, error))
        except Exception as error:  # noqa: BLE001 - the one error boundary of the socket
            self._tell(refusal(self.dialect, error, self.origin.request_id, ref))
            if self.talk is None and isinstance(error, Unauthenticated):
                self.wire.close(codes.UNAUTHENTICATED.code, codes.UNAUTHENTICATED.reason)
        if self.talk is not None and self.talk.in_flight >= MOST_IN_FLIGHT:
            await self.talk.room()

    async def _greet(self, frame: Frame) -> None:
        """The first frame of v1: who this is, and from where to go on."""
        if not isinstance(frame, Hello):
            raise Invalid("Say hello first.", code="no_hello")
        app = self.doorway.app
        if self.connection is None:
            await self._attach(await sessions.authenticate(app, frame.token or "", self.origin))
        elif frame.token is not None:
            raise Invalid.field("token", "invalid", "The handshake has shown who this is.")
        caller, connection = self.caller, self.connection
        assert caller is not None and connection is not None  # noqa: S101, PT018 - attached
        standing = await resume(app, caller, position=frame.position, epoch=frame.epoch)
        welcome = Welcome(
            caller.username,
            standing.position,
            standing.epoch,
            standing.outcome,
            self.doorway.heartbeat_seconds,
            frame.ref,
        )
        connection.give(V1_DIALECT.answer(welcome))
        await recover(app, connection, standing, frame.position)
        self.talk = Talk(app, caller, connection)
        self.talk.renewed = self._keep_open
        self._keep_open()

    def _keep_open(self) -> None:
        """Stay until the access token ends, and a little longer; a ticket's socket stays as long as its session."""
        self._cancel_deadline()
        caller = self.talk.caller if self.talk is not None else None
        if caller is not None and caller.until is not None:
            left = caller.until + GRACE_SECONDS - self.doorway.app.clock() / 1000
            self._close_later(max(0.0, left), codes.UNAUTHENTICATED)

    def _close_later(self, seconds: float, code: codes.CloseCode) -> None:
        self.deadline = asyncio.get_running_loop().call_later(seconds, self._close_for, code)

    def _close_for(self, code: codes.CloseCode) -> None:
        if self.connection is not None:
            self.connection.close(code)
        else:
            self.wire.close(code.code, code.reason)

    def _cancel_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _tell(self, frame: bytes) -> None:
        if self.connection is not None:
            self.connection.give(frame)
        else:
            self.wire.write(frame)

    def _leave(self) -> None:
        self._cancel_deadline()
        if self.connection is not None:
            detach(self.doorway.app, self.connection)


def _size(message: str) -> int:
    return len(message) if message.isascii() else len(message.encode())
