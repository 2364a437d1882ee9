"""Filling gaps, on both engines: exactly what is missing, in order, nothing twice, whatever the bus lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actions import attach, events, receipts, repair
from actions.app import App, Caller
from actions.events import Placed
from models.db import Unavailable
from realtime.bus import LocalBus
from realtime.codes import TOO_SLOW
from realtime.connection import Connection
from tests.actions.stage import DeafBus, change, connection_of, frames, say, settled, v1_of
from tests.realtime.fakes import Listening
from tests.rooms import join, running_app


async def live(app: App, caller: Caller, connection: Connection) -> Connection:
    await attach.attach(app, caller, connection)
    attach.go_live(app, connection)
    await settled(app)
    return connection


def told(connection: Connection) -> list[int]:
    return [frame["position"] for frame in frames(connection) if frame["type"] != "heartbeat"]


@contextmanager
def held_reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Whoever has read a page of the log waits before anything is done with it: (has read, may go on)."""
    reached, go_on, read = asyncio.Event(), asyncio.Event(), events.after

    async def waiting(app: App, user_id: int, *, position: int, limit: int) -> list[Placed]:
        page = await read(app, user_id, position=position, limit=limit)
        reached.set()
        await go_on.wait()
        return page

    with monkeypatch.context() as patch:
        patch.setattr(events, "after", waiting)
        yield reached, go_on


@pytest.mark.parametrize("page", [2, 3, 200])
async def test_exactly_what_is_missing_is_given_in_order(
    database_url: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "PAGE", page)
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(6):
            await say(app, alice, "bob", str(number))
        connection = v1_of(bob)
        connection.given.begin(1)
        connection.give(b'{"type": "message", "position": 4}', 4)
        assert await repair.fill(app, connection) == 4
        assert told(connection) == [4, 2, 3, 5, 6]
        assert connection.given.upto == 6
        assert await repair.fill(app, connection) == 0
        assert (len(frames(connection)), app.filling) == (5, set())


async def test_live_events_that_arrive_meanwhile_are_given_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        connection = await live(app, bob, v1_of(bob))
        lost, app.bus = app.bus, DeafBus(app)
        for number in range(3):
            await say(app, alice, "bob", str(number))
        app.bus = lost
        [(_, second)] = await events.after(app, bob.user_id, position=1, limit=1)
        with held_reading(monkeypatch) as (reached, go_on):
            filling = asyncio.create_task(repair.fill(app, connection))
            await reached.wait()
            await say(app, alice, "bob", "3")
            for _ in range(2):  # late, and once more
                app.bus.publish([(bob.user_id, 2)], second)
            assert await repair.fill(app, connection) == 0  # one at a time
            go_on.set()
            assert await filling == 2
        assert told(connection) == [4, 2, 1, 3]
        assert connection.given.upto == 4


async def test_what_comes_while_it_is_held_is_kept_and_given_after_the_log(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "PAGE", 2)
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(4):
            await say(app, alice, "bob", str(number))
        connection = v1_of(bob)
        await attach.attach(app, bob, connection)
        await say(app, alice, "bob", "4")  # held, and in the log as well
        standing = await attach.resume(app, bob, position=1, epoch=None)
        with held_reading(monkeypatch) as (reached, go_on):
            recovering = asyncio.create_task(attach.recover(app, connection, standing, 1))
            await reached.wait()
            await say(app, alice, "bob", "5")
            assert told(connection) == []
            go_on.set()
            await recovering
        await say(app, alice, "bob", "6")
        assert told(connection) == [2, 3, 4, 5, 6, 7]


async def test_a_bus_that_loses_everything_is_repaired_from_the_log(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        DeafBus(app)
        phone, browser, plain = [await live(app, bob, made) for made in (v1_of(bob), v1_of(bob), connection_of(bob))]
        sender = await live(app, alice, v1_of(alice))
        waiting = v1_of(bob)  # has not said hello yet: nothing is filled for it
        await attach.attach(app, bob, waiting)
        sent = [await say(app, alice, "bob", str(number)) for number in range(3)]
        await receipts.read(app, bob, peer="alice", up_to=sent[-1])
        assert [frames(connection) for connection in (phone, browser, plain, sender)] == [[]] * 4
        await repair.repair(app)
        for connection in (phone, browser, sender):
            assert told(connection) == [1, 2, 3, 4]
            assert [frame["type"] for frame in frames(connection)] == ["message"] * 3 + ["receipt"]
        assert isinstance(plain.transport, Listening)
        assert plain.transport.contents == ["0", "1", "2"]
        assert (plain.given.upto, plain.head, app.repaired) == (4, 4, 15)
        assert frames(waiting) == []
        await repair.repair(app)
        assert (told(phone), app.repaired) == ([1, 2, 3, 4], 15)


async def test_a_beat_repairs_and_then_tells_how_far_the_log_goes(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        DeafBus(app)
        connection = await live(app, alice, v1_of(alice))
        await say(app, alice, "alice", "note")
        await repair.beat(app)
        assert [(frame["type"], frame["position"]) for frame in frames(connection)] == [
            ("message", 1),
            ("heartbeat", 1),
        ]


async def test_who_asks_for_the_head_is_told_the_databases_and_given_what_is_missing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        connection = await live(app, alice, v1_of(alice))
        assert await repair.head_of(app, connection) == 0
        DeafBus(app)
        await say(app, alice, "alice", "unheard")
        assert await repair.head_of(app, connection) == 1
        await settled(app)
        assert (told(connection), app.repaired) == ([1], 1)


@pytest.mark.parametrize("error", [Unavailable("gone"), None])
async def test_when_the_database_does_not_say_the_head_is_what_is_known_here(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    monkeypatch.setattr(repair, "LOOK_SECONDS", 0.01)

    async def away(user_id: int) -> int:
        if error is not None:
            raise error
        await asyncio.Event().wait()
        return 0

    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        connection = await live(app, alice, v1_of(alice))
        await say(app, alice, "alice", "note")
        monkeypatch.setattr(app.heads, "of", away)
        assert await repair.head_of(app, connection) == 1


async def test_while_the_bus_is_down_the_log_brings_what_happens(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        bus = DeafBus(app)
        connection = await live(app, alice, v1_of(alice))
        await say(app, alice, "alice", "note")
        await repair.while_down(app)
        assert told(connection) == []
        bus.up = False
        await repair.while_down(app)
        assert told(connection) == [1]


async def test_a_reader_that_does_not_keep_up_is_waited_for(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "PAGE", 2)
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        for number in range(9):
            await say(app, alice, "alice", str(number))
        connection = v1_of(alice)
        connection.max_queued_bytes = 600
        assert isinstance(connection.transport, Listening)
        connection.transport.reads = False  # until it is waited for
        connection.given.begin(0)
        await repair.fill(app, connection)
        assert (connection.closed, told(connection)) == (None, list(range(1, 10)))


async def test_a_gap_larger_than_what_may_wait_is_filled_bit_by_bit(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        for number in range(20):
            await say(app, alice, "alice", str(number))
        connection = v1_of(alice)
        connection.max_queued_bytes = 1000  # some six messages, and a page has many
        assert isinstance(connection.transport, Listening)
        connection.transport.reads = False  # until it is waited for
        connection.given.begin(0)
        assert await repair.fill(app, connection) == 20
        assert (connection.closed, told(connection)) == (None, list(range(1, 21)))


async def test_a_client_whose_gap_was_forgotten_is_closed_and_begins_anew(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "PAGE", 2)
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        for number in range(5):
            await say(app, alice, "alice", str(number))
        await change(app, "DELETE FROM timelines WHERE position <= 2")
        await change(app, "UPDATE heads SET floor = 2")
        connection = v1_of(alice)
        connection.given.begin(0)
        assert await repair.fill(app, connection) == 0
        assert (connection.closed, told(connection)) == (TOO_SLOW, [])
        assert (await attach.resume(app, alice, position=0, epoch=None)).outcome == "reset"


async def forget_all(app: App) -> None:
    """As after a very long time: the log is gone, the head stays."""
    await change(app, "DELETE FROM timelines")
    await change(app, "UPDATE heads SET floor = position")


async def test_a_client_of_whose_gap_nothing_is_left_is_closed_at_once(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        for number in range(3):
            await say(app, alice, "alice", str(number))
        resuming = v1_of(alice)
        await attach.attach(app, alice, resuming)
        standing = await attach.resume(app, alice, position=1, epoch=None)
        assert standing.outcome == "recovered"
        await forget_all(app)  # between the welcome and the reading
        await attach.recover(app, resuming, standing, 1)
        assert (resuming.closed, told(resuming)) == (TOO_SLOW, [])
        assert (await attach.resume(app, alice, position=1, epoch=None)).outcome == "reset"


async def test_a_sweep_closes_whoever_missed_what_is_forgotten(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        DeafBus(app)
        missed, has_all = await live(app, alice, v1_of(alice)), await live(app, alice, v1_of(alice))
        await say(app, alice, "alice", "unheard")
        has_all.given.add(1)
        await forget_all(app)
        await repair.repair(app)
        assert (missed.closed, has_all.closed) == (TOO_SLOW, None)


async def test_who_was_told_meanwhile_by_the_bus_is_not_closed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        connection = await live(app, alice, v1_of(alice))
        bus = DeafBus(app)
        await say(app, alice, "alice", "late")
        [(position, event)] = await events.after(app, alice.user_id, position=0, limit=1)
        await forget_all(app)
        connection.head = 1
        with held_reading(monkeypatch) as (reached, go_on):
            filling = asyncio.create_task(repair.fill(app, connection))
            await reached.wait()
            LocalBus.publish(bus, [(alice.user_id, position)], event)
            go_on.set()
            await filling
        assert (connection.closed, told(connection)) == (None, [1])


async def test_a_position_of_an_unknown_kind_is_given_like_any_other(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        DeafBus(app)
        v1, plain = await live(app, alice, v1_of(alice)), await live(app, alice, connection_of(alice))
        for number in range(3):
            await say(app, alice, "alice", str(number))
        await change(app, "UPDATE timelines SET kind = 99 WHERE position = 2")
        await repair.repair(app)
        assert [(frame["type"], frame["position"]) for frame in frames(v1)] == [
            ("message", 1),
            ("unknown", 2),
            ("message", 3),
        ]
        assert isinstance(plain.transport, Listening)
        assert (plain.transport.contents, plain.given.upto) == (["0", "2"], 3)


async def test_a_closed_connection_or_one_that_has_not_begun_is_given_nothing(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        await say(app, alice, "alice", "note")
        fresh, closed = v1_of(alice), v1_of(alice)
        closed.given.begin(0)
        closed.close(TOO_SLOW)
        for connection in (fresh, closed):
            assert await repair.fill(app, connection) == 0
            assert frames(connection) == []


class Stuck(Listening):
    """A peer that takes nothing, until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = asyncio.Event()

    async def drained(self) -> None:
        await self.takes.wait()


async def test_a_reader_that_does_not_keep_up_holds_up_nobody_else(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "PAGE", 1)
    monkeypatch.setattr(repair, "FILL_SECONDS", 0.01)
    async with running_app(sqlite_url) as app:
        alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        DeafBus(app)
        peer = Stuck()
        slow, quick = await live(app, bob, v1_of(bob, peer)), await live(app, carol, v1_of(carol))
        for number in range(2):
            await say(app, alice, "bob", str(number))
            await say(app, alice, "carol", str(number))
        for _ in range(2):
            await repair.repair(app)
        assert isinstance(quick.transport, Listening)
        await quick.transport.until(2)
        await peer.until(1)
        assert (told(slow), told(quick)) == ([1], [1, 2])
        peer.takes.set()
        await settled(app)
        assert (told(slow), app.repaired) == ([1, 2], 4)


async def test_what_is_just_being_told_is_not_brought_from_the_log(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep between a commit and its publishing: the sender hears of the message once, by the answer."""
    looked, told_now = asyncio.Event(), asyncio.Event()

    async def settle() -> None:
        looked.set()
        await told_now.wait()

    monkeypatch.setattr(repair, "settle", settle)
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        await join(app, "bob")
        sender = await live(app, alice, v1_of(alice))
        DeafBus(app)  # told below
        await say(app, alice, "bob", "hi")
        sweeping = app.begin(repair.repair(app))
        await looked.wait()
        sender.answer(b'{"type": "sent", "position": 1}', 1)
        told_now.set()
        await sweeping
        assert [frame["type"] for frame in frames(sender)] == ["sent"]
