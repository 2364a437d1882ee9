"""A database with people in it, drafts to store, and what is looked at afterwards."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import peewee

import models.audit
import models.conversations
import models.users
from actions.audit_keeper import Keeper
from crypto.keyring import Ring, make_key
from models import migrate, timelines
from models.audit import Record
from models.conversations import StoredKey
from models.db import Database, Engine, Unavailable, fetch
from models.drafts import Draft, Stored
from models.sessions import Session
from models.timelines import Kind
from models.writer import Writer

T = TypeVar("T")
NOW = 1_800_000_000_000
# Longer than anything here takes; what waits for it has failed.
SECONDS = 30
SEALED = b"gAAAAA"
# One for all: several databases may be opened at one place.
AUDIT_RING = Ring((make_key(),))
AUDIT_KEEPER = Keeper(lambda: AUDIT_RING)
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the crypto room would have made."""

    body: bytes
    alg: int = 1
    key_generation: int = 1


@asynccontextmanager
async def opened(url: str, *people: int, threads: int = 2) -> AsyncIterator[Database]:
    """A migrated database in which these people exist."""
    db = Database(url, threads=threads)
    models.audit.keep(db, AUDIT_KEEPER)
    try:
        await migrate.up(db)
        for user_id in people:
            await add_person(db, user_id)
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def writing(db: Database, **options: int) -> AsyncIterator[Writer]:
    """A writer that is stopped behind the block."""
    writer = Writer(db, **options)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@asynccontextmanager
async def instances(url: str, *people: int, count: int = 2) -> AsyncIterator[list[Writer]]:
    """Several writers as several instances have them: on databases of their own."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(opened(url, *people))
        databases = [first, *[await stack.enter_async_context(opened(url)) for _ in range(count - 1)]]
        yield [await stack.enter_async_context(writing(db)) for db in databases]


async def add_person(db: Database, user_id: int, name: str = "") -> None:
    name = name or f"person{user_id}"
    await models.users.create(
        db,
        user_id=user_id,
        name=name,
        key=name,
        looks=frozenset({name}),
        password="p1$hash",
        now=NOW,
        record=record("register"),
    )


async def add_conversation(db: Database, one: int, other: int) -> None:
    """A direct conversation with its first key."""
    pair = (min(one, other), max(one, other))
    await models.conversations.create(db, StoredKey(draft(one, other).conversation_id, pair, 1, "k", b"wrapped"), NOW)


def record(action: str = "login") -> Record:
    return Record(at=NOW, action=action, actor_id=1, network="127.0.0.0/24", request_id="r1")


def session(session_id: int, user_id: int = 1, **changes: object) -> Session:
    fresh = Session(
        id=session_id,
        user_id=user_id,
        username=f"person{user_id}",
        created_at=NOW,
        used_at=NOW,
        auth_time=NOW,
        idle_expires_at=NOW + 1000,
        expires_at=NOW + 2000,
        device="browser",
        network="127.0.0.0/24",
        generation=1,
        confirmed=0,
        refresh_mac=b"first",
        parent_mac=None,
        ended_at=None,
        disabled_at=None,
    )
    return replace(fresh, **changes)


def draft(sender: int, recipient: int, *, client_id: bytes | None = None, **changes: object) -> Draft:
    """A draft of a message; each call seals anew, so two with one `client_id` differ in their bodies."""
    fresh = Draft(
        conversation_id=min(sender, recipient) * 1_000_000 + max(sender, recipient),
        sender_id=sender,
        recipient_id=recipient,
        client_id=client_id or uuid4().bytes,
        client_made=True,
        sent_at=NOW,
        expires_at=None,
        sealed=Sealed(SEALED + b"%d" % next(_numbers)),
    )
    return msgspec.structs.replace(fresh, **changes)


async def store(db: Database, *drafts: Draft) -> list[Stored]:
    """Store these, in this order."""
    async with writing(db) as writer:
        return await all_of(writer.add(each) for each in drafts)


async def fill(db: Database, *pairs: tuple[int, int], **changes: object) -> list[int]:
    """The ids of messages between these pairs, oldest first."""
    return [stored.message_id for stored in await store(db, *(draft(*pair, **changes) for pair in pairs))]


async def all_of(futures: Iterator["asyncio.Future[Stored]"]) -> list[Stored]:
    return await asyncio.wait_for(asyncio.gather(*futures), SECONDS)


async def insist(writer: Writer, wanted: Draft) -> Stored:
    """Store this as a client does: again and again, sealed anew, until it is known to be stored."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await writer.add(wanted)
            except Unavailable:
                wanted = msgspec.structs.replace(wanted, sealed=Sealed(SEALED + b"%d" % next(_numbers)))


async def rows(db: Database, text: str, *values: object) -> list[tuple[object, ...]]:
    return await db.read(fetch, text, values)


async def timeline(db: Database, user_id: int) -> list[tuple[int, int, int]]:
    """(position, kind, message id) of each event, by position."""
    text = "SELECT position, kind, message_id FROM timelines WHERE user_id = %s ORDER BY position"
    return await rows(db, text, user_id)


async def assert_sound(db: Database, people: Sequence[int]) -> None:
    """Positions are 1 … head for each person, in the order of message ids; each message is told to both, once."""
    told: Counter[tuple[int, int]] = Counter()
    for user_id in people:
        log = await timeline(db, user_id)
        assert [position for position, _, _ in log] == list(range(1, len(log) + 1)), user_id
        assert (await timelines.state(db, user_id)).position == len(log)
        ids = [message_id for _, kind, message_id in log if kind == Kind.MESSAGE]
        assert ids == sorted(ids), user_id
        told.update((user_id, message_id) for message_id in ids)
    known = "SELECT id, sender_id, CASE WHEN recipient_position IS NULL THEN sender_id ELSE recipient_id END"
    stored = await rows(db, f"{known} FROM messages")
    assert told == Counter({(user_id, row[0]) for row in stored for user_id in row[1:]})


@contextmanager
def lost_answers(engine: Engine, times: int = 1) -> Iterator[list[int]]:
    """The next commits succeed, but their connection breaks before the answer; yields what has happened."""
    happened: list[int] = []

    def break_after(commit: Callable[[], T]) -> T:
        done = commit()
        if len(happened) < times:
            happened.append(1)
            raise peewee.OperationalError("server closed the connection unexpectedly")
        return done

    with around_commits(engine, break_after):
        yield happened


@contextmanager
def counted_commits(engine: Engine) -> Iterator[list[int]]:
    """A list that grows with every commit."""
    happened: list[int] = []

    def count(commit: Callable[[], T]) -> T:
        done = commit()
        happened.append(1)
        return done

    with around_commits(engine, count):
        yield happened


@contextmanager
def around_commits(engine: Engine, around: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    """`around` is called with whatever commits: the end of a transaction, or a batch that is one by itself."""
    commit, execute_sql = engine.commit, engine.execute_sql

    def perhaps(text: str, *values: Any) -> Any:
        run = partial(execute_sql, text, *values)
        return around(run) if text.startswith("EXECUTE") else run()

    engine.commit, engine.execute_sql = partial(around, commit), perhaps
    try:
        yield
    finally:
        engine.commit, engine.execute_sql = commit, execute_sql


async def on_every_thread(db: Database, threads: int, text: str) -> list[object]:
    """The first value of this statement, if it has any, as each thread of the pool gets it."""
    meeting = threading.Barrier(threads)

    def look(engine: Engine) -> object:
        meeting.wait(SECONDS)
        return next((row[0] for row in fetch(engine, text)), None)

    return list(await asyncio.gather(*(db.read(look) for _ in range(threads))))
