"""What goes out on one socket: frames that wait for the end of the turn, or for a peer that does not keep up.

Invariants: what is written in one turn of the loop is one system call; what a slow peer does not take waits here,
where it can be dropped, and only a little of it in the system; of pongs at most one waits.
"""

import asyncio

from handlers.framing import PONG, framed

# What the system has not taken: above the first it is kept here, until the second is reached.
HIGH_WATER = 16_384
LOW_WATER = 4096
# So much is written at once to a peer that was slow.
PIECE = 65_536


class Outlet(asyncio.Protocol):
    """The half of a wire that writes. Before `connected` it drops what it is given, and after the goodbye too."""

    __slots__ = ("_calm", "_closing", "_late_pong", "_out", "_out_bytes", "_paused", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._closing = False  # our close frame has been written
        self._out: list[bytes] | None = None  # what was written in this turn, or waits for the peer
        self._out_bytes = 0
        self._paused = False  # the peer does not keep up
        self._late_pong: bytes | None = None  # what waits for it is one pong, the latest (RFC 6455 §5.5.3)
        self._calm: asyncio.Future[None] | None = None  # done when the peer has caught up

    def connected(self, transport: asyncio.Transport) -> None:
        """The socket is ours."""
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)

    def write(self, frame: bytes) -> None:
        """Send one text frame, or queue it.

        What is written in one turn of the loop goes out at its end, in one system call.
        """
        self._put(framed(frame))

    def queued(self) -> int:
        """How many bytes wait to be taken by the peer."""
        return self._out_bytes + (0 if self._transport is None else self._transport.get_write_buffer_size())

    async def drained(self) -> None:
        """Wait until little waits for the peer; also when it is gone."""
        self._flush()
        if self._transport is not None and (self._paused or self._out):
            if self._calm is None:
                self._calm = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._calm])

    def pause_writing(self) -> None:
        """The peer does not keep up: what is written now waits here."""
        self._paused = True

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._paused = False
        if self._late_pong is not None:
            late, self._late_pong = self._late_pong, None
            self._put(framed(late, PONG))
        self._flush()
        if not self._paused and not self._out:
            self._settle()

    def _put(self, data: bytes) -> None:
        if self._closing or self._transport is None:
            return
        if self._out is None:
            self._out = []
            if not self._paused:
                asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)

    def _pong(self, payload: bytes) -> None:
        if self._paused:
            self._late_pong = payload
        else:
            self._put(framed(payload, PONG))

    def _flush(self) -> None:
        """Write what waits; piece by piece, so that what a slow peer does not take stays here."""
        out, transport = self._out, self._transport
        if out is None or self._paused or transport is None:
            return
        if self._out_bytes <= PIECE:
            self._out, self._out_bytes = None, 0
            transport.write(out[0] if len(out) == 1 else b"".join(out))
            return
        written = 0
        while written < len(out) and not self._paused:
            begun, size = written, 0
            while written < len(out) and size < PIECE:
                size += len(out[written])
                written += 1
            self._out_bytes -= size
            transport.write(b"".join(out[begun:written]))
        self._out = out[written:] or None

    def _drop(self) -> None:
        self._out, self._out_bytes, self._late_pong = None, 0, None

    def _settle(self) -> None:
        if self._calm is not None:
            self._calm.set_result(None)
            self._calm = None
