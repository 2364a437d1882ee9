"""What stands below and around a connection in these tests: a socket that remembers, and made-up events."""

import asyncio
import json
from collections.abc import Callable

from realtime.codes import TOO_SLOW
from realtime.connection import Connection
from realtime.dialects import Dialect, Frame
from realtime.dialects.plain import PLAIN
from realtime.events import Event, Message, MessageSent
from realtime.hub import Hub


class FakeTransport:
    """Remembers what was written; `stuck` is what the peer has not taken."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.stuck = 0
        self.unread = 0  # what was read from the peer and not yet understood
        self.aborted = False
        self.reads = True  # whether the peer takes what is written

    def write(self, frame: bytes) -> None:
        assert self.closed is None, "written after it was closed"
        self.frames.append(frame)
        if not self.reads:
            self.stuck += len(frame)

    def queued(self) -> int:
        return self.stuck

    def weight(self) -> int:
        return self.stuck + self.unread

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (code, reason)
        if code == TOO_SLOW.code:
            self.stuck = 0

    def abort(self) -> None:
        self.aborted, self.stuck, self.unread = True, 0, 0

    async def drained(self) -> None:
        self.stuck = 0


class BrokenTransport(FakeTransport):
    """Breaks its promise not to raise."""

    def write(self, frame: bytes) -> None:
        raise OSError("broken")


class Listening(FakeTransport):
    """A socket on whose frames a test can wait."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def write(self, frame: bytes) -> None:
        super().write(frame)
        self._changed.set()

    async def until(self, count: int) -> list[str]:
        """The contents of the first `count` messages, when there are so many."""
        while len(self.frames) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.contents

    @property
    def contents(self) -> list[str]:
        return [json.loads(frame)["message"] for frame in self.frames]


class CountingDialect:
    """Plain, and counts how often it encodes."""

    name = "counting"
    subprotocol = "counting.v1"

    def __init__(self, fault: Exception | None = None) -> None:
        self.encoded = 0
        self.fault = fault

    def encode(self, event: Event, position: int | None) -> bytes | None:
        self.encoded += 1
        if self.fault:
            raise self.fault
        return PLAIN.encode(event, position)

    def decode(self, raw: str) -> Frame:
        raise NotImplementedError

    def error(self, code: str, detail: str, **_: object) -> bytes:
        raise NotImplementedError


def connection(
    user_id: int = 1,
    session_id: int = 10,
    *,
    dialect: Dialect = PLAIN,
    transport: FakeTransport | None = None,
    max_queued_bytes: int = 1000,
) -> tuple[Connection, FakeTransport]:
    socket = transport or FakeTransport()
    return Connection(user_id, session_id, dialect, socket, max_queued_bytes), socket


def listener(hub: Hub, user_id: int, session_id: int = 10) -> Listening:
    """A connection of the user that is joined to the hub, and what it hears."""
    transport = Listening()
    hub.join(Connection(user_id, session_id, PLAIN, transport, 1_000_000))
    return transport


def said(content: str, message_id: int = 1) -> MessageSent:
    return MessageSent(Message(message_id, "alice", "bob", content, "2026-11-22T08:00:00.000Z"))


class Bell:
    """A callback on which a test can wait."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.rings = 0
        self._then = then
        self._rang = asyncio.Event()

    def __call__(self) -> None:
        self.rings += 1
        self._rang.set()
        self._then()

    async def until(self, rings: int) -> None:
        while self.rings < rings:
            self._rang.clear()
            await self._rang.wait()
