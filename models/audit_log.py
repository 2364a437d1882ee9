"""The audit log as a whole: its checkpoints, its closed end, and its rows as somebody who checks them reads them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from models.audit import COLUMNS, HEAD, Head, Stored, head_of, stored, take_head
from models.db import Database, Engine, Row, as_bytes, execute, fetch, is_postgres

CHECKPOINT_COLUMNS = "log, number, at, record, link, floor, floor_link, previous, key_id, signature"
CHECKPOINTS = f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoints WHERE number > %s ORDER BY number LIMIT %s"
NEWEST = f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoints ORDER BY number DESC LIMIT 1"
ADD = f"INSERT INTO audit_checkpoints ({CHECKPOINT_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
TURN = "UPDATE audit_head SET epoch = %s, key = %s, mac = %s"
ROWS = f"SELECT {COLUMNS} FROM audit WHERE id > %s AND id <= %s ORDER BY id LIMIT %s"
# One statement sees one moment: behind the head there is nothing, however much is being written.
BEHIND_HEAD = f"SELECT {COLUMNS} FROM audit WHERE id > (SELECT max(id) FROM audit_head) ORDER BY id LIMIT %s"
LINK = "SELECT link FROM audit WHERE id = %s"
FIRST_KEPT = "SELECT id FROM audit WHERE id > %s AND at >= %s ORDER BY id LIMIT 1"
FLOOR = "SELECT coalesce(max(floor), 0) FROM audit_checkpoints"
DROP = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= %s ORDER BY id LIMIT %s)"
DROP_CHECKPOINTS = "DELETE FROM audit_checkpoints WHERE record <= %s"
OLD_PEOPLE = "SELECT user_id, sealed FROM audit_people WHERE key_id <> %s AND sealed IS NOT NULL LIMIT %s"
# Only what was read: whoever was forgotten meanwhile stays so.
RESEAL = "UPDATE audit_people SET key_id = %s, sealed = %s WHERE user_id = %s AND sealed = %s"
MOST_AT_ONCE = 1000


class Checkpoint(NamedTuple):
    """A row of CHECKPOINT_COLUMNS, fields as in crypto/checkpoints.py."""

    log: str
    number: int
    at: int
    record: int
    link: bytes
    floor: int
    floor_link: bytes
    previous: bytes
    key_id: str
    signature: bytes


class Turned(NamedTuple):
    """A checkpoint, and the head's new key and MAC behind it."""

    checkpoint: Checkpoint
    key: bytes
    mac: bytes


class Signer(Protocol):
    """What this room cannot do by itself."""

    def turn(self, head: Head, previous: Checkpoint | None, *, at: int, floor: int, floor_link: bytes) -> Turned:
        """Sign a checkpoint of this head, and move its key on."""

    def reseal(self, user_id: int, sealed: bytes) -> tuple[str, bytes]:
        """A person's key under the current key, with that key's id."""

    @property
    def key_id(self) -> str:
        """The id of the key that seals now."""


class Due(NamedTuple):
    """When a checkpoint is due: after so many records, or so many milliseconds, if there is a record at all."""

    records: int
    milliseconds: int


async def head(db: Database) -> Head | None:
    """The head as it is now; None while nothing was recorded."""
    rows = await db.read(fetch, HEAD)
    return head_of(rows[0]) if rows else None


async def begin(db: Database) -> Head:
    """The head of the log, which begins now where there is none."""
    return await db.write(take_head)


async def checkpoints(db: Database, *, after: int, limit: int = MOST_AT_ONCE) -> list[Checkpoint]:
    """Checkpoints with numbers above `after`, in order."""
    return [_checkpoint(row) for row in await db.read(fetch, CHECKPOINTS, (after, limit))]


async def newest_checkpoint(db: Database) -> Checkpoint | None:
    """The newest one."""
    return await db.read(_newest)


async def rows(db: Database, *, after: int, up_to: int, limit: int) -> list[Stored]:
    """Records with these numbers, in order."""
    return [stored(row) for row in await db.read(fetch, ROWS, (after, up_to, limit))]


async def behind_head(db: Database, limit: int) -> list[Stored]:
    """Records behind the head, of which there are none unless somebody else has put them there."""
    return [stored(row) for row in await db.read(fetch, BEHIND_HEAD, (limit,))]


async def make_checkpoint(db: Database, signer: Signer, *, at: int, due: Due) -> Checkpoint | None:
    """Sign where the log stands and move its key on, if that is due; one instance at a time."""
    return await db.write(_make_checkpoint, signer, at, due)


def _make_checkpoint(engine: Engine, signer: Signer, at: int, due: Due) -> Checkpoint | None:
    # Looked at without a lock first: nothing is due for most of the time.
    if not _is_due(_peek(engine), _newest(engine), at, due):
        return None
    head = take_head(engine)
    newest = _newest(engine)
    if not _is_due(head, newest, at, due):
        return None
    floor, floor_link = (newest.floor, newest.floor_link) if newest else (0, bytes(len(head.link)))
    return _turn(engine, signer, head, newest, at, floor, floor_link)


async def close(db: Database, signer: Signer, *, at: int, before: int) -> Checkpoint | None:
    """Close off the records older than `before` by a checkpoint; None when there are none.

    At least one record stays, and what was recorded behind a younger one.
    """
    return await db.write(_close, signer, at, before)


def _close(engine: Engine, signer: Signer, at: int, before: int) -> Checkpoint | None:
    head = take_head(engine)
    newest = _newest(engine)
    closed = newest.floor if newest else 0
    kept = fetch(engine, FIRST_KEPT, (closed, before))
    floor = (kept[0][0] if kept else head.id) - 1
    links = fetch(engine, LINK, (floor,))
    if floor <= closed or not links:
        return None
    return _turn(engine, signer, head, newest, at, floor, bytes(links[0][0]))


def _turn(
    engine: Engine, signer: Signer, head: Head, newest: Checkpoint | None, at: int, floor: int, floor_link: bytes
) -> Checkpoint:
    turned = signer.turn(head, newest, at=max(0, at), floor=floor, floor_link=floor_link)
    execute(engine, ADD, turned.checkpoint)
    execute(engine, TURN, (turned.checkpoint.number, turned.key, turned.mac))
    return turned.checkpoint


async def drop_closed(db: Database, most: int = MOST_AT_ONCE) -> int:
    """Delete records that a checkpoint has closed off, at most so many; how many those were."""
    return await db.write(_drop_closed, most)


def _drop_closed(engine: Engine, most: int) -> int:
    if is_postgres(engine):
        return int(fetch(engine, "SELECT audit_drop(%s)", (most,))[0][0])
    floor = fetch(engine, FLOOR)[0][0]
    dropped = execute(engine, DROP, (floor, most))
    execute(engine, DROP_CHECKPOINTS, (floor,))
    return dropped


async def take_first_key(db: Database) -> None:
    """Erase the first key from the database: it is kept elsewhere from now on."""
    await db.write(execute, "UPDATE audit_head SET first_key = NULL")


async def reseal(db: Database, signer: Signer, limit: int = MOST_AT_ONCE) -> int:
    """Seal people's keys under the current key, so that older ones may go; how many were not, at most `limit`."""
    return await db.write(_reseal, signer, limit)


def _reseal(engine: Engine, signer: Signer, limit: int) -> int:
    people: Sequence[Row] = fetch(engine, OLD_PEOPLE, (signer.key_id, limit))
    for user_id, sealed in people:
        old = as_bytes(sealed) or b""
        key_id, fresh = signer.reseal(user_id, old)
        execute(engine, RESEAL, (key_id, fresh, user_id, sealed))
    return len(people)


def _is_due(head: Head | None, newest: Checkpoint | None, at: int, due: Due) -> bool:
    if head is None:
        return False
    fresh = head.id - (newest.record if newest else 0)
    # A clock that was set back makes it due as well.
    waited = due.milliseconds if newest is None else abs(at - newest.at)
    return fresh >= due.records or (fresh > 0 and waited >= due.milliseconds)


def _peek(engine: Engine) -> Head | None:
    rows = fetch(engine, HEAD)
    return head_of(rows[0]) if rows else None


def _newest(engine: Engine) -> Checkpoint | None:
    rows = fetch(engine, NEWEST)
    return _checkpoint(rows[0]) if rows else None


def _checkpoint(row: Row) -> Checkpoint:
    values = list(row)
    for place in (4, 6, 7, 9):
        values[place] = bytes(values[place])
    return Checkpoint(*values)
