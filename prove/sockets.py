"""The sockets of one device: connect, say what the state machine says, come back after every loss."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from random import Random
from typing import Any
from urllib.parse import urlsplit

from picows import WSError, WSFrame, WSInvalidStatusError, WSListener, WSMsgType, WSTransport, ws_connect

from prove import api
from prove.api import Account, Api, CallFailed
from prove.backoff import Advice, advice, wait_seconds
from prove.client import Device
from prove.outbox import Job, Kind
from prove.wire import JSON, encode

SUBPROTOCOL = "recado.v1"
CONNECT_SECONDS = 10.0
# A client takes a connection for dead when its hello, or a job, has no answer for so long.
ANSWER_SECONDS = 10.0
REST_SHARE = 0.1
# Some show their token in the handshake, some in the first frame.
HEADER_SHARE = 0.5
NO_STATUS = 1005
UNAUTHORIZED = 401


class WrongDialect(Exception):
    """The server does not speak `recado.v1`."""


class Line(WSListener):
    """One device's connections, one after another."""

    def __init__(self, device: Device, account: Account, api: Api, random: Random) -> None:
        self.device = device
        self.account = account
        self.stopped = False
        self.next_wish = 0.0
        self.connections = 0
        self._api = api
        self._random = random
        self._transport: WSTransport | None = None
        self._gone = asyncio.Event()
        self._since = 0.0
        self._heard = 0.0
        self._code: int | None = None
        self._reason = ""
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Connect, and again after every loss, until `stop`."""
        failures = 0
        while not self.stopped:
            self._code, self._reason = None, ""
            if await self._connect():
                await self._gone.wait()
                failures = 0 if self.device.welcomed else failures + 1
                self.device.lost(self._code, self._reason)
            else:
                failures += 1
            self._transport = None
            what = advice(self._code)
            if what is Advice.NEW_TOKEN:
                self.account.spoil()
            if what is Advice.STOP and not self.stopped:
                self.device.note(f"sent away for good: {self._code} {self._reason}")
            if not self.stopped:
                await asyncio.sleep(wait_seconds(failures, self._random, self.device.asked_ms))

    def stop(self) -> None:
        """Hang up, and do not come back."""
        self.stopped = True
        if self._transport is not None:
            self._transport.disconnect()

    def tick(self, now: float) -> None:
        """What is due: jobs, acknowledgements, a fresh token; and whether anybody is still there."""
        if self._transport is None or self._gone.is_set():
            return
        if self._is_dead(now):
            self._transport.disconnect(graceful=False)
            return
        for job in self.device.due(now):
            via = "rest" if self._random.random() < REST_SHARE else "v1"
            frames = self.device.say(job, via, now)
            if via == "v1":
                for frame in frames:
                    self._say(frame)
            else:
                self._spawn(self._call(job))
        if frame_of_ack := self.device.ack():
            self._say(frame_of_ack)
        if self.device.reload_upto is not None and not self._calls:
            self._spawn(self._reload())

    def ping(self) -> None:
        """Ask for the head."""
        if frame := self.device.ping(time.monotonic()):
            self._say(frame)

    async def renew(self) -> None:
        """Show the server a fresh token before the old one ends."""
        if self.account.is_stale and self.device.welcomed:
            self._say({"type": "auth", "ref": "auth", "token": await self.account.token()})

    # --- What picows calls ---

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame of the server."""
        self._heard = time.monotonic()
        if frame.msg_type == WSMsgType.TEXT:
            was = self.device.welcomed
            self.device.hear(frame.get_payload_as_bytes(), self._heard)
            if self.device.hello_refused:
                transport.disconnect(graceful=False)
            elif self.device.welcomed and not was:
                self.tick(self._heard)
        elif frame.msg_type == WSMsgType.CLOSE:
            told = frame.get_payload_as_bytes()
            self._code = int.from_bytes(told[:2], "big") if len(told) >= 2 else NO_STATUS
            self._reason = told[2:].decode(errors="replace")

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The socket is gone."""
        self._gone.set()

    # --- Within ---

    async def _connect(self) -> bool:
        token = await self.account.token()
        in_header = self._random.random() < HEADER_SHARE
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        if in_header:
            headers["Authorization"] = f"Bearer {token}"
        self._gone = asyncio.Event()
        try:
            transport, _ = await ws_connect(
                lambda: self,
                f"ws://{urlsplit(self._api.url).netloc}/ws/chat/",
                extra_headers=headers,
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
        except WSInvalidStatusError as refused:
            if refused.response is not None and refused.response.status == UNAUTHORIZED:
                self.account.spoil()
            return False
        except (OSError, WSError, TimeoutError):
            return False
        if transport.response.headers.get("Sec-WebSocket-Protocol") != SUBPROTOCOL:
            transport.disconnect()
            raise WrongDialect(f"the server does not speak {SUBPROTOCOL}")
        self._transport = transport
        self._since = self._heard = time.monotonic()
        self.connections += 1
        self._say(self.device.hello(None if in_header else token))
        return True

    def _say(self, frame: JSON) -> None:
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, encode(frame))

    def _is_dead(self, now: float) -> bool:
        oldest = self.device.waits_since() if self.device.welcomed else self._since
        return oldest is not None and now - max(oldest, self._since) > ANSWER_SECONDS

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, job: Job) -> None:
        """A job by REST; what is not answered is tried again, on either way."""
        method, path, body = _request(job)
        with contextlib.suppress(CallFailed):
            reply = await self._api.call(method, path, body, token=await self.account.token())
            if reply.status == 401:
                self.account.spoil()
            wait = reply.retry_after or wait_seconds(job.tries, self._random)
            self.device.answered_call(job, reply.status, reply.body, time.monotonic(), wait)
            return
        self.device.answered_call(job, 0, b"", time.monotonic(), 1.0)

    async def _reload(self) -> None:
        """After a reset: everything again, by REST."""
        messages = await api.whole_list(self._api, await self.account.token())
        self.device.reloaded(messages)


def _request(job: Job) -> tuple[str, str, JSON | None]:
    fields = job.fields
    match job.kind:
        case Kind.SEND:
            return "POST", "/api/auth/send/", fields
        case Kind.EDIT:
            return "PATCH", f"/api/messages/{fields['id']}/", {"content": fields["content"]}
        case Kind.DELETE:
            return "DELETE", f"/api/messages/{fields['id']}/", None
        case Kind.READ:
            return "POST", f"/api/conversations/{fields['peer']}/read/", {"up_to": fields["up_to"]}
