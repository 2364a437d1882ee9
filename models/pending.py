"""Sign-ins that wait for their second factor: after the password, before there is a session.

Known by fingerprint only. Each try is counted before it is judged, so that many at once get no more of them.
"""

from dataclasses import dataclass

import peewee

from models.db import Database, Engine, Row, execute, fetch

COLUMNS = "user_id, stamp, device"
ADD = "INSERT INTO pending_logins (mac, user_id, stamp, device, tries, expires_at) VALUES (%s, %s, %s, %s, 0, %s)"
FIND = f"SELECT {COLUMNS} FROM pending_logins WHERE mac = %s AND tries < %s AND expires_at > %s"
TRY = (
    f"UPDATE pending_logins SET tries = tries + 1 WHERE mac = %s AND tries < %s AND expires_at > %s RETURNING {COLUMNS}"
)
TAKE = "DELETE FROM pending_logins WHERE mac = %s"


class PendingLogins(peewee.Model):
    """One sign-in that has shown its password. `stamp` says which password that was."""

    mac = peewee.BlobField(primary_key=True)
    user_id = peewee.BigIntegerField()
    stamp = peewee.BlobField()
    device = peewee.TextField()
    tries = peewee.IntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


@dataclass(frozen=True, slots=True)
class Pending:
    """Whose sign-in waits, with which password it began, and what the device is to be called."""

    user_id: int
    stamp: bytes
    device: str


async def add(db: Database, pending: Pending, *, mac: bytes, expires_at: int, now: int) -> None:
    """Store a sign-in, and forget those that have run out."""
    await db.write(_add, pending, mac, expires_at, now)


async def find(db: Database, mac: bytes, *, most_tries: int, now: int) -> Pending | None:
    """The sign-in, when a try is left; none is counted."""
    return _pending(await db.read(fetch, FIND, (mac, most_tries, now)))


async def take_try(db: Database, mac: bytes, *, most_tries: int, now: int) -> Pending | None:
    """Count a try and return the sign-in; None when it is unknown, too old, or has no try left."""
    return _pending(await db.write(fetch, TRY, (mac, most_tries, now)))


async def take(db: Database, mac: bytes) -> bool:
    """End the sign-in; False when somebody else has."""
    return await db.write(execute, TAKE, (mac,)) == 1


def _add(engine: Engine, pending: Pending, mac: bytes, expires_at: int, now: int) -> None:
    execute(engine, "DELETE FROM pending_logins WHERE expires_at < %s", (now,))
    execute(engine, ADD, (mac, pending.user_id, pending.stamp, pending.device, expires_at))


def _pending(rows: list[Row]) -> Pending | None:
    return Pending(rows[0][0], bytes(rows[0][1]), rows[0][2]) if rows else None
