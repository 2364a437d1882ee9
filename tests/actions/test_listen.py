"""The long poll, on both engines: at once what is there, or the next event, or nothing; and nobody stays behind."""

import asyncio
from typing import Any

import pytest

from actions import events, listen, presence, repair, sessions
from actions.app import App, Caller
from actions.errors import TooMany, Unauthenticated
from actions.events import Placed, Standing
from realtime.bus import LocalBus
from realtime.events import MessageSent
from tests.actions.stage import DeafBus, NotingBus, change, say, settled
from tests.rooms import join, running_app

LONG = 60.0
Answer = tuple[Standing, list[Placed]]


async def poll(app: App, caller: Caller, position: int, *, wait: float, epoch: str | None = None) -> Answer:
    return await listen.events_after(app, caller, position=position, epoch=epoch, limit=100, wait=wait)


async def waiting(app: App, caller: Caller, position: int, wait: float = LONG) -> "asyncio.Task[Answer]":
    """Somebody who waits, and has looked at the log already."""
    looked, look = asyncio.Event(), listen._heard

    async def noting(*args: object) -> bool:
        looked.set()
        return await look(*args)  # type: ignore[arg-type]

    listen._heard = noting  # type: ignore[assignment]
    try:
        task = asyncio.create_task(poll(app, caller, position, wait=wait))
        await looked.wait()
    finally:
        listen._heard = look
    return task


def contents(answer: Answer) -> list[tuple[int, str]]:
    return [(position, event.message.content) for position, event in answer[1] if isinstance(event, MessageSent)]


async def nobody_stays(app: App) -> None:
    await settled(app)
    assert (app.hub.users, app.attached) == (0, set())


@pytest.mark.parametrize("wait", [0.0, LONG])
async def test_what_is_there_is_answered_at_once(database_url: str, wait: float) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(3):
            await say(app, alice, "bob", str(number))
        answer = await poll(app, bob, 1, wait=wait)
        assert (contents(answer), answer[0].outcome, answer[0].position) == ([(2, "1"), (3, "2")], "recovered", 3)
        await nobody_stays(app)


async def test_the_next_event_wakes_whoever_waits(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        task = await waiting(app, bob, 0)
        await say(app, alice, "bob", "hi")
        answer = await task
        assert (contents(answer), answer[0].position) == ([(1, "hi")], 1)
        await nobody_stays(app)


async def test_what_comes_during_the_joining_is_not_missed(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        bus.open.clear()
        task = asyncio.create_task(poll(app, bob, 0, wait=LONG))
        await bus.someone.wait()
        await say(app, alice, "bob", "hi")
        bus.open.set()
        assert contents(await task) == [(1, "hi")]


@pytest.mark.parametrize("wait", [0.0, 0.01])
async def test_when_nothing_comes_the_answer_is_empty(database_url: str, wait: float) -> None:
    async with running_app(database_url) as app:
        bob = await join(app, "bob")
        standing, found = await poll(app, bob, 0, wait=wait)
        assert (standing.outcome, standing.position, found) == ("recovered", 0, [])
        await nobody_stays(app)


@pytest.mark.parametrize(("position", "epoch"), [(2, None), (0, "another")])
@pytest.mark.parametrize("wait", [0.0, LONG])
async def test_a_reset_tells_nothing_and_does_not_wait(
    sqlite_url: str, position: int, epoch: str | None, wait: float
) -> None:
    async with running_app(sqlite_url) as app:
        bob = await join(app, "bob")
        await say(app, bob, "bob", "note")
        standing, found = await poll(app, bob, position, wait=wait, epoch=epoch)
        assert (standing.outcome, standing.position, found) == ("reset", 1, [])
        await nobody_stays(app)


@pytest.mark.parametrize("left", [0, 1])
async def test_a_log_that_is_forgotten_before_it_is_read_is_a_reset_at_once(
    database_url: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = events.standing

    async def forgotten_behind(*args: Any, **options: Any) -> Standing:
        found = await standing(*args, **options)
        await change(app, "DELETE FROM timelines WHERE position <= %s", 3 - left)
        await change(app, "UPDATE heads SET floor = %s", 3 - left)
        return found

    async with running_app(database_url) as app:
        bob = await join(app, "bob")
        for number in range(3):
            await say(app, bob, "bob", str(number))
        monkeypatch.setattr(events, "standing", forgotten_behind)
        told, found = await poll(app, bob, 1, wait=LONG)
        assert (told.outcome, told.position, found) == ("reset", 3, [])
        await nobody_stays(app)


async def test_who_waits_counts_as_online_and_is_not_woken_by_what_passes(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "one")
        task = await waiting(app, bob, 1)
        assert await app.presence.among([alice.user_id, bob.user_id]) == {bob.user_id}
        (connection,) = app.hub.connections_of(bob.user_id)
        await presence.typing(app, alice, "bob")
        app.presence.come(alice.user_id)
        await presence.turn(app)
        assert isinstance(connection.transport, listen.Ear)
        assert not connection.transport.heard.is_set()
        await say(app, alice, "bob", "two")
        assert contents(await task) == [(2, "two")]


async def test_what_is_not_in_the_log_does_not_end_the_waiting(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "one")
        task = await waiting(app, bob, 1)
        await presence.typing(app, alice, "bob")
        await say(app, alice, "bob", "two")
        assert contents(await task) == [(2, "two")]


async def test_the_log_is_looked_at_once_more_when_the_time_is_over(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        DeafBus(app)
        task = await waiting(app, bob, 0, 0.5)
        await say(app, alice, "bob", "unheard")
        assert contents(await task) == [(1, "unheard")]


async def test_what_the_bus_has_lost_is_found_by_the_sweep_before_the_wait_is_over(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        DeafBus(app)
        task = await waiting(app, bob, 0)
        await say(app, alice, "bob", "unheard")
        await repair.repair(app)
        assert contents(await task) == [(1, "unheard")]


async def test_a_session_that_ends_meanwhile_is_told_nothing_more(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bob = await join(app, "bob")
        task = await waiting(app, bob, 0)
        await sessions.end(app, bob)
        with pytest.raises(Unauthenticated):
            await task
        await nobody_stays(app)


async def test_whoever_gives_up_or_is_refused_is_detached(sqlite_url: str) -> None:
    async with running_app(sqlite_url, sockets_per_user=1) as app:
        bob = await join(app, "bob")
        task = await waiting(app, bob, 0)
        with pytest.raises(TooMany):
            await poll(app, bob, 0, wait=LONG)
        assert len(app.attached) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nobody_stays(app)
        assert isinstance(app.bus, LocalBus)


async def test_the_head_is_never_below_what_is_told(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        ask = events.standing

        async def asked_early(app: App, user_id: int, **known: Any) -> Standing:
            found = await ask(app, user_id, **known)
            await say(app, alice, "bob", "in between")
            return found

        monkeypatch.setattr(events, "standing", asked_early)
        answer = await poll(app, bob, 0, wait=0.0)
        assert (contents(answer), answer[0].position) == ([(1, "in between")], 1)
