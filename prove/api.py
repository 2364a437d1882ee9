"""REST as the clients use it: calls that may fail in any way, and the tokens of one device."""

import asyncio
import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from prove import wire
from prove.backoff import wait_seconds
from prove.wire import JSON, Message, Page, Talk

PASSWORD = "a sentence nobody would guess"  # noqa: S105 - of people who live as long as a run
CALL_SECONDS = 10.0
POLL_SECONDS = 40.0
PAGE = 500
# A token is renewed when this part of its life is left.
RENEW_SHARE = 0.3
GIVE_UP_SECONDS = 120.0
UNAUTHORIZED = 401
PASSING = (0, 408, 429, 500, 502, 503, 504)


class CallFailed(Exception):
    """An answer that the run cannot go on with."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0: nothing did."""

    status: int
    body: bytes = b""
    retry_after: float | None = None
    link: str = ""


class _Claims(msgspec.Struct):
    iat: float
    exp: float


class Api:
    """Calls to one address."""

    def __init__(self, url: str, random: Random) -> None:
        self.url = url
        self._random = random
        self._client = AsyncHTTPClient(force_instance=True, max_clients=100)

    def close(self) -> None:
        """No more calls."""
        self._client.close()

    async def call(
        self, method: str, path: str, body: JSON | None = None, *, token: str = "", seconds: float = CALL_SECONDS
    ) -> Reply:
        """One try."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=headers,
            body=None if body is None else msgspec.json.encode(body),
            request_timeout=seconds,
            connect_timeout=seconds,
            allow_nonstandard_methods=True,
            follow_redirects=False,
        )
        fetching = asyncio.ensure_future(self._client.fetch(request, raise_error=False))
        fetching.add_done_callback(_seen)
        try:
            # Tornado complains of the end of a call that nobody waits for any more, if it was cancelled.
            answer = await asyncio.shield(fetching)
        except (OSError, HTTPClientError):
            return Reply(0)
        if answer.code == 599:
            return Reply(0)
        wait = answer.headers.get("Retry-After")
        return Reply(answer.code, answer.body, float(wait) if wait else None, answer.headers.get("Link", ""))

    async def insist(
        self, method: str, path: str, body: JSON | None = None, *, token: str = "", seconds: float = CALL_SECONDS
    ) -> Reply:
        """Try until the answer is one that will not change by itself."""
        began, failures = time.monotonic(), 0
        while True:
            reply = await self.call(method, path, body, token=token, seconds=seconds)
            if reply.status not in PASSING or time.monotonic() - began > GIVE_UP_SECONDS:
                return reply
            failures += 1
            await asyncio.sleep(wait_seconds(failures, self._random))

    async def register(self, name: str) -> None:
        """An account. A conflict is the answer to an earlier try."""
        reply = await self.insist("POST", "/api/auth/register/", {"username": name, "password": PASSWORD})
        if reply.status not in (201, 409):
            raise CallFailed(f"cannot sign up {name}: {reply}")


class Account:
    """The session of one device. Its tokens rotate; a lost answer to a refresh must not end it."""

    def __init__(self, api: Api, person: str, device: str, signed_out: Callable[[str], None]) -> None:
        self.api = api
        self.person = person
        self.access = ""
        self._device = device
        self._refresh = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()
        self._signed_out = signed_out

    async def sign_in(self) -> None:
        """A session."""
        body: JSON = {"username": self.person, "password": PASSWORD, "device": self._device}
        self._take(await self.api.insist("POST", "/api/auth/login/", body))

    @property
    def is_stale(self) -> bool:
        """Whether the access token should be renewed."""
        return time.time() >= self._renew_at

    def spoil(self) -> None:
        """The server did not like the token."""
        self._renew_at = 0.0

    async def token(self) -> str:
        """An access token that is good for a while."""
        async with self._lock:
            if self.is_stale:
                reply = await self.api.insist("POST", "/api/auth/refresh/", {"refresh": self._refresh})
                if reply.status == UNAUTHORIZED:
                    self._signed_out(f"signed out: {reply.body[:200]!r}")
                    await self.sign_in()
                else:
                    self._take(reply)
            return self.access

    def _take(self, reply: Reply) -> None:
        if reply.status != 200:
            raise CallFailed(f"no tokens for {self.person}: {reply}")
        pair = msgspec.json.decode(reply.body)
        self.access, self._refresh = pair["access"], pair["refresh"]
        claims = _claims(self.access)
        self._renew_at = claims.exp - (claims.exp - claims.iat) * RENEW_SHARE


async def whole_log(api: Api, token: str) -> Page:
    """The log from the beginning as one page, by long polls that do not wait."""
    events: list[wire.Told] = []
    after = 0
    while True:
        query = urlencode({"after": after, "limit": PAGE, "wait": 0})
        page = wire.decode_page(await _read(api, f"/api/events/?{query}", token))
        events += page.events
        if not page.events:
            return replace(page, events=events)
        after = max(told.position for told in page.events)


async def head_of(api: Api, token: str) -> int:
    """How far the log goes."""
    return wire.decode_page(await _read(api, "/api/events/?after=0&limit=1", token)).position


async def whole_list(api: Api, token: str) -> list[Message]:
    """Every message, newest first, page after page."""
    found: list[Message] = []
    before = ""
    while True:
        page = wire.decode_messages(await _read(api, f"/api/auth/messages/?limit={PAGE}{before}", token))
        found += page
        if len(page) < PAGE:
            return found
        before = f"&before={page[-1].id}"


async def talks(api: Api, token: str) -> list[Talk]:
    """The first page of talks: nobody here has more."""
    return wire.decode_talks(await _read(api, "/api/conversations/?limit=200", token))


async def timers(api: Api, token: str, peers: Iterable[str]) -> dict[str, int | None]:
    """The timers of the talks with these people, each asked for by name."""
    found = [wire.decode_timer(await _read(api, f"/api/conversations/{peer}/", token)) for peer in peers]
    return {timer.peer: timer.ttl_seconds for timer in found}


async def _read(api: Api, path: str, token: str) -> bytes:
    reply = await api.insist("GET", path, token=token, seconds=POLL_SECONDS)
    if reply.status != 200:
        raise CallFailed(f"GET {path.partition('?')[0]}: {reply.status} {reply.body[:300]!r}")
    return reply.body


def _seen(fetching: "asyncio.Future[HTTPResponse]") -> None:
    if not fetching.cancelled():
        fetching.exception()


def _claims(token: str) -> _Claims:
    body = token.split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=_Claims)
