"""Passkeys: public keys that belong to people, and the challenges that they sign.

A challenge is known here by fingerprint only and is good once: it is deleted by asking for it. A passkey's
counter moves by compare-and-swap, so that of two uses at once with one counter one succeeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import peewee

from models import audit, factors, timelines
from models.db import Database, Engine, Row, execute, fetch, rows_of_marks

COLUMNS = (
    "id, user_id, credential_id, public_key, handle, rp_id, sign_count, backup_eligible, backed_up, name,"
    " created_at, used_at, cloned_at, key_id, mac"
)
OF_USER = f"SELECT {COLUMNS} FROM passkeys WHERE user_id = %s ORDER BY created_at, id"
BY_CREDENTIAL = f"SELECT {COLUMNS} FROM passkeys WHERE credential_id = %s"
COUNT = "SELECT count(*) FROM passkeys WHERE user_id = %s"
RENAME = f"UPDATE passkeys SET name = %s WHERE user_id = %s AND id = %s RETURNING {COLUMNS}"
REMOVE = "DELETE FROM passkeys WHERE user_id = %s AND id = %s"
# Authenticators that do not count say 0 for ever.
USE = (
    "UPDATE passkeys SET sign_count = %s, backed_up = %s, used_at = %s"
    " WHERE id = %s AND (sign_count < %s OR (sign_count = 0 AND %s = 0))"
)
CLONED = "UPDATE passkeys SET cloned_at = %s WHERE id = %s AND cloned_at IS NULL"
ADD_CHALLENGE = "INSERT INTO challenges (mac, expires_at) VALUES (%s, %s)"
TAKE_CHALLENGE = "DELETE FROM challenges WHERE mac IN {marks} RETURNING expires_at"


class Passkeys(peewee.Model):
    """One passkey. `handle` stands for its owner towards the authenticator; `mac` binds it all to the owner."""

    id = peewee.BigIntegerField(primary_key=True)
    user_id = peewee.BigIntegerField()
    credential_id = peewee.BlobField()
    public_key = peewee.BlobField()
    handle = peewee.BlobField()
    rp_id = peewee.TextField()
    sign_count = peewee.BigIntegerField()
    backup_eligible = peewee.BooleanField()
    backed_up = peewee.BooleanField()
    name = peewee.TextField()
    created_at = peewee.BigIntegerField()
    used_at = peewee.BigIntegerField(null=True)
    cloned_at = peewee.BigIntegerField(null=True)
    key_id = peewee.TextField()
    mac = peewee.BlobField()

    class Meta:
        legacy_table_names = False


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as it is stored; times in milliseconds."""

    id: int
    user_id: int
    credential_id: bytes
    public_key: bytes
    handle: bytes
    rp_id: str
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    name: str
    created_at: int
    used_at: int | None
    cloned_at: int | None
    key_id: str
    mac: bytes


class Taken(Exception):
    """This credential is somebody's already."""


class TooManyPasskeys(Exception):
    """The person has as many as they may."""


async def of_user(db: Database, user_id: int) -> list[Passkey]:
    """This person's passkeys, oldest first."""
    return [_passkey(row) for row in await db.read(fetch, OF_USER, (user_id,))]


async def by_credential(db: Database, credential_id: bytes) -> Passkey | None:
    """The passkey with this credential id."""
    rows = await db.read(fetch, BY_CREDENTIAL, (credential_id,))
    return _passkey(rows[0]) if rows else None


async def add(
    db: Database, passkey: Passkey, *, most: int, codes: Sequence[factors.Code], record: audit.Record
) -> bool:
    """Store a new passkey. True when it is the person's first factor: then these recovery codes are theirs.

    `Taken` when the credential is somebody's, `TooManyPasskeys` when they have `most` of them.
    """
    try:
        return await db.write(_add, passkey, most, tuple(codes), record)
    except peewee.IntegrityError as error:
        raise Taken from error


async def rename(db: Database, user_id: int, passkey_id: int, name: str) -> Passkey | None:
    """Call a passkey something else; None when this person has no such one."""
    rows = await db.write(fetch, RENAME, (name, user_id, passkey_id))
    return _passkey(rows[0]) if rows else None


async def remove(db: Database, user_id: int, passkey_id: int, *, may_be_last: bool, record: audit.Record) -> bool:
    """Remove a passkey; False when this person has no such one, `factors.LastFactor` when it must stay."""
    return await db.write(_remove, user_id, passkey_id, may_be_last, record)


async def use(
    db: Database, passkey: Passkey, *, sign_count: int, backed_up: bool, now: int, record: audit.Record
) -> bool:
    """Note a use; False when the counter has not moved on from what is stored."""
    return await db.write(_use, (sign_count, backed_up, now, passkey.id, sign_count, sign_count), record)


async def note_clone(db: Database, passkey_id: int, *, now: int, record: audit.Record) -> None:
    """Note, with a record, that the counter went back: there may be a second copy of the key."""
    await db.write(_note_clone, passkey_id, now, record)


async def add_challenge(db: Database, *, mac: bytes, expires_at: int, now: int) -> None:
    """Store a challenge's fingerprint, and forget those that have run out."""
    await db.write(_add_challenge, mac, expires_at, now)


async def take_challenge(db: Database, macs: Sequence[bytes], now: int) -> bool:
    """Use up a challenge that has one of these fingerprints; False when there is none, or it is too old."""
    rows = await db.write(_take_challenge, tuple(macs))
    return any(row[0] > now for row in rows)


def _add(engine: Engine, passkey: Passkey, most: int, codes: tuple[factors.Code, ...], record: audit.Record) -> bool:
    timelines.take_heads(engine, [passkey.user_id])
    if fetch(engine, COUNT, (passkey.user_id,))[0][0] >= most:
        raise TooManyPasskeys
    is_first = not fetch(engine, factors.HAS, (passkey.user_id, passkey.user_id))
    Passkeys.insert(
        id=passkey.id,
        user_id=passkey.user_id,
        credential_id=passkey.credential_id,
        public_key=passkey.public_key,
        handle=passkey.handle,
        rp_id=passkey.rp_id,
        sign_count=passkey.sign_count,
        backup_eligible=passkey.backup_eligible,
        backed_up=passkey.backed_up,
        name=passkey.name,
        created_at=passkey.created_at,
        key_id=passkey.key_id,
        mac=passkey.mac,
    ).bind(engine).execute()
    if is_first:
        factors.add_codes(engine, passkey.user_id, codes, passkey.created_at)
    audit.insert(engine, record)
    return is_first


def _remove(engine: Engine, user_id: int, passkey_id: int, may_be_last: bool, record: audit.Record) -> bool:
    timelines.take_heads(engine, [user_id])
    if execute(engine, REMOVE, (user_id, passkey_id)) == 0:
        return False
    factors.tidy(engine, user_id, may_be_last=may_be_last)
    audit.insert(engine, record)
    return True


def _use(engine: Engine, values: tuple[object, ...], record: audit.Record) -> bool:
    if execute(engine, USE, values) == 0:
        return False
    audit.insert(engine, record)
    return True


def _note_clone(engine: Engine, passkey_id: int, now: int, record: audit.Record) -> None:
    execute(engine, CLONED, (now, passkey_id))
    audit.insert(engine, record)


def _add_challenge(engine: Engine, mac: bytes, expires_at: int, now: int) -> None:
    execute(engine, "DELETE FROM challenges WHERE expires_at < %s", (now,))
    execute(engine, ADD_CHALLENGE, (mac, expires_at))


def _take_challenge(engine: Engine, macs: tuple[bytes, ...]) -> list[Row]:
    text = TAKE_CHALLENGE.replace("{marks}", rows_of_marks(1, len(macs)))
    return fetch(engine, text, macs)


def _passkey(row: Row) -> Passkey:
    values = list(row)
    for index in (2, 3, 4, 14):
        values[index] = bytes(values[index])
    values[7], values[8] = bool(values[7]), bool(values[8])
    return Passkey(*values)
