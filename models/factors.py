"""Second factors of people: the seed of their one-time passwords, their recovery codes, and who has any.

A time step and a recovery code are used up by compare-and-swap, so that of several at once, on any instance,
one succeeds. Whatever adds or removes a factor takes the person's head first: what is done to one person's
factors is done one after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import peewee

from models import audit, timelines
from models.db import Database, Engine, Row, execute, fetch, rows_of_marks

HAS = (
    "SELECT 1 FROM totps WHERE user_id = %s AND confirmed_at IS NOT NULL"
    " UNION ALL SELECT 1 FROM passkeys WHERE user_id = %s LIMIT 1"
)
COUNTS = (
    "SELECT (SELECT count(*) FROM totps WHERE user_id = %s AND confirmed_at IS NOT NULL),"
    " (SELECT count(*) FROM passkeys WHERE user_id = %s), (SELECT count(*) FROM recovery_codes WHERE user_id = %s)"
)
TOTP_COLUMNS = "user_id, credential_id, master_id, sealed, created_at, confirmed_at, last_step"
TOTP = f"SELECT {TOTP_COLUMNS} FROM totps WHERE user_id = %s"
OFFER = (
    f"INSERT INTO totps ({TOTP_COLUMNS}) VALUES (%s, %s, %s, %s, %s, NULL, 0) ON CONFLICT (user_id) DO UPDATE SET"
    " credential_id = excluded.credential_id, master_id = excluded.master_id, sealed = excluded.sealed,"
    " created_at = excluded.created_at, last_step = 0 WHERE totps.confirmed_at IS NULL"
)
CONFIRM = (
    "UPDATE totps SET confirmed_at = %s, last_step = %s"
    " WHERE user_id = %s AND credential_id = %s AND confirmed_at IS NULL"
)
# RFC 6238 §5.2: a code is good once.
USE_STEP = "UPDATE totps SET last_step = %s WHERE user_id = %s AND credential_id = %s AND last_step < %s"
REMOVE_TOTP = "DELETE FROM totps WHERE user_id = %s AND confirmed_at IS NOT NULL"
CODES = "SELECT key_id, mac FROM recovery_codes WHERE user_id = %s"
USE_CODE = "DELETE FROM recovery_codes WHERE user_id = %s AND mac = %s"
DROP_CODES = "DELETE FROM recovery_codes WHERE user_id = %s"
ADD_CODES = "INSERT INTO recovery_codes (user_id, mac, key_id, created_at) VALUES "


class Totps(peewee.Model):
    """The seed of one person's one-time passwords; it counts when it has been confirmed."""

    user_id = peewee.BigIntegerField(primary_key=True)
    credential_id = peewee.BigIntegerField()
    master_id = peewee.TextField()
    sealed = peewee.BlobField()
    created_at = peewee.BigIntegerField()
    confirmed_at = peewee.BigIntegerField(null=True)
    last_step = peewee.BigIntegerField(default=0)

    class Meta:
        legacy_table_names = False


class RecoveryCodes(peewee.Model):
    """A code that is good once, by fingerprint."""

    user_id = peewee.BigIntegerField()
    mac = peewee.BlobField()
    key_id = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("user_id", "mac")


@dataclass(frozen=True, slots=True)
class Totp:
    """A seed as it is stored, sealed by the master key `master_id`."""

    user_id: int
    credential_id: int
    master_id: str
    sealed: bytes
    created_at: int
    confirmed_at: int | None = None
    last_step: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """A recovery code's fingerprint, and the key that it was made with."""

    key_id: str
    mac: bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """What somebody has: confirmed one-time passwords or not, how many passkeys, how many codes are left."""

    totp: bool
    passkeys: int
    codes: int


class LastFactor(Exception):
    """It is the only one, and one is required."""


async def has(db: Database, user_id: int) -> bool:
    """Whether this person has a factor that counts."""
    return bool(await db.read(fetch, HAS, (user_id, user_id)))


async def counts(db: Database, user_id: int) -> Counts:
    """What this person has."""
    return await db.read(_counts, user_id)


async def totp_of(db: Database, user_id: int) -> Totp | None:
    """This person's seed, confirmed or not."""
    return await db.read(_totp_of, user_id)


async def offer(db: Database, totp: Totp) -> bool:
    """Store a seed that is yet to be confirmed, instead of an earlier one; False when one is confirmed already."""
    values = (totp.user_id, totp.credential_id, totp.master_id, totp.sealed, totp.created_at)
    return await db.write(execute, OFFER, values) == 1


async def confirm(
    db: Database, totp: Totp, *, step: int, now: int, codes: Sequence[Code], record: audit.Record
) -> bool:
    """Let this seed count from now on, its step used up, with these recovery codes; False when it does already."""
    return await db.write(_confirm, totp, step, now, tuple(codes), record)


async def use_step(db: Database, totp: Totp, *, step: int, record: audit.Record) -> bool:
    """Use a time step up; False when it, or a later one, has been used."""
    values = (step, totp.user_id, totp.credential_id, step)
    return await db.write(_use, USE_STEP, values, record)


async def remove_totp(db: Database, user_id: int, *, may_be_last: bool, record: audit.Record) -> bool:
    """Remove the confirmed seed; False when there is none, `LastFactor` when it must stay."""
    return await db.write(_remove_totp, user_id, may_be_last, record)


async def codes_of(db: Database, user_id: int) -> list[Code]:
    """The recovery codes that this person has left."""
    return [Code(row[0], bytes(row[1])) for row in await db.read(fetch, CODES, (user_id,))]


async def use_code(db: Database, user_id: int, code: Code, *, record: audit.Record) -> bool:
    """Use a recovery code up; False when it has been used."""
    return await db.write(_use, USE_CODE, (user_id, code.mac), record)


async def replace_codes(db: Database, user_id: int, codes: Sequence[Code], *, now: int, record: audit.Record) -> bool:
    """Void all recovery codes and store these; False, and nothing happens, for who has no factor."""
    return await db.write(_replace_codes, user_id, tuple(codes), now, record)


def add_codes(engine: Engine, user_id: int, codes: Sequence[Code], now: int) -> None:
    """Store codes beside those that are there; for transactions of this room."""
    values = [value for code in codes for value in (user_id, code.mac, code.key_id, now)]
    execute(engine, ADD_CODES + rows_of_marks(len(codes), 4), values)


def tidy(engine: Engine, user_id: int, *, may_be_last: bool) -> None:
    """After a factor has gone: without another one the codes go too, or `LastFactor` undoes it all."""
    if not fetch(engine, HAS, (user_id, user_id)):
        if not may_be_last:
            raise LastFactor
        execute(engine, DROP_CODES, (user_id,))


def _counts(engine: Engine, user_id: int) -> Counts:
    totp, passkeys, codes = fetch(engine, COUNTS, (user_id, user_id, user_id))[0]
    return Counts(bool(totp), passkeys, codes)


def _totp_of(engine: Engine, user_id: int) -> Totp | None:
    rows = fetch(engine, TOTP, (user_id,))
    return _totp(rows[0]) if rows else None


def _totp(row: Row) -> Totp:
    values = list(row)
    values[3] = bytes(values[3])
    return Totp(*values)


def _confirm(engine: Engine, totp: Totp, step: int, now: int, codes: tuple[Code, ...], record: audit.Record) -> bool:
    timelines.take_heads(engine, [totp.user_id])
    if execute(engine, CONFIRM, (now, step, totp.user_id, totp.credential_id)) == 0:
        return False
    execute(engine, DROP_CODES, (totp.user_id,))
    add_codes(engine, totp.user_id, codes, now)
    audit.insert(engine, record)
    return True


def _use(engine: Engine, text: str, values: tuple[object, ...], record: audit.Record) -> bool:
    if execute(engine, text, values) == 0:
        return False
    audit.insert(engine, record)
    return True


def _remove_totp(engine: Engine, user_id: int, may_be_last: bool, record: audit.Record) -> bool:
    timelines.take_heads(engine, [user_id])
    if execute(engine, REMOVE_TOTP, (user_id,)) == 0:
        return False
    tidy(engine, user_id, may_be_last=may_be_last)
    audit.insert(engine, record)
    return True


def _replace_codes(engine: Engine, user_id: int, codes: tuple[Code, ...], now: int, record: audit.Record) -> bool:
    timelines.take_heads(engine, [user_id])
    if not fetch(engine, HAS, (user_id, user_id)):
        return False
    execute(engine, DROP_CODES, (user_id,))
    add_codes(engine, user_id, codes, now)
    audit.insert(engine, record)
    return True
