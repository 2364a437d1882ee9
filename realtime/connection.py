"""One live WebSocket of one session: what may still be written to it, and in which order.

Only a connection writes. It gives no position twice, and it never waits for a slow reader: over its
bound in bytes it closes, and the client resumes.
"""

from collections.abc import Callable
from typing import Protocol

from realtime.codes import TOO_SLOW, CloseCode
from realtime.dialects import Dialect
from realtime.positions import Given

# A reader who lets an eighth of the bound wait has more important things to hear.
DROP_PASSING_AT = 8


class Transport(Protocol):
    """The socket below. No plain call may wait, and none may raise because the peer is gone."""

    def write(self, frame: bytes) -> None:
        """Send one text frame, or queue it."""

    def queued(self) -> int:
        """How many bytes wait to be taken by the peer."""

    def weight(self) -> int:
        """How many bytes are in memory for it, what was read and not yet understood included."""

    def close(self, code: int, reason: str) -> None:
        """Close; a peer that does not answer MUST not keep the queue in memory. For `TOO_SLOW`, drop it at once."""

    def abort(self) -> None:
        """Cut it off; nothing stays in memory."""

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was written; also when it is gone."""


def uncounted(_: int) -> None:
    """Nobody counts what waits for a connection that is in no hub."""


class Connection:
    """A connection of `user_id` under `session_id`, from the handshake until it is closed."""

    __slots__ = (
        "_held",
        "_held_bytes",
        "closed",
        "count",
        "dialect",
        "given",
        "head",
        "max_queued_bytes",
        "session_id",
        "transport",
        "user_id",
    )

    def __init__(
        self, user_id: int, session_id: int, dialect: Dialect, transport: Transport, max_queued_bytes: int
    ) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.dialect = dialect
        self.transport = transport
        self.max_queued_bytes = max_queued_bytes
        # Told of every byte that begins to wait, as long as this is one of a hub's connections.
        self.count: Callable[[int], None] = uncounted
        self.given = Given()
        self.head = 0  # of the user's log, as far as it is known here
        self.closed: CloseCode | None = None
        self._held: list[tuple[bytes, int | None]] | None = None
        self._held_bytes = 0

    def offer(self, frame: bytes, position: int | None = None) -> bool:
        """A live event: written, unless it was given before; kept back while held. True if it was taken.

        What has no position (typing, presence) is dropped as soon as a part of the bound is waiting.
        """
        if position is None and self.queued() * DROP_PASSING_AT > self.max_queued_bytes:
            return False
        if self._held is None:
            return self.give(frame, position)
        if position is not None and not self.given.is_new(position):
            return False
        if not self._has_room(len(frame)):
            return False
        self._held.append((frame, position))
        self._held_bytes += len(frame)
        return True

    def give(self, frame: bytes, position: int | None = None) -> bool:
        """An answer, or an event from the log: written at once, held or not, unless it was given before."""
        if self.closed is not None or (position is not None and not self.given.add(position)):
            return False
        if not self._has_room(len(frame)):
            return False
        self.transport.write(frame)
        return True

    def answer(self, frame: bytes, position: int) -> None:
        """An answer that stands for the event of `position` here; written also when that was given before."""
        if self.closed is not None:
            return
        self.given.add(position)
        if self._has_room(len(frame)):
            self.transport.write(frame)

    def hold(self) -> None:
        """Keep live events back, while the log is read. MUST come before the bus is joined."""
        if self._held is None and self.closed is None:
            self._held = []

    def release(self) -> None:
        """Write what was kept back, less what was given from the log meanwhile, and go live."""
        held, self._held, self._held_bytes = self._held, None, 0
        for frame, position in held or ():
            self.give(frame, position)

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was written."""
        await self.transport.drained()

    def queued(self) -> int:
        """How many bytes wait for this connection, those kept back included."""
        return self.transport.queued() + self._held_bytes

    def weight(self) -> int:
        """How many bytes are in memory for this connection, in both directions; also while it is closing."""
        return self.transport.weight() + self._held_bytes

    @property
    def is_crowded(self) -> bool:
        """Whether it is time to wait for the peer before more is given that can wait."""
        return self.closed is None and self.queued() * 2 > self.max_queued_bytes

    def close(self, code: CloseCode) -> None:
        """Close, once; nothing is written any more."""
        if self.closed is not None:
            return
        self.closed = code
        self._held, self._held_bytes = None, 0
        self.transport.close(code.code, code.reason)

    def _has_room(self, size: int) -> bool:
        """Whether so many bytes may be added; if not, the connection is closed."""
        queued = self.transport.queued() + self._held_bytes
        # A single large frame always goes: else a client would fail on it at every resume.
        if queued and queued + size > self.max_queued_bytes:
            self.close(TOO_SLOW)
            return False
        self.count(size)
        return self.closed is None  # for all together it may be too much
