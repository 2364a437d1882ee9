"""What hangs on which key: sealed rows, rows that are keyed, and the instances that know each key.

Everything that the master ring seals is one row of `SEALED`, and everything that hangs on a single key of a ring is
one row of `HOLDERS`: rotation, verification and the question whether a key may go ask these tables only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import messages
from models.db import Database, Engine, Row, as_bytes, execute, fetch, is_postgres
from models.messages import StoredMessage

Rings = Mapping[str, Sequence[str]]  # the ids of each ring's keys, current first

# The database's own clock: instances and commands on machines whose clocks differ all go by it.
NOW = {
    True: "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    False: "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}
# How long an instance that has ended without a word still counts as running.
ALIVE_MILLISECONDS = 45_000
ATTEST = (
    "INSERT INTO instances (id, seen_at, keys) VALUES (%s, %s, %s)"
    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, keys = excluded.keys"
)
FORGET = "DELETE FROM instances WHERE seen_at < %s"
LEAVE = "DELETE FROM instances WHERE id = %s"
RUNNING = "SELECT id, keys FROM instances WHERE seen_at >= %s ORDER BY id"
FIRST_USE = "INSERT INTO key_uses (purpose, key_id, since) VALUES (%s, %s, %s) ON CONFLICT (purpose, key_id) DO NOTHING"
USE = (
    "INSERT INTO key_uses (purpose, key_id, since) VALUES (%s, %s, %s)"
    " ON CONFLICT (purpose, key_id) DO UPDATE SET since = excluded.since"
)
# The next master that wraps a conversation key: by the index, without reading all keys.
NEXT_MASTER = "SELECT min(master_id) FROM conversation_keys WHERE master_id > %s"
OTHER_MASTERS = "SELECT DISTINCT master_id FROM totps UNION SELECT DISTINCT master_id FROM push_subscriptions"
NEXT_MESSAGES = messages.SELECT + "WHERE m.id > %s AND m.body IS NOT NULL ORDER BY m.id LIMIT %s"


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table whose rows the master ring seals: how to page it in the order of its key, and to put a row back.

    A row of `page` is the key, what else the value is bound to, the id of its master key, and the value. `put` is
    given the new id, the new value, the key, and the old value: it changes nothing that was changed meanwhile.
    """

    name: str
    width: int  # of the key
    page: str
    others: str  # the condition that leaves out one master key
    order: str
    put: str
    count: str


CONVERSATION_KEYS = SealedTable(
    "conversation_keys",
    2,
    "SELECT k.conversation_id, k.generation, c.pair_low, c.pair_high, k.master_id, k.wrapped FROM conversation_keys k"
    " JOIN conversations c ON c.id = k.conversation_id WHERE (k.conversation_id, k.generation) > (%s, %s)",
    " AND k.master_id <> %s",
    " ORDER BY k.conversation_id, k.generation LIMIT %s",
    "UPDATE conversation_keys SET master_id = %s, wrapped = %s"
    " WHERE conversation_id = %s AND generation = %s AND wrapped = %s",
    "SELECT master_id, count(*) FROM conversation_keys GROUP BY master_id",
)
TOTPS = SealedTable(
    "totps",
    1,
    "SELECT t.user_id, t.credential_id, t.master_id, t.sealed FROM totps t WHERE t.user_id > %s",
    " AND t.master_id <> %s",
    " ORDER BY t.user_id LIMIT %s",
    "UPDATE totps SET master_id = %s, sealed = %s WHERE user_id = %s AND sealed = %s",
    "SELECT master_id, count(*) FROM totps GROUP BY master_id",
)
PUSH_SUBSCRIPTIONS = SealedTable(
    "push_subscriptions",
    1,
    "SELECT p.session_id, p.user_id, p.master_id, p.sealed FROM push_subscriptions p WHERE p.session_id > %s",
    " AND p.master_id <> %s",
    " ORDER BY p.session_id LIMIT %s",
    "UPDATE push_subscriptions SET master_id = %s, sealed = %s WHERE session_id = %s AND sealed = %s",
    "SELECT master_id, count(*) FROM push_subscriptions GROUP BY master_id",
)
SEALED: tuple[SealedTable, ...] = (CONVERSATION_KEYS, TOTPS, PUSH_SUBSCRIPTIONS)


@dataclass(frozen=True, slots=True)
class Holder:
    """Rows that need one key of a ring: (key id, how many). They cannot be moved to another key."""

    purpose: str
    what: str
    count: str


# Nobody's hash has a dot for its key.
_PEPPER = {
    True: "SELECT split_part(password, '$', 2), count(*) FROM users WHERE substr(password, 1, 3) = 'p1$'"
    " AND substr(password, 4, 1) <> '.' GROUP BY 1",
    False: "SELECT substr(password, 4, instr(substr(password, 4), '$') - 1), count(*) FROM users"
    " WHERE substr(password, 1, 3) = 'p1$' AND substr(password, 4, 1) <> '.' GROUP BY 1",
}
HOLDERS: tuple[Holder, ...] = (
    *(Holder("master", table.name, table.count) for table in SEALED),
    Holder("token", "tombstones", "SELECT key_id, count(*) FROM tombstones GROUP BY key_id"),
    Holder("token", "recovery codes", "SELECT key_id, count(*) FROM recovery_codes GROUP BY key_id"),
    # A push service takes what is sent to a subscription from the key only that it was made for.
    Holder("push", "subscriptions", "SELECT signer_id, count(*) FROM push_subscriptions GROUP BY signer_id"),
    Holder("token", "passkeys", "SELECT key_id, count(*) FROM passkeys GROUP BY key_id"),
)
# Whoever signed in before a key came may hold a refresh token that an earlier one has made.
OLDER_SESSIONS = "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > %s AND created_at < %s"

Held = dict[tuple[str, str], dict[str, int]]  # by purpose and key id: what, and how many


async def attest(db: Database, instance: str, rings: Rings) -> None:
    """Note that this instance runs and knows these keys; one that was not seen for long is forgotten."""
    await db.write(_attest, instance, rings)


def _attest(engine: Engine, instance: str, rings: Rings) -> None:
    now = _now(engine)
    execute(engine, ATTEST, (instance, now, json.dumps({purpose: list(ids) for purpose, ids in rings.items()})))
    execute(engine, FORGET, (now - 2 * ALIVE_MILLISECONDS,))
    for purpose, ids in rings.items():
        execute(engine, FIRST_USE, (purpose, ids[0], now))


async def leave(db: Database, instance: str) -> None:
    """Note that this instance has ended: it seals nothing any more."""
    await db.write(execute, LEAVE, (instance,))


async def running(db: Database) -> dict[str, Rings]:
    """The instances that run, as far as they can tell so, and the keys that each of them knows."""
    return await db.read(_running)


def _running(engine: Engine) -> dict[str, Rings]:
    found: list[Row] = fetch(engine, RUNNING, (_now(engine) - ALIVE_MILLISECONDS,))
    return {row[0]: json.loads(row[1]) for row in found}


async def use(db: Database, purpose: str, key_id: str) -> None:
    """Note that this key becomes the current one now."""
    await db.write(_use, purpose, key_id)


def _use(engine: Engine, purpose: str, key_id: str) -> None:
    execute(engine, USE, (purpose, key_id, _now(engine)))


async def uses(db: Database) -> dict[tuple[str, str], int]:
    """By purpose and id, for how many milliseconds each key has been (or since when it was last made) current."""
    return await db.read(_uses)


def _uses(engine: Engine) -> dict[tuple[str, str], int]:
    now = _now(engine)
    return {(row[0], row[1]): now - row[2] for row in fetch(engine, "SELECT purpose, key_id, since FROM key_uses")}


async def masters(db: Database) -> frozenset[str]:
    """The ids of the master keys that anything is sealed with."""
    return await db.read(_masters)


def _masters(engine: Engine) -> frozenset[str]:
    found = {row[0] for row in fetch(engine, OTHER_MASTERS)}
    last = ""
    while (following := fetch(engine, NEXT_MASTER, (last,))[0][0]) is not None:
        found.add(following)
        last = following
    return frozenset(found)


async def held(db: Database) -> Held:
    """What hangs on each key; a key on which nothing hangs is left out."""
    return await db.read(_held)


def _held(engine: Engine) -> Held:
    found: Held = {}
    for holder in (*HOLDERS, Holder("pepper", "passwords", _PEPPER[is_postgres(engine)])):
        for key_id, count in fetch(engine, holder.count):
            found.setdefault((holder.purpose, key_id), {})[holder.what] = count
    return found


async def older_sessions(db: Database, *, now: int, before: int) -> int:
    """How many sessions live that began before that time."""
    return int((await db.read(fetch, OLDER_SESSIONS, (now, before)))[0][0])


async def page(
    db: Database, table: SealedTable, after: tuple[int, ...] | None, *, limit: int, unless: str | None = None
) -> list[Row]:
    """A page of the rows behind the key `after`, in its order; without those that the master `unless` seals."""
    text, values = table.page, [*(after or (-1,) * table.width)]
    if unless is not None:
        found = await db.read(fetch, text + table.others + table.order, [*values, unless, limit])
    else:
        found = await db.read(fetch, text + table.order, [*values, limit])
    return [(*row[:-1], as_bytes(row[-1])) for row in found]


async def put(db: Database, table: SealedTable, changes: Sequence[Row]) -> int:
    """Give rows other values, in one transaction: (new master id, new value, *key, old value); how many changed."""
    return await db.write(_put, table, tuple(changes)) if changes else 0


def _put(engine: Engine, table: SealedTable, changes: tuple[Row, ...]) -> int:
    return sum(execute(engine, table.put, change) for change in changes)


async def messages_after(db: Database, message_id: int, *, limit: int) -> list[StoredMessage]:
    """The next messages that have a text, of everybody, by id."""
    return [messages.from_row(row) for row in await db.read(fetch, NEXT_MESSAGES, (message_id, limit))]


def _now(engine: Engine) -> int:
    return int(fetch(engine, NOW[is_postgres(engine)])[0][0])
