"""Group commit: what was sent while the last batch was being committed is the next batch.

One task takes all that waits (bounded), writes it in one transaction, and resolves each waiter in
order after the commit. There is no timer: an idle server commits at once, a busy one batches. A
batch that fails is tried one by one, so that only the rows at fault fail. A batch whose connection
broke is tried again: the unique `client_id` tells what the lost commit had stored.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import peewee

from models import blocks, timelines
from models.db import Database, Engine, Row, Unavailable, as_bytes, fetch, is_postgres, rows_of_marks
from models.messages import COLUMNS, SealedBody, StoredMessage, from_row
from models.timelines import Entry, Kind

MOST_IN_BATCH = 512
RETRY_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)

INSERT = (
    "INSERT INTO messages (conversation_id, sender_id, recipient_id, client_id, client_made, sent_at, expires_at,"
    " revision, alg, key_generation, body, sender_position, recipient_position) VALUES "
)
# The same with both timelines and heads, in one statement; SQLite has no statement that changes several tables.
AT_ONCE = (
    "WITH stored AS (" + INSERT + "{marks} RETURNING *), told AS ("
    "SELECT sender_id AS user_id, sender_position AS position, id, conversation_id, sender_id, sent_at FROM stored"
    " UNION ALL SELECT recipient_id, recipient_position, id, conversation_id, sender_id, sent_at FROM stored"
    " WHERE recipient_position IS NOT NULL AND recipient_id <> sender_id), logged AS ("
    f"INSERT INTO timelines ({timelines.COLUMNS}) SELECT user_id, position, {Kind.MESSAGE:d}, conversation_id,"
    " sender_id, id, sent_at FROM told), moved AS ("
    "UPDATE heads SET position = newest.position FROM (SELECT user_id, max(position) AS position FROM told"
    " GROUP BY user_id) AS newest WHERE heads.user_id = newest.user_id)"
    " SELECT id, sender_id, client_id FROM stored"
)
# A cross join keeps SQLite at looking up what is wanted, in place of reading all that the sender wrote.
EXISTING = (
    f"SELECT {COLUMNS} FROM (VALUES {{marks}}) AS wanted CROSS JOIN messages m"
    " WHERE m.sender_id = wanted.column1 AND m.client_id = wanted.column2"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be stored; `sealed` is a value that only the crypto room makes."""

    conversation_id: int
    sender_id: int
    recipient_id: int
    client_id: bytes
    client_made: bool
    sent_at: int
    expires_at: int | None
    sealed: SealedBody


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a draft: committed now, or (`duplicate`) found as it was stored the first time.

    `positions` holds the place in each person's timeline, the sender's first; only the sender's for a duplicate,
    and for what is withheld from a recipient who blocks the sender.
    """

    message_id: int
    positions: tuple[tuple[int, int], ...]
    duplicate: StoredMessage | None


class Missing(Exception):
    """One of the two people does not exist any more."""


class Full(Exception):
    """More drafts wait than may wait."""


Identity = tuple[int, bytes]
Positions = dict[Identity, tuple[tuple[int, int], ...]]
Outcome = Stored | Missing
Waiter = tuple[Draft, "asyncio.Future[Stored]"]


class Writer:
    """The one place where messages are written. Call it on the event loop only."""

    def __init__(self, db: Database, *, most_waiting: int = 20_000) -> None:
        self._db = db
        self._most_waiting = most_waiting
        self._waiting: deque[Waiter] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.stored = 0  # drafts that became messages
        self.batches = 0  # transactions that stored them

    @property
    def waiting(self) -> int:
        """How many drafts wait for the next batch."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="writer")

    async def stop(self) -> None:
        """Write what waits, then stop."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def add(self, draft: Draft) -> "asyncio.Future[Stored]":
        """Queue a draft; the future is done when it is committed. Raises `Full` when too many wait.

        The future fails with `Missing`, or with `Unavailable` when the database could not be reached.
        """
        if self._stopping or len(self._waiting) >= self._most_waiting:
            raise Full
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            size = min(len(self._waiting), MOST_IN_BATCH)
            await self._commit([self._waiting.popleft() for _ in range(size)])

    async def _commit(self, batch: list[Waiter]) -> None:
        try:
            outcomes = await self._write([draft for draft, _ in batch])
        except Exception as error:  # noqa: BLE001 - the error belongs to whoever waits, not to this task
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for waiter in batch:
                    await self._commit([waiter])
                return
            _resolve(batch, [error] * len(batch))
            return
        self.batches += 1
        self.stored += sum(isinstance(outcome, Stored) and outcome.duplicate is None for outcome in outcomes)
        _resolve(batch, outcomes)

    async def _write(self, drafts: list[Draft]) -> list[Outcome]:
        careful = False
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                return await self._db.write_batch(write, drafts, careful=careful)
            except peewee.IntegrityError:
                if careful:
                    raise
            except Unavailable:
                pause = next(pauses, None)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            careful = True


def write(engine: Engine, drafts: Sequence[Draft], *, careful: bool) -> list[Outcome]:
    """Store these drafts inside the caller's transaction; the outcomes are in the order of the drafts.

    A `client_id` that its sender has used before breaks the unique index, unless `careful`: then what
    is stored is looked up first, and the lock of the sender's head keeps it from changing.
    """
    heads, blocking = timelines.take_heads_and_blocking(
        engine, chain.from_iterable((d.sender_id, d.recipient_id) for d in drafts)
    )
    known = _existing(engine, [_identity(draft) for draft in drafts]) if careful else {}
    fresh: dict[Identity, Draft] = {}
    for draft in drafts:
        if _identity(draft) not in known and draft.sender_id in heads and draft.recipient_id in heads:
            fresh.setdefault(_identity(draft), draft)
    pairs = {(d.recipient_id, d.sender_id) for d in fresh.values() if d.recipient_id in blocking}
    withheld = blocks.among(engine, pairs) if pairs else set()
    placed = _insert(engine, fresh, heads, withheld) if fresh else {}
    repeated = [_identity(d) for d in drafts if _identity(d) in placed and fresh[_identity(d)] is not d]
    known.update(_existing(engine, repeated) if repeated else {})
    return [_outcome(draft, placed if fresh.get(_identity(draft)) is draft else {}, known) for draft in drafts]


def _identity(draft: Draft) -> Identity:
    return (draft.sender_id, draft.client_id)


def _existing(engine: Engine, identities: Sequence[Identity]) -> dict[Identity, StoredMessage]:
    text = EXISTING.format(marks=rows_of_marks(len(identities), 2))
    found = (from_row(row) for row in fetch(engine, text, list(chain.from_iterable(identities))))
    return {(message.sender_id, message.client_id): message for message in found}


def _insert(
    engine: Engine, fresh: dict[Identity, Draft], heads: dict[int, int], withheld: set[tuple[int, int]]
) -> dict[Identity, Stored]:
    positions: Positions = {}
    values: list[object] = []
    for identity, draft in fresh.items():
        sender, recipient = draft.sender_id, draft.recipient_id
        people = (sender,) if recipient == sender or (recipient, sender) in withheld else (sender, recipient)
        for user_id in people:
            heads[user_id] += 1
        positions[identity] = tuple((user_id, heads[user_id]) for user_id in people)
        values += _row(draft, heads[sender], None if (recipient, sender) in withheld else heads[recipient])
    marks = rows_of_marks(len(fresh), 13)
    if is_postgres(engine):
        ids = _ids(fetch(engine, AT_ONCE.format(marks=marks), values))
    else:
        ids = _ids(fetch(engine, INSERT + marks + " RETURNING id, sender_id, client_id", values))
        timelines.record(engine, _entries(fresh, positions, ids))
    return {identity: Stored(ids[identity], positions[identity], None) for identity in fresh}


def _ids(rows: Sequence[Row]) -> dict[Identity, int]:
    return {(row[1], as_bytes(row[2]) or b""): row[0] for row in rows}


def _entries(fresh: dict[Identity, Draft], positions: Positions, ids: dict[Identity, int]) -> list[Entry]:
    return [
        Entry(
            user_id,
            position,
            Kind.MESSAGE,
            draft.conversation_id,
            draft.sender_id,
            ids[identity],
            draft.sent_at,
        )
        for identity, draft in fresh.items()
        for user_id, position in positions[identity]
    ]


def _row(draft: Draft, sender_position: int, recipient_position: int | None) -> tuple[object, ...]:
    sealed = draft.sealed
    return (
        draft.conversation_id,
        draft.sender_id,
        draft.recipient_id,
        draft.client_id,
        draft.client_made,
        draft.sent_at,
        draft.expires_at,
        0,
        sealed.alg,
        sealed.key_generation,
        sealed.body,
        sender_position,
        recipient_position,
    )


def _outcome(draft: Draft, placed: dict[Identity, Stored], known: dict[Identity, StoredMessage]) -> Outcome:
    identity = _identity(draft)
    if identity in placed:
        return placed[identity]
    if identity not in known:
        return Missing()
    message = known[identity]
    own = (message.sender_id, message.sender_position)
    if message.body != draft.sealed.body:
        return Stored(message.id, (own,), message)
    # The very ciphertext: this draft was committed by a try whose answer was lost.
    if message.recipient_position is None or message.recipient_id == message.sender_id:
        return Stored(message.id, (own,), None)
    return Stored(message.id, (own, (message.recipient_id, message.recipient_position)), None)


def _resolve(batch: list[Waiter], outcomes: Sequence[Outcome | Exception]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue  # whoever waited has gone; the message stands
        if isinstance(outcome, Stored):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
