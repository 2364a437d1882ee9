"""Typing and presence, on both engines: told to whom one talks with, and to nobody else; never stored but as a day."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import models.presence
from actions import attach, blocks, conversations, presence, profile
from actions.app import App, Caller
from actions.errors import NotFound
from models.db import Unavailable, execute
from realtime.connection import Connection
from realtime.events import Typing
from realtime.presence import LocalPresence
from tests.actions.stage import NotingBus, connection_of, frames, log_of, rows, say, settled, v1_of
from tests.rooms import Clock, join, running_app

GRACE = 10
TODAY = "2027-01-15"


@contextlib.asynccontextmanager
async def stage(database_url: str, **policy: Any) -> AsyncIterator[tuple[App, Clock]]:
    """An app whose grace goes by the same clock as everything else."""
    clock = Clock()
    async with running_app(database_url, clock=clock, **policy) as app:
        app.presence = LocalPresence(GRACE, clock=lambda: clock() / 1000)
        yield app, clock


async def arrive(app: App, caller: Caller) -> Connection:
    """A device of v1 that is live; what it was told until now is forgotten."""
    connection = v1_of(caller)
    await attach.attach(app, caller, connection)
    standing = await attach.resume(app, caller, position=None, epoch=None)
    await attach.recover(app, connection, standing, None)
    return connection


async def there(app: App, *callers: Caller) -> list[Connection]:
    """These have each a device, and all is told."""
    connections = [await arrive(app, caller) for caller in callers]
    await presence.turn(app)
    for connection in connections:
        connection.transport.frames.clear()
    return connections


def seen(connection: Connection) -> list[tuple[str, bool, str | None]]:
    """What this device was told of others since it was asked last."""
    told = [
        (frame["peer"], frame["online"], frame.get("last_seen"))
        for frame in frames(connection)
        if frame["type"] == "presence"
    ]
    connection.transport.frames.clear()
    return told


async def friends(app: App, *names: str) -> list[Caller]:
    """People of whom the first talks with each of the others."""
    callers = [await join(app, name) for name in names]
    for name in names[1:]:
        await say(app, callers[0], name, "hi")
    app.to_tell.pairs.clear()
    return callers


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


@pytest.mark.parametrize("hiding", ["alice", "bob"])
async def test_typing_is_not_told_where_one_of_the_two_hides(database_url: str, hiding: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await friends(app, "alice", "bob")
        await profile.change(app, alice if hiding == "alice" else bob, {"presence": False})
        bus = NotingBus(app)
        await presence.typing(app, alice, "bob")
        await presence.typing(app, bob, "alice")
        assert bus.published == []


async def test_typing_is_the_first_to_go_when_there_is_too_much_else_to_do(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await friends(app, "alice", "bob")
        bus = NotingBus(app)
        app.to_tell.strained = True
        await presence.typing(app, alice, "bob")
        assert bus.published == []


async def test_coming_is_told_to_those_who_are_there_and_going_after_the_grace(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob, _ = await friends(app, "alice", "bob", "carol")
        (of_alice,) = await there(app, alice)
        of_bob = await arrive(app, bob)
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([("bob", True, None)], [("alice", True, None)])
        attach.detach(app, of_bob)
        clock.turn(seconds=GRACE - 1)
        await presence.turn(app)
        assert seen(of_alice) == []
        clock.turn(seconds=1)
        await presence.turn(app)
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([("bob", False, TODAY)], [])
        await settled(app)


async def test_a_reconnect_tells_the_others_nothing_and_oneself_who_is_there(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob = await friends(app, "alice", "bob")
        of_alice, of_bob = await there(app, alice, bob)
        for _ in range(5):
            attach.detach(app, of_bob)
            clock.turn(seconds=GRACE - 1)
            await presence.turn(app)
            of_bob = await arrive(app, bob)
            await presence.turn(app)
            assert (seen(of_alice), seen(of_bob)) == ([], [("alice", True, None)])


async def test_a_second_device_changes_nothing_for_others(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob = await friends(app, "alice", "bob")
        of_alice, of_bob = await there(app, alice, bob)
        second = await arrive(app, bob)
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob), seen(second)) == ([], [], [("alice", True, None)])
        attach.detach(app, of_bob)
        clock.turn(seconds=GRACE)
        await presence.turn(app)
        assert seen(of_alice) == []


async def test_without_a_conversation_nothing_is_told(database_url: str) -> None:
    async with stage(database_url) as (app, _):
        alice, eve = await join(app, "alice"), await join(app, "eve")
        connections = [await arrive(app, caller) for caller in (alice, eve)]
        await presence.turn(app)
        assert [seen(connection) for connection in connections] == [[], []]
        # With the first message they have one.
        await say(app, eve, "alice", "hi")
        await presence.turn(app)
        assert [seen(connection) for connection in connections] == [[("eve", True, None)], [("alice", True, None)]]


@pytest.mark.parametrize(("hiding", "other"), [("alice", "bob"), ("bob", "alice")])
async def test_who_hides_is_not_seen_and_sees_nobody(database_url: str, hiding: str, other: str) -> None:
    async with stage(database_url) as (app, clock):
        people = dict(zip(("alice", "bob"), await friends(app, "alice", "bob"), strict=True))
        devices = dict(zip(people, await there(app, *people.values()), strict=True))
        await profile.change(app, people[hiding], {"presence": False})
        await presence.turn(app)
        # As of now the other is not there; which day that was is not told either.
        assert seen(devices[other]) == [(hiding, False, None)]
        assert seen(devices[hiding]) == [(other, False, None)]
        await profile.change(app, people[hiding], {"presence": False})
        await presence.turn(app)
        assert [seen(device) for device in devices.values()] == [[], []]
        for name, caller in people.items():
            attach.detach(app, devices[name])
            clock.turn(seconds=GRACE)
            await presence.turn(app)
            devices[name] = await arrive(app, caller)
            await presence.turn(app)
        assert [seen(device) for device in devices.values()] == [[], []]
        await profile.change(app, people[hiding], {"presence": True})
        await presence.turn(app)
        assert (seen(devices[other]), seen(devices[hiding])) == ([(hiding, True, None)], [(other, True, None)])


async def test_a_block_looks_like_hiding_and_neither_hears_of_the_other(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob = await friends(app, "alice", "bob")
        of_alice, of_bob = await there(app, alice, bob)
        await blocks.add(app, alice, "bob")
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([("bob", False, None)], [("alice", False, None)])
        await blocks.add(app, alice, "bob")
        await blocks.add(app, bob, "alice")  # he does not see her: neither is told anything
        await presence.turn(app)
        await blocks.remove(app, bob, "alice")
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([], [])
        attach.detach(app, of_bob)
        clock.turn(seconds=GRACE)
        await presence.turn(app)
        of_bob = await arrive(app, bob)
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([], [])
        await blocks.remove(app, alice, "bob")
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([("bob", True, None)], [("alice", True, None)])


async def test_who_writes_first_to_somebody_who_blocks_them_learns_nothing(database_url: str) -> None:
    async with stage(database_url) as (app, _):
        alice, eve = await join(app, "alice"), await join(app, "eve")
        await blocks.add(app, alice, "eve")
        of_alice, of_eve = await there(app, alice, eve)
        await say(app, eve, "alice", "hi")
        await presence.turn(app)
        assert (seen(of_alice), seen(of_eve)) == ([], [])


async def test_the_plain_dialect_counts_as_being_there_and_is_told_nothing(database_url: str) -> None:
    async with stage(database_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        (of_alice,) = await there(app, alice)
        plain = connection_of(bob)
        await attach.attach(app, bob, plain)
        attach.go_live(app, plain)
        await presence.turn(app)
        assert seen(of_alice) == [("bob", True, None)]
        attach.detach(app, of_alice)
        await there(app, alice)
        assert plain.transport.frames == []


async def test_a_handshake_with_an_ended_session_is_not_being_there(sqlite_url: str) -> None:
    async with stage(sqlite_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        (of_alice,) = await there(app, alice)
        await app.db.write(execute, "UPDATE sessions SET ended_at = 1 WHERE id = %s", (bob.session_id,))
        with pytest.raises(Exception, match="Sign in again"):
            await arrive(app, bob)
        await presence.turn(app)
        assert seen(of_alice) == []


async def test_who_has_gone_while_their_log_was_read_is_shown_nothing_and_kept_nowhere(sqlite_url: str) -> None:
    async with stage(sqlite_url) as (app, _):
        (alice,) = await friends(app, "alice")
        connection = v1_of(alice)
        await attach.attach(app, alice, connection)
        standing = await attach.resume(app, alice, position=None, epoch=None)
        attach.detach(app, connection)
        await attach.recover(app, connection, standing, None)
        assert app.to_tell.newcomers == {}
        of_alice = await arrive(app, alice)
        attach.detach(app, of_alice)
        assert app.to_tell.newcomers == {}


async def test_a_storm_is_told_piece_by_piece_with_few_questions(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(sqlite_url) as (app, clock):
        callers = await friends(app, "hub", *(f"spoke{number}" for number in range(8)))
        devices = await there(app, *callers)
        for caller, device in zip(callers, devices, strict=True):
            attach.detach(app, device)
            clock.turn(seconds=0.1)
            await arrive(app, caller)
        monkeypatch.setattr(presence, "MOST_AT_ONCE", 3)
        questions: list[str] = []
        app.db.engine.query_hooks.append(lambda event: questions.append(event.sql))
        bus = NotingBus(app)
        for waiting in (6, 3, 0):
            questions.clear()
            await presence.turn(app)
            assert len(app.to_tell.newcomers) == waiting
            assert len(questions) == 3  # one for each of the three newcomers, on one thread
        questions.clear()
        await presence.turn(app)
        assert (questions, bus.published) == ([], [])


async def test_while_there_is_too_much_to_do_nothing_is_told_and_afterwards_as_it_is_then(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(sqlite_url) as (app, clock):
        alice, bob, _ = await friends(app, "alice", "bob", "carol")
        (of_alice,) = await there(app, alice)
        with monkeypatch.context() as patch:
            patch.setattr(presence, "MOST_WAITING", -1)
            for _ in range(3):
                of_bob = await arrive(app, bob)
                await presence.turn(app)
                attach.detach(app, of_bob)
                clock.turn(seconds=GRACE)
                await presence.turn(app)
            of_bob = await arrive(app, bob)
            await presence.turn(app)
            assert (seen(of_alice), seen(of_bob), app.to_tell.strained) == ([], [], True)
        await presence.turn(app)
        assert (seen(of_alice), seen(of_bob)) == ([("bob", True, None)], [("alice", True, None)])
        assert app.to_tell.strained is False


async def test_a_loop_that_comes_round_late_is_too_much_to_do(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(sqlite_url) as (app, _):
        await presence.turn(app)
        assert app.to_tell.strained is False
        monkeypatch.setattr(presence, "LATE_SECONDS", -1.0)
        await presence.turn(app)
        assert app.to_tell.strained is True


async def test_what_could_not_be_told_is_told_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(sqlite_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        (of_alice,) = await there(app, alice)
        of_bob = await arrive(app, bob)
        presence.meet(app, alice.user_id, bob.user_id)

        async def away(*args: object, **kwargs: object) -> None:
            raise Unavailable("away")

        with monkeypatch.context() as patch:
            patch.setattr(models.presence, "circles_of", away)
            with pytest.raises(Unavailable):
                await presence.turn(app)
        waiting = app.to_tell
        assert (len(waiting.people), len(waiting.pairs), len(waiting.newcomers)) == (1, 1, 1)
        await presence.turn(app)
        assert (seen(of_alice)[0], seen(of_bob)[0]) == (("bob", True, None), ("alice", True, None))
        assert (waiting.people, waiting.pairs, waiting.newcomers) == ({}, {}, {})


async def test_a_newcomer_is_shown_again_who_is_there_when_the_other_instances_could_not_be_asked(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(sqlite_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        await there(app, alice)
        of_bob, gone = await arrive(app, bob), await arrive(app, bob)
        among, turn = app.presence.among, app.presence.turn

        def falls_back() -> None:
            app.presence.fell_back += 1

        async def nobody(user_ids: set[int]) -> set[int]:
            falls_back()
            return set()

        async def alone() -> list[int]:
            falls_back()
            return await turn()

        monkeypatch.setattr(app.presence, "among", nobody)
        monkeypatch.setattr(app.presence, "turn", alone)
        for _ in range(2):
            await presence.turn(app)
        attach.detach(app, gone)
        monkeypatch.setattr(app.presence, "among", among)
        await presence.turn(app)
        assert seen(of_bob) == []  # not before the others answer
        monkeypatch.setattr(app.presence, "turn", turn)
        await presence.turn(app)
        assert seen(of_bob) == [("alice", True, None)]
        assert (app.to_tell.newcomers, app.to_tell.unsure) == ({}, {})
        await presence.turn(app)
        assert seen(of_bob) == []


async def test_what_changes_while_it_is_told_is_told_by_the_next_turn(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(sqlite_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        (of_alice,) = await there(app, alice)
        await arrive(app, bob)
        among = app.presence.among

        async def meanwhile(user_ids: set[int]) -> set[int]:
            found = await among(user_ids)
            monkeypatch.undo()
            await profile.change(app, bob, {"presence": False})
            return found

        monkeypatch.setattr(app.presence, "among", meanwhile)
        await presence.turn(app)
        await presence.turn(app)
        assert seen(of_alice) == [("bob", True, None), ("bob", False, None)]


async def test_the_day_is_written_once_and_not_of_who_hides(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob = await friends(app, "alice", "bob")
        await profile.change(app, bob, {"presence": False})
        writes: list[str] = []
        app.db.engine.query_hooks.append(lambda event: writes.append(event.sql) if "seen_on =" in event.sql else None)
        for day in range(2):
            for _ in range(3):
                devices = await there(app, alice, bob)
                for device in devices:
                    attach.detach(app, device)
                clock.turn(seconds=GRACE)
                await presence.turn(app)
            assert len(writes) == day + 1
            clock.turn(days=1)
        days = dict(await rows(app, "SELECT name, seen_on FROM users"))
        assert days == {"alice": clock.now // 86_400_000 - 1, "bob": None}


async def test_the_list_of_conversations_shows_who_is_there_and_the_day_of_who_is_not(database_url: str) -> None:
    async with stage(database_url) as (app, clock):
        alice, bob, carol = await friends(app, "alice", "bob", "carol")
        await say(app, alice, "alice", "a note")

        async def shown() -> dict[str, tuple[str | None, bool | None, str | None]]:
            listed = await conversations.list_own(app, alice, limit=9, before=None)
            return {one.peer: (one.display_name, one.online, one.last_seen) for one in listed}

        assert await shown() == {
            "alice": (None, None, None),
            "bob": (None, False, None),
            "carol": (None, False, None),
        }
        _, of_carol = await there(app, bob, carol)
        attach.detach(app, of_carol)
        clock.turn(seconds=GRACE)
        await presence.turn(app)
        await profile.change(app, bob, {"display_name": "Bob"})
        assert (await shown())["bob"] == ("Bob", True, TODAY)
        assert (await shown())["carol"] == (None, False, TODAY)
        await profile.change(app, bob, {"presence": False})
        await blocks.add(app, carol, "alice")
        assert (await shown())["bob"] == ("Bob", None, None)
        assert (await shown())["carol"] == (None, None, None)
        await profile.change(app, bob, {"presence": True})
        await profile.change(app, alice, {"presence": False})
        assert {one[1:] for one in (await shown()).values()} == {(None, None)}


async def test_where_the_operator_switched_it_off_nothing_is_known(sqlite_url: str) -> None:
    async with stage(sqlite_url, presence=False) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        devices = [await arrive(app, caller) for caller in (alice, bob)]
        await profile.change(app, bob, {"presence": False})
        await blocks.add(app, alice, "bob")
        await blocks.remove(app, alice, "bob")
        await profile.change(app, bob, {"presence": True})
        await presence.turn(app)
        assert [seen(device) for device in devices] == [[], []]
        assert await rows(app, "SELECT count(*) FROM users WHERE seen_on IS NOT NULL") == [(0,)]
        (listed,) = await conversations.list_own(app, alice, limit=9, before=None)
        assert (listed.online, listed.last_seen) == (None, None)


async def test_a_reader_who_lags_misses_presence_and_nothing_else(sqlite_url: str) -> None:
    async with stage(sqlite_url) as (app, _):
        alice, bob = await friends(app, "alice", "bob")
        (of_alice,) = await there(app, alice)
        of_alice.transport.reads = False
        of_alice.transport.stuck = of_alice.max_queued_bytes // 4
        await arrive(app, bob)
        await presence.turn(app)
        assert seen(of_alice) == []
        await say(app, bob, "alice", "hi")
        assert [frame["type"] for frame in frames(of_alice)] == ["message"]


async def test_between_one_who_is_told_about_and_the_next_others_have_their_turn(sqlite_url: str) -> None:
    async with stage(sqlite_url) as (app, _):
        callers = await friends(app, "hub", *(f"spoke{number}" for number in range(8)))
        for caller in callers:
            await arrive(app, caller)
        turning, rounds = asyncio.ensure_future(presence.turn(app)), 0
        told: dict[str, set[int]] = {}
        NotingBus(app).watch = lambda event: told.setdefault(event.peer, set()).add(rounds)
        while not turning.done():
            rounds += 1
            await asyncio.sleep(0)
        assert len(told) == len(callers)
        assert len(set().union(*told.values())) == len(callers)
