"""The audit log: what was done in whose name; never content, never a secret, never a mistyped name.

One chain for all instances: numbers without a gap, given under the lock of the one row of `audit_head`, in the
order of commits. Whoever records MUST do it last in its transaction: the head's lock is then the last that anybody
takes, nobody holds it for longer than a commit, and no two can wait for one another. What links, vouches and seals
is a `Keeper`, which the wiring gives to each database; without one nothing can be recorded, and so nothing done.

What a record says of a person (network, session, target) lies sealed under a key of that person: see `forget_person`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from models.db import Database, Engine, Row, as_bytes, execute, fetch, is_postgres, rows_of_marks

COLUMNS = "id, at, actor_id, personal, action, outcome, reason, request_id, instance, epoch, prev, link, mac"
INSERT = f"INSERT INTO audit ({COLUMNS}) VALUES {rows_of_marks(1, 13)}"
HEAD = "SELECT log, id, link, epoch, key, mac, first_key FROM audit_head"
BEGIN = (
    "INSERT INTO audit_head (one, log, id, link, epoch, key, mac, first_key) VALUES (1, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (one) DO NOTHING"
)
MOVE = "UPDATE audit_head SET id = %s, link = %s, mac = %s"
LAST = "SELECT id, link FROM audit ORDER BY id DESC LIMIT 1"
PERSON = "SELECT sealed FROM audit_people WHERE user_id = %s"
ADD_PERSON = "INSERT INTO audit_people (user_id, key_id, sealed) VALUES (%s, %s, %s)"
FORGET = (
    "INSERT INTO audit_people (user_id, key_id, sealed) VALUES (%s, '', NULL)"
    " ON CONFLICT (user_id) DO UPDATE SET key_id = '', sealed = NULL"
)
OWN = f"SELECT {COLUMNS} FROM audit WHERE actor_id = %s AND id < %s ORDER BY id DESC LIMIT %s"
DEVICES = "SELECT id, device FROM sessions WHERE user_id = %s AND id IN "
UNCHAINED = (
    "SELECT id, at, action, outcome, actor_id, session_id, network, reason, target, request_id FROM audit_unchained"
    " ORDER BY id LIMIT %s"
)
DROP_UNCHAINED = "DELETE FROM audit_unchained WHERE id <= %s"

MOST_WORD, MOST_TEXT = 64, 200
MOST_AT_ONCE = 200
LARGEST_ID = 2**53 - 1
# What is recorded when the head of the log is found changed; `audit verify` looks for it.
HEAD_CHANGED = ("integrity", "audit_head")


@dataclass(frozen=True, slots=True)
class Record:
    """One security event. `network` is the truncated address, `target` an id or a keyed fingerprint."""

    at: int
    action: str
    outcome: str = "ok"
    actor_id: int | None = None
    session_id: int | None = None
    network: str = ""
    reason: str = ""
    target: str = ""
    request_id: str = ""


class Head(NamedTuple):
    """Where the log ends. `key` is the sealed key of this epoch, `first_key` that of the first while it is here."""

    log: str
    id: int
    link: bytes
    epoch: int
    key: bytes
    mac: bytes
    first_key: bytes | None


class Stored(NamedTuple):
    """A row of the log."""

    id: int
    at: int
    actor_id: int | None
    personal: bytes
    action: str
    outcome: str
    reason: str
    request_id: str
    instance: str
    epoch: int
    prev: bytes
    link: bytes
    mac: bytes


class Links(NamedTuple):
    """What a new record is chained by: its link, what vouches for it, and for the head behind it."""

    link: bytes
    mac: bytes
    head_mac: bytes


class Keeper(Protocol):
    """What this room cannot do by itself: link, vouch, seal."""

    def begin(self) -> Head:
        """The head of a new, empty log."""

    def is_sound(self, head: Head) -> bool:
        """Whether nobody else has written this head."""

    def make_person(self, user_id: int) -> tuple[str, bytes]:
        """A fresh key for a person, sealed, with the id of the key that sealed it."""

    def seal(self, log: str, record_id: int, record: Record, person: bytes | None) -> bytes:
        """What a record says of a person; `person` is the actor's sealed key, None where nobody is the actor."""

    def chain(self, head: Head, row: Stored) -> Links:
        """Link a row, whose own link and MAC are still empty, to the head."""

    @property
    def instance(self) -> str:
        """Who records."""


class Unkept(Exception):
    """Nobody keeps the log of this database, or it has lost its head: nothing can be recorded, nothing be done."""


# Under which name an engine knows its keeper: whoever records has only the engine.
_KEEPER = "recado_audit_keeper"


def keep(db: Database, keeper: Keeper) -> None:
    """Let this keeper chain whatever is recorded in this database from now on."""
    vars(db.engine)[_KEEPER] = keeper


def keeper_of(engine: Engine) -> Keeper:
    """The keeper of this database; `Unkept` when it has none."""
    keeper: Keeper | None = vars(engine).get(_KEEPER)
    if keeper is None:
        raise Unkept("nobody keeps the audit log of this database: call models.audit.keep first")
    return keeper


def insert(engine: Engine, record: Record) -> None:
    """Write a record inside the transaction of the act it speaks of, as the last thing: no act without a record."""
    insert_all(engine, [record])


def insert_all(engine: Engine, records: Sequence[Record]) -> None:
    """Write several records, in this order."""
    keeper = keeper_of(engine)
    head = take_head(engine)
    if not keeper.is_sound(head):
        head = _found_changed(engine, keeper, head, records[0].at)
    for record in records:
        head = _append(engine, keeper, head, record)


async def append(db: Database, record: Record) -> None:
    """Write a record that stands by itself, such as a refused sign-in."""
    await db.write(insert, record)


async def append_all(db: Database, records: Sequence[Record]) -> None:
    """Write several records that stand by themselves, in this order."""
    for start in range(0, len(records), MOST_AT_ONCE):
        await db.write(insert_all, records[start : start + MOST_AT_ONCE])


def forget_person(engine: Engine, user_id: int) -> None:
    """Destroy this person's key, for ever: their records stay, and the chain with them, and tell nothing of them.

    What is recorded of them later is not told to the log either. Inside a transaction.
    """
    execute(engine, FORGET, (user_id,))


async def own(db: Database, user_id: int, *, before: int, limit: int) -> tuple[str, bytes | None, list[Stored]]:
    """The log's name, this person's sealed key (None: none, or forgotten), and their records below `before`.

    Newest first.
    """
    return await db.read(_own, user_id, before, limit)


def _own(engine: Engine, user_id: int, before: int, limit: int) -> tuple[str, bytes | None, list[Stored]]:
    names = fetch(engine, "SELECT log FROM audit_head")
    people = fetch(engine, PERSON, (user_id,))
    rows = fetch(engine, OWN, (user_id, before, limit))
    return names[0][0] if names else "", as_bytes(people[0][0]) if people else None, [stored(row) for row in rows]


async def devices(db: Database, user_id: int, session_ids: Sequence[int]) -> dict[int, str]:
    """The names of the devices of these sessions of this person, as far as they are still known."""
    if not session_ids:
        return {}
    text = DEVICES + rows_of_marks(1, len(session_ids))
    return dict(await db.read(fetch, text, (user_id, *session_ids)))


async def adopt(db: Database) -> int:
    """Move what was recorded before there was a chain into the chain, oldest first; how many records that were."""
    total = 0
    while await db.read(fetch, UNCHAINED, (1,)):
        total += await db.write(_adopt)
    return total


def _adopt(engine: Engine) -> int:
    take_head(engine)  # one instance at a time: what another one has moved is not seen any more
    rows = fetch(engine, UNCHAINED, (MOST_AT_ONCE,))
    if rows:
        execute(engine, DROP_UNCHAINED, (rows[-1][0],))
        insert_all(engine, [Record(*row[1:]) for row in rows])
    return len(rows)


def take_head(engine: Engine) -> Head:
    """Lock the head until the commit, and return it; the log begins where there is none.

    `Unkept` when there are records and no head: somebody has taken it away.
    """
    text = HEAD + " FOR UPDATE" if is_postgres(engine) else HEAD
    rows = fetch(engine, text)
    if not rows:
        if fetch(engine, LAST):
            raise Unkept("the head of the audit log is gone: run `python server.py audit verify`")
        execute(engine, BEGIN, tuple(keeper_of(engine).begin()))
        rows = fetch(engine, text)
    return head_of(rows[0])


def head_of(row: Row) -> Head:
    """A row of HEAD."""
    log, number, link, epoch, key, mac, first_key = row
    return Head(log, number, bytes(link), epoch, bytes(key), bytes(mac), as_bytes(first_key))


def stored(row: Row) -> Stored:
    """A row of COLUMNS."""
    values = list(row)
    for place in (3, 10, 11, 12):
        values[place] = bytes(values[place])
    return Stored(*values)


def _append(engine: Engine, keeper: Keeper, head: Head, record: Record) -> Head:
    number = head.id + 1
    clean = _clean(record)
    person = None if record.actor_id is None else _person(engine, keeper, record.actor_id)
    row = Stored(
        id=number,
        at=clean.at,
        actor_id=clean.actor_id,
        personal=keeper.seal(head.log, number, clean, person),
        action=clean.action,
        outcome=clean.outcome,
        reason=clean.reason,
        request_id=clean.request_id,
        instance=keeper.instance,
        epoch=head.epoch,
        prev=head.link,
        link=b"",
        mac=b"",
    )
    links = keeper.chain(head, row)
    execute(engine, INSERT, (*row[:-2], links.link, links.mac))
    execute(engine, MOVE, (number, links.link, links.head_mac))
    return head._replace(id=number, link=links.link, mac=links.head_mac)


def _person(engine: Engine, keeper: Keeper, user_id: int) -> bytes:
    """The person's sealed key, made when they act for the first time; empty once they are forgotten."""
    rows = fetch(engine, PERSON, (user_id,))
    if rows:
        return as_bytes(rows[0][0]) or b""
    key_id, sealed = keeper.make_person(user_id)
    execute(engine, ADD_PERSON, (user_id, key_id, sealed))
    return sealed


def _found_changed(engine: Engine, keeper: Keeper, head: Head, at: int) -> Head:
    """Go on behind what is there, and say so in the log: whoever moved the head cannot take that back."""
    last = fetch(engine, LAST)
    number, link = (last[0][0], bytes(last[0][1])) if last else (0, head.link)
    action, reason = HEAD_CHANGED
    found = Record(at, action, "failed", reason=reason, target=str(head.id))
    return _append(engine, keeper, head._replace(id=number, link=link), found)


def _clean(record: Record) -> Record:
    """No text that is too long, none that could break out of a line."""
    return replace(
        record,
        at=max(0, record.at),
        action=_printable(record.action, MOST_WORD),
        outcome=_printable(record.outcome, MOST_WORD),
        network=_printable(record.network, MOST_WORD),
        reason=_printable(record.reason, MOST_TEXT),
        target=_printable(record.target, MOST_TEXT),
        request_id=_printable(record.request_id, MOST_WORD),
    )


def _printable(text: str, most: int) -> str:
    return text[:most] if text.isprintable() else "".join(mark if mark.isprintable() else "?" for mark in text[:most])
