"""A call of every public function of models/, for tests that are about all of them."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import models
from models import (
    audit,
    audit_log,
    blocks,
    changes,
    checkup,
    conversations,
    doomed_keys,
    erasure,
    factors,
    facts,
    familiar,
    keys,
    messages,
    migrate,
    mutes,
    passkeys,
    passwords,
    pending,
    presence,
    push,
    receipts,
    sessions,
    shown,
    timelines,
    timers,
    told,
    users,
)
from models.changes import Target
from models.conversations import StoredKey
from models.db import Database
from models.doomed_keys import Doomed, Resealed
from models.erasure import NO_BOUND, Job
from models.factors import Code, Totp
from models.messages import Page
from models.passkeys import Passkey
from models.pending import Pending
from models.push import Claimed, Standing, Stored
from models.receipts import Receipt
from models.timelines import Kind
from models.timers import Timer
from tests.models.storage import (
    AUDIT_KEEPER,
    NOW,
    Sealed,
    add_person,
    draft,
    fill,
    lost_answers,
    record,
    session,
    store,
)

PAIR = (1, 2)
CONVERSATION = draft(*PAIR).conversation_id
KEY = StoredKey(CONVERSATION, PAIR, 1, "master", b"wrapped")
CLIENT = b"0123456789abcdef"
SOME = 20
SEED = Totp(1, 70, "m1", b"sealed", NOW)
CODES = [Code("k1", b"code")]
PASSKEY = Passkey(
    *(5, 1, b"credential", b"key", b"handle", "localhost", 0, False, False, "a phone", NOW, None, None, "k1", b"mac")
)
STANDING = Standing(4_000_003, 2, 0, 0, 0, 1, NOW)
CLAIMED = Claimed(4_000_003, 2, "m1", b"sealed", "p1", 0, 7, 9, 1)
OLD_KEY = Doomed(CONVERSATION, 1)
OWN_SIDE = Job(1, CONVERSATION, NO_BOUND, NOW)


async def store_with_lost_answer(db: Database) -> None:
    """Make the writer find out what a lost commit has stored."""
    with lost_answers(db.engine):
        await store(db, draft(1, 2), draft(2, 1))


async def change(db: Database) -> None:
    """Change a message, and destroy it."""
    (stored,) = await store(db, draft(1, 2))
    await changes.edit(db, Target(stored.message_id, 1, 0), Sealed(b"gAAAAA-edited"), NOW)
    await changes.delete(db, Target(stored.message_id, 1, 1), NOW)


async def change_password(db: Database) -> None:
    """Change a password in a session that lives."""
    await sessions.create(db, session(4_000_001), password_version=0, most=9, record=record())
    ended = await passwords.change(db, 1, version=0, password="p1$next", session_id=4_000_001, now=NOW, record=record())
    assert ended is not None


async def subscribe(db: Database) -> None:
    """Let somebody's device ask to be told, and send them something."""
    await sessions.create(db, session(4_000_003, 2), password_version=0, most=9, record=record())
    await push.put(db, Stored(4_000_003, 2, (b"one", b"other"), "m1", b"sealed", "p1", NOW), most=SOME)
    await store(db, draft(1, 2))


async def erase_somebody(db: Database) -> None:
    """Make a person nobody, from the first step to the last."""
    await add_person(db, 3_000_001, "leaver")
    await fill(db, (3_000_001, 2), (2, 3_000_001))
    begun = await erasure.begin_account(
        db, 3_000_001, name="deleted-1", password="p1$none", marks=[("k", b"mark")], now=NOW, record=record()
    )
    assert begun is not None
    await erasure.step(db, begun[0], limit=SOME, now=NOW)
    await erasure.end(db, begun[0])


async def renew_key(db: Database) -> None:
    """Give a conversation another key, and what the old one has sealed to the new one."""
    await doomed_keys.doom(db, replace(KEY, generation=2), after=NOW)
    (stored,) = await doomed_keys.sealed_under(db, OLD_KEY, above=0, limit=1) or [None]
    if stored is not None:
        again = Resealed(stored.id, stored.revision, stored.body or b"", 1, 2, b"gAAAAA-again", kept=False)
        await doomed_keys.reseal(db, [again])


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
    "audit.append_all": lambda db, message: audit.append_all(db, [record(), record("logout")]),
    "audit.own": lambda db, message: audit.own(db, 1, before=audit.LARGEST_ID, limit=SOME),
    "audit.devices": lambda db, message: audit.devices(db, 1, range(1, SOME)),
    "audit.adopt": lambda db, message: audit.adopt(db),
    "audit_log.begin": lambda db, message: audit_log.begin(db),
    "audit_log.head": lambda db, message: audit_log.head(db),
    "audit_log.rows": lambda db, message: audit_log.rows(db, after=0, up_to=SOME, limit=SOME),
    "audit_log.behind_head": lambda db, message: audit_log.behind_head(db, SOME),
    "audit_log.make_checkpoint": lambda db, message: audit_log.make_checkpoint(
        db, AUDIT_KEEPER, at=NOW, due=audit_log.Due(1, 0)
    ),
    "audit_log.checkpoints": lambda db, message: audit_log.checkpoints(db, after=0),
    "audit_log.newest_checkpoint": lambda db, message: audit_log.newest_checkpoint(db),
    "audit_log.close": lambda db, message: audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 1),
    "audit_log.drop_closed": lambda db, message: audit_log.drop_closed(db),
    "audit_log.take_first_key": lambda db, message: audit_log.take_first_key(db),
    "audit_log.reseal": lambda db, message: audit_log.reseal(db, AUDIT_KEEPER),
    "users.create": lambda db, message: add_person(db, 3_000_000, "newcomer"),
    "users.reserved": lambda db, message: users.reserved(
        db, marks=[b"mark", b"other"], looks=frozenset({"look", "other"}), marks_of_looks=[b"mark", b"other"]
    ),
    "users.by_key": lambda db, message: users.by_key(db, "person1"),
    "users.by_id": lambda db, message: users.by_id(db, 1),
    "users.names_of": lambda db, message: users.names_of(db, range(1, SOME)),
    "users.rehash": lambda db, message: users.rehash(db, 1, old="p1$hash", new="p1$other"),
    "users.disable": lambda db, message: users.disable(db, 3_000_000, now=NOW, record=record()),
    "users.enable": lambda db, message: users.enable(db, 3_000_000, record()),
    "conversations.create": lambda db, message: conversations.create(db, KEY, NOW),
    "conversations.by_pair": lambda db, message: conversations.by_pair(db, PAIR),
    "conversations.id_of_pair": lambda db, message: conversations.id_of_pair(db, PAIR),
    "conversations.keys_of": lambda db, message: conversations.keys_of(
        db, [(draft(1, other).conversation_id, 1) for other in range(2, SOME)]
    ),
    "conversations.newest_of": lambda db, message: conversations.newest_of(db, 1, limit=SOME, before=None, now=NOW),
    "conversations.newest_of unread": lambda db, message: conversations.newest_of(
        db, 1, limit=SOME, before=None, now=NOW, unread=True
    ),
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
    "messages.is_between": lambda db, message: messages.is_between(db, 1, 2, message, NOW),
    "messages.is_known": lambda db, _: messages.is_known(db, 1, CLIENT),
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
    "timers.put": lambda db, message: timers.put(db, Timer(CONVERSATION, 1, 2, 60), NOW),
    "timers.of_user": lambda db, message: timers.of_user(
        db, 1, [draft(1, other).conversation_id for other in range(2, SOME)]
    ),
    "changes.edit": lambda db, message: change(db),
    "changes.delete": lambda db, message: change(db),
    "changes.sweep": lambda db, message: changes.sweep(db, now=NOW + 1, limit=SOME),
    "timelines.forget": lambda db, message: timelines.forget(db, before=NOW + 1, behind=0),
    "sessions.create": lambda db, message: sessions.create(
        db, session(4_000_000), password_version=0, most=2, record=record()
    ),
    "sessions.of_user": lambda db, message: sessions.of_user(db, 1, NOW),
    "sessions.renew": lambda db, message: sessions.renew(db, 4_000_000, auth_time=NOW, seal=b"other", record=record()),
    "sessions.by_id": lambda db, message: sessions.by_id(db, 4_000_000),
    "familiar.is_signed_in_from": lambda db, message: familiar.is_signed_in_from(db, 1, "elsewhere", NOW),
    "familiar.was_signed_in_by": lambda db, message: familiar.was_signed_in_by(db, 1, 4_000_000),
    "sessions.rotate": lambda db, message: sessions.rotate(
        db, session(4_000_000), parent_mac=b"first", refresh_mac=b"next", now=NOW, idle_expires_at=NOW + 9
    ),
    "sessions.confirm": lambda db, message: sessions.confirm(db, 4_000_000, 2),
    "sessions.alive_of": lambda db, message: sessions.alive_of(db, range(4_000_000 - SOME, 4_000_001), NOW),
    "sessions.end": lambda db, message: sessions.end(db, 4_000_000, now=NOW, reason="logout", record=record()),
    "sessions.end_of": lambda db, message: sessions.end_of(
        db, 1, except_id=None, now=NOW, reason="revoked", record=record()
    ),
    "sessions.ended_since": lambda db, message: sessions.ended_since(db, NOW - 1),
    "passwords.change": lambda db, message: change_password(db),
    "passwords.add_reset": lambda db, message: passwords.add_reset(
        db, 1, mac=b"reset", expires_at=NOW + 9, now=NOW, record=record()
    ),
    "passwords.for_whom": lambda db, message: passwords.for_whom(db, b"reset", NOW),
    "passwords.reset": lambda db, message: passwords.reset(
        db, 1, mac=b"reset", password="p1$third", now=NOW, record=record()
    ),
    "sessions.add_ticket": lambda db, message: sessions.add_ticket(
        db, mac=b"ticket", session_id=4_000_000, expires_at=NOW + 9, now=NOW
    ),
    "sessions.take_ticket": lambda db, message: sessions.take_ticket(db, mac=b"ticket", now=NOW),
    "keys.attest": lambda db, message: keys.attest(db, "one", {"master": ["k2", "k1"]}),
    "keys.leave": lambda db, message: keys.leave(db, "one"),
    "keys.running": lambda db, message: keys.running(db),
    "keys.use": lambda db, message: keys.use(db, "master", "k2"),
    "keys.uses": lambda db, message: keys.uses(db),
    "keys.masters": lambda db, message: keys.masters(db),
    "keys.held": lambda db, message: keys.held(db),
    "keys.older_sessions": lambda db, message: keys.older_sessions(db, now=NOW, before=NOW),
    "keys.page": lambda db, message: keys.page(db, keys.CONVERSATION_KEYS, None, limit=SOME, unless="k2"),
    "keys.put": lambda db, message: keys.put(
        db, keys.CONVERSATION_KEYS, [("k2", b"again", CONVERSATION, 1, b"wrapped")]
    ),
    "keys.messages_after": lambda db, message: keys.messages_after(db, message, limit=SOME),
    "doomed_keys.newest_key": lambda db, message: doomed_keys.newest_key(db, CONVERSATION),
    "erasure.begin_conversation": lambda db, message: erasure.begin_conversation(db, 1, CONVERSATION, NOW, record()),
    "erasure.stale": lambda db, message: erasure.stale(db, now=NOW, untouched_since=NOW - 1),
    "erasure.step": lambda db, message: erasure.step(db, OWN_SIDE, limit=SOME, now=NOW),
    "erasure.end": lambda db, message: erasure.end(db, OWN_SIDE),
    "doomed_keys.doom": lambda db, message: renew_key(db),
    "doomed_keys.due": lambda db, message: doomed_keys.due(db, now=NOW, limit=SOME),
    "doomed_keys.postpone": lambda db, message: doomed_keys.postpone(db, OLD_KEY, NOW),
    "doomed_keys.sealed_under": lambda db, message: doomed_keys.sealed_under(db, OLD_KEY, above=0, limit=SOME),
    "doomed_keys.reseal": lambda db, message: renew_key(db),
    "doomed_keys.destroy_key": lambda db, message: doomed_keys.destroy_key(db, OLD_KEY),
    "erasure.begin_account": lambda db, message: erase_somebody(db),
    "erasure.next_membership": lambda db, message: erasure.next_membership(db, 1),
    "erasure.leave": lambda db, message: erasure.leave(db, 3_000_001, CONVERSATION),
    "erasure.forget_events": lambda db, message: erasure.forget_events(db, 3_000_001),
    "erasure.scrub": lambda db, message: erasure.scrub(db, rows=True),
    "checkup.look": lambda db, message: checkup.look(db),
    "checkup.can_write": lambda db, message: checkup.can_write(db),
    "checkup.tables": lambda db, message: checkup.tables(db),
    "factors.has": lambda db, message: factors.has(db, 1),
    "factors.counts": lambda db, message: factors.counts(db, 1),
    "factors.offer": lambda db, message: factors.offer(db, SEED),
    "factors.totp_of": lambda db, message: factors.totp_of(db, 1),
    "factors.confirm": lambda db, message: factors.confirm(db, SEED, step=1, now=NOW, codes=CODES, record=record()),
    "factors.use_step": lambda db, message: factors.use_step(db, SEED, step=2, record=record()),
    "factors.codes_of": lambda db, message: factors.codes_of(db, 1),
    "factors.use_code": lambda db, message: factors.use_code(db, 1, CODES[0], record=record()),
    "factors.replace_codes": lambda db, message: factors.replace_codes(db, 1, CODES, now=NOW, record=record()),
    "factors.remove_totp": lambda db, message: factors.remove_totp(db, 1, may_be_last=True, record=record()),
    "passkeys.add": lambda db, message: passkeys.add(db, PASSKEY, most=SOME, codes=CODES, record=record()),
    "passkeys.of_user": lambda db, message: passkeys.of_user(db, 1),
    "passkeys.by_credential": lambda db, message: passkeys.by_credential(db, PASSKEY.credential_id),
    "passkeys.rename": lambda db, message: passkeys.rename(db, 1, PASSKEY.id, "a key"),
    "passkeys.use": lambda db, message: passkeys.use(
        db, PASSKEY, sign_count=1, backed_up=False, now=NOW, record=record()
    ),
    "passkeys.note_clone": lambda db, message: passkeys.note_clone(db, PASSKEY.id, now=NOW, record=record()),
    "passkeys.remove": lambda db, message: passkeys.remove(db, 1, PASSKEY.id, may_be_last=True, record=record()),
    "passkeys.add_challenge": lambda db, message: passkeys.add_challenge(
        db, mac=b"challenge", expires_at=NOW + 9, now=NOW
    ),
    "passkeys.take_challenge": lambda db, message: passkeys.take_challenge(db, [b"challenge", b"other"], NOW),
    "mutes.add": lambda db, message: mutes.add(db, 1, 2, NOW),
    "mutes.of_user": lambda db, message: mutes.of_user(db, 1, after=0, limit=SOME),
    "mutes.remove": lambda db, message: mutes.remove(db, 1, 2),
    "push.put": lambda db, message: subscribe(db),
    "push.of_user": lambda db, message: push.of_user(db, 2),
    "push.standing_of": lambda db, message: push.standing_of(db, range(1, SOME), NOW),
    "push.standing_after": lambda db, message: push.standing_after(db, 0, NOW, limit=SOME),
    "push.settle": lambda db, message: push.settle(db, [STANDING]),
    "push.claim": lambda db, message: push.claim(db, [STANDING], claim=7, until=NOW),
    "push.put_off": lambda db, message: push.put_off(db, CLAIMED, until=NOW, tries=1),
    "push.told": lambda db, message: push.told(db, CLAIMED, NOW),
    "push.give_up": lambda db, message: push.give_up(db, CLAIMED),
    "push.forget": lambda db, message: push.forget(db, CLAIMED),
    "push.remove": lambda db, message: push.remove(db, 2, 4_000_003),
    "pending.add": lambda db, message: pending.add(
        db, Pending(1, b"stamp", "a phone"), mac=b"pending", expires_at=NOW + 9, now=NOW
    ),
    "pending.find": lambda db, message: pending.find(db, b"pending", most_tries=5, now=NOW),
    "pending.take_try": lambda db, message: pending.take_try(db, b"pending", most_tries=5, now=NOW),
    "pending.take": lambda db, message: pending.take(db, b"pending"),
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
