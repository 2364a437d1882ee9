"""Where a person is at home: the networks that they are signed in from."""

from models.db import Database, fetch

SIGNED_IN = (
    "SELECT 1 FROM sessions WHERE user_id = %s AND network = %s AND ended_at IS NULL AND expires_at > %s LIMIT 1"
)


async def is_signed_in_from(db: Database, user_id: int, network: str, now: int) -> bool:
    """Whether this person has a session that began in this (truncated) network and has not run out."""
    return bool(await db.read(fetch, SIGNED_IN, (user_id, network, now)))
