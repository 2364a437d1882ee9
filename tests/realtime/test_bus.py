"""What both buses promise to whoever publishes and whoever listens."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from realtime.bus import Bus, LocalBus
from realtime.events import SessionEnded
from realtime.hub import Hub
from tests.realtime.buses import instances
from tests.realtime.fakes import BrokenTransport, connection, listener, said

Make = Callable[[], AbstractAsyncContextManager[tuple[Bus, Hub]]]


@pytest.fixture(params=["local", "redis"])
def started(request: pytest.FixtureRequest) -> Make:
    @contextlib.asynccontextmanager
    async def local() -> AsyncIterator[tuple[Bus, Hub]]:
        hub = Hub()
        bus = LocalBus(hub)
        await bus.start()
        yield bus, hub
        await bus.stop()

    if request.param == "local":
        return local
    url: str = request.getfixturevalue("redis_url")

    @contextlib.asynccontextmanager
    async def over_redis() -> AsyncIterator[tuple[Bus, Hub]]:
        async with instances(url, 1) as (one,):
            yield one.bus, one.hub

    return over_redis


async def test_every_connection_of_every_receiver_hears_at_once(started: Make) -> None:
    async with started() as (bus, hub):
        sockets = [listener(hub, 1), listener(hub, 1), listener(hub, 2)]
        stranger = listener(hub, 3)
        for user_id in (1, 1, 2, 3):
            assert await bus.join(user_id)
        bus.publish([(1, 5), (2, 9)], said("hi"))
        assert [socket.contents for socket in sockets] == [["hi"]] * 3
        assert stranger.frames == []


async def test_a_position_belongs_to_its_receiver(started: Make) -> None:
    async with started() as (bus, hub):
        one, two = listener(hub, 1), listener(hub, 2)
        bus.publish([(1, 5), (2, 9)], said("first", 1))
        bus.publish([(1, 6), (2, 9)], said("second", 2))
        assert one.contents == ["first", "second"]
        assert two.contents == ["first"]


async def test_the_end_of_a_session_closes_its_connections(started: Make) -> None:
    async with started() as (bus, hub):
        ended, kept = listener(hub, 1, session_id=10), listener(hub, 1, session_id=11)
        bus.publish([(1, None)], SessionEnded(10, None, "signed out"))
        assert ended.closed is not None
        assert kept.closed is None


async def test_a_publish_never_raises(started: Make) -> None:
    async with started() as (bus, hub):
        hub.join(connection(transport=BrokenTransport())[0])
        after = listener(hub, 1)
        bus.publish([], said("to nobody"))
        bus.publish([(404, 1)], said("to somebody who is not here"))
        bus.publish([(1, 1)], said("hi"))
        bus.publish([(1, 2)], said("\ud800"))
        bus.publish([(1, 3)], said("still here"))
        assert after.contents[0] == "hi"


async def test_leaving_what_was_not_joined_does_no_harm(started: Make) -> None:
    async with started() as (bus, hub):
        await bus.leave(1)
        assert await bus.join(1)
        await bus.leave(1)
        await bus.leave(1)
        assert await bus.join(1)
        heard = listener(hub, 1)
        bus.publish([(1, 1)], said("hi"))
        assert heard.contents == ["hi"]


async def test_it_is_up(started: Make) -> None:
    async with started() as (bus, _):
        assert bus.up
