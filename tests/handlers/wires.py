"""A wire without a network: a transport that the test moves, and somebody who hears what comes."""

import asyncio
from typing import Any

from handlers.framing import Frames
from handlers.outlet import HIGH_WATER
from handlers.pace import Allowance, Pace
from handlers.wire import Wire
from realtime.codes import CloseCode


class Stream(asyncio.Transport):
    """A transport that takes everything while `takes`, and keeps it otherwise."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire
        self.written: list[bytes] = []
        self.kept = 0
        self.takes = True
        self.paused = False
        self.reads = True
        self.gone = False  # it has hung up, and we have not heard of it yet
        self.ended: list[str] = []
        self.broken_off = asyncio.Event()
        self.aborted = asyncio.Event()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = (high, low)

    def write(self, data: Any) -> None:
        self.written.append(data)
        if not self.takes:
            self.kept += len(data)
            if self.kept > HIGH_WATER and not self.paused:
                self.paused = True
                self.wire.pause_writing()

    def take(self) -> None:
        """The peer has taken all of it."""
        self.kept = 0
        if self.paused:
            self.paused = False
            self.wire.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.kept

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def write_eof(self) -> None:
        self.ended.append("eof")
        if self.gone:
            raise OSError(107, "Transport endpoint is not connected")
        self.broken_off.set()

    def close(self) -> None:
        self.ended.append("close")

    def abort(self) -> None:
        self.ended.append("abort")
        self.aborted.set()

    def is_closing(self) -> bool:
        return bool(self.ended)


class Ear:
    """Whoever hears: notes it, and may hold it up."""

    def __init__(self) -> None:
        self.wire: Wire
        self.heard: list[str | bytes | None] = []
        self.calls: list[str] = []
        self.gate: asyncio.Event | None = None
        self.cost = 1
        self.fault: Exception | None = None

    def opened(self) -> None:
        self.calls.append("opened")

    async def hear(self, message: str | bytes | None) -> int:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.heard.append(message)
        return self.cost

    def close(self, code: CloseCode) -> None:
        self.wire.close(code.code, code.reason)

    def gone(self) -> None:
        self.calls.append("gone")


def opened(allowed: Allowance | None = None, most: int = 1000) -> tuple[Wire, Stream, Ear]:
    ear = Ear()
    pace = None if allowed is None else Pace(allowed, asyncio.get_running_loop().time())
    ear.wire = wire = Wire(ear, Frames(most), pace, lambda size: None)
    stream = Stream(wire)
    wire.connection_made(stream)
    return wire, stream, ear


async def read(wire: Wire) -> None:
    """Until all that has come is handled."""
    if wire._reading is not None:
        await wire._reading


async def turns(count: int = 20) -> None:
    """So many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)
