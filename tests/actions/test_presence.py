"""Typing, on both engines: told to whom one talks with, and to nobody else; never stored."""

import pytest

from actions import blocks, presence
from actions.errors import NotFound
from realtime.events import Typing
from tests.actions.stage import NotingBus, log_of, say
from tests.rooms import join, running_app


async def test_typing_reaches_the_other_one_and_is_not_stored(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        bus = NotingBus(app)
        await presence.typing(app, alice, "Bob")
        await presence.typing(app, bob, "alice")
        assert bus.published == [([(bob.user_id, None)], Typing("alice")), ([(alice.user_id, None)], Typing("bob"))]
        assert len(await log_of(app, bob)) == 1


async def test_typing_to_a_stranger_is_told_to_nobody(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        await say(app, alice, "bob", "hi")
        bus = NotingBus(app)
        await presence.typing(app, eve, "bob")
        await presence.typing(app, alice, "eve")
        await presence.typing(app, eve, "eve")
        assert bus.published == []


@pytest.mark.parametrize("peer", ["nobody", "", "not a name"])
async def test_there_must_be_such_a_person(sqlite_url: str, peer: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        with pytest.raises(NotFound):
            await presence.typing(app, alice, peer)


async def test_a_blocker_is_not_told_and_the_blocked_sees_no_difference(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        await blocks.add(app, bob, "alice")
        bus = NotingBus(app)
        await presence.typing(app, alice, "bob")
        assert bus.published == []
        await blocks.remove(app, bob, "alice")
        await presence.typing(app, alice, "bob")
        assert len(bus.published) == 1


async def test_too_often_is_dropped_in_silence_for_each_pair(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        for peer in ("bob", "eve"):
            await say(app, alice, peer, "hi")
        bus = NotingBus(app)
        for _ in range(20):
            await presence.typing(app, alice, "bob")
        assert 1 <= len(bus.published) < 10
        bus.published.clear()
        await presence.typing(app, alice, "eve")
        await presence.typing(app, bob, "alice")
        assert [receivers for receivers, _ in bus.published] == [[(eve.user_id, None)], [(alice.user_id, None)]]
