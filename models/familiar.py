"""Where a person is at home: the networks that they are signed in from, the devices that they signed in on."""

from models.db import Database, fetch

SIGNED_IN = (
    "SELECT 1 FROM sessions WHERE user_id = %s AND network = %s AND ended_at IS NULL AND expires_at > %s LIMIT 1"
)
# Not a session that was taken away: its device may be in other hands.
WAS_SIGNED_IN = (
    "SELECT 1 FROM sessions WHERE id = %s AND user_id = %s"
    " AND (ended_reason IS NULL OR ended_reason IN ('logout', 'evicted', 'password_changed'))"
)


async def is_signed_in_from(db: Database, user_id: int, network: str, now: int) -> bool:
    """Whether this person has a session that began in this (truncated) network and has not run out."""
    return bool(await db.read(fetch, SIGNED_IN, (user_id, network, now)))


async def was_signed_in_by(db: Database, user_id: int, session_id: int) -> bool:
    """Whether this session is, or was, this person's, and was not taken away from them."""
    return bool(await db.read(fetch, WAS_SIGNED_IN, (session_id, user_id)))
