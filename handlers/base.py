"""What every handler of this server shares: who may come in, the headers and the problems that go out.

Invariants: every answer carries the security headers and a request id; an exception becomes a problem,
never a trace; no URI, header or body is ever logged. A refusal waits until the body has been read, so
that the client gets to see it; a body that goes on for too long is cut off instead.
"""

import logging
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakSet

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.web import HTTPError, RequestHandler, stream_request_body

from actions import audit
from actions.app import App, Origin
from actions.errors import Refused, TryLater
from handlers import problems
from handlers.logs import told
from handlers.origins import Origins, limit_key, network_of
from handlers.pace import Allowance
from handlers.problems import DoorError
from handlers.pulse import Pulse

log = logging.getLogger("recado.door")

API_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HSTS = "max-age=63072000; includeSubDomains"
ENCODER = msgspec.json.Encoder()
# So many times the largest body is still read and dropped; what is longer is cut off.
PATIENCE = 4
# We count a body ourselves: Tornado answers a long one without any header.
UNCOUNTED = 2**62


@dataclass(frozen=True, slots=True)
class Doorway:
    """What every handler is given."""

    app: App
    origins: Origins
    max_body_bytes: int
    max_frame_bytes: int
    max_queued_bytes: int
    websocket_query_token: bool
    cookie_days: int
    heartbeat_seconds: int
    pulse: Pulse
    allowance: Allowance | None  # None: as fast as anybody likes
    security_contact: str = ""
    # How often each route gave each status: (method, route, status).
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    # Requests that have come and are not answered yet.
    under_way: "WeakSet[Base]" = field(default_factory=WeakSet)


@stream_request_body
class Base(RequestHandler):
    """One path. A subclass says which `methods` it has, whom it admits, and what it answers."""

    doorway: Doorway
    origin: Origin
    methods: tuple[str, ...] = ()
    refusal: Exception | None = None
    size = 0

    def initialize(self, doorway: Doorway, **_: object) -> None:
        """Tornado's constructor."""
        self.doorway = doorway
        address = doorway.origins.address(self.request)
        self.origin = Origin(
            request_id=secrets.token_hex(8),
            address=limit_key(address),
            network=network_of(address),
            agent=self.request.headers.get("User-Agent", ""),
        )

    def clear(self) -> None:
        """Tornado's, of which only the date changes: nothing written yet, the headers of every answer, no `Server`."""
        self._headers = HTTPHeaders(_every_answer(int(time.time())))
        self._write_buffer: list[bytes] = []
        self._status_code, self._reason = 200, "OK"

    def prepare(self) -> None:
        """Judge what can be judged without the body."""
        self.doorway.under_way.add(self)
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(UNCOUNTED)
        try:
            self.admit()
            self._check_size(int(self._told_length()))
        except DoorError as error:
            self.refusal = error
        if int(self._told_length()) > self.doorway.max_body_bytes * PATIENCE:
            self.finish_problem(self.refusal or self._too_large())

    def on_finish(self) -> None:
        """It is answered."""
        self.doorway.under_way.discard(self)

    def give_up(self) -> None:
        """Answer that nothing is known: the process ends, and whatever this request waits for did not come."""
        if not self._finished:
            self.finish_problem(TryLater("The server restarts. Try again."))

    def admit(self) -> None:
        """Refuse (`DoorError`) a wrong method, and who may not come here at all."""
        if self.request.method not in self.methods:
            raise self._not_allowed()
        self.check_host()

    def data_received(self, chunk: bytes) -> None:
        """Count the body, and keep it when somebody will read it."""
        self.size += len(chunk)
        if self.refusal is None:
            try:
                self._check_size(self.size)
                self.keep(chunk)
            except DoorError as error:
                self.refusal = error
        if self.size > self.doorway.max_body_bytes * PATIENCE and not self._finished:
            self.finish_problem(self.refusal or self._too_large())

    def keep(self, chunk: bytes) -> None:
        """Nobody reads a body here."""

    async def serve(self, *args: str, **kwargs: str) -> None:
        """The whole request is here: answer it, or say why not."""
        if self._finished:
            return
        if self.refusal is not None:
            self.finish_problem(self.refusal)
            return
        await self.answer(*args, **kwargs)

    get = head = post = put = patch = delete = options = serve

    async def answer(self, *args: str, **kwargs: str) -> None:
        """Answer an admitted request."""
        raise NotImplementedError

    def check_host(self) -> None:
        """Refuse a request for a host that is not ours, and one that another site's page has made."""
        if not self.doorway.origins.host_is_ours(self.request):
            audit.note(self.doorway.app, "origin", origin=self.origin, reason="host")
            raise DoorError(421, "This server does not answer for that host.")
        if not self.doorway.origins.may_come_from(self.request):
            audit.note(self.doorway.app, "origin", origin=self.origin, reason="origin")
            raise DoorError(403, "Requests from this origin are not allowed.")

    def check_fetch(self) -> None:
        """Refuse what a browser fetches for the page of another site."""
        if not self.doorway.origins.may_fetch(self.request):
            audit.note(self.doorway.app, "origin", origin=self.origin, reason="site")
            raise DoorError(403, "Requests from other sites are not allowed.")

    def finish_problem(self, error: Exception) -> None:
        """Answer with the problem that `error` is."""
        problem = problems.problem_of(error, self.origin.request_id)
        if problem.status >= 500 and not isinstance(error, Refused | DoorError):
            # The type and the place, never the message: it may quote what somebody sent.
            log.error("unexpected error", extra={"request_id": self.origin.request_id, **told(error)})
        self.set_status(problem.status)
        self.set_header("Content-Type", problems.MEDIA_TYPE)
        for name, value in problems.headers_of(error).items():
            self.set_header(name, value)
        self.finish_with_common(ENCODER.encode(problem))

    def finish_with_common(self, body: bytes | None) -> None:
        """End the answer with what every answer has."""
        self.mark()
        if body is None:
            self.clear_header("Content-Type")
        self.finish(body)  # type: ignore[unused-awaitable]  # nobody waits for the client to read

    def mark(self) -> None:
        """The headers that depend on the request: its id, and HSTS where there is TLS."""
        self.set_header("X-Request-Id", self.origin.request_id)
        if self.secure_transport():
            self.set_header("Strict-Transport-Security", HSTS)

    def secure_transport(self) -> bool:
        """Whether the client speaks TLS, to us or to a proxy we trust."""
        return self.doorway.origins.scheme(self.request) == "https"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What Tornado refuses, and what has escaped every boundary of ours."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, Exception) and not isinstance(error, HTTPError):
            self.finish_problem(error)
        elif status_code == 405:
            self.finish_problem(self._not_allowed())
        else:
            self.finish_problem(DoorError(status_code, "The request cannot be answered."))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Tornado would log the URI with its query; `finish_problem` logs what may be logged."""

    def compute_etag(self) -> None:
        """No ETags: answers are not stored."""

    def _told_length(self) -> str:
        told = self.request.headers.get("Content-Length", "0")
        return told if told.isascii() and told.isdecimal() and len(told) < len(str(UNCOUNTED)) else "0"

    def _check_size(self, size: int) -> None:
        if size > self.doorway.max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> DoorError:
        return DoorError(413, f"The body may have {self.doorway.max_body_bytes} bytes at most.")

    def _not_allowed(self) -> DoorError:
        allowed = {"Allow": ", ".join(self.methods)}
        return DoorError(405, "This method is not allowed here.", headers=allowed)


class Absent(Base):
    """Every path that is not there, whatever the method."""

    def admit(self) -> None:
        """Nobody."""
        raise self._absent()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A method that Tornado does not know finds nothing either."""
        self.finish_problem(self._absent())

    def _absent(self) -> DoorError:
        return DoorError(404, "There is nothing here.")


@lru_cache(1)
def _every_answer(second: int) -> dict[str, str]:
    """What every answer of this second begins with."""
    return {"Content-Type": "text/html; charset=UTF-8", "Date": format_timestamp(second), **API_HEADERS}
