"""How long the log is kept, on both engines: what is older goes, what it spoke of stays, and nobody is misled."""

import asyncio

import pytest

import models.timelines
from actions import events, messages, retention
from actions.app import App, Caller
from tests.actions.stage import rows, say
from tests.rooms import Clock, join, make_keys, running_app

DAYS = 90
LOGS = "SELECT user_id, position FROM timelines ORDER BY user_id, position"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)


async def outcome(app: App, caller: Caller, position: int) -> str:
    return (await events.standing(app, caller.user_id, position=position, epoch=None)).outcome


async def test_what_is_older_is_forgotten_and_the_messages_stay(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, events_days=DAYS) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "old")
        clock.turn(days=1)
        await say(app, alice, "bob", "newer")
        clock.turn(days=DAYS - 1)
        assert await retention.forget(app) == 0
        clock.turn(seconds=0.001)
        assert await retention.forget(app) == 2
        people = sorted((alice.user_id, bob.user_id))
        assert await rows(app, LOGS) == [(user_id, 2) for user_id in people]
        for person in (alice, bob):
            shown = await messages.list_own(app, person, limit=9)
            assert [message.content for message in shown] == ["newer", "old"]
            assert [await outcome(app, person, position) for position in (0, 1, 2)] == [
                "reset",
                "recovered",
                "recovered",
            ]
        assert await retention.forget(app) == 0


async def test_of_a_log_that_is_all_old_the_head_is_left_and_goes_on(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, events_days=1) as app:
        alice = await join(app, "alice")
        for number in range(3):
            await say(app, alice, "alice", str(number))
        clock.turn(days=2)
        assert await retention.forget(app) == 3
        assert [await outcome(app, alice, position) for position in (2, 3)] == ["reset", "recovered"]
        await say(app, alice, "alice", "next")
        assert [position for position, _ in await events.after(app, alice.user_id, position=3, limit=9)] == [4]


async def test_instances_that_forget_at_once_forget_each_event_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.timelines, "MOST_PEOPLE", 2)
    monkeypatch.setattr(models.timelines, "MOST_DROPPED", 3)
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        people = [await join(app, name) for name in ("alice", "bob", "carol", "dave", "eve")]
        for sender in people:
            for _ in range(4):
                await say(app, sender, "alice", "hi")
        clock.turn(days=DAYS + 1)
        for sender in people:
            await say(app, sender, "bob", "now")
        counts = await asyncio.gather(*(retention.forget(each) for each in (app, other, app)))
        assert sum(counts) == 5 * 4 + 4 * 4
        assert len(await rows(app, LOGS)) == 5 + 4
