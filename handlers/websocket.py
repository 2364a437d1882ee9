"""The door of the WebSocket: who connects is known before the upgrade, and hears everything from before the answer on.

The handshake is a request like any other. After it the socket is taken from Tornado and given to a wire
(handlers.wire), and the request, with all that belongs to it, is over.
"""

import asyncio
import re
import socket
from typing import Any
from urllib.parse import parse_qsl

from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketProtocol13

from actions import limits, sessions
from actions.app import Caller
from actions.errors import Unauthenticated, as_refusal
from handlers.base import Base
from handlers.door import MOST_TOKEN
from handlers.line import Line
from handlers.problems import DoorError
from realtime.dialects import Dialect
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT

DIALECTS: dict[str | None, Dialect] = {PLAIN.subprotocol: PLAIN, V1_DIALECT.subprotocol: V1_DIALECT}
KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes
# More than can have come behind the handshake before it was answered.
EVERYTHING = 2**30


class Socket(Base):
    """The handshake of one WebSocket."""

    route = "/ws/chat/"
    methods = ("GET",)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake. Refused before the upgrade: a bad token by 401, a foreign origin by 403."""
        if self.refusal is not None or self._finished:
            await self.serve()
            return
        line: Line | None = None
        try:
            await limits.spend(self.doorway.app, limits.CONNECT, self.origin.address)
            line = Line(self.doorway, self.origin, DIALECTS[self._subprotocol()])
            caller = await self._identify(line.dialect)
            if caller is not None:
                await line.attach(caller)
        except Exception as error:  # noqa: BLE001 - the one error boundary of the handshake
            if line is not None:
                line.gone()
            self.finish_problem(as_refusal(error))
            return
        await self._upgrade(line)

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

    def _subprotocol(self) -> str | None:
        """The first dialect that we speak as well; without one, the plain one."""
        names = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        return next((name for name in map(str.strip, names) if name in DIALECTS), None)

    async def _identify(self, dialect: Dialect) -> Caller | None:
        """Who shows exactly one token: in a header, as a ticket, or (COMPAT) in the query; v1 may show it later."""
        query = parse_qsl(self.request.query, keep_blank_values=True)
        tickets = [value for name, value in query if name == "ticket"]
        tokens = [value for name, value in query if name == "token"]
        bearers = self.request.headers.get_list("Authorization")
        shown = tickets + tokens + bearers
        if not shown and dialect is V1_DIALECT:
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

    async def _upgrade(self, line: Line) -> None:
        """Answer, and give the socket to the line."""
        self.mark()
        self.clear_header("Content-Type")
        self.set_status(101)
        self.set_header("Upgrade", "websocket")
        self.set_header("Connection", "Upgrade")
        key = self.request.headers["Sec-WebSocket-Key"]
        self.set_header("Sec-WebSocket-Accept", WebSocketProtocol13.compute_accept_value(key))
        if line.dialect.subprotocol is not None:
            self.set_header("Sec-WebSocket-Protocol", line.dialect.subprotocol)
        answered = self.finish()
        stream = self.detach()
        try:
            await answered
            bare, early = taken(stream)
        except (StreamClosedError, OSError):
            stream.close()
            line.gone()
            return
        line.wire.frames.feed(early)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: line.wire, bare)
        except OSError:
            bare.close()
            line.gone()


def taken(stream: IOStream) -> tuple[socket.socket, bytes]:
    """The socket below a stream, and what the stream has read of it; the stream itself ends here.

    Raises `StreamClosedError` when the peer is gone, `OSError` when there is no room for another socket.
    """
    reading = asyncio.ensure_future(stream.read_bytes(EVERYTHING, partial=True))
    early = reading.result() if reading.done() else b""
    if stream.closed():
        raise StreamClosedError
    bare = stream.socket.dup()  # closing the stream closes its socket, but not the connection
    stream.close()
    bare.setblocking(False)
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bare, early
