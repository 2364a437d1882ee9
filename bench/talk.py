"""The load itself: pairs of people who write to each other over WebSockets, and what was measured meanwhile.

A message counts when its recipient has it. Closed loop: each pair keeps so many messages in flight, and whatever
arrives lets the next one go. Open loop: messages go at a steady rate, whether those before have arrived or not, and
are measured from the moment at which they were due. After the window everything must arrive, exactly once.
"""

import asyncio
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.dialects import Dialect, Person
from bench.ledger import RECIPIENT, SENDER, Ledger, Texts, Verdict
from bench.stats import cpu_seconds, family_cpu_seconds

CONNECT_SECONDS = 30.0
TICK_SECONDS = 0.001
NEVER = float("inf")


class LoadFailed(Exception):
    """The load cannot go on: a socket was closed, or the server refuses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, for how long. With `rate` (messages a second) the loop is open, else closed.

    With several instances of one service in `urls` the pairs take them in turn; `apart`: the two of a pair are on
    different ones.
    """

    urls: Sequence[str]
    dialect: Dialect
    in_flight: int = 1
    seconds: float = 10.0
    messages: int | None = None  # instead of seconds: so many, all of them measured
    warmup_seconds: float = 2.0
    drain_seconds: float = 30.0
    rate: float | None = None
    length: int = 100
    apart: bool = False
    server_pids: Sequence[int] = ()
    database_pids: Sequence[int] = ()

    def url_of(self, pair: int, side: int) -> str:
        """The instance that somebody of this pair connects to."""
        return self.urls[(pair + (side if self.apart else 0)) % len(self.urls)]


@dataclass(slots=True)
class Measured:
    """What was seen in the window; times in seconds, latencies in order of size."""

    seconds: float = 0.0
    messages: int = 0
    latencies: Sequence[float] = ()
    lags: Sequence[float] = ()  # how late the generator itself was (open loop)
    own_cpu_seconds: float = 0.0
    server_cpu_seconds: float = 0.0
    database_cpu_seconds: float = 0.0
    sent_in_all: int = 0
    verdict: Verdict = field(default_factory=Verdict)


class Ear(WSListener):
    """What is heard on one socket."""

    def __init__(self, talk: "Talk", pair: int, side: int) -> None:
        self.talk = talk
        self.pair = pair
        self.side = side

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        """One frame."""
        if frame.msg_type == WSMsgType.TEXT:
            self.talk.hear(self.side, self.pair, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            self.talk.fail(LoadFailed(f"closed by the server: {frame.get_close_code()} {frame.get_close_reason()}"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The socket is gone."""
        self.talk.fail(LoadFailed("a socket was lost"))


class Talk:
    """One run of a plan over `pairs` (who writes, to whom)."""

    def __init__(self, plan: Plan, pairs: Sequence[tuple[Person, Person]], run: str) -> None:
        self.plan = plan
        self.pairs = pairs
        self.ledger = Ledger(len(pairs), Texts(run, plan.length))
        self.latencies = array("d")
        self.lags = array("d")
        self.arrived = 0
        self._starts: list[dict[int, float]] = [{} for _ in pairs]
        self._senders: list[WSTransport] = []
        self._listeners: list[WSTransport] = []
        self._budget = NEVER if plan.messages is None else plan.messages
        self._refills = plan.rate is None
        self._counts = False
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> Measured:
        """Connect, warm up, measure, let everything arrive, and judge. Raises `LoadFailed`."""
        await self._connect()
        try:
            measured = await self._measure()
            await self._drain()
        finally:
            self._hang_up()
        measured.sent_in_all = sum(self.ledger.sent)
        measured.verdict = self.ledger.verdict()
        return measured

    def hear(self, side: int, pair: int, frame: bytes) -> None:
        """A frame has come. Only the recipient's counts and lets the next message go."""
        try:
            content = self.plan.dialect.content(frame)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
            self.fail(error)
            return
        number = None if content is None else self.ledger.arrive(side, pair, content)
        if side != RECIPIENT or number is None:
            return
        took = time.perf_counter() - self._starts[pair].pop(number)
        if self._counts:
            self.arrived += 1
            self.latencies.append(took)
        if self._refills:
            self._say(pair, time.perf_counter())

    def fail(self, error: Exception) -> None:
        """End the run; the first reason is the one that is told."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def _say(self, pair: int, due: float) -> None:
        if self._budget <= 0:
            return
        self._budget -= 1
        number = self.ledger.send(pair)
        frame = self.plan.dialect.frame(self.pairs[pair][1].name, self.ledger.texts.make(pair, number))
        self._starts[pair][number] = due
        self._senders[pair].send(WSMsgType.TEXT, frame)

    async def _connect(self) -> None:
        for index, (sender, recipient) in enumerate(self.pairs):
            self._listeners.append(await self._open(recipient, Ear(self, index, RECIPIENT)))
            self._senders.append(await self._open(sender, Ear(self, index, SENDER)))

    async def _open(self, person: Person, ear: Ear) -> WSTransport:
        return await connect(self.plan.url_of(ear.pair, ear.side), self.plan.dialect, person, ear)

    async def _measure(self) -> Measured:
        going = asyncio.ensure_future(self._steadily() if self.plan.rate else self._fill())
        try:
            if self.plan.messages is None:
                await self._pause(self.plan.warmup_seconds)
            before, began = self._cpu(), time.perf_counter()
            self._counts = True
            await (self._pause(self.plan.seconds) if self.plan.messages is None else self._drain())
            self._counts = False
            seconds = time.perf_counter() - began
            own, server, databases = (after - was for after, was in zip(self._cpu(), before, strict=True))
        finally:
            self._budget = 0
            going.cancel()
            await asyncio.wait((going,))
        return Measured(
            seconds=seconds,
            messages=self.arrived,
            latencies=sorted(self.latencies),
            lags=sorted(self.lags),
            own_cpu_seconds=own,
            server_cpu_seconds=server,
            database_cpu_seconds=databases,
        )

    async def _fill(self) -> None:
        """Closed loop: fill each pair's flight once; what arrives does the rest."""
        for _ in range(self.plan.in_flight):
            for pair in range(len(self.pairs)):
                self._say(pair, time.perf_counter())

    async def _steadily(self) -> None:
        """Open loop: at each tick what is due by now, the pairs in turn."""
        rate = self.plan.rate or 1.0
        began = time.perf_counter()
        count = 0
        while self._budget > 0:
            now = time.perf_counter()
            while (due := began + count / rate) <= now:
                if self._counts:
                    self.lags.append(now - due)
                self._say(count % len(self.pairs), due)
                count += 1
            await asyncio.sleep(TICK_SECONDS)

    async def _drain(self) -> None:
        """Until everything has arrived on both sides, or it takes too long."""
        deadline = time.perf_counter() + max(self.plan.drain_seconds, self.plan.seconds)
        while not self._is_done() and time.perf_counter() < deadline:
            await self._pause(TICK_SECONDS)

    def _is_done(self) -> bool:
        return self.ledger.is_complete and self._budget <= 0

    async def _pause(self, seconds: float) -> None:
        await asyncio.wait((self._failed,), timeout=seconds)
        if self._failed.done():
            self._failed.result()

    def _cpu(self) -> tuple[float, float, float]:
        return cpu_seconds(), family_cpu_seconds(self.plan.server_pids), family_cpu_seconds(self.plan.database_pids)

    def _hang_up(self) -> None:
        if not self._failed.done():
            self._failed.set_result(None)  # from here on a closed socket is no failure
        for transport in (*self._senders, *self._listeners):
            with suppress(Exception):
                transport.disconnect()


async def connect(
    url: str, dialect: Dialect, person: Person, ear: WSListener, source: str | None = None
) -> WSTransport:
    """The person's socket, open; `source` is the address to come from. Raises what picows raises."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    options: dict[str, Any] = {} if source is None else {"local_addr": (source, 0)}
    transport, _ = await ws_connect(
        lambda: ear,
        f"{scheme}://{parts.netloc}{dialect.path(person)}",
        extra_headers=dialect.headers(person),
        websocket_handshake_timeout=CONNECT_SECONDS,
        **options,
    )
    if dialect.opening is not None:
        transport.send(WSMsgType.TEXT, dialect.opening)
    return transport
