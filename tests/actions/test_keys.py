"""Rotation and verification on both engines: everything goes over, whatever happens meanwhile, and damage is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

import models.keys
from actions import keys as acts
from actions import messages
from actions.app import App, Caller
from actions.keys import Damage, Rotated
from actions.messages import Outgoing
from crypto import totp
from crypto.keyring import Keys, Ring, make_key
from models.db import Unavailable
from tests.actions.stage import change, rows
from tests.rooms import Clock, join, make_keys, running_app

MASTERS = "SELECT DISTINCT master_id FROM conversation_keys UNION SELECT master_id FROM totps"
ADD_SEED = "INSERT INTO totps (user_id, credential_id, master_id, sealed, created_at) VALUES (%s, %s, %s, %s, 0)"


def quiet(table: str, seen: int, moved: int) -> None:
    """Nobody watches."""


async def send(app: App, caller: Caller, to: str, content: str) -> int:
    return (await messages.send(app, caller, Outgoing(to, content))).message.id


async def listed(app: App, caller: Caller) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, limit=100)]


async def add_seed(app: App, caller: Caller) -> bytes:
    seed = totp.make_seed()
    key_id, sealed = totp.seal_seed(app.keys.master, caller.user_id, 7, seed)
    await change(app, ADD_SEED, caller.user_id, 7, key_id, sealed)
    return seed


def renewed(keys: Keys) -> Keys:
    """With another current master key, the old one behind it."""
    return replace(keys, master=Ring((make_key(), *keys.master.keys)))


@asynccontextmanager
async def filled(url: str, friends: str = "bcdef") -> AsyncIterator[tuple[App, Caller, Keys]]:
    """Alice has talked with many, and her ring has a fresh key."""
    old = make_keys()
    async with running_app(url, old) as app:
        alice = await join(app, "alice")
        for letter in friends:
            peer = await join(app, f"friend.{letter}")
            await send(app, alice, peer.username, letter)
        await add_seed(app, alice)
        app.keys = renewed(old)
        yield app, alice, old


async def test_everything_goes_over_to_the_current_key(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "MOST_AT_ONCE", 2)
    told = []
    async with filled(database_url) as (app, alice, _):
        done = await acts.rotate(app.db, app.keys, lambda *line: told.append(line))
        assert done == Rotated(6, ())
        assert told[-2:] == [("conversation_keys", 5, 5), ("totps", 1, 1)]
        assert await rows(app, MASTERS) == [(app.keys.master.current.id,)]
        only_new = replace(app.keys, master=Ring((app.keys.master.current,)))
        assert await acts.verify(app.db, only_new, quiet, with_messages=True) == []
        assert await acts.rotate(app.db, app.keys, quiet) == Rotated(0, ())
    async with running_app(database_url, only_new) as app:
        assert await listed(app, alice) == list("fedcb")
        ((key_id, sealed),) = await rows(app, "SELECT master_id, sealed FROM totps")
        assert len(totp.open_seed(only_new.master, alice.user_id, 7, key_id, bytes(sealed))) == totp.SEED_BYTES


async def test_it_goes_on_where_it_was_ended(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "MOST_AT_ONCE", 2)
    async with filled(database_url) as (app, _, old):
        put, calls = models.keys.put, []

        async def dies(*args: object) -> int:
            calls.append(args)
            if len(calls) == 2:
                raise Unavailable("gone")
            return await put(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(models.keys, "put", dies)
        with pytest.raises(Unavailable):
            await acts.rotate(app.db, app.keys, quiet)
        monkeypatch.setattr(models.keys, "put", put)
        assert len(await rows(app, "SELECT 1 FROM conversation_keys WHERE master_id = %s", old.master.current.id)) == 3
        assert (await acts.rotate(app.db, app.keys, quiet)).moved == 4
        assert await rows(app, MASTERS) == [(app.keys.master.current.id,)]


async def test_people_write_and_read_all_the_while(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "MOST_AT_ONCE", 1)
    async with filled(database_url) as (app, alice, old), running_app(database_url, old) as other:
        # The other instance knows the new key, and still seals by the old one.
        other.keys = replace(old, master=Ring((*old.master.keys, app.keys.master.current)))
        rotating = asyncio.ensure_future(acts.rotate(app.db, app.keys, quiet))
        count = 0
        while not rotating.done():
            for instance in (app, other):
                instance.current_keys._values.clear()
                instance.conversation_keys._values.clear()
                await send(instance, alice, "friend.b", f"m{count}")
                count += 1
                assert f"m{count - 1}" in await listed(instance, alice)
        assert (await rotating).damaged == ()
        assert count > 0


async def test_two_rotations_at_once_move_each_row_once(database_url: str) -> None:
    async with filled(database_url) as (app, _, _), running_app(database_url, app.keys) as other:
        both = await asyncio.gather(acts.rotate(app.db, app.keys, quiet), acts.rotate(other.db, app.keys, quiet))
        assert sum(done.moved for done in both) == 6
        assert await rows(app, MASTERS) == [(app.keys.master.current.id,)]


async def test_a_row_that_does_not_open_is_named_and_stays(database_url: str) -> None:
    async with filled(database_url) as (app, _, _):
        ((spoilt,),) = await rows(app, "SELECT min(conversation_id) FROM conversation_keys")
        await change(app, "UPDATE conversation_keys SET wrapped = %s WHERE conversation_id = %s", b"spoilt", spoilt)
        damage = Damage("conversation_keys", (spoilt, 1), "Tampered")
        done = await acts.rotate(app.db, app.keys, quiet)
        assert done == Rotated(5, (damage,))
        found = await acts.verify(app.db, app.keys, quiet, with_messages=True)
        ((message_id,),) = await rows(app, "SELECT id FROM messages WHERE conversation_id = %s", spoilt)
        assert found == [damage, Damage("messages", (message_id,), "no key")]
        assert await acts.verify(app.db, app.keys, quiet, with_messages=False) == [damage]


async def test_swapped_conversation_keys_open_neither_conversation(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        first, second = await send(app, alice, "bob", "to bob"), await send(app, alice, "carol", "to carol")
        one, other = await rows(app, "SELECT conversation_id, wrapped FROM conversation_keys")
        for (conversation_id, _), (_, wrapped) in ((one, other), (other, one)):
            text = "UPDATE conversation_keys SET wrapped = %s WHERE conversation_id = %s"
            await change(app, text, bytes(wrapped), conversation_id)
        found = await acts.verify(app.db, keys, quiet, with_messages=True)
    assert {(damage.table, damage.reason) for damage in found} == {
        ("conversation_keys", "Tampered"),
        ("messages", "no key"),
    }
    assert {damage.row for damage in found if damage.table == "messages"} == {(first,), (second,)}
    async with running_app(database_url, keys) as app:
        for reader in (alice, bob, carol):
            assert not {"to bob", "to carol"} & set(await listed(app, reader))


async def test_verification_opens_both_texts_of_a_message(database_url: str) -> None:
    """What a blocker still sees is a text of its own."""
    from actions import blocks, changes

    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await send(app, alice, "bob", "before")
        await blocks.add(app, bob, "alice")
        await changes.edit(app, alice, message_id, "after")
        assert await acts.verify(app.db, app.keys, quiet, with_messages=True) == []
        await change(app, "UPDATE messages SET kept_revision = 9")
        found = await acts.verify(app.db, app.keys, quiet, with_messages=True)
        assert found == [Damage("messages", (message_id,), "Tampered")]


async def test_replies_open_after_a_rotation_and_are_verified_like_all_else(database_url: str) -> None:
    old = make_keys()
    async with running_app(database_url, old) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        question = await send(app, alice, "bob", "tea?")
        answer = (await messages.send(app, bob, Outgoing("alice", "yes", reply_to=question))).message
        app.keys = renewed(old)
        assert (await acts.rotate(app.db, app.keys, quiet)).moved == 1
        only_new = replace(app.keys, master=Ring((app.keys.master.current,)))
    async with running_app(database_url, only_new) as app:
        assert await messages.read_one(app, alice, answer.id) == answer
        assert await acts.verify(app.db, app.keys, quiet, with_messages=True) == []
        await change(app, "UPDATE messages SET revision = 1 WHERE id = %s", answer.id)
        found = await acts.verify(app.db, app.keys, quiet, with_messages=True)
        assert found == [Damage("messages", (answer.id,), "Tampered")]


async def test_a_seed_moved_to_another_person_is_named(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await add_seed(app, alice)
        await change(app, "UPDATE totps SET user_id = %s", bob.user_id)
        found = await acts.verify(app.db, app.keys, quiet, with_messages=False)
        assert found == [Damage("totps", (bob.user_id,), "Tampered")]


async def test_a_master_that_is_missing_is_named(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await join(app, "alice")
        await send(app, alice, "alice", "note")
        stranger = replace(app.keys, master=Ring((make_key(),)))
        (damage,) = await acts.verify(app.db, stranger, quiet, with_messages=False)
        assert damage.reason == "UnknownKey"
