"""Frames of RFC 6455: bytes in, messages out, and the other way round. Knows neither sockets nor what is said.

Invariants: whatever comes in, the result is a message or `Broken`; kept is never more than what was fed and
not yet taken, and the fragments of one message within its bound; no byte is looked at twice, so that a frame
which arrives byte by byte costs no more than one that arrives whole.
"""

import struct

from tornado.util import _websocket_mask as unmask  # in C where there is a compiler; else the same in Python

from realtime import codes

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
RESERVED = 0x70
MASKED = 0x80
SHORT = 126
MEDIUM = 65_536
MOST_CONTROL = 125
# A message above the bound is told to be too large; one above this multiple ends the connection.
FAR = 4
# What a close frame may say (RFC 6455 §7.4.1 and the registry of IANA); all below 3000 that is not here is reserved.
CLOSE_STATUS = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

# What was said: its opcode, and a text, bytes, or None for a message above the bound.
Message = tuple[int, str | bytes | None]
# A frame that is a part of a message; told, so that nobody can send them without end at no cost.
PART: Message = (CONTINUATION, b"")


class Broken(Exception):
    """The peer does not keep to the protocol; nothing that follows can be understood."""

    def __init__(self, code: codes.CloseCode) -> None:
        super().__init__(code.reason)
        self.code = code


class Frames:
    """What a client sends. `most` is the bound on one message, in bytes; it may be moved at any time."""

    __slots__ = ("_at", "_data", "_final", "_fragments", "_kind", "_size", "_skip", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._data: bytes | bytearray = b""
        self._at = 0  # how far it was taken
        self._kind = CONTINUATION  # of the message that has begun
        self._size = 0  # of what has come of that message
        self._fragments: bytearray | None = None  # as long as it is within the bound
        self._skip = 0  # so much of the data is not wanted
        self._final: bool | None = None  # of what is skipped: whether it ends its message

    @property
    def waiting(self) -> int:
        """How many bytes were fed and not taken."""
        return len(self._data) - self._at

    @property
    def kept(self) -> int:
        """How many bytes are in memory here."""
        return len(self._data) + (0 if self._fragments is None else len(self._fragments))

    def feed(self, data: bytes) -> None:
        """Add what has come. It is cut into messages by `next`."""
        if self._at == len(self._data):
            self._data, self._at = data, 0
            return
        self._shorten()
        self._data += data

    def clear(self) -> None:
        """Let go of everything."""
        self._data, self._at, self._fragments = b"", 0, None

    def next(self) -> Message | None:
        """The next message, control frame (those within a message come first) or `PART`; None until more has come.

        Raises `Broken`.
        """
        while not self._skip or self._skipped():
            if self._final is not None:
                final, self._final = self._final, None
                return self._end(None) if final else PART
            if self.waiting < 2:
                break
            first = self._data[self._at]
            self._check(first, self._data[self._at + 1])
            if (extent := self._extent(self._at)) is None:
                break
            start, length = extent
            if first & 0x08 == 0 and self._begin(first, length):
                self._skip = start + length - self._at
                continue
            if len(self._data) < start + length:
                break
            payload = unmask(bytes(self._data[start - 4 : start]), bytes(self._data[start : start + length]))
            self._at = start + length
            if first & 0x08:
                return first & 0x0F, payload
            return self._add(first, payload)
        self._shorten()
        return None

    def count(self, most: int) -> int:
        """How many whole frames wait to be taken; `most` when there are as many or more."""
        at, found = self._at + self._skip, 0
        while found < most and (extent := self._extent(at)) is not None and sum(extent) <= len(self._data):
            at, found = sum(extent), found + 1
        return found

    def _extent(self, at: int) -> tuple[int, int] | None:
        """Where the payload of the frame at `at` starts, and its length; None when that cannot be known yet."""
        data = self._data
        left = len(data) - at
        if left < 2:
            return None
        length = data[at + 1] & 0x7F
        if length < SHORT:
            return at + 6, length
        if length == SHORT:
            return (at + 8, data[at + 2] << 8 | data[at + 3]) if left >= 4 else None
        return (at + 14, int.from_bytes(data[at + 2 : at + 10])) if left >= 10 else None

    def _check(self, first: int, second: int) -> None:
        """RFC 6455 §5.1 (masked), §5.2 (reserved bits and opcodes), §5.4 (the order of fragments), §5.5 (control)."""
        opcode = first & 0x0F
        if first & RESERVED or not second & MASKED:
            raise Broken(codes.VIOLATION)
        if opcode >= CLOSE:
            if opcode > PONG or not first & FIN or second & 0x7F > MOST_CONTROL:
                raise Broken(codes.VIOLATION)
        elif opcode > BINARY or (opcode == CONTINUATION) != (self._kind != CONTINUATION):
            raise Broken(codes.VIOLATION)

    def _begin(self, first: int, length: int) -> bool:
        """A data frame's header has come. Whether its payload is skipped, because the message is too large."""
        size = self._size + length
        if size > self.most * FAR:
            raise Broken(codes.TOO_BIG)
        if size <= self.most:
            return False
        self._kind = self._kind or first & 0x0F
        self._size, self._fragments, self._final = size, None, bool(first & FIN)
        return True

    def _skipped(self) -> bool:
        """Drop what is not wanted; whether all of it has come."""
        taken = min(self._skip, self.waiting)
        self._at += taken
        self._skip -= taken
        return not self._skip

    def _add(self, first: int, payload: bytes) -> Message:
        """A data frame is whole: the message, if it is whole with it."""
        if self._kind == CONTINUATION and first & FIN:
            return _said(first & 0x0F, payload)
        self._kind = self._kind or first & 0x0F
        self._size += len(payload)
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += payload
        return self._end(bytes(self._fragments)) if first & FIN else PART

    def _end(self, content: bytes | None) -> Message:
        kind = self._kind
        self._kind, self._size, self._fragments = CONTINUATION, 0, None
        return (kind, None) if content is None else _said(kind, content)

    def _shorten(self) -> None:
        """Let go of what was taken. A bytearray forgets its beginning without moving the rest."""
        if self._at == len(self._data):
            self._data = b""
        elif isinstance(self._data, bytes):
            self._data = bytearray(memoryview(self._data)[self._at :])
        else:
            del self._data[: self._at]
        self._at = 0


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """One frame from the server: final, unmasked, its length in the shortest form (RFC 6455 §5.2)."""
    size = len(payload)
    if size < SHORT:
        return bytes((FIN | opcode, size)) + payload
    if size < MEDIUM:
        return struct.pack("!BBH", FIN | opcode, SHORT, size) + payload
    return struct.pack("!BBQ", FIN | opcode, 127, size) + payload


def close_frame(code: int | None, reason: str = "") -> bytes:
    """The frame that closes; without a code it says nothing (RFC 6455 §5.5.1)."""
    return framed(b"" if code is None else struct.pack("!H", code) + reason.encode(), CLOSE)


def close_code(payload: bytes) -> int | None:
    """What a client's close frame says; None when it says nothing. Raises `Broken` when it may not say that."""
    if not payload:
        return None
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (code in CLOSE_STATUS or 3000 <= code < 5000):
        raise Broken(codes.VIOLATION)
    _decoded(payload[2:])
    return code


def _said(kind: int, content: bytes) -> Message:
    return kind, _decoded(content) if kind == TEXT else content


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Broken(codes.NOT_TEXT) from None  # RFC 6455 §8.1
