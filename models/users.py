"""People: names, password hashes, and the head of each one's timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import peewee

from models import audit, sessions, timelines
from models.db import Database, Engine, Row, execute, fetch, rows_of_marks

COLUMNS = "id, name, key, password, disabled_at, password_version"
BY_KEY = f"SELECT {COLUMNS} FROM users WHERE key = %s"
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = %s"
MARKED = "SELECT 1 FROM tombstones WHERE mac IN "
ALIKE = "SELECT 1 FROM looks WHERE skeleton IN "
PROFILE_COLUMNS = "name, display_name, language, receipts, presence, created_at"
PROFILE = f"SELECT {PROFILE_COLUMNS} FROM users WHERE id = %s"
CHANGEABLE = ("display_name", "language", "receipts", "presence")
_CHANGES = ", ".join(f"{column} = CASE WHEN %s THEN %s ELSE {column} END" for column in CHANGEABLE)
DISABLE = "UPDATE users SET disabled_at = %s WHERE id = %s AND disabled_at IS NULL"
# Who has been erased has no head, and stays nobody.
ENABLE = (
    "UPDATE users SET disabled_at = NULL WHERE id = %s AND disabled_at IS NOT NULL"
    " AND EXISTS (SELECT 1 FROM heads h WHERE h.user_id = users.id)"
)
CHANGE_PROFILE = f"UPDATE users SET {_CHANGES} WHERE id = %s RETURNING {PROFILE_COLUMNS}"


class Users(peewee.Model):
    """One person. `key` is the name compared without case."""

    id = peewee.BigIntegerField(primary_key=True)
    name = peewee.TextField()
    key = peewee.TextField(unique=True)
    password = peewee.TextField()
    created_at = peewee.BigIntegerField()
    disabled_at = peewee.BigIntegerField(null=True)
    receipts = peewee.BooleanField(default=True)
    presence = peewee.BooleanField(default=True)
    display_name = peewee.TextField(null=True)
    language = peewee.TextField(null=True)
    seen_on = peewee.IntegerField(null=True)
    password_version = peewee.IntegerField(default=0)

    class Meta:
        legacy_table_names = False


class Looks(peewee.Model):
    """What a name looks like, as it is shown and as it is compared; each look belongs to one person."""

    skeleton = peewee.TextField(primary_key=True)
    user_id = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


@dataclass(frozen=True, slots=True)
class User:
    """A person, as the database knows them; `password` is a hash, and its version counts the changes of password."""

    id: int
    name: str
    key: str
    password: str
    disabled_at: int | None
    password_version: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person sees and changes of themselves."""

    name: str
    display_name: str | None
    language: str | None
    receipts: bool
    presence: bool
    created_at: int


class Reserved(Enum):
    """Why nobody can take a name that nobody bears."""

    NO = "it can be taken"
    ERASED = "its owner was erased"
    ALIKE = "it looks like another name"


class NameTaken(Exception):
    """The name, or one that looks like it, belongs to somebody."""


async def create(
    db: Database,
    *,
    user_id: int,
    name: str,
    key: str,
    looks: frozenset[str],
    password: str,
    now: int,
    record: audit.Record,
    marks: Sequence[bytes] = (),
) -> None:
    """Store a new person with an empty timeline; `NameTaken` when the name or a look-alike exists.

    `marks`: under what the name or one of its looks is kept if its owner was erased; that is taken as well.
    """
    try:
        await db.write(_create, user_id, name, key, looks, password, now, record, tuple(marks))
    except peewee.IntegrityError as error:
        raise NameTaken from error


def _create(
    engine: Engine,
    user_id: int,
    name: str,
    key: str,
    looks: frozenset[str],
    password: str,
    now: int,
    record: audit.Record,
    marks: tuple[bytes, ...],
) -> None:
    Users.insert(id=user_id, name=name, key=key, password=password, created_at=now).bind(engine).execute()
    for skeleton in sorted(looks):
        execute(engine, "INSERT INTO looks (skeleton, user_id) VALUES (%s, %s)", (skeleton, user_id))
    # Asked behind the insert, which waits for whoever is being erased at this moment.
    if marks and fetch(engine, MARKED + rows_of_marks(1, len(marks)), marks):
        raise NameTaken
    execute(engine, "INSERT INTO heads (user_id, position) VALUES (%s, 0)", (user_id,))
    audit.insert(engine, record)


async def reserved(
    db: Database, *, marks: Sequence[bytes], looks: frozenset[str], marks_of_looks: Sequence[bytes]
) -> Reserved:
    """Whether a name that nobody bears may be taken: not when its owner was erased, or when it looks like another one.

    `marks` and `marks_of_looks`: under what the name, and its looks, are kept if their owner was erased.
    """
    return await db.read(_reserved, tuple(marks), sorted(looks), tuple(marks_of_looks))


def _reserved(
    engine: Engine, marks: tuple[bytes, ...], looks: list[str], marks_of_looks: tuple[bytes, ...]
) -> Reserved:
    def marked(macs: tuple[bytes, ...]) -> bool:
        return bool(macs and fetch(engine, MARKED + rows_of_marks(1, len(macs)), macs))

    if marked(marks):
        return Reserved.ERASED
    alike = fetch(engine, ALIKE + rows_of_marks(1, len(looks)), looks) or marked(marks_of_looks)
    return Reserved.ALIKE if alike else Reserved.NO


async def by_key(db: Database, key: str) -> User | None:
    """The person whose name compares equal to `key`."""
    return await db.read(_one, BY_KEY, key)


async def by_id(db: Database, user_id: int) -> User | None:
    """The person with this id."""
    return await db.read(_one, BY_ID, user_id)


async def names_of(db: Database, user_ids: Sequence[int]) -> dict[int, str]:
    """The shown names of these people."""
    return await db.read(_names_of, tuple(user_ids)) if user_ids else {}


async def rehash(db: Database, user_id: int, *, old: str, new: str) -> bool:
    """Replace the hash of a password by another one of the same password; False when `old` is not there any more."""
    text = "UPDATE users SET password = %s WHERE id = %s AND password = %s"
    return await db.write(execute, text, (new, user_id, old)) == 1


async def disable(db: Database, user_id: int, *, now: int, record: audit.Record) -> list[int] | None:
    """Let this person in no more: the sessions that this ended; None when they were disabled before."""
    return await db.write(_disable, user_id, now, record)


def _disable(engine: Engine, user_id: int, now: int, record: audit.Record) -> list[int] | None:
    timelines.take_heads(engine, [user_id])  # whoever signs in now comes before or after this
    if execute(engine, DISABLE, (now, user_id)) == 0:
        return None
    execute(engine, "DELETE FROM resets WHERE user_id = %s", (user_id,))
    ended = sessions.end_all(engine, user_id, except_id=None, now=now, reason="disabled")
    audit.insert(engine, record)
    return ended


async def enable(db: Database, user_id: int, record: audit.Record) -> bool:
    """Let this person in again; False when they were not disabled."""
    return await db.write(_enable, user_id, record)


def _enable(engine: Engine, user_id: int, record: audit.Record) -> bool:
    if execute(engine, ENABLE, (user_id,)) == 0:
        return False
    audit.insert(engine, record)
    return True


async def profile(db: Database, user_id: int) -> Profile | None:
    """What this person says of themselves."""
    rows = await db.read(fetch, PROFILE, (user_id,))
    return _profile(rows[0]) if rows else None


async def change_profile(db: Database, user_id: int, changes: Mapping[str, str | bool | None]) -> Profile | None:
    """Change the columns that are named (of `CHANGEABLE`), and return what stands there now."""
    return await db.write(_change_profile, user_id, dict(changes))


def _change_profile(engine: Engine, user_id: int, changes: dict[str, str | bool | None]) -> Profile | None:
    values = [value for column in CHANGEABLE for value in (column in changes, changes.get(column))]
    rows = fetch(engine, CHANGE_PROFILE, (*values, user_id))
    return _profile(rows[0]) if rows else None


def _profile(row: Row) -> Profile:
    name, display_name, language, receipts, presence, created_at = row
    return Profile(name, display_name, language, bool(receipts), bool(presence), created_at)


def _one(engine: Engine, text: str, value: str | int) -> User | None:
    rows = fetch(engine, text, (value,))
    return User(*rows[0]) if rows else None


def _names_of(engine: Engine, user_ids: tuple[int, ...]) -> dict[int, str]:
    marks = rows_of_marks(1, len(user_ids))
    return dict(fetch(engine, "SELECT id, name FROM users WHERE id IN " + marks, user_ids))
