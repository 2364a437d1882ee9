"""A socket comes and goes, on both engines: nothing lost in between, nobody in who has gone."""

import asyncio

import pytest

import models.timelines
from actions import messages, sessions
from actions.app import App, Caller
from actions.attach import attach, detach, go_live, recover, resume
from actions.errors import TooMany, Unauthenticated
from actions.messages import Outgoing
from realtime.connection import Connection
from tests.actions.stage import NotingBus, caller_of, connection_of, frames, register, settled, sign_in, v1_of
from tests.realtime.fakes import Listening
from tests.rooms import join, make_keys, running_app


async def send(app: App, caller: Caller, to: str, content: str) -> None:
    await messages.send(app, caller, Outgoing(to, content))


def contents(connection: Connection) -> list[str]:
    assert isinstance(connection.transport, Listening)
    return connection.transport.contents


async def test_what_arrives_while_held_is_given_once_and_in_order(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        connection = connection_of(bob)
        bus.open.clear()
        joining = asyncio.create_task(attach(app, bob, connection))
        await bus.someone.wait()
        for number in range(3):
            await send(app, alice, "bob", str(number))
        assert contents(connection) == []
        bus.open.set()
        await joining
        await send(app, alice, "bob", "3")
        assert contents(connection) == []
        connection.release()
        assert contents(connection) == ["0", "1", "2", "3"]
        await send(app, alice, "bob", "4")
        await send(app, bob, "alice", "5")
        assert contents(connection) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_session_that_ends_during_the_handshake_is_refused(database_url: str, where: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app, running_app(database_url, keys) as other:
        bus = NotingBus(app)
        bob = await join(app, "bob")
        connection = connection_of(bob)
        bus.open.clear()
        joining = asyncio.create_task(attach(app, bob, connection))
        await bus.someone.wait()
        await sessions.end(app if where == "here" else other, bob)
        bus.open.set()
        with pytest.raises(Unauthenticated):
            await joining
        assert (connection.closed is not None) == (where == "here")
        detach(app, connection)
        assert app.hub.connections_of(bob.user_id) == ()


async def test_a_session_that_had_ended_is_refused(database_url: str) -> None:
    async with running_app(database_url) as app:
        bob = await join(app, "bob")
        await sessions.end(app, bob)
        with pytest.raises(Unauthenticated):
            await attach(app, bob, connection_of(bob))


async def test_the_end_of_a_session_closes_its_sockets_and_no_others(database_url: str) -> None:
    async with running_app(database_url) as app:
        bob, alice = await join(app, "bob"), await join(app, "alice")
        sockets = [connection_of(caller) for caller in (bob, bob, alice)]
        for caller, connection in zip((bob, bob, alice), sockets, strict=True):
            await attach(app, caller, connection)
            connection.release()
        await sessions.end(app, bob)
        assert [connection.closed is not None for connection in sockets] == [True, True, False]
        await send(app, alice, "bob", "too late")
        assert contents(sockets[0]) == []
        assert contents(sockets[2]) == ["too late"]


async def test_a_person_has_so_many_sockets_and_no_more(database_url: str) -> None:
    async with running_app(database_url, sockets_per_user=2) as app:
        bus = NotingBus(app)
        bob, alice = await join(app, "bob"), await join(app, "alice")
        held = [connection_of(bob) for _ in range(2)]
        for connection in held:
            await attach(app, bob, connection)
        refused = connection_of(bob)
        with pytest.raises(TooMany) as error:
            await attach(app, bob, refused)
        assert error.value.retry_after > 0
        detach(app, refused)  # as the door does, whatever happened
        assert len(app.hub.connections_of(bob.user_id)) == 2
        await attach(app, alice, connection_of(alice))
        detach(app, held[0])
        await attach(app, bob, refused)
        await settled(app)
        assert bus.joins == [bob.user_id, bob.user_id, alice.user_id, bob.user_id]
        assert bus.leaves == [bob.user_id]


async def test_many_who_come_at_once_keep_to_the_bound(sqlite_url: str) -> None:
    async with running_app(sqlite_url, sockets_per_user=3) as app:
        bob = await join(app, "bob")
        coming = (attach(app, bob, connection_of(bob)) for _ in range(20))
        outcomes = await asyncio.gather(*coming, return_exceptions=True)
        assert sum(isinstance(outcome, TooMany) for outcome in outcomes) == 17
        assert len(app.hub.connections_of(bob.user_id)) == 3


async def test_detaching_twice_or_without_attaching_is_harmless(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        bob = await join(app, "bob")
        first, second, never = (connection_of(bob) for _ in range(3))
        await attach(app, bob, first)
        await attach(app, bob, second)
        for connection in (first, first, never, first):
            detach(app, connection)
        await settled(app)
        assert bus.leaves == [bob.user_id]
        assert app.hub.connections_of(bob.user_id) == (second,)
        assert app.attached == {second}
        detach(app, second)
        await settled(app)
        assert app.attached == set()
        assert app.background == set()
        assert app.hub.users == 0


async def test_a_handshake_that_is_given_up_leaves_nothing_behind(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        connection = connection_of(bob)
        bus.open.clear()
        joining = asyncio.create_task(attach(app, bob, connection))
        await bus.someone.wait()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        detach(app, connection)
        await settled(app)
        assert (bus.joins, bus.leaves) == ([bob.user_id], [bob.user_id])
        assert app.hub.users == 0
        await send(app, alice, "bob", "nobody is there")
        assert contents(connection) == []


async def test_going_live_tells_what_came_since_the_attaching_and_nothing_before(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "before")
        connection = connection_of(bob)
        bus.open.clear()
        joining = asyncio.create_task(attach(app, bob, connection))
        await bus.someone.wait()
        app.hub.leave(connection)  # as if another instance published before we heard
        await send(app, alice, "bob", "unheard")
        app.hub.join(connection)
        bus.open.set()
        await joining
        go_live(app, connection)
        await settled(app)
        await send(app, alice, "bob", "after")
        assert contents(connection) == ["unheard", "after"]


@pytest.mark.parametrize(
    ("position", "outcome", "told"), [(None, "live", [3]), (0, "recovered", [1, 2, 3]), (9, "reset", [3])]
)
async def test_a_device_resumes_where_it_left_off(
    database_url: str, position: int | None, outcome: str, told: list[int]
) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await send(app, alice, "bob", "1")
        connection = v1_of(bob)
        await attach(app, bob, connection)
        await send(app, alice, "bob", "2")
        standing = await resume(app, bob, position=position, epoch=None)
        assert (standing.outcome, standing.position) == (outcome, 2)
        await recover(app, connection, standing, position)
        await send(app, alice, "bob", "3")
        assert [frame["position"] for frame in frames(connection)] == told


async def test_so_many_come_at_a_time_and_the_others_wait_before_the_database(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        app.coming = asyncio.Semaphore(2)
        people = [await join(app, name) for name in ("alice", "bob", "carol")]
        bus.open.clear()
        coming = [asyncio.create_task(attach(app, caller, connection_of(caller))) for caller in people]
        while len(bus.joins) < 2:
            await bus.someone.wait()
            await asyncio.sleep(0)
        for _ in range(4):  # whoever had been let in would have been answered by now
            await models.timelines.state(app.db, 1)
        ids = [caller.user_id for caller in people]
        assert sorted(bus.joins) == sorted(ids[:2])  # these two come beside one another
        bus.open.set()
        await asyncio.gather(*coming)
        assert (sorted(bus.joins[:2]), bus.joins[2:]) == (sorted(ids[:2]), ids[2:])


async def test_whoever_is_not_remembered_waits_with_those_who_come(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        tokens = await sign_in(app, "alice")
        app.sessions.drop((await caller_of(app, tokens)).session_id)
        app.coming = asyncio.Semaphore(1)
        async with app.coming:
            knocking = asyncio.create_task(caller_of(app, tokens))
            for _ in range(4):  # whoever had been let in would have been answered by now
                await models.timelines.state(app.db, 1)
            assert not knocking.done()
        assert (await knocking).username == "alice"
