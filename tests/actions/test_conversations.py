"""The caller's conversations, on both engines."""

import pytest

from actions import conversations, messages
from actions.app import App, Caller
from actions.errors import TooMany
from actions.messages import Outgoing
from actions.presentation import UNREADABLE
from tests.actions.stage import change
from tests.rooms import Clock, join, running_app


async def send(app: App, caller: Caller, to: str, content: str, ttl: int | None = None) -> int:
    return (await messages.send(app, caller, Outgoing(to, content, None, ttl))).message.id


async def listed(app: App, caller: Caller, limit: int = 100, before: int | None = None) -> list[tuple[str, str]]:
    found = await conversations.list_own(app, caller, limit=limit, before=before)
    return [(summary.peer, summary.last_message.content) for summary in found]


async def test_each_conversation_is_shown_by_its_peer_and_last_message_newest_first(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        assert await listed(app, alice) == []
        await send(app, alice, "bob", "hi bob")
        await send(app, carol, "alice", "hi alice")
        await send(app, alice, "alice", "note")
        await send(app, bob, "alice", "hi again")
        await send(app, bob, "carol", "not for alice")
        assert await listed(app, alice) == [("bob", "hi again"), ("alice", "note"), ("carol", "hi alice")]
        assert await listed(app, bob) == [("carol", "not for alice"), ("alice", "hi again")]
        assert await listed(app, carol) == [("bob", "not for alice"), ("alice", "hi alice")]


async def test_the_list_comes_in_pages(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        ids = []
        for letter in "abcde":
            await join(app, f"friend.{letter}")
            ids.append(await send(app, alice, f"friend.{letter}", letter))
        assert [content for _, content in await listed(app, alice, limit=2)] == ["e", "d"]
        assert [content for _, content in await listed(app, alice, limit=2, before=ids[3])] == ["c", "b"]
        assert [content for _, content in await listed(app, alice, limit=2, before=ids[1])] == ["a"]
        assert await listed(app, alice, before=ids[0]) == []


async def test_a_last_message_that_has_expired_gives_way_to_the_one_before(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, _, _ = [await join(app, name) for name in ("alice", "bob", "carol")]
        await send(app, alice, "bob", "stays")
        await send(app, alice, "bob", "goes", ttl=5)
        await send(app, alice, "carol", "all goes", ttl=5)
        assert await listed(app, alice) == [("carol", "all goes"), ("bob", "goes")]
        clock.turn(seconds=5)
        assert await listed(app, alice) == [("bob", "stays")]


async def test_a_damaged_last_message_does_not_hide_the_others(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _, _ = [await join(app, name) for name in ("alice", "bob", "carol")]
        spoilt = await send(app, alice, "bob", "one")
        await send(app, alice, "carol", "two")
        await change(app, "UPDATE messages SET sent_at = 1 WHERE id = %s", spoilt)
        assert await listed(app, alice) == [("carol", "two"), ("bob", UNREADABLE)]


async def test_listing_has_a_limit(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
    async with running_app(sqlite_url, limits_enabled=True) as app:
        monkeypatch.setattr(messages.limits, "READ", messages.limits.Rule("read", burst=1, per_seconds=60.0))
        await listed(app, alice)
        with pytest.raises(TooMany):
            await listed(app, alice)
