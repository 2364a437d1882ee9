"""The door every HTTP operation goes through: method, origin, limits, who asks, shape; then one call, then one answer.

Invariant: nothing is done before the shape is known to be right.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from tornado.web import stream_request_body

from actions import limits, sessions
from actions.app import App, Caller
from actions.errors import Fault, Forbidden, Invalid, Unauthenticated, as_refusal
from handlers.base import ENCODER, Base, Doorway
from handlers.fields import convert, convert_query
from handlers.operation import Answer, Call, Operation
from handlers.problems import DoorError
from realtime.strict_json import Malformed, load

REFRESH_COOKIE = "__Host-recado"
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
        self._finish(answer)

    def finish_with_common(self, body: bytes | None) -> None:
        """An answer, or a problem, that pages of the allowed origins may read."""
        origin = self.request.headers.get("Origin", "")
        self.set_header("Vary", "Origin")
        if origin in self.doorway.origins.allowed_origins:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", "Link, Retry-After, X-Request-Id")
        super().finish_with_common(body)

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
        keeps_cookie = self._keeps_cookie()
        return Call(
            app=app,
            origin=self.origin,
            body=self._body(operation),
            query=convert_query(self.request.query, operation.query_shape),
            path=path,
            url=self.request.path,
            signed_in=caller,
            keeps_cookie=keeps_cookie,
            cookie=self.get_cookie(REFRESH_COOKIE) if keeps_cookie else None,
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

    def _finish(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.refresh_cookie is not None:
            self._set_refresh_cookie(answer.refresh_cookie)
        if answer.body is None:
            self.finish_with_common(None)
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish_with_common(ENCODER.encode(answer.body))

    def _set_refresh_cookie(self, value: str) -> None:
        age = self.doorway.cookie_days * 86_400 if value else 0
        options = f"Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"
        self.add_header("Set-Cookie", f"{REFRESH_COOKIE}={value}; {options}")
