"""A batch of drafts as one transaction, on either engine: what was stored before is told from what is new."""

from collections.abc import Sequence
from itertools import chain

from models import batch_at_once, blocks, timelines
from models.db import Engine, Row, as_bytes, fetch, is_postgres, rows_of_marks, transaction
from models.drafts import Draft, Identity, Missing, Stored, people_of, placed
from models.messages import COLUMNS, StoredMessage, from_row
from models.timelines import Entry, Kind

INSERT = (
    "INSERT INTO messages (conversation_id, sender_id, recipient_id, client_id, client_made, sent_at, expires_at,"
    " revision, alg, key_generation, body, sender_position, recipient_position) VALUES "
)
# A cross join keeps SQLite at looking up what is wanted, in place of reading all that the sender wrote.
EXISTING = (
    f"SELECT {COLUMNS} FROM (VALUES {{marks}}) AS wanted CROSS JOIN messages m"
    " WHERE m.sender_id = wanted.column1 AND m.client_id = wanted.column2"
)

Outcome = Stored | Missing
Positions = dict[Identity, tuple[tuple[int, int], ...]]


def write(engine: Engine, drafts: Sequence[Draft], *, careful: bool) -> list[Outcome]:
    """Store these drafts as one transaction; the outcomes are in the order of the drafts.

    A `client_id` that its sender has used before breaks the unique index, unless `careful`: then what
    is stored is looked up first, and the lock of the sender's head keeps it from changing.
    """
    if is_postgres(engine) and not careful:
        stored = batch_at_once.store(engine, drafts)
        return [stored.get(draft.identity) or Missing() for draft in drafts]
    with transaction(engine):
        return _write(engine, drafts, careful=careful)


def _write(engine: Engine, drafts: Sequence[Draft], *, careful: bool) -> list[Outcome]:
    heads, blocking = timelines.take_heads_and_blocking(engine, people_of(drafts))
    known = _existing(engine, [draft.identity for draft in drafts]) if careful else {}
    fresh: dict[Identity, Draft] = {}
    for draft in drafts:
        if draft.identity not in known and draft.sender_id in heads and draft.recipient_id in heads:
            fresh.setdefault(draft.identity, draft)
    pairs = {(d.recipient_id, d.sender_id) for d in fresh.values() if d.recipient_id in blocking}
    withheld = blocks.among(engine, pairs) if pairs else set()
    stored = _insert(engine, fresh, heads, withheld) if fresh else {}
    repeated = [d.identity for d in drafts if d.identity in stored and fresh[d.identity] is not d]
    known.update(_existing(engine, repeated) if repeated else {})
    return [_outcome(draft, stored if fresh.get(draft.identity) is draft else {}, known) for draft in drafts]


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


def _outcome(draft: Draft, fresh: dict[Identity, Stored], known: dict[Identity, StoredMessage]) -> Outcome:
    if draft.identity in fresh:
        return fresh[draft.identity]
    if draft.identity not in known:
        return Missing()
    message = known[draft.identity]
    if message.body != draft.sealed.body:
        return Stored(message.id, ((message.sender_id, message.sender_position),), message)
    # The very ciphertext: this draft was committed by a try whose answer was lost.
    return placed(draft, message.id, message.sender_position, message.recipient_position)
