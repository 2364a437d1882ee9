"""The transport below a connection: text frames straight onto the stream of an upgraded handler.

Tornado's `write_message` makes a task for every frame it sends; here a frame is one write, and only
what the kernel did not take at once is counted as waiting.
"""

import struct
from functools import partial

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler

TEXT_FRAME = 0x81  # FIN and opcode 1 (RFC 6455 §5.2)
SHORT = 126
MEDIUM = 65_536


class Wire:
    """A `Transport` (realtime.connection) over one WebSocket handler. Before the upgrade it drops what it is given."""

    __slots__ = ("_handler", "_waiting")

    def __init__(self, handler: WebSocketHandler) -> None:
        self._handler = handler
        self._waiting = 0

    def write(self, frame: bytes) -> None:
        """Send one text frame, or queue it."""
        protocol = self._handler.ws_connection
        stream = None if protocol is None else protocol.stream
        if stream is None:
            return
        data = header(len(frame)) + frame
        try:
            written = stream.write(data)
        except StreamClosedError:
            return
        if not written.done():
            self._waiting += len(data)
            written.add_done_callback(partial(self._taken, len(data)))

    def queued(self) -> int:
        """How many bytes wait to be taken by the peer."""
        return self._waiting

    def close(self, code: int, reason: str) -> None:
        """Close with a frame; Tornado cuts a peer off that does not answer it within seconds."""
        self._handler.close(code, reason)

    def _taken(self, size: int, _: object) -> None:
        self._waiting -= size


def header(size: int) -> bytes:
    """The header of an unmasked text frame with `size` bytes (RFC 6455 §5.2)."""
    if size < SHORT:
        return bytes((TEXT_FRAME, size))
    if size < MEDIUM:
        return struct.pack("!BBH", TEXT_FRAME, 126, size)
    return struct.pack("!BBQ", TEXT_FRAME, 127, size)
