"""Erasure and deletion, on both engines: what each of the two people has afterwards, on every device, for ever."""

import asyncio
from dataclasses import replace

import pytest

import models.erasure
from actions import accounts, blocks, changes, conversations, erasure, messages, names, sessions, step_up
from actions.accounts import Standing
from actions.app import REMEMBER_KEYS, App, Caller
from actions.errors import Conflict, NotFound, Unauthenticated
from actions.messages import Outgoing
from actions.presentation import UNREADABLE
from crypto.keyring import Ring, make_key
from models.db import Unavailable
from realtime.events import Deleted, MessageSent
from tests.actions.stage import NotingBus, change, log_of, rows, settled, sign_in
from tests.rooms import ORIGIN, PASSWORD, Clock, join, make_keys, running_app

STALE = erasure.STALE_MILLISECONDS / 1000
KEY = erasure.KEY_MILLISECONDS / 1000


async def send(app: App, caller: Caller, to: str, content: str) -> int:
    return (await messages.send(app, caller, Outgoing(to, content))).message.id


async def listed(app: App, caller: Caller) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, limit=100)]


async def erase(app: App, caller: Caller) -> None:
    assert await erasure.erase_account(app, caller, password=PASSWORD)
    await settled(app)


async def end(app: App, clock: Clock) -> None:
    """Let so much time pass that the last step is done, and every key that is due is gone."""
    clock.turn(seconds=STALE)
    await erasure.resume(app)
    clock.turn(seconds=KEY)
    await erasure.resume(app)


# A conversation


async def test_a_deleted_conversation_leaves_each_what_is_their_own(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for caller, to in ((alice, "bob"), (bob, "alice"), (alice, "bob")):
            await send(app, caller, to, f"from {caller.username}")
        await send(app, alice, "alice", "note")
        assert await erasure.delete_conversation(app, alice, "bob")
        assert await listed(app, alice) == ["note"]
        assert await listed(app, bob) == ["from bob"]
        assert [each.peer for each in await conversations.list_own(app, alice, limit=9, before=None)] == ["alice"]
        assert [each.peer for each in await conversations.list_own(app, bob, limit=9, before=None)] == ["alice"]
        with pytest.raises(NotFound):
            await messages.read_one(app, alice, 2)


async def test_what_comes_later_is_a_new_beginning(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, bob, "alice", "old")
        await erasure.delete_conversation(app, alice, "bob")
        await send(app, bob, "alice", "new")
        await send(app, alice, "bob", "newer")
        assert await listed(app, alice) == ["newer", "new"]
        assert await listed(app, bob) == ["newer", "new", "old"]


async def test_every_device_learns_of_it_through_a_log_without_a_gap(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        mine, theirs = await send(app, alice, "bob", "mine"), await send(app, bob, "alice", "theirs")
        before = len(bus.published)
        await erasure.delete_conversation(app, alice, "bob")
        told = [(receivers[0], event) for receivers, event in bus.published[before:]]
        assert told == [
            ((min(alice.user_id, bob.user_id), 3), Deleted(mine, "bob" if alice.user_id < bob.user_id else "alice")),
            ((max(alice.user_id, bob.user_id), 3), Deleted(mine, "alice" if alice.user_id < bob.user_id else "bob")),
            ((alice.user_id, 4), Deleted(theirs, "bob")),
        ]
        # Whoever was away is told the same: no text comes back to her, and his own stays his.
        assert await log_of_kinds(app, alice) == [Deleted] * 4
        assert await log_of_kinds(app, bob) == [Deleted, MessageSent, Deleted]


async def log_of_kinds(app: App, caller: Caller) -> list[type]:
    return [type(event) for event in await log_of(app, caller)]


async def test_the_other_one_may_still_change_what_they_wrote_and_only_they_see_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        theirs = await send(app, bob, "alice", "theirs")
        await erasure.delete_conversation(app, alice, "bob")
        head = len(await log_of(app, alice))
        assert (await changes.edit(app, bob, theirs, "changed")).content == "changed"
        assert await listed(app, bob) == ["changed"]
        await changes.delete(app, bob, theirs)
        assert len(await log_of(app, alice)) == head


async def test_there_is_nothing_to_delete_with_strangers(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        for name in ("bob", "nobody", "a b"):
            with pytest.raises(NotFound):
                await erasure.delete_conversation(app, alice, name)


def test_a_key_outlives_what_any_instance_remembers() -> None:
    assert erasure.KEY_MILLISECONDS >= 2 * REMEMBER_KEYS


async def test_the_old_key_dies_and_what_stays_is_readable(database_url: str) -> None:
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(3):
            await send(app, alice, "bob", f"mine {number}")
            await send(app, bob, "alice", f"theirs {number}")
        ((old,),) = await rows(app, "SELECT wrapped FROM conversation_keys")
        await erasure.delete_conversation(app, alice, "bob")
        clock.turn(seconds=KEY - 1)
        assert await erasure.shred(app) == 0
        await send(app, bob, "alice", "late")
        clock.turn(seconds=1)
        assert await erasure.shred(app) == 1
        ((new, generation),) = await rows(app, "SELECT wrapped, generation FROM conversation_keys")
        assert (bytes(new) != bytes(old), generation) == (True, 2)
        assert await rows(app, "SELECT 1 FROM doomed_keys") == []
    async with running_app(database_url, keys, clock) as app:
        assert await listed(app, bob) == ["late", "theirs 2", "theirs 1", "theirs 0"]
        assert await listed(app, alice) == ["late"]


async def test_what_an_instance_seals_by_the_key_it_remembers_is_not_lost(database_url: str) -> None:
    """It has not heard that the conversation has another key by now."""
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(other, bob, "alice", "before")
        await erasure.delete_conversation(app, alice, "bob")
        await send(other, bob, "alice", "by the old key")
        assert await rows(app, "SELECT key_generation FROM messages ORDER BY id") == [(1,), (1,)]
        assert await listed(app, alice) == ["by the old key"]
        clock.turn(seconds=KEY)
        assert await erasure.shred(app) == 1
        for instance in (app, other):
            assert await listed(instance, bob) == ["by the old key", "before"]


async def test_what_a_blocker_still_sees_goes_over_to_the_new_key(database_url: str) -> None:
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await send(app, bob, "alice", "seen")
        await blocks.add(app, alice, "bob")
        await changes.edit(app, bob, message_id, "not seen")
        await send(app, alice, "bob", "mine")
        conversation_id = (await rows(app, "SELECT conversation_id FROM messages"))[0][0]
        await erasure._renew_key(app, conversation_id)
        clock.turn(seconds=KEY)
        assert await erasure.shred(app) == 1
    async with running_app(database_url, keys, clock) as app:
        assert await listed(app, alice) == ["mine", "seen"]
        assert await listed(app, bob) == ["mine", "not seen"]


async def test_a_reply_names_what_it_quotes_under_the_new_key_as_well(database_url: str) -> None:
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        question = await send(app, bob, "alice", "tea?")
        wanted = Outgoing("alice", "yes, I asked for tea", reply_to=question)
        answer = (await messages.send(app, bob, wanted)).message
        await erasure.delete_conversation(app, alice, "bob")
        clock.turn(seconds=KEY)
        assert await erasure.shred(app) == 1
        assert {generation for (generation,) in await rows(app, "SELECT key_generation FROM messages")} == {2}
    async with running_app(database_url, keys, clock) as app:
        assert await messages.read_one(app, bob, answer.id) == answer


async def test_a_key_lives_while_something_under_it_does_not_open(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "mine")
        damaged = await send(app, bob, "alice", "theirs")
        await erasure.delete_conversation(app, alice, "bob")
        await change(app, "UPDATE messages SET sent_at = sent_at + 1 WHERE id = %s", damaged)
        clock.turn(seconds=KEY)
        assert await erasure.shred(app) == 0
        assert "a key is still needed" in caplog.text
        assert await erasure.shred(app) == 0  # it waits a day
        await change(app, "UPDATE messages SET sent_at = sent_at - 1 WHERE id = %s", damaged)
        clock.turn(days=1)
        assert await erasure.shred(app) == 1
        assert await listed(app, bob) == ["theirs"]


# An account


async def test_an_erased_person_is_gone_and_their_words_with_them(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "from alice")
        await send(app, bob, "alice", "from bob")
        await send(app, alice, "alice", "note")
        await erase(app, alice)
        found = await messages.list_own(app, bob, limit=9)
        assert [message.content for message in found] == ["from bob"]
        name = found[0].recipient
        assert name.startswith("deleted-")
        assert [one.peer for one in await conversations.list_own(app, bob, limit=9, before=None)] == [name]
        assert [message.content for message in await messages.list_own(app, bob, limit=9, peer=name)] == ["from bob"]
        for to in (name, "alice"):
            with pytest.raises(NotFound):
                await send(app, bob, to, "are you there?")
        with pytest.raises(Unauthenticated):
            await sign_in(app, "alice")
        with pytest.raises(Unauthenticated):
            await sign_in(app, name)
        await end(app, clock)
        assert await listed(app, bob) == ["from bob"]
        assert await rows(app, "SELECT count(*) FROM messages WHERE body IS NOT NULL") == [(1,)]


async def test_nothing_that_names_or_unlocks_an_erased_person_is_left(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await blocks.add(app, alice, "bob")
        await send(app, alice, "bob", "from alice")
        await send(app, bob, "alice", "from bob")
        await sessions.make_ticket(app, alice)
        old_keys = await rows(app, "SELECT wrapped FROM conversation_keys")
        await erase(app, alice)
        await end(app, clock)
        for table in await app.db.read(lambda engine: engine.get_tables()):
            for row in await rows(app, f"SELECT * FROM {table}"):
                texts = [bytes(value) if isinstance(value, memoryview) else value for value in row]
                assert not [each for each in texts if "alice" in str(each).lower()], table
                assert bytes(old_keys[0][0]) not in texts
        for table in ("sessions", "heads", "timelines", "members", "looks", "blocks", "erasures", "receipts"):
            assert await rows(app, f"SELECT 1 FROM {table} WHERE user_id = %s", alice.user_id) == [], table


async def test_their_sessions_end_everywhere_at_once(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app, running_app(database_url, keys) as other:
        bus = NotingBus(app)
        alice = await join(app, "alice")
        tokens = await sign_in(app, "alice")
        caller = await sessions.authenticate(app, tokens.access, ORIGIN)
        await sessions.authenticate(other, tokens.access, ORIGIN)
        await erase(app, caller)
        assert {(user_id, reason) for user_id, _, reason in bus.endings} == {(alice.user_id, "erased")}
        assert len(bus.endings) == 2
        await sessions.hear_endings(other)
        for instance in (app, other):
            with pytest.raises(Unauthenticated):
                await sessions.authenticate(instance, tokens.access, ORIGIN)
            with pytest.raises(Unauthenticated):
                await sessions.refresh(instance, tokens.refresh, ORIGIN)


async def test_nobody_can_take_the_name_or_one_that_looks_like_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        await erase(app, await join(app, "alice"))
        assert await accounts.standing(app, "alice") is Standing.TAKEN
        assert await accounts.standing(app, "a1ice") is Standing.ALIKE
        assert await accounts.standing(app, "alicia") is Standing.UNKNOWN
        # Nor when the key that marked it is not the current one any more.
        app.keys = replace(app.keys, token=Ring((make_key(), *app.keys.token.keys)))
        assert names.parse_name("ALICE").key == "alice"
        for name in ("alice", "ALICE", "a1ice"):
            with pytest.raises(Conflict):
                await accounts.register(app, ORIGIN, username=name, password=PASSWORD)
        await accounts.register(app, ORIGIN, username="alicia", password=PASSWORD)


async def test_the_password_is_asked_and_a_wrong_one_changes_nothing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        with pytest.raises(Unauthenticated):
            await erasure.erase_account(app, alice, password="wrong horse battery")
        assert await listed(app, alice) == []
        await sign_in(app, "alice")
        assert await rows(app, "SELECT 1 FROM erasures") == []


async def test_a_person_is_erased_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def believe(*args: object, **kwargs: object) -> None:
        """Both requests had come through here before the first one ended the session."""

    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        monkeypatch.setattr(step_up, "prove", believe)
        both = await asyncio.gather(*(erasure.erase_account(app, alice, password=PASSWORD) for _ in range(2)))
        assert both == [True, True]
        assert len(await rows(app, "SELECT 1 FROM erasures")) == 1
        assert len(await rows(app, "SELECT 1 FROM audit WHERE action = 'account_erased'")) == 1


async def test_it_goes_on_where_a_dead_process_has_left_it(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 2)
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(7):
            await send(app, alice, "bob", f"mine {number}")
        await send(app, bob, "alice", "theirs")
        step, calls = models.erasure.step, []

        async def dies(*args: object, **kwargs: object) -> models.erasure.Gone:
            calls.append(args)
            if len(calls) > 2:
                raise Unavailable("killed")
            return await step(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(models.erasure, "step", dies)
        await erase(app, alice)
        monkeypatch.setattr(models.erasure, "step", step)
        assert len(await listed(app, bob)) == 4
    async with running_app(database_url, keys, clock) as app:
        await erasure.resume(app)
        assert len(await listed(app, bob)) == 4  # somebody may still be at it
        clock.turn(seconds=STALE)
        await erasure.resume(app)
        assert await listed(app, bob) == ["theirs"]
        assert await rows(app, "SELECT 1 FROM erasures") == []
        assert [event.id for event in await log_of(app, bob) if isinstance(event, Deleted)] == [*range(1, 8)] * 2


async def test_two_instances_that_go_on_with_it_do_no_harm(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 2)
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(9):
            await send(app, alice, "bob", f"mine {number}")
            await send(app, bob, "alice", f"theirs {number}")
        monkeypatch.setattr(erasure, "STALE_MILLISECONDS", 0)
        asked = asyncio.ensure_future(erasure.erase_account(app, alice, password=PASSWORD))
        await asyncio.gather(asked, erasure.resume(other), erasure.resume(app))
        await settled(app)
        await erasure.resume(app)
        assert await listed(other, bob) == [f"theirs {number}" for number in reversed(range(9))]
        deleted = [event.id for event in await log_of(app, bob) if isinstance(event, Deleted)]
        assert len(deleted) == 18  # each message stands in its place in the log, and its deletion at the end, once


async def test_much_is_destroyed_while_others_go_on(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 5)
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await asyncio.gather(*(send(app, alice, "bob", f"mine {number}") for number in range(60)))
        erasing = asyncio.ensure_future(erasure.delete_conversation(app, alice, "bob"))
        sent = 0
        while not erasing.done():
            await send(app, bob, "bob", f"note {sent}")
            sent += 1
        assert sent > 3
        assert len(await listed(app, bob)) == min(sent, 100)


async def test_who_asks_is_not_kept_waiting_for_ever(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.0)
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "mine")
        assert not await erasure.delete_conversation(app, alice, "bob")
        await settled(app)
        assert await listed(app, bob) == []


async def test_it_is_recorded_and_the_log_forgets_who_it_was(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "hi")
        await erasure.delete_conversation(app, alice, "bob")
        await erase(app, alice)
        done = await rows(app, "SELECT action FROM audit WHERE actor_id = %s ORDER BY id", alice.user_id)
        assert [row[0] for row in done][-3:] == ["conversation_deleted", "step_up", "account_erased"]
        assert await rows(app, "SELECT sealed FROM audit_people WHERE user_id = %s", alice.user_id) == [(None,)]


async def test_a_message_that_is_not_there_any_more_is_no_placeholder(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(3):
            await send(app, alice, "bob", f"mine {number}")
        await erase(app, alice)
        told = await log_of(app, bob)
        assert [type(event) for event in told] == [Deleted] * 6
        assert UNREADABLE not in str(told)
