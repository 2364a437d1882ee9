"""Passwords that change: by their owner, or by a one-time token of the operator's.

A change ends sessions in the same transaction, under the lock that every sign-in takes as well: a session that an
old password has begun comes either before it, and ends, or after it, and never begins.
"""

from models import audit, sessions, timelines
from models.db import Database, Engine, execute, fetch

CHANGE = (
    "UPDATE users SET password = %s, password_version = password_version + 1"
    " WHERE id = %s AND password_version = %s AND disabled_at IS NULL"
)
SET = "UPDATE users SET password = %s, password_version = password_version + 1 WHERE id = %s AND disabled_at IS NULL"
LIVES = "SELECT 1 FROM sessions WHERE id = %s AND user_id = %s AND ended_at IS NULL"
FORGET = "DELETE FROM resets WHERE user_id = %s"
FORGET_OLD = "DELETE FROM resets WHERE user_id = %s OR expires_at < %s"
ADD = "INSERT INTO resets (mac, user_id, expires_at) VALUES (%s, %s, %s)"
FOR_WHOM = "SELECT user_id FROM resets WHERE mac = %s AND expires_at > %s"
TAKE = "DELETE FROM resets WHERE mac = %s AND user_id = %s AND expires_at > %s"


async def change(
    db: Database, user_id: int, *, version: int, password: str, session_id: int, now: int, record: audit.Record
) -> list[int] | None:
    """Replace the hash of this version and end all sessions but this one: those that ended.

    None, and nothing has changed, when the hash is of another version by now, or the session has ended.
    """
    return await db.write(_change, user_id, version, password, session_id, now, record)


def _change(
    engine: Engine, user_id: int, version: int, password: str, session_id: int, now: int, record: audit.Record
) -> list[int] | None:
    timelines.take_heads(engine, [user_id])
    if not fetch(engine, LIVES, (session_id, user_id)) or execute(engine, CHANGE, (password, user_id, version)) == 0:
        return None
    execute(engine, FORGET, (user_id,))
    ended = sessions.end_all(engine, user_id, except_id=session_id, now=now, reason="password_changed")
    audit.insert(engine, record)
    return ended


async def add_reset(db: Database, user_id: int, *, mac: bytes, expires_at: int, now: int, record: audit.Record) -> None:
    """Store a one-time token's fingerprint in the place of the person's last one; forget those that have run out."""
    await db.write(_add_reset, user_id, mac, expires_at, now, record)


def _add_reset(engine: Engine, user_id: int, mac: bytes, expires_at: int, now: int, record: audit.Record) -> None:
    execute(engine, FORGET_OLD, (user_id, now))
    execute(engine, ADD, (mac, user_id, expires_at))
    audit.insert(engine, record)


async def for_whom(db: Database, mac: bytes, now: int) -> int | None:
    """Whose password this one-time token may set; None when it is unknown, used or too old."""
    rows = await db.read(fetch, FOR_WHOM, (mac, now))
    return int(rows[0][0]) if rows else None


async def reset(
    db: Database, user_id: int, *, mac: bytes, password: str, now: int, record: audit.Record
) -> list[int] | None:
    """Use the token up, set the hash, end all sessions: those that ended; None when it was not good any more."""
    return await db.write(_reset, user_id, mac, password, now, record)


def _reset(engine: Engine, user_id: int, mac: bytes, password: str, now: int, record: audit.Record) -> list[int] | None:
    timelines.take_heads(engine, [user_id])
    if execute(engine, TAKE, (mac, user_id, now)) == 0 or execute(engine, SET, (password, user_id)) == 0:
        return None
    ended = sessions.end_all(engine, user_id, except_id=None, now=now, reason="password_reset")
    audit.insert(engine, record)
    return ended
