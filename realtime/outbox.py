"""Events on their way to other instances: a queue bounded in bytes, whose overflow is that the oldest go.

What passes anyway (typing, presence) is not even queued where an eighth of the bound waits.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from realtime.events import Event, Receiver, is_passing, weight

DROP_PASSING_AT = 8
_RECEIVER_BYTES = 96  # what passes may be told to many people at once


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event, for whom, and about how many bytes it takes."""

    receivers: Sequence[Receiver]
    event: Event
    size: int


class Outbox:
    """In order of publishing. `size` is what waits, in bytes; `overflowed` counts the events dropped."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self.overflowed = 0
        self._queue: deque[Outgoing] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, receivers: Sequence[Receiver], event: Event) -> None:
        """Add at the end."""
        size = weight(event)
        if is_passing(event):
            size += _RECEIVER_BYTES * len(receivers)
            if (self.size + size) * DROP_PASSING_AT > self.max_bytes:
                self.overflowed += 1
                return
        self._queue.append(Outgoing(receivers, event, size))
        self.size += size
        self._trim()

    def take(self, max_events: int, max_bytes: int) -> list[Outgoing]:
        """Remove from the front, until either bound is reached."""
        batch: list[Outgoing] = []
        total = 0
        while self._queue and len(batch) < max_events and total < max_bytes:
            batch.append(self._queue.popleft())
            total += batch[-1].size
        self.size -= total
        return batch

    def give_back(self, batch: Sequence[Outgoing]) -> None:
        """Put what was taken to the front again, in the same order."""
        self._queue.extendleft(reversed(batch))
        self.size += sum(outgoing.size for outgoing in batch)
        self._trim()

    def _trim(self) -> None:
        while self.size > self.max_bytes and self._queue:
            self.size -= self._queue.popleft().size
            self.overflowed += 1
