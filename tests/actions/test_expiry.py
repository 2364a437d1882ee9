"""The sweep, on both engines: what has expired is destroyed, told in the timelines, once."""

import asyncio

import pytest

from actions import expiry, messages
from actions.app import App, Caller
from actions.messages import Outgoing
from models.timelines import Kind
from tests.actions.stage import everything, rows
from tests.rooms import Clock, join, make_keys, running_app

BODIES = "SELECT COUNT(*) FROM messages WHERE body IS NOT NULL"
EXPIRED = "SELECT user_id, message_id FROM timelines WHERE kind = %s ORDER BY user_id, position"


async def send(app: App, caller: Caller, to: str, ttl: int | None) -> int:
    return (await messages.send(app, caller, Outgoing(to, "hi", None, ttl))).message.id


async def test_what_has_expired_is_destroyed_and_the_rest_stays(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        gone = await send(app, alice, "bob", 10)
        for ttl in (None, 11, 3_600):
            await send(app, alice, "bob", ttl)
        body = bytes((await rows(app, "SELECT body FROM messages WHERE id = %s", gone))[0][0])
        clock.turn(seconds=9.999)
        assert await expiry.sweep(app) == 0
        assert body in await everything(app)
        clock.turn(seconds=0.001)
        assert await expiry.sweep(app) == 1
        assert body not in await everything(app)
        assert await rows(app, BODIES) == [(3,)]
        people = sorted((alice.user_id, bob.user_id))
        assert await rows(app, EXPIRED, int(Kind.EXPIRED)) == [(user_id, gone) for user_id in people]
        assert await expiry.sweep(app) == 0


async def test_a_note_is_told_once(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await join(app, "alice")
        gone = await send(app, alice, "alice", 1)
        clock.turn(seconds=1)
        assert await expiry.sweep(app) == 1
        assert await rows(app, EXPIRED, int(Kind.EXPIRED)) == [(alice.user_id, gone)]
        assert await rows(app, "SELECT position FROM heads") == [(2,)]


@pytest.mark.parametrize("count", [4, 5])
async def test_a_sweep_goes_on_until_nothing_is_due(
    database_url: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "MOST_AT_ONCE", 2)
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        for _ in range(count):
            await send(app, alice, "bob", 1)
        clock.turn(seconds=1)
        assert await expiry.sweep(app) == count
        assert await rows(app, BODIES) == [(0,)]


async def test_instances_that_sweep_at_once_destroy_each_message_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "MOST_AT_ONCE", 3)
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for _ in range(20):
            await send(app, alice, "bob", 1)
        clock.turn(seconds=1)
        counts = await asyncio.gather(*(expiry.sweep(each) for each in (app, other, app, other)))
        await expiry.sweep(app)
        assert sum(counts) <= 20
        assert await rows(app, BODIES) == [(0,)]
        told = await rows(app, EXPIRED, int(Kind.EXPIRED))
        assert len(told) == len(set(told)) == 40
        for user_id in (alice.user_id, bob.user_id):
            found = await rows(app, "SELECT position FROM timelines WHERE user_id = %s ORDER BY position", user_id)
            assert [position for (position,) in found] == list(range(1, 41))
