"""The transport below a connection: text frames straight onto the stream of an upgraded handler.

Tornado's `write_message` makes a task and a system call for every frame it sends; here all frames of one
turn of the loop are one write, and only what the kernel did not take at once is counted as waiting.
"""

import asyncio
import struct
from functools import partial

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler

TEXT_FRAME = 0x81  # FIN and opcode 1 (RFC 6455 §5.2)
SHORT = 126
MEDIUM = 65_536


class Wire:
    """A `Transport` (realtime.connection) over one WebSocket handler. Before the upgrade it drops what it is given."""

    __slots__ = ("_frames", "_handler", "_last", "_waiting")

    def __init__(self, handler: WebSocketHandler) -> None:
        self._handler = handler
        self._waiting = 0
        self._frames: list[bytes] = []
        self._last: asyncio.Future[None] | None = None

    def write(self, frame: bytes) -> None:
        """Send one text frame, or queue it.

        What is written in one turn of the loop goes out at its end, in one system call.
        """
        if self._handler.ws_connection is None:
            return
        if not self._frames:
            asyncio.get_running_loop().call_soon(self._flush)
        framed = header(len(frame)) + frame
        self._frames.append(framed)
        self._waiting += len(framed)

    def queued(self) -> int:
        """How many bytes wait to be taken by the peer."""
        return self._waiting

    def close(self, code: int, reason: str) -> None:
        """Close with a frame; Tornado cuts a peer off that does not answer it within seconds."""
        self._flush()
        self._handler.close(code, reason)

    async def drained(self) -> None:
        """Wait until the peer has taken what was written; also when it is gone."""
        self._flush()
        if self._last is not None:
            await asyncio.wait([self._last])

    def _flush(self) -> None:
        if not self._frames:
            return
        data = b"".join(self._frames) if len(self._frames) > 1 else self._frames[0]
        self._frames.clear()
        protocol = self._handler.ws_connection
        stream = None if protocol is None else protocol.stream
        if stream is None:
            self._waiting -= len(data)
            return
        try:
            written = stream.write(data)
        except StreamClosedError:
            self._waiting -= len(data)
            return
        if written.done():
            self._waiting -= len(data)
        else:
            self._last = written
            written.add_done_callback(partial(self._taken, len(data)))

    def _taken(self, size: int, _: object) -> None:
        self._waiting -= size


def header(size: int) -> bytes:
    """The header of an unmasked text frame with `size` bytes (RFC 6455 §5.2)."""
    if size < SHORT:
        return bytes((TEXT_FRAME, size))
    if size < MEDIUM:
        return struct.pack("!BBH", TEXT_FRAME, 126, size)
    return struct.pack("!BBQ", TEXT_FRAME, 127, size)
