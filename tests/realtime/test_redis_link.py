"""A link answers in order, hears what is published, and knows when it is dead."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from realtime.redis_link import Link, LinkBroken, Push, Refused, check_url
from tests.realtime.buses import client, fresh_prefix
from tests.servers import RedisServer


@contextlib.asynccontextmanager
async def linked(
    url: str, pushes: list[Push], tick_seconds: float = 0.2
) -> AsyncIterator[tuple[Link, asyncio.Task[None]]]:
    """A link that is read; and a task that ends with it."""
    async with Link(url, pushes.append, tick_seconds=tick_seconds, connect_seconds=5) as link:

        async def live() -> None:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(link.read())
                    tasks.create_task(link.watch())
            except* LinkBroken as broken:
                raise broken.exceptions[0] from None

        task = asyncio.create_task(live())
        try:
            yield link, task
        finally:
            task.cancel()
            await asyncio.wait((task,))


async def test_answers_come_in_the_order_of_the_questions(redis_url: str) -> None:
    async with linked(redis_url, []) as (link, _):
        answers = await asyncio.gather(*(link.ask(("ECHO", str(number))) for number in range(200)))
        assert answers == [str(number).encode() for number in range(200)]


async def test_it_asks_and_listens_at_once_and_what_was_subscribed_holds_when_it_returns(redis_url: str) -> None:
    pushes: list[Push] = []
    channel = fresh_prefix()
    async with linked(redis_url, pushes) as (link, _), client(redis_url) as other:
        assert await link.ask(["SUBSCRIBE", channel, channel + "2"], ["PING"]) == b"PONG"
        assert await other.publish(channel, b"hi") == 1
        assert await link.ask(("ECHO", "x")) == b"x"
        assert [b"message", channel.encode(), b"hi"] in pushes
        await link.ask(["UNSUBSCRIBE", channel], ["PING"])
        assert await other.publish(channel, b"hi") == 0


async def test_what_redis_refuses_is_told_to_who_asked_and_to_nobody_else(redis_url: str) -> None:
    async with linked(redis_url, []) as (link, _):
        first, refused, last = await asyncio.gather(
            link.ask(("PING",)),
            link.ask(("NO-SUCH-COMMAND", "x" * 10_000)),
            link.ask(("PING",)),
            return_exceptions=True,
        )
        assert (first, last) == (b"PONG", b"PONG")
        assert isinstance(refused, Refused)
        assert len(str(refused)) <= 120


async def test_who_no_longer_waits_does_not_shift_the_answers(redis_url: str) -> None:
    async with linked(redis_url, []) as (link, _):
        gone = asyncio.create_task(link.ask(("ECHO", "gone")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await link.ask(("ECHO", "here")) == b"here"


async def test_a_redis_that_dies_breaks_the_link_at_once_and_it_does_not_come_back_by_itself(
    own_redis: RedisServer,
) -> None:
    async with linked(own_redis.url, [], tick_seconds=1000) as (link, life):
        own_redis.kill()
        with pytest.raises(LinkBroken):
            await life
        own_redis.start()
        with pytest.raises(LinkBroken):
            await link.ask(("PING",))


async def test_a_redis_that_says_nothing_is_dead(own_redis: RedisServer) -> None:
    async with linked(own_redis.url, []) as (_, life):
        assert own_redis.process is not None
        own_redis.process.send_signal(signal.SIGSTOP)
        with pytest.raises(LinkBroken, match="no sign of life"):
            await life
        own_redis.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_process_that_stood_still_does_not_take_redis_for_dead(run: Callable[..., None], redis_url: str) -> None:
    async def stand_still() -> None:
        async with linked(redis_url, [], tick_seconds=0.02) as (link, life):
            for _ in range(20):
                time.sleep(0.05)  # noqa: ASYNC251 - that is the point
                await asyncio.sleep(0)
                assert not life.done()
            assert await link.ask(("ECHO", "x")) == b"x"

    run(stand_still())


async def test_nobody_there_is_a_broken_link(own_redis: RedisServer) -> None:
    own_redis.stop()
    with pytest.raises(LinkBroken):
        async with Link(own_redis.url, print, tick_seconds=1, connect_seconds=5):
            pass


async def test_a_wrong_password_is_a_broken_link_and_is_not_told(own_redis: RedisServer) -> None:
    url = own_redis.url.replace(own_redis.password, "sesame")
    with pytest.raises(LinkBroken) as broken:
        async with Link(url, print, tick_seconds=1, connect_seconds=5):
            pass
    assert "sesame" not in str(broken.value)


async def test_a_server_that_takes_the_connection_and_is_silent_is_a_broken_link() -> None:
    callers = []
    server = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(LinkBroken):
        async with Link(f"redis://127.0.0.1:{port}", print, tick_seconds=1, connect_seconds=0.1):
            pass
    for caller in callers:
        caller.close()
        await caller.wait_closed()
    server.close()
    await server.wait_closed()


async def test_what_is_published_is_in_no_log(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    pushes: list[Push] = []
    channel = fresh_prefix()
    with caplog.at_level(logging.DEBUG):
        async with linked(redis_url, pushes) as (link, _), client(redis_url) as other:
            await link.ask(["SUBSCRIBE", channel], ["PING"])
            await other.publish(channel, b"sesame")
            await link.ask(("PING",))
    assert [b"message", channel.encode(), b"sesame"] in pushes
    assert "sesame" not in caplog.text


@pytest.mark.parametrize("url", ["", "http://localhost", "redis://localhost?no_such_option=1"])
async def test_a_url_that_cannot_be_used_is_known_before_it_is(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL"):
        check_url(url)
