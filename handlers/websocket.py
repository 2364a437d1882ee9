"""The WebSocket: who connects is known before the upgrade, and hears everything from before the answer on.

Invariants: a socket belongs to one session; its frames are handled in the order in which they came;
what fails in one frame is answered, not fatal; nothing that a client sent is logged.
"""

import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qsl

from tornado.websocket import WebSocketHandler

from actions import limits, sessions
from actions.app import Caller
from actions.attach import attach, detach
from actions.errors import Unauthenticated, as_refusal
from handlers.base import Base
from handlers.commands import COMMANDS, Talk
from handlers.door import MOST_TOKEN
from handlers.problems import DoorError
from handlers.wire import Wire
from realtime.connection import Connection
from realtime.dialects import Dialect, FrameError
from realtime.dialects.plain import PLAIN

DIALECTS: dict[str | None, Dialect] = {PLAIN.subprotocol: PLAIN}
MOST_IN_FLIGHT = 64
KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes


class Socket(WebSocketHandler, Base):
    """One WebSocket connection."""

    caller: Caller
    connection: Connection | None = None
    talk: Talk
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
        """The upgrade is done: what arrived since the bus was joined goes out first."""
        connection = self._own()
        self.set_nodelay(True)
        if connection.closed is not None:
            self.close(connection.closed.code, connection.closed.reason)
            return
        self.talk = Talk(self.doorway.app, self.caller, connection)
        connection.release()

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """One frame. What is returned is awaited before the next frame is read."""
        return self._answer(message)

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
        app = self.doorway.app
        await limits.spend(app, limits.CONNECT, self.origin.address)
        self.caller = await self._identify()
        names = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        dialect = DIALECTS[self.select_subprotocol([name.strip() for name in names])]
        self.connection = Connection(
            self.caller.user_id, self.caller.session_id, dialect, Wire(self), self.doorway.max_queued_bytes
        )
        await attach(app, self.caller, self.connection)
        self.mark()

    async def _identify(self) -> Caller:
        """Who shows exactly one token: in a header, as a ticket, or (COMPAT) in the query."""
        query = parse_qsl(self.request.query, keep_blank_values=True)
        tickets = [value for name, value in query if name == "ticket"]
        tokens = [value for name, value in query if name == "token"]
        bearers = self.request.headers.get_list("Authorization")
        if len(tickets) + len(tokens) + len(bearers) != 1:
            raise Unauthenticated("Show one access token or one ticket.")
        shown = (tickets or tokens or bearers)[0]
        if len(shown) > MOST_TOKEN:
            raise Unauthenticated("The access token is not valid.")
        app = self.doorway.app
        if tickets:
            return await sessions.take_ticket(app, shown, self.origin)
        if bearers:
            scheme, _, shown = shown.partition(" ")
            shown = shown.strip() if scheme.lower() == "bearer" else ""
        elif not self.doorway.websocket_query_token:
            raise Unauthenticated("Tokens in the query are switched off: get a ticket.")
        return await sessions.authenticate(app, shown, self.origin)

    async def _answer(self, message: str | bytes) -> None:
        connection = self._own()
        if connection.closed is not None:
            return
        try:
            if isinstance(message, bytes):
                raise FrameError("invalid", "Send text frames.")
            if _size(message) > self.doorway.max_frame_bytes:
                raise FrameError("too_large", f"A frame has {self.doorway.max_frame_bytes} bytes at most.")
            frame = connection.dialect.decode(message)
            await COMMANDS[type(frame)](self.talk, frame)
        except FrameError as error:
            self.talk.mistake(error)
        except Exception as error:  # noqa: BLE001 - the one error boundary of the socket
            self.talk.refuse(error)
        if self.talk.in_flight >= MOST_IN_FLIGHT:
            await self.talk.room()

    def _own(self) -> Connection:
        assert self.connection is not None  # noqa: S101 (there is one before the upgrade)
        return self.connection

    def _leave(self) -> None:
        if self.connection is not None:
            detach(self.doorway.app, self.connection)


def _size(message: str) -> int:
    return len(message) if message.isascii() else len(message.encode())
