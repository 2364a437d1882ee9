"""What is true of the database as a whole: its epoch, and the canary that tells whether our keys are its keys."""

from models.db import Database, Engine, as_bytes, execute, fetch


async def epoch(db: Database) -> str:
    """The name of this log's life; it changes only when the log was lost or rebuilt."""
    rows = await db.read(fetch, "SELECT value FROM facts WHERE name = 'epoch'")
    return str(rows[0][0])


ADD_CANARY = (
    "INSERT INTO canaries (purpose, key_id, sealed) VALUES (%s, %s, %s) ON CONFLICT (purpose, key_id) DO NOTHING"
)
Canaries = dict[tuple[str, str], bytes]


async def canaries(db: Database) -> Canaries:
    """The sealed canaries, by purpose and key id; none in a fresh database."""
    return await db.read(_canaries)


async def add_missing_canaries(db: Database, offered: Canaries) -> Canaries:
    """Store a canary for each purpose that has none yet, and return what is stored."""
    return await db.write(_add_missing_canaries, offered)


async def add_canaries(db: Database, offered: Canaries) -> None:
    """Store these canaries beside those that are there: keys that came later have theirs as well."""
    await db.write(_add_canaries, offered)


def _add_canaries(engine: Engine, offered: Canaries) -> None:
    for (purpose, key_id), sealed in offered.items():
        execute(engine, ADD_CANARY, (purpose, key_id, sealed))


def _canaries(engine: Engine) -> Canaries:
    rows = fetch(engine, "SELECT purpose, key_id, sealed FROM canaries")
    return {(row[0], row[1]): as_bytes(row[2]) or b"" for row in rows}


def _add_missing_canaries(engine: Engine, offered: Canaries) -> Canaries:
    # The epoch's row is the lock: two instances that start together do not both add theirs.
    execute(engine, "UPDATE facts SET value = value WHERE name = 'epoch'")
    known = {purpose for purpose, _ in _canaries(engine)}
    _add_canaries(engine, {name: sealed for name, sealed in offered.items() if name[0] not in known})
    return _canaries(engine)
