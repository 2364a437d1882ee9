"""The sockets of one device: connect, say what the state machine says, come back after every loss."""

import asyncio
import time
from random import Random
from urllib.parse import urlsplit

from picows import (
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeResponse,
    ws_connect,
)

from prove.api import UNAUTHORIZED, Account, Api
from prove.backoff import Advice, advice, wait_seconds
from prove.client import Device
from prove.line import Line
from prove.outbox import Kind
from prove.wire import JSON, encode

SUBPROTOCOL = "recado.v1"
CONNECT_SECONDS = 10.0
# A client takes a connection for dead when its hello, or a job, has no answer for so long.
ANSWER_SECONDS = 10.0
REST_SHARE = 0.1
# Some show their token in the handshake, some in the first frame.
HEADER_SHARE = 0.5
NO_STATUS = 1005
# What has a frame of its own; the rest goes by calls.
FRAMES = {Kind.SEND, Kind.EDIT, Kind.DELETE, Kind.READ}


class WrongDialect(Exception):
    """The server does not speak `recado.v1`."""


class SocketLine(WSListener, Line):
    """One device's connections, one after another."""

    def __init__(self, device: Device, account: Account, api: Api, random: Random) -> None:
        Line.__init__(self, device, account, api, random)
        self._transport: WSTransport | None = None
        self._gone = asyncio.Event()
        self._since = 0.0
        self._heard = 0.0
        self._code: int | None = None
        self._reason = ""

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
                await asyncio.sleep(wait_seconds(failures, self.random, self.device.asked_ms))
                self.device.asked_ms = 0

    def stop(self) -> None:
        """Hang up, and do not come back."""
        Line.stop(self)
        if self._transport is not None:
            self._transport.disconnect()

    def tick(self, now: float) -> None:
        """What is due: jobs, acknowledgements; and whether anybody is still there."""
        if self._transport is None or self._gone.is_set():
            return
        if self._is_dead(now):
            self._transport.disconnect(graceful=False)
            return
        for job in self.device.due(now):
            if job.kind in FRAMES and self.random.random() >= REST_SHARE:
                for frame in self.device.say(job, "v1", now):
                    self._say(frame)
        if frame_of_ack := self.device.ack():
            self._say(frame_of_ack)
        Line.tick(self, now)  # the others, by calls

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
        in_header = self.random.random() < HEADER_SHARE
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        if in_header:
            headers["Authorization"] = f"Bearer {token}"
        self._gone = asyncio.Event()
        try:
            transport, _ = await ws_connect(
                lambda: self,
                f"ws://{urlsplit(self.api.url).netloc}/ws/chat/",
                extra_headers=headers,
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
        except WSInvalidStatusError as refused:
            if refused.response is not None and refused.response.status == UNAUTHORIZED:
                self.account.spoil()
            return False
        except (OSError, WSError, TimeoutError):
            return False
        response: WSUpgradeResponse | None = transport.response  # whatever its type says
        if response is None:  # cut in this very moment
            transport.disconnect(graceful=False)
            return False
        if response.headers.get("Sec-WebSocket-Protocol") != SUBPROTOCOL:
            transport.disconnect()
            raise WrongDialect(f"the server does not speak {SUBPROTOCOL}")
        self._transport = transport
        self._since = self._heard = time.monotonic()
        self._say(self.device.hello(None if in_header else token))
        return True

    def _say(self, frame: JSON) -> None:
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, encode(frame))

    def _is_dead(self, now: float) -> bool:
        oldest = self.device.outbox.oldest("v1") if self.device.welcomed else self._since
        return oldest is not None and now - max(oldest, self._since) > ANSWER_SECONDS
