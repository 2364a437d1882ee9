"""The server's own side of a connection, without a network: the real `Line` over a wire that the test can trouble."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from actions.app import Caller
from handlers.line import Line
from realtime.dialects.v1 import V1_DIALECT
from tests.rooms import ORIGIN


class SlowWire:
    """The transport of one connection. While it is stalled, what is written waits and is counted."""

    def __init__(self) -> None:
        self.frames = SimpleNamespace(most=0)
        self.turn = 0  # of the pulse
        self.arrived: list[bytes] = []
        self.waiting: list[bytes] = []
        self.stalled = False
        self.cut = False
        self.closed: tuple[int, str] | None = None
        self.refused: dict[str, str] = {}  # by ref, with which code
        self._drained = asyncio.Event()
        self._drained.set()

    def write(self, frame: bytes) -> None:
        assert self.closed is None, "written after it was closed"
        told = json.loads(frame)
        if told["type"] == "error":
            self.refused[told["ref"]] = told["code"]
        if not self.cut:
            (self.waiting if self.stalled else self.arrived).append(frame)

    def queued(self) -> int:
        return sum(map(len, self.waiting))

    def weight(self) -> int:
        return self.queued()

    def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self.release()

    def abort(self) -> None:
        self.cut = True
        self.release()

    async def drained(self) -> None:
        await self._drained.wait()

    @property
    def is_open(self) -> bool:
        return self.closed is None and not self.cut

    def stall(self) -> None:
        self.stalled = True
        self._drained.clear()

    def flow(self) -> None:
        """The peer reads again, all that waits."""
        self.stalled = False
        self.arrived += self.waiting
        self.release()

    def release(self) -> None:
        """Nothing waits any more."""
        self.waiting.clear()
        self._drained.set()


class Door(Line):
    """A `Line` behind its handshake, which has shown who this is. Messages are handled one after the other."""

    def __init__(self, doorway: SimpleNamespace, caller: Caller) -> None:
        self._doorway = doorway  # type: ignore[assignment]
        self._deadline = None
        self.origin = ORIGIN
        self.dialect = V1_DIALECT
        self.caller = self.connection = self.talk = None
        self.wire: Any = SlowWire()
        self.admitted = caller
        self.said: asyncio.Queue[tuple[str, asyncio.Future[Any]]] = asyncio.Queue()

    async def serve_all(self) -> None:
        """The handshake, and then whatever is said, until the socket is gone."""
        await self.attach(self.admitted)
        self.opened()
        while self.wire.is_open:
            text, handled = await self.said.get()
            if self.wire.is_open:
                await self.hear(text)
            handled.set_result(None)
        self.gone()

    def leave(self) -> None:
        """The peer has gone, with a goodbye or without; nothing more of what it said is heard."""
        self.wire.abort()
        self.gone()
        self.said.put_nowait(("", asyncio.get_running_loop().create_future()))
