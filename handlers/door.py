"""The door every HTTP operation goes through: method, origin, limits, who asks, shape; then one call, then one answer.

Invariant: nothing is done before the shape is known to be right.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from actions import factors, guessing, limits, sessions
from actions.app import App, Caller
from actions.errors import Fault, Forbidden, Invalid, Unauthenticated, as_refusal
from handlers.base import ENCODER, Base, Doorway
from handlers.fields import convert, convert_query
from handlers.logs import told
from handlers.operation import Answer, Call, Operation
from handlers.problems import DoorError
from realtime.strict_json import Malformed, load

log = logging.getLogger("recado.door")

REFRESH_COOKIE = "__Host-recado"
# By it the server knows a browser again on which somebody has signed in before; signing out leaves it.
DEVICE_COOKIE = "__Host-recado-device"
DEVICE_DAYS = 365
COOKIE_HEADER = "X-Recado-Session"
MOST_TOKEN = 2048
JSON = ("application/json", "application/json; charset=utf-8", "application/json;charset=utf-8")


@stream_request_body
class Door(Base):
    """One path of the API and its operations, by method."""

    operations: Mapping[str, Operation]
    received: bytearray
    route: str

    def initialize(self, doorway: Doorway, **kwargs: Any) -> None:
        """Tornado's constructor: `operations` by method."""
        super().initialize(doorway)
        self.operations = kwargs["operations"]
        self.route = kwargs["route"]
        self.methods = (*sorted(self.operations), "OPTIONS")
        self.received = bytearray()

    def admit(self) -> None:
        """Refuse a wrong method, a host that is not ours, and the pages of others."""
        super().admit()
        self.check_fetch()

    def keep(self, chunk: bytes) -> None:
        """Gather the body; its size has been looked at."""
        self.received += chunk

    async def answer(self, *_: str, **path: str) -> None:
        """Read the request into a call, make it, and send what comes back."""
        if self.request.method == "OPTIONS":
            self._preflight()
            return
        operation = self.operations[self.request.method or ""]
        try:
            answer = await operation.act(await self._call(operation, path))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the one error boundary of this door
            self.finish_problem(as_refusal(error))
            return
        if answer.pieces is None:
            self._finish(answer)
        else:
            await self._send(answer, answer.pieces)

    def give_up(self) -> None:
        """The same, but what is half sent is cut off, and not ended as if it were whole."""
        if self._headers_written:
            self._cut_off()
        else:
            super().give_up()

    def finish_with_common(self, body: bytes | None) -> None:
        """An answer, or a problem, that pages of the allowed origins may read."""
        self._admit_origin()
        super().finish_with_common(body)

    def _admit_origin(self) -> None:
        origin = self.request.headers.get("Origin", "")
        self.set_header("Vary", "Origin")
        if origin in self.doorway.origins.allowed_origins:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", "Link, Retry-After, X-Request-Id")

    def _preflight(self) -> None:
        """CORS preflight for the origins that the settings allow; everybody else learns the methods."""
        if self.request.headers.get("Origin") in self.doorway.origins.allowed_origins:
            self.set_header("Access-Control-Allow-Methods", ", ".join(sorted(self.operations)))
            self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
            self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)
        self.set_header("Allow", ", ".join(self.methods))
        self.finish_with_common(None)

    async def _call(self, operation: Operation, path: Mapping[str, str]) -> Call[Any, Any]:
        app = self.doorway.app
        if operation.limit is not None:
            await limits.spend(app, operation.limit, self.origin.address)
        caller = await self._caller(app) if operation.signed_in else None
        if caller is not None and not operation.enrols:
            await factors.require_enrolled(app, caller.user_id)
        keeps_cookie = self._keeps_cookie()
        mark = self.get_cookie(DEVICE_COOKIE) if keeps_cookie else None
        return Call(
            app=app,
            origin=replace(self.origin, mark=mark) if mark else self.origin,
            body=self._body(operation),
            query=convert_query(self.request.query, operation.query_shape),
            path=path,
            url=self.request.path,
            signed_in=caller,
            keeps_cookie=keeps_cookie,
            cookie=self.get_cookie(REFRESH_COOKIE) if keeps_cookie else None,
            site=partial(self.doorway.origins.site, self.request),
        )

    async def _caller(self, app: App) -> Caller:
        given = self.request.headers.get_list("Authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MOST_TOKEN:
            raise Unauthenticated("Show an access token: Authorization: Bearer …")
        return await sessions.authenticate(app, token, self.origin)

    def _keeps_cookie(self) -> bool:
        if self.request.headers.get(COOKIE_HEADER) != "cookie":
            return False
        # A cookie comes by itself: only our own page may use it (a header of its own, and our own origin).
        origin = self.request.headers.get("Origin", "")
        if not self.doorway.origins.is_own(self.request, origin):
            raise Forbidden("Cookies are for this server's own page.")
        return True

    def _body(self, operation: Operation) -> Any:
        if operation.body is None and (operation.lenient or not self.received):
            return None
        if self.request.headers.get("Content-Type", "").strip().lower() not in JSON:
            raise DoorError(415, "Send JSON: Content-Type: application/json.")
        try:
            values = load(bytes(self.received))
        except Malformed as error:
            fault = Fault(error.field or "body", "malformed", error.detail)
            raise Invalid("The body is not valid JSON.", faults=[fault]) from None
        return convert(values, operation.body_shape)

    async def _send(self, answer: Answer, pieces: AsyncIterator[bytes]) -> None:
        """Send a body while it is made, as fast as the client reads; if that fails, cut the connection off."""
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self._admit_origin()
        self.mark()
        try:
            async for piece in pieces:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return  # whoever asked has gone
        except Exception as error:  # noqa: BLE001 - the one error boundary of this door
            log.error("an answer was cut off", extra={"request_id": self.origin.request_id, **told(error)})
            self._cut_off()
            return
        self.finish()  # type: ignore[unused-awaitable]  # nobody waits for the client to read

    def _cut_off(self) -> None:
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.stream.close()

    def _finish(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.refresh_cookie is not None:
            self._set_cookies(answer.refresh_cookie)
        if answer.body is None:
            self.finish_with_common(None)
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish_with_common(ENCODER.encode(answer.body))

    def _set_cookies(self, refresh: str) -> None:
        if refresh:
            self._set_cookie(DEVICE_COOKIE, guessing.mark_of(self.doorway.app, refresh), DEVICE_DAYS)
        self._set_cookie(REFRESH_COOKIE, refresh, self.doorway.cookie_days if refresh else 0)

    def _set_cookie(self, name: str, value: str, days: int) -> None:
        options = f"Path=/; Max-Age={days * 86_400}; Secure; HttpOnly; SameSite=Strict"
        self.add_header("Set-Cookie", f"{name}={value}; {options}")
