"""What is noted for the audit log beside everything else: refusals that nobody has to wait for, and may be many.

Of one kind by one person (or from one network) the first few of each minute are recorded one by one; the others are
counted, and recorded as one with `dropped=n`. Every memory here has a bound; beyond it there is only a count.
"""

from collections import Counter, deque

import models.audit
from models.audit import Record
from models.db import Database

WINDOW_MILLISECONDS = 60_000
MOST_OF_A_KIND = 5
MOST_WAITING = 500
MOST_KINDS = 5_000


class Notes:
    """What waits to be recorded, and how much was left out."""

    def __init__(self) -> None:
        self._waiting: deque[Record] = deque()
        self._seen: Counter[tuple[str, str, int | None, str]] = Counter()
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._window = 0
        self.dropped = 0  # since the start
        self.faults = 0  # of the last check of the log
        self.checkpoints = 0  # sent out by this instance

    def add(self, record: Record) -> None:
        """Note something; it is recorded soon, or counted."""
        kind = (record.action, record.reason, record.actor_id, record.network)
        known = kind in self._seen or len(self._seen) < MOST_KINDS
        if known:
            self._seen[kind] += 1
        if known and self._seen[kind] <= MOST_OF_A_KIND and len(self._waiting) < MOST_WAITING:
            self._waiting.append(record)
        else:
            self._drop(record)

    async def flush(self, db: Database, now: int) -> int:
        """Record what waits, and once a minute what was left out; how many records that were."""
        records = list(self._waiting)
        self._waiting.clear()
        if abs(now - self._window) >= WINDOW_MILLISECONDS:
            left_out = [
                Record(now, action, "refused", reason=f"{reason} dropped={count}".strip())
                for (action, reason), count in self._dropped.items()
            ]
            self._window = now
            self._seen.clear()
            self._dropped.clear()
        else:
            left_out = []
        try:
            await models.audit.append_all(db, [*records, *left_out])
        except BaseException:
            # Whether it was stored is not known: counted, not written twice.
            for record in records:
                self._drop(record)
            raise
        return len(records) + len(left_out)

    def _drop(self, record: Record) -> None:
        self.dropped += 1
        # Reasons are words of ours, so there are few.
        self._dropped[record.action, record.reason] += 1
