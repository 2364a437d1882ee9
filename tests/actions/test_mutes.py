"""Mutes, on both engines: what a muted person writes arrives as ever, and rings nowhere."""

import pytest

from actions import erasure, mutes, push_sender
from actions.errors import NotFound
from models.timelines import Kind
from tests.actions.stage import rows, say, settled
from tests.pushes import Noting, subscribed
from tests.rooms import PASSWORD, Clock, join, running_app


async def test_who_is_muted_rings_nowhere_arrives_all_the_same_and_can_ring_again(database_url: str) -> None:
    clock, noting = Clock(), Noting()
    async with running_app(database_url, clock=clock) as app:
        app.push.courier = noting
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await mutes.add(app, bob, "Alice")
        await mutes.add(app, bob, "alice")
        assert [name for name, _ in await mutes.list_own(app, bob, after=0, limit=9)] == ["alice"]
        assert await mutes.list_own(app, alice, after=0, limit=9) == []
        await say(app, alice, "bob", "hi")
        clock.turn(seconds=5)
        await push_sender.turn(app)
        await settled(app)
        assert noting.posts == []
        told = await rows(app, "SELECT kind FROM timelines WHERE user_id = %s", bob.user_id)
        assert told == [(Kind.MESSAGE,)]
        await mutes.remove(app, bob, "alice")
        await mutes.remove(app, bob, "alice")
        await say(app, alice, "bob", "again")
        clock.turn(seconds=5)
        await push_sender.turn(app)
        await settled(app)
        assert noting.of(browser) == [{"new": 1}]


async def test_who_does_not_exist_cannot_be_muted(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bob = await join(app, "bob")
        for act in (mutes.add, mutes.remove):
            with pytest.raises(NotFound):
                await act(app, bob, "nobody")


async def test_whom_somebody_muted_goes_with_their_account(database_url: str) -> None:
    async with running_app(database_url) as app:
        await join(app, "alice")
        bob = await join(app, "bob")
        await mutes.add(app, bob, "alice")
        await erasure.erase_account(app, bob, password=PASSWORD)
        assert await rows(app, "SELECT * FROM mutes") == []
