"""A call of every public function of models/, for tests that are about all of them."""

import inspect
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path

import models
from models import (
    audit,
    blocks,
    changes,
    checkup,
    conversations,
    facts,
    familiar,
    messages,
    migrate,
    presence,
    receipts,
    sessions,
    shown,
    timelines,
    told,
    users,
)
from models.changes import Target
from models.conversations import StoredKey
from models.db import Database
from models.messages import Page
from models.receipts import Receipt
from models.timelines import Kind
from tests.models.storage import NOW, Sealed, add_person, draft, lost_answers, record, session, store

PAIR = (1, 2)
CONVERSATION = draft(*PAIR).conversation_id
KEY = StoredKey(CONVERSATION, PAIR, 1, "master", b"wrapped")
CLIENT = b"0123456789abcdef"
SOME = 20


async def store_with_lost_answer(db: Database) -> None:
    """Make the writer find out what a lost commit has stored."""
    with lost_answers(db.engine):
        await store(db, draft(1, 2), draft(2, 1))


async def change(db: Database) -> None:
    """Change a message, and destroy it."""
    (stored,) = await store(db, draft(1, 2))
    await changes.edit(db, Target(stored.message_id, 1, 0), Sealed(b"gAAAAA-edited"), NOW)
    await changes.delete(db, Target(stored.message_id, 1, 1), NOW)


async def show_some(db: Database, message: int) -> None:
    """Look up what is shown beside messages that were read before."""
    await shown.these(db, await messages.by_ids(db, list(range(message, message + SOME))))


async def send_to_who_blocks(db: Database) -> None:
    """Make the writer look for blocks."""
    await blocks.add(db, 2, 1, NOW)
    await store(db, draft(1, 2), draft(2, 1))
    await blocks.remove(db, 2, 1)


# In an order in which each finds what it is about. The people 1 and 2 exist; MESSAGE is somebody's message id.
DRIVES: dict[str, Callable[[Database, int], Awaitable[object]]] = {
    "migrate.up": lambda db, message: migrate.up(db),
    "migrate.state": lambda db, message: migrate.state(db),
    "audit.append": lambda db, message: audit.append(db, record()),
    "users.create": lambda db, message: add_person(db, 3_000_000, "newcomer"),
    "users.by_key": lambda db, message: users.by_key(db, "person1"),
    "users.by_id": lambda db, message: users.by_id(db, 1),
    "users.names_of": lambda db, message: users.names_of(db, range(1, SOME)),
    "users.set_password": lambda db, message: users.set_password(db, 1, "p1$other"),
    "conversations.create": lambda db, message: conversations.create(db, KEY, NOW),
    "conversations.by_pair": lambda db, message: conversations.by_pair(db, PAIR),
    "conversations.id_of_pair": lambda db, message: conversations.id_of_pair(db, PAIR),
    "conversations.keys_of": lambda db, message: conversations.keys_of(
        db, [(draft(1, other).conversation_id, 1) for other in range(2, SOME)]
    ),
    "conversations.newest_of": lambda db, message: conversations.newest_of(db, 1, limit=SOME, before=None, now=NOW),
    "writer.add": lambda db, message: store(db, draft(1, 2), draft(2, 1), draft(1, 1)),
    "writer.add again": lambda db, message: store(db, draft(1, 2, client_id=CLIENT), draft(1, 2, client_id=CLIENT)),
    "writer.add once more": lambda db, message: store(db, draft(1, 2, client_id=CLIENT)),
    "writer.add whose answer is lost": lambda db, message: store_with_lost_answer(db),
    "messages.one_of": lambda db, message: messages.one_of(db, 1, message, NOW),
    "shown.of_user": lambda db, message: shown.of_user(db, 1, Page(SOME), NOW),
    "shown.of_user before": lambda db, message: shown.of_user(db, 1, Page(SOME, before=message), NOW),
    "shown.of_user after": lambda db, message: shown.of_user(db, 1, Page(SOME, after=message), NOW),
    "shown.within": lambda db, message: shown.within(db, CONVERSATION, PAIR, Page(SOME), NOW),
    "shown.within after": lambda db, message: shown.within(db, CONVERSATION, PAIR, Page(SOME, after=message), NOW),
    "shown.these": show_some,
    "messages.by_ids": lambda db, message: messages.by_ids(db, list(range(message, message + SOME))),
    "blocks.add": lambda db, message: blocks.add(db, 1, 2, NOW),
    "blocks.of_user": lambda db, message: blocks.of_user(db, 1, after=0, limit=SOME),
    "blocks.is_blocked": lambda db, message: blocks.is_blocked(db, 2, 1),
    "blocks.remove": lambda db, message: blocks.remove(db, 1, 2),
    "writer.add to who blocks": lambda db, message: send_to_who_blocks(db),
    "users.profile": lambda db, message: users.profile(db, 1),
    "users.change_profile": lambda db, message: users.change_profile(db, 1, {"language": "pt-BR", "presence": True}),
    "presence.circles_of": lambda db, message: presence.circles_of(db, [1, 2], most=SOME),
    "presence.meetings": lambda db, message: presence.meetings(db, [(1, other) for other in range(2, SOME)]),
    "presence.peers_of": lambda db, message: presence.peers_of(
        db, 1, [draft(1, other).conversation_id for other in range(2, SOME)]
    ),
    "presence.seen": lambda db, message: presence.seen(db, range(1, SOME), 20_000),
    "told.after": lambda db, message: told.after(db, 1, position=0, limit=SOME),
    "timelines.heads_of": lambda db, message: timelines.heads_of(db, range(1, SOME)),
    "timelines.state": lambda db, message: timelines.state(db, 1),
    "receipts.unread": lambda db, message: receipts.unread(
        db, 1, [draft(1, other).conversation_id for other in range(2, SOME)], NOW
    ),
    "receipts.acknowledge": lambda db, message: receipts.acknowledge(
        db, session_id=4_000_000, user_id=2, position=1, now=NOW
    ),
    "receipts.read": lambda db, message: receipts.read(db, Receipt(CONVERSATION, 1, 2, Kind.READ, message), NOW),
    "changes.edit": lambda db, message: change(db),
    "changes.delete": lambda db, message: change(db),
    "changes.sweep": lambda db, message: changes.sweep(db, now=NOW + 1, limit=SOME),
    "timelines.forget": lambda db, message: timelines.forget(db, before=NOW + 1, behind=0),
    "sessions.create": lambda db, message: sessions.create(db, session(4_000_000), most=2, record=record()),
    "sessions.by_id": lambda db, message: sessions.by_id(db, 4_000_000),
    "familiar.is_signed_in_from": lambda db, message: familiar.is_signed_in_from(db, 1, "elsewhere", NOW),
    "sessions.rotate": lambda db, message: sessions.rotate(
        db, session(4_000_000), parent_mac=b"first", refresh_mac=b"next", now=NOW, idle_expires_at=NOW + 9
    ),
    "sessions.confirm": lambda db, message: sessions.confirm(db, 4_000_000, 2),
    "sessions.alive_of": lambda db, message: sessions.alive_of(db, range(4_000_000 - SOME, 4_000_001), NOW),
    "sessions.end": lambda db, message: sessions.end(db, 4_000_000, now=NOW, reason="logout", record=record()),
    "sessions.add_ticket": lambda db, message: sessions.add_ticket(
        db, mac=b"ticket", session_id=4_000_000, expires_at=NOW + 9, now=NOW
    ),
    "sessions.take_ticket": lambda db, message: sessions.take_ticket(db, mac=b"ticket", now=NOW),
    "checkup.look": lambda db, message: checkup.look(db),
    "checkup.can_write": lambda db, message: checkup.can_write(db),
    "checkup.tables": lambda db, message: checkup.tables(db),
    "facts.epoch": lambda db, message: facts.epoch(db),
    "facts.canaries": lambda db, message: facts.canaries(db),
    "facts.add_canaries": lambda db, message: facts.add_canaries(db, {("bus", "k"): b"canary"}),
    "facts.add_missing_canaries": lambda db, message: facts.add_missing_canaries(db, {("master", "k"): b"canary"}),
}


def public_functions() -> set[str]:
    """The name of every coroutine function of models/ that takes a database, and the writer's."""
    found = {"writer.add"}
    for path in Path(models.__file__).parent.glob("[a-z]*.py"):
        module = import_module(f"models.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            if function.__module__ == module.__name__ and name[0] != "_":
                found.add(f"{path.stem}.{name}")
    return found
