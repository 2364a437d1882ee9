"""The key of each conversation, on both engines: one per pair, opened for its people only, kept in bounded memory."""

import asyncio
import logging
from dataclasses import replace

import pytest

import models.conversations
from actions import conversation_keys, messages
from actions.app import App, Caller
from actions.errors import TryLater
from actions.lru import Lru
from actions.messages import Outgoing
from actions.presentation import UNREADABLE
from crypto import at_rest
from crypto.at_rest import Parties
from crypto.keyring import Ring, make_key
from tests.actions.stage import change, rows
from tests.rooms import Clock, join, make_keys, running_app


async def send(app: App, caller: Caller, to: str, content: str) -> None:
    await messages.send(app, caller, Outgoing(to, content))


async def listed(app: App, caller: Caller) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, limit=100)]


def test_a_pair_is_the_same_from_both_sides() -> None:
    assert conversation_keys.pair_of(7, 3) == conversation_keys.pair_of(3, 7) == (3, 7)
    assert conversation_keys.pair_of(5, 5) == (5, 5)


async def test_two_people_have_one_conversation_and_one_key(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await asyncio.gather(*(send(app, alice, "bob", "a") for _ in range(10)), send(app, bob, "alice", "b"))
        assert len(await rows(app, "SELECT id FROM conversations")) == 1
        assert len(await rows(app, "SELECT wrapped FROM conversation_keys")) == 1
        assert len(await rows(app, "SELECT user_id FROM members")) == 2
        await send(app, alice, "alice", "note")
        assert len(await rows(app, "SELECT id FROM conversations")) == 2
        assert len(await rows(app, "SELECT user_id FROM members")) == 3


async def test_two_instances_that_begin_a_conversation_at_once_use_one_key(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app, running_app(database_url, keys) as other:
        alice = await join(app, "alice")
        peers = [await join(app, f"friend.{letter}") for letter in "abcdefgh"]
        for peer in peers:
            await asyncio.gather(
                send(app, alice, peer.username, "from one"), send(other, peer, "alice", "from the other")
            )
        assert len(await rows(app, "SELECT id FROM conversations")) == len(peers)
        assert len(await rows(app, "SELECT wrapped FROM conversation_keys")) == len(peers)
        for where in (app, other):
            assert sorted(await listed(where, alice)) == ["from one"] * 8 + ["from the other"] * 8
            for peer in peers:
                assert sorted(await listed(where, peer)) == ["from one", "from the other"]


async def test_a_key_is_looked_up_once(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "hi")

        async def never(*args: object) -> None:
            raise AssertionError("asked again")

        monkeypatch.setattr(models.conversations, "by_pair", never)
        monkeypatch.setattr(models.conversations, "keys_of", lambda db, wanted: never() if wanted else none())
        await send(app, bob, "alice", "ho")
        assert await listed(app, bob) == ["ho", "hi"]


async def none() -> list[object]:
    return []


async def test_keys_are_forgotten_after_ten_minutes(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock) as app:
        alice = await join(app, "alice")
        await send(app, alice, "alice", "note")
        await change(app, "UPDATE conversation_keys SET wrapped = %s", b"spoilt")
        assert await listed(app, alice) == ["note"]
        clock.turn(seconds=601)
        assert await listed(app, alice) == [UNREADABLE]


async def test_no_more_keys_are_kept_than_the_bound(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.app.MOST_REMEMBERED", 3)
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        for letter in "abcdef":
            peer = await join(app, f"friend.{letter}")
            await send(app, alice, peer.username, letter)
            await send(app, peer, "alice", letter.upper())
        for _ in range(2):
            assert await listed(app, alice) == list("FfEeDdCcBbAa")
        for memory in (app.current_keys, app.conversation_keys):
            assert isinstance(memory, Lru)
            assert len(memory._values) == 3


OF_BOB = "conversation_id IN (SELECT id FROM conversations WHERE pair_low = {low} AND pair_high = {high})"
# What happens to the key of Alice's conversation with Bob.
EDITS = {
    "the key of another conversation": (
        "UPDATE conversation_keys SET wrapped = (SELECT k.wrapped FROM conversation_keys k JOIN conversations c"
        " ON c.id = k.conversation_id WHERE c.pair_low = c.pair_high) WHERE " + OF_BOB
    ),
    "no key at all": "UPDATE conversation_keys SET wrapped = %s WHERE " + OF_BOB,
    "an unknown master": "UPDATE conversation_keys SET master_id = 'nobody' WHERE " + OF_BOB,
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_changed_key_spoils_its_own_conversation_only(
    database_url: str, edit: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "alice", "note")
        for content in ("one", "two"):
            await send(app, alice, "bob", content)
        low, high = conversation_keys.pair_of(alice.user_id, bob.user_id)
        text = EDITS[edit].format(low=low, high=high)
        assert await change(app, text, *([b"nothing"] if "%s" in text else [])) == 1
    async with running_app(database_url, keys) as app:
        with caplog.at_level(logging.ERROR, "recado"):
            assert await listed(app, alice) == [UNREADABLE, UNREADABLE, "note"]
        assert {record.getMessage() for record in caplog.records} == {
            "conversation key does not unwrap",
            "message does not open",
        }
        # Nothing is sealed with what nobody could open again.
        for caller, to in ((alice, "bob"), (bob, "alice")):
            with pytest.raises(TryLater):
                await send(app, caller, to, "three")
        await send(app, alice, "alice", "another note")
        assert await rows(app, "SELECT COUNT(*) FROM messages") == [(4,)]


async def test_a_key_wrapped_for_another_pair_does_not_open(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even with the conversation's row changed to fit, nor by a ring holder's key of the same conversation."""
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        await send(app, alice, "bob", "hi")
        conversation_id = (await rows(app, "SELECT id FROM conversations"))[0][0]
        parties = Parties(conversation_id, (alice.user_id, carol.user_id))
        _, wrapped = at_rest.make_conversation_key(keys.master, parties, 1)
        await change(app, "UPDATE conversation_keys SET wrapped = %s", wrapped.wrapped)
    async with running_app(database_url, keys) as app:
        assert await listed(app, alice) == await listed(app, bob) == [UNREADABLE]
        assert "does not unwrap" in caplog.text


async def test_a_conversation_given_to_another_pair_cannot_be_written_to(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice, _, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        await send(app, alice, "bob", "hi")
        pair = conversation_keys.pair_of(alice.user_id, carol.user_id)
        await change(app, "UPDATE conversations SET pair_low = %s, pair_high = %s", *pair)
    async with running_app(database_url, keys) as app:
        with pytest.raises(TryLater):
            await send(app, alice, "carol", "for carol only")
        assert await listed(app, carol) == []
        await send(app, alice, "bob", "a new conversation")
        assert await listed(app, alice) == ["a new conversation", "hi"]


async def test_a_rotated_master_opens_what_the_old_one_wrapped(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice = await join(app, "alice")
        await send(app, alice, "alice", "old")
    rotated = replace(keys, master=Ring((make_key(), *keys.master.keys)))
    async with running_app(database_url, rotated) as app:
        await send(app, alice, "alice", "new")
        assert await listed(app, alice) == ["new", "old"]
