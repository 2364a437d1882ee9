"""What is true of the database as a whole: its epoch, and the canary that tells whether our keys are its keys."""

from models.db import Database, Engine, as_bytes, execute, fetch


async def epoch(db: Database) -> str:
    """The name of this log's life; it changes only when the log was lost or rebuilt."""
    rows = await db.read(fetch, "SELECT value FROM facts WHERE name = 'epoch'")
    return str(rows[0][0])


async def canaries(db: Database) -> dict[str, bytes]:
    """The sealed canaries, by master key id; none in a fresh database."""
    rows = await db.read(fetch, "SELECT master_id, sealed FROM canaries")
    return {row[0]: as_bytes(row[1]) or b"" for row in rows}


async def add_first_canary(db: Database, master_id: str, sealed: bytes) -> dict[str, bytes]:
    """Store a canary unless there is one already, and return what is stored."""
    return await db.write(_add_first_canary, master_id, sealed)


def _add_first_canary(engine: Engine, master_id: str, sealed: bytes) -> dict[str, bytes]:
    # The epoch's row is the lock: two instances that start together do not both add theirs.
    execute(engine, "UPDATE facts SET value = value WHERE name = 'epoch'")
    if not fetch(engine, "SELECT 1 FROM canaries LIMIT 1"):
        execute(engine, "INSERT INTO canaries (master_id, sealed) VALUES (%s, %s)", (master_id, sealed))
    return {row[0]: as_bytes(row[1]) or b"" for row in fetch(engine, "SELECT master_id, sealed FROM canaries")}
