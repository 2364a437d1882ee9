"""Sessions: one per signed-in device, a rotating refresh family each; and one-time tickets.

A refresh token is known here by fingerprint only. `refresh_mac` is the newest token's, `parent_mac`
the one before: it stays good until its child is first used (`confirmed`), because the answer that
carried the child may have been lost. A session that ends loses its fingerprints and its seal: to take
the ending back is not enough to bring it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import peewee

from models import audit, push, timelines
from models.db import Database, Engine, Row, as_bytes, execute, fetch, rows_of_marks

COLUMNS = (
    "s.id, s.user_id, u.name, s.created_at, s.used_at, s.auth_time, s.idle_expires_at, s.expires_at, s.device,"
    " s.network, s.generation, s.confirmed, s.refresh_mac, s.parent_mac, s.ended_at, u.disabled_at, s.seal"
)
BY_ID = f"SELECT {COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = %s"
ROTATE = (
    "UPDATE sessions SET generation = %s, parent_mac = %s, refresh_mac = %s, used_at = %s, idle_expires_at = %s"
    " WHERE id = %s AND generation = %s AND refresh_mac = %s AND ended_at IS NULL"
)
NO_MORE = "UPDATE sessions SET ended_at = %s, ended_reason = %s, refresh_mac = %s, parent_mac = NULL, seal = %s"
END = f"{NO_MORE} WHERE id = %s AND ended_at IS NULL"
END_ALL = f"{NO_MORE} WHERE user_id = %s AND ended_at IS NULL AND id <> %s RETURNING id"
NOTHING = (b"", b"")
NOBODY = 0  # ids begin with 1
CONFIRM = "UPDATE sessions SET confirmed = %s WHERE id = %s AND confirmed < %s"
RENEW = "UPDATE sessions SET auth_time = %s, seal = %s WHERE id = %s AND ended_at IS NULL"
MAY_BEGIN = "SELECT 1 FROM users WHERE id = %s AND password_version = %s AND disabled_at IS NULL"
OWN = (
    f"SELECT {COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = %s AND s.ended_at IS NULL"
    " AND s.expires_at > %s AND s.idle_expires_at > %s ORDER BY s.used_at DESC"
)
ENDED_SINCE = "SELECT id, user_id FROM sessions WHERE ended_at > %s"
LIVE = "SELECT id FROM sessions WHERE user_id = %s AND ended_at IS NULL ORDER BY used_at"
TAKE_TICKET = "DELETE FROM tickets WHERE mac = %s RETURNING session_id, expires_at"


class Sessions(peewee.Model):
    """One signed-in device."""

    id = peewee.BigIntegerField(primary_key=True)
    user_id = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    used_at = peewee.BigIntegerField()
    auth_time = peewee.BigIntegerField()
    idle_expires_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    device = peewee.TextField()
    network = peewee.TextField()
    generation = peewee.IntegerField()
    confirmed = peewee.IntegerField()
    refresh_mac = peewee.BlobField()
    parent_mac = peewee.BlobField(null=True)
    ended_at = peewee.BigIntegerField(null=True)
    ended_reason = peewee.TextField(null=True)
    cursor = peewee.BigIntegerField(default=0)
    seal = peewee.BlobField(default=b"")

    class Meta:
        legacy_table_names = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its owner's name; times in milliseconds."""

    id: int
    user_id: int
    username: str
    created_at: int
    used_at: int
    auth_time: int
    idle_expires_at: int
    expires_at: int
    device: str
    network: str
    generation: int
    confirmed: int
    refresh_mac: bytes
    parent_mac: bytes | None
    ended_at: int | None
    disabled_at: int | None
    seal: bytes = b""

    def is_alive(self, now: int) -> bool:
        """Whether a request may still be made in this session's name."""
        return self.ended_at is None and self.disabled_at is None and now < min(self.expires_at, self.idle_expires_at)


class Overtaken(Exception):
    """The password was changed, or the person disabled, while they signed in."""


async def create(
    db: Database, session: Session, *, password_version: int, most: int, record: audit.Record
) -> list[int]:
    """Store a new session; end the person's least used ones above `most` and return their ids.

    `Overtaken` when the password is not of this version any more.
    """
    return await db.write(_create, session, password_version, most, record)


def _create(engine: Engine, session: Session, password_version: int, most: int, record: audit.Record) -> list[int]:
    timelines.take_heads(engine, [session.user_id])  # one after the other, or two could both be the last
    if not fetch(engine, MAY_BEGIN, (session.user_id, password_version)):
        raise Overtaken
    live = [row[0] for row in fetch(engine, LIVE, (session.user_id,))]
    evicted = live[: max(0, len(live) + 1 - most)]
    for session_id in evicted:
        execute(engine, END, (session.created_at, "evicted", *NOTHING, session_id))
    push.drop(engine, evicted)
    Sessions.insert(
        id=session.id,
        user_id=session.user_id,
        created_at=session.created_at,
        used_at=session.used_at,
        auth_time=session.auth_time,
        idle_expires_at=session.idle_expires_at,
        expires_at=session.expires_at,
        device=session.device,
        network=session.network,
        generation=session.generation,
        confirmed=session.confirmed,
        refresh_mac=session.refresh_mac,
        seal=session.seal,
    ).bind(engine).execute()
    audit.insert(engine, record)
    return evicted


async def by_id(db: Database, session_id: int) -> Session | None:
    """The session with this id, ended or not."""
    return await db.read(_by_id, session_id)


def _by_id(engine: Engine, session_id: int) -> Session | None:
    rows = fetch(engine, BY_ID, (session_id,))
    return _session(rows[0]) if rows else None


async def of_user(db: Database, user_id: int, now: int) -> list[Session]:
    """The sessions in which this person is signed in, the last used first."""
    return await db.read(_of_user, user_id, now)


def _of_user(engine: Engine, user_id: int, now: int) -> list[Session]:
    return [_session(row) for row in fetch(engine, OWN, (user_id, now, now))]


def _session(row: Row) -> Session:
    values = list(row)
    for place in (12, 13, 16):
        values[place] = as_bytes(values[place])
    return Session(*values)


async def rotate(
    db: Database, session: Session, *, parent_mac: bytes, refresh_mac: bytes, now: int, idle_expires_at: int
) -> bool:
    """Make `refresh_mac` the newest token if the session is still as it was read; False when it is not."""
    values = (session.generation + 1, parent_mac, refresh_mac, now, idle_expires_at)
    return await db.write(execute, ROTATE, (*values, session.id, session.generation, session.refresh_mac)) == 1


async def confirm(db: Database, session_id: int, generation: int) -> None:
    """Note that a token of this generation arrived and was used: its parent is dead from now on."""
    await db.write(execute, CONFIRM, (generation, session_id, generation))


async def end(db: Database, session_id: int, *, now: int, reason: str, record: audit.Record) -> bool:
    """End a session; False when it had ended before."""
    return await db.write(_end, session_id, now, reason, record)


def _end(engine: Engine, session_id: int, now: int, reason: str, record: audit.Record) -> bool:
    if execute(engine, END, (now, reason, *NOTHING, session_id)) == 0:
        return False
    push.drop(engine, [session_id])
    audit.insert(engine, record)
    return True


async def end_of(
    db: Database, user_id: int, *, except_id: int | None, now: int, reason: str, record: audit.Record
) -> list[int]:
    """End all of a person's sessions, less `except_id`, and return their ids; recorded even if there was none."""
    return await db.write(_end_of, user_id, except_id, now, reason, record)


def _end_of(
    engine: Engine, user_id: int, except_id: int | None, now: int, reason: str, record: audit.Record
) -> list[int]:
    ended = end_all(engine, user_id, except_id=except_id, now=now, reason=reason)
    audit.insert(engine, record)
    return ended


def end_all(engine: Engine, user_id: int, *, except_id: int | None, now: int, reason: str) -> list[int]:
    """The same inside the transaction of the act that ends them."""
    rows = fetch(engine, END_ALL, (now, reason, *NOTHING, user_id, except_id or NOBODY))
    ended = [row[0] for row in rows]
    push.drop(engine, ended)
    return ended


async def ended_since(db: Database, since: int) -> list[tuple[int, int]]:
    """The sessions that ended after that time, with their people."""
    rows = await db.read(fetch, ENDED_SINCE, (since,))
    return [(session_id, user_id) for session_id, user_id in rows]


async def renew(db: Database, session_id: int, *, auth_time: int, seal: bytes, record: audit.Record) -> bool:
    """Note when the person last proved who they are; False when the session has ended."""
    return await db.write(_renew, session_id, auth_time, seal, record)


def _renew(engine: Engine, session_id: int, auth_time: int, seal: bytes, record: audit.Record) -> bool:
    if execute(engine, RENEW, (auth_time, seal, session_id)) == 0:
        return False
    audit.insert(engine, record)
    return True


async def alive_of(db: Database, session_ids: Sequence[int], now: int) -> set[int]:
    """Those of these sessions that may still act."""
    return await db.read(_alive_of, tuple(session_ids), now) if session_ids else set()


def _alive_of(engine: Engine, session_ids: tuple[int, ...], now: int) -> set[int]:
    text = (
        "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.ended_at IS NULL AND"
        " u.disabled_at IS NULL AND s.expires_at > %s AND s.idle_expires_at > %s AND s.id IN "
    )
    alive: set[int] = set()
    for start in range(0, len(session_ids), 500):
        some = session_ids[start : start + 500]
        alive.update(row[0] for row in fetch(engine, text + rows_of_marks(1, len(some)), (now, now, *some)))
    return alive


async def add_ticket(db: Database, *, mac: bytes, session_id: int, expires_at: int, now: int) -> None:
    """Store a one-time ticket's fingerprint, and forget those that have run out."""
    await db.write(_add_ticket, mac, session_id, expires_at, now)


def _add_ticket(engine: Engine, mac: bytes, session_id: int, expires_at: int, now: int) -> None:
    execute(engine, "DELETE FROM tickets WHERE expires_at < %s", (now,))
    text = "INSERT INTO tickets (mac, session_id, expires_at) VALUES (%s, %s, %s)"
    execute(engine, text, (mac, session_id, expires_at))


async def take_ticket(db: Database, *, mac: bytes, now: int) -> int | None:
    """Use a ticket up and return its session; None when it is unknown, used or too old."""
    rows = await db.write(fetch, TAKE_TICKET, (mac,))
    return int(rows[0][0]) if rows and rows[0][1] > now else None
