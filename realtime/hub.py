"""The live connections of this process, by user. Knows neither sockets nor Redis."""

import asyncio
import logging
import random
from collections.abc import Iterator

from realtime.backlog import UNBOUNDED, Backlog
from realtime.codes import INTERNAL, UNAUTHENTICATED, CloseCode
from realtime.connection import Connection
from realtime.dialects import Dialect
from realtime.events import Event, Notice, SessionEnded

log = logging.getLogger("recado.hub")

# So many connections are told something in one turn of the loop.
AT_A_TIME = 100


class Hub:
    """Connections join and leave; the bus delivers. `max_total_queued_bytes` may wait for all of them together."""

    def __init__(self, max_total_queued_bytes: int = UNBOUNDED) -> None:
        # Tuples: most users have one connection, and a delivery may close some while it goes round.
        self._by_user: dict[int, tuple[Connection, ...]] = {}
        self.size = 0  # connections
        self.delivered = 0  # frames taken by connections
        self.failed = 0  # frames lost to a fault of ours
        self.backlog = Backlog(self.all, max_total_queued_bytes)

    @property
    def users(self) -> int:
        """How many users have a connection here."""
        return len(self._by_user)

    def join(self, connection: Connection) -> bool:
        """Add a connection; True if it is the first of its user."""
        present = self._by_user.get(connection.user_id, ())
        if connection not in present:
            self._by_user[connection.user_id] = (*present, connection)
            self.size += 1
            connection.count = self.backlog.add
        return not present

    def leave(self, connection: Connection) -> bool:
        """Remove a connection; True if it was the last of its user. Harmless when it is not there."""
        present = self._by_user.get(connection.user_id, ())
        if connection not in present:
            return False
        self.size -= 1
        if len(present) == 1:
            del self._by_user[connection.user_id]
            return True
        self._by_user[connection.user_id] = tuple(other for other in present if other is not connection)
        return False

    def deliver(self, user_id: int, event: Event, position: int | None) -> None:
        """Give the event to every connection of the user. Called by the bus alone; never raises.

        Encoded once per dialect. A connection that fails is closed, and the others get theirs.
        """
        connections = self._by_user.get(user_id)
        if connections is None:
            return
        frames: dict[Dialect, bytes | None] = {}
        spared = event.except_id if isinstance(event, Notice) else None
        for connection in connections:
            dialect = connection.dialect
            if connection.session_id == spared:
                continue
            try:
                if dialect not in frames:
                    frames[dialect] = dialect.encode(event, position)
                if (frame := frames[dialect]) is not None and connection.offer(frame, position):
                    self.delivered += 1
            except Exception:
                log.exception("an event could not be delivered")
                self._give_up(connection)
        if isinstance(event, SessionEnded):
            self.end_sessions(user_id, event)  # last, so that a dialect may say goodbye

    def end_sessions(self, user_id: int, ended: SessionEnded) -> int:
        """Close the user's connections whose session ended; how many these were."""
        closing = [
            connection
            for connection in self._by_user.get(user_id, ())
            if ended.session_id in (None, connection.session_id) and connection.session_id != ended.except_id
        ]
        for connection in closing:
            try:
                connection.close(UNAUTHENTICATED)
            except Exception:
                log.exception("a connection could not be closed")
        return len(closing)

    def connections_of(self, user_id: int) -> tuple[Connection, ...]:
        """The user's connections, the oldest first."""
        return self._by_user.get(user_id, ())

    def all(self) -> Iterator[Connection]:
        """Every connection there is at this moment; joining and leaving meanwhile does no harm."""
        for connections in tuple(self._by_user.values()):
            yield from connections

    async def beat(self) -> None:
        """Tell every connection that has begun how far its user's log goes; some at a time, so that nobody waits."""
        for number, connection in enumerate(tuple(self.all())):
            if number % AT_A_TIME == AT_A_TIME - 1:
                await asyncio.sleep(0)
            upto = connection.given.upto
            if upto is not None:
                connection.head = max(connection.head, upto)
                frame = connection.dialect.heartbeat(connection.head)
                if frame is not None:
                    connection.give(frame)

    def dismiss(self, code: CloseCode, spread_ms: int) -> None:
        """Close every connection; each is told to come back at a time of its own within `spread_ms`."""
        for connection in self.all():
            frame = connection.dialect.bye(code.code, code.reason, random.randrange(spread_ms))  # noqa: S311 - jitter
            if frame is not None:
                connection.give(frame)
            connection.close(code)

    def _give_up(self, connection: Connection) -> None:
        """A fault of ours, not of the peer: close, so that the client resumes."""
        self.failed += 1
        try:
            connection.close(INTERNAL)
        except Exception:
            log.exception("a connection could not be closed")
