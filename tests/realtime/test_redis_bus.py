"""The Redis bus: order, secrecy, and everything that may go wrong with Redis."""

import asyncio
import logging
import random
import signal

import msgspec
import pytest
import redis

from realtime.envelopes import MAX_BYTES
from realtime.events import Envelope, Letter, Receiver, SessionEnded, encode, letter, weight
from realtime.redis_bus import RedisBus, pause
from tests.realtime.buses import Instance, client, fresh_prefix, instances, subscribers
from tests.realtime.fakes import Bell, listener, said
from tests.servers import RedisServer


async def test_every_connection_on_every_instance_hears_once(redis_url: str) -> None:
    async with instances(redis_url, 3) as (one, two, three):
        here, there, twice = listener(one.hub, 1), listener(two.hub, 1), listener(two.hub, 1)
        other = listener(three.hub, 2)
        for instance, user_id in ((one, 1), (two, 1), (two, 1), (three, 2)):
            assert await instance.bus.join(user_id)
        one.bus.publish([(1, 1), (2, 1)], said("a"))
        assert here.contents == ["a"]  # at once
        await there.until(1)
        await other.until(1)
        two.bus.publish([(1, 2), (2, 2)], said("b"))
        for socket in (here, there, twice, other):
            assert await socket.until(2) == ["a", "b"]


async def test_what_one_instance_publishes_arrives_in_order(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        contents = [str(number) for number in range(1000)]
        for number, content in enumerate(contents, 1):
            one.bus.publish([(1, number)], said(content))
            if not number % 7:
                await asyncio.sleep(0)
        assert await heard.until(1000) == contents


async def test_the_end_of_a_session_closes_its_connections_everywhere(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        ended = listener(two.hub, 1, session_id=10)
        kept = listener(two.hub, 1, session_id=11)
        await two.bus.join(1)
        one.bus.publish([(1, None)], SessionEnded(10, None, "signed out"))
        one.bus.publish([(1, 1)], said("after"))
        await kept.until(1)
        assert ended.closed is not None
        assert kept.closed is None


async def test_nothing_readable_passes_through_redis(redis_url: str) -> None:
    prefix = fresh_prefix()
    async with instances(redis_url, prefix=prefix) as (one, two), client(redis_url) as spy:
        tap = spy.pubsub()
        await tap.psubscribe(f"{prefix}:*")
        heard = listener(two.hub, 7)
        await two.bus.join(7)
        one.bus.publish([(7, 1)], said("sesame"))
        await heard.until(1)
        seen = []
        while not any(message["channel"] == f"{prefix}:all".encode() for message in seen):
            if message := await tap.get_message(ignore_subscribe_messages=True, timeout=None):
                seen.append(message)
        assert all(b"sesame" not in message["data"] and b"alice" not in message["data"] for message in seen)
        await tap.aclose()


async def test_what_nobody_else_listens_to_is_neither_sealed_nor_sent(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        heard = listener(one.hub, 1)
        end = listener(two.hub, 2)
        await one.bus.join(1)
        await two.bus.join(2)
        for number in range(1, 51):
            one.bus.publish([(1, number), (404, number)], said(str(number)))
        one.bus.publish([(2, 1)], said("end"))
        await end.until(1)
        assert len(heard.frames) == 50
        await one.bus.join(3)  # behind what was sent
        assert (one.sealed, one.bus.published, two.bus.received) == (1, 1, 1)


async def test_an_own_echo_is_dropped_before_it_is_opened(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        here, there = listener(one.hub, 1), listener(two.hub, 1)
        await one.bus.join(1)
        await two.bus.join(1)
        one.bus.publish([(1, None)], said("a"))
        await there.until(1)
        two.bus.publish([(1, None)], said("b"))
        assert await here.until(2) == ["a", "b"]  # by the order of Redis, behind the echo of the first
        assert (one.bus.echoed, one.opened) == (1, 1)


async def test_after_a_join_nothing_is_missed(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        for user_id in range(1, 201):
            heard = listener(two.hub, user_id)
            assert await two.bus.join(user_id)
            one.bus.publish([(user_id, 1)], said("a"))
            await heard.until(1)
            if chance := user_id % 3:
                await two.bus.leave(user_id)
            if chance == 1:
                assert await two.bus.join(user_id)
                one.bus.publish([(user_id, 2)], said("b"))
                await heard.until(2)


@pytest.mark.parametrize("seed", range(3))
async def test_however_joins_and_leaves_interleave_the_right_channels_are_heard(redis_url: str, seed: int) -> None:
    chance = random.Random(seed)
    prefix = fresh_prefix()
    counts = dict.fromkeys(range(1, 9), 0)
    async with instances(redis_url, 1, prefix=prefix) as (one,), client(redis_url) as other:

        async def connect(user_id: int) -> None:
            assert await one.bus.join(user_id)
            assert await subscribers(other, f"{prefix}:u:{user_id}") == [1]
            if chance.random() < 0.8:
                await one.bus.leave(user_id)
            else:
                counts[user_id] += 1

        tasks = []
        for _ in range(200):
            tasks.append(asyncio.create_task(connect(chance.choice(list(counts)))))
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        await one.bus.join(99)  # behind all the others
        channels = [f"{prefix}:u:{user_id}" for user_id in counts]
        assert await subscribers(other, *channels) == [min(count, 1) for count in counts.values()]


async def test_redis_dead_at_the_start_is_no_failure_and_found_when_it_comes(own_redis: RedisServer) -> None:
    own_redis.stop()
    prefix = fresh_prefix()
    async with instances(own_redis.url, prefix=prefix) as (one, two):
        assert not one.bus.up
        assert not await two.bus.join(1)
        here, there = listener(one.hub, 1), listener(two.hub, 1)
        one.bus.publish([(1, 1)], said("a"))
        assert here.contents == ["a"]
        assert there.contents == []
        own_redis.start()
        await two.ups.until(1)
        await one.ups.until(1)
        one.bus.publish([(1, 2)], said("b"))
        await there.until(1)
        assert one.downs.rings == 0


async def test_redis_killed_and_back_all_channels_are_joined_before_it_is_said_to_be_up(
    own_redis: RedisServer,
) -> None:
    prefix = fresh_prefix()
    async with instances(own_redis.url, prefix=prefix) as (one, two):
        heard = [listener(two.hub, user_id) for user_id in range(1, 4)]
        for user_id in range(1, 4):
            await two.bus.join(user_id)
        await two.bus.join(4)
        await two.bus.leave(4)
        own_redis.kill()
        await one.downs.until(1)
        await two.downs.until(1)
        assert not two.bus.up
        assert not await two.bus.join(5)
        heard.append(listener(two.hub, 5))
        joined: list[int] = []

        def look() -> None:
            with redis.Redis.from_url(own_redis.url) as other:
                channels = [f"{prefix}:u:{user_id}" for user_id in range(1, 6)]
                joined.extend(count for _, count in other.pubsub_numsub(*channels))

        two.bus.on_up = again = Bell(look)
        own_redis.start()
        await again.until(1)
        assert joined == [1, 1, 1, 0, 1]
        await one.ups.until(2)
        one.bus.publish([(1, 1), (2, 1), (3, 1), (5, 1)], said("back"))
        for socket in heard:
            assert (await socket.until(1))[-1] == "back"


async def test_what_was_published_meanwhile_follows_in_order_less_what_was_too_much(
    own_redis: RedisServer,
) -> None:
    contents = [f"{number:02}" for number in range(25)]
    room = 10 * weight(said(contents[0]))
    async with instances(own_redis.url, max_queued_bytes=room) as (one, two):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        one.bus._pause = lambda _: 1000  # it comes back second, so that somebody hears it
        own_redis.kill()
        await one.downs.until(1)
        await two.downs.until(1)
        for content in contents:
            one.bus.publish([(1, None)], said(content))
        assert (one.bus.overflowed, one.bus.queued_bytes) == (15, room)
        own_redis.start()
        await two.ups.until(2)
        await one.bus.stop()
        await one.bus.start()
        assert await heard.until(10) == contents[15:]
        assert one.bus.queued_bytes == 0


async def test_what_was_on_its_way_when_redis_fell_silent_is_sent_again(own_redis: RedisServer) -> None:
    async with instances(own_redis.url) as (one, two):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        one.bus._pause = lambda _: 1000
        assert own_redis.process is not None
        own_redis.process.send_signal(signal.SIGSTOP)
        one.bus.publish([(1, 1)], said("a"))
        await one.downs.until(1)
        await two.downs.until(1)
        own_redis.process.send_signal(signal.SIGCONT)
        await two.ups.until(2)
        await one.bus.stop()
        await one.bus.start()
        assert await heard.until(1) == ["a"]


async def test_a_redis_that_says_nothing_is_down_and_nobody_waits_for_it(own_redis: RedisServer) -> None:
    async with instances(own_redis.url) as (one, two):
        here = listener(one.hub, 1)
        assert own_redis.process is not None
        own_redis.process.send_signal(signal.SIGSTOP)
        join = asyncio.create_task(one.bus.join(1))
        for number in range(1, 101):
            one.bus.publish([(1, number)], said(str(number)))
        assert len(here.frames) == 100
        assert not await join
        await two.downs.until(1)
        assert (one.bus.up, one.downs.rings) == (False, 1)
        own_redis.process.send_signal(signal.SIGCONT)
        await one.ups.until(2)
        await two.ups.until(2)
        assert await one.bus.join(1)


async def test_a_connection_cut_by_somebody_is_made_again(redis_url: str) -> None:
    async with instances(redis_url) as (one, two), client(redis_url) as other:
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        for cut in range(1, 4):
            await other.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await two.downs.until(cut)
            await two.ups.until(cut + 1)
            one.bus.publish([(1, cut)], said(str(cut)))
            await heard.until(cut)


async def test_thousands_of_channels_come_back(redis_url: str) -> None:
    prefix = fresh_prefix()
    async with instances(redis_url, 1, prefix=prefix) as (one,), client(redis_url) as other:
        joined = await asyncio.gather(*(one.bus.join(user_id) for user_id in range(1, 5001)))
        assert all(joined)
        await other.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await one.ups.until(2)
        channels = [f"{prefix}:u:{user_id}" for user_id in range(1, 5001)]
        assert await subscribers(other, *channels) == [1] * 5000


async def test_whatever_else_is_published_is_dropped_and_counted(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = fresh_prefix()
    stranger = Instance(redis_url, prefix, key=b"0" * 43 + b"=")
    async with instances(redis_url, prefix=prefix) as (one, two), client(redis_url) as enemy:
        heard, other = listener(two.hub, 1), listener(two.hub, 2)
        await two.bus.join(1)
        await two.bus.join(2)

        def envelope(origin: bytes, receivers: list[Receiver], content: str = "forged") -> bytes:
            return encode(Envelope(origin.hex(), [letter(receivers, said(content))]))

        unheard_of = Letter([(1, 1)], msgspec.Raw(msgspec.msgpack.encode({"type": "unheard_of"})))
        relabelled = b"x" * 16 + one.seal(envelope(one.origin, [(1, 1)]))
        own_replayed = one.origin + two.seal(envelope(two.origin, [(1, 1)]))
        wrong_key = stranger.origin + stranger.seal(envelope(stranger.origin, [(1, 1)]))
        hostile = [
            b"",
            b"x",
            b"\xff" * 16,
            b"\x00" * 100,
            one.origin + b"garbage",
            one.origin + one.seal(b""),
            one.origin + one.seal(b"\xc1"),
            one.origin + one.seal(b"\x91" * 100_000),
            one.origin + one.seal(encode(Envelope(one.origin.hex(), [unheard_of]))),
            one.origin + one.seal(envelope(one.origin, [(1, 1)], "x" * MAX_BYTES)),
            relabelled,
            own_replayed,
            wrong_key,
        ]
        with caplog.at_level(logging.WARNING):
            for payload in hostile:
                assert await enemy.publish(f"{prefix}:all", payload) == 2
            assert await enemy.publish(f"{prefix}:u:1", one.origin + one.seal(envelope(one.origin, [(1, 1)]))) == 1
            one.bus.publish([(1, 1), (2, 1)], said("true"))
            assert await heard.until(1) == ["true"]
            assert await other.until(1) == ["true"]
        assert two.bus.refused == len(hostile)
        assert two.bus.up
        assert two.downs.rings == 0
        assert one.bus.refused == 6  # what says that it is its own is not opened
        assert len(caplog.records) == 4 + 3  # at 1, 2, 4 and 8


async def test_what_waits_together_goes_in_one_envelope(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        heard, alone = listener(two.hub, 1), listener(one.hub, 2)
        await two.bus.join(1)
        await one.bus.join(2)
        for number in range(1, 101):
            one.bus.publish([(1, number), (2, number)], said(str(number)))
        assert await heard.until(100) == alone.contents
        await one.bus.join(3)  # behind what was sent
        assert (one.sealed, one.bus.published, two.opened, two.bus.received) == (1, 100, 1, 100)


async def test_an_event_for_nobody_here_is_not_looked_into(redis_url: str) -> None:
    async with instances(redis_url, 3) as (one, two, three):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        end = listener(three.hub, 2)
        await three.bus.join(2)
        one.bus.publish([(1, 1)], said("a"))
        one.bus.publish([(2, 1)], said("b"))
        assert await heard.until(1) == ["a"]
        assert await end.until(1) == ["b"]
        assert (two.bus.received, three.bus.received) == (1, 1)


async def test_an_event_that_cannot_be_sealed_does_not_stop_the_next(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        one.bus.publish([(1, 1)], said("\ud800"))
        one.bus.publish([(1, 2)], said("next"))
        assert await heard.until(1) == ["next"]
        assert one.bus.lost == 1
        assert one.bus.up


async def test_a_callback_that_fails_does_not_stop_the_bus(redis_url: str) -> None:
    def fail() -> None:
        raise RuntimeError

    async with instances(redis_url, 0), client(redis_url) as other:
        one = Instance(redis_url, fresh_prefix())
        one.bus.on_up = first = Bell(fail)
        await one.bus.start()
        await first.until(1)
        await other.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await first.until(2)
        assert one.bus.up
        await one.bus.stop()


@pytest.mark.parametrize("missing", ["eval", "publish", "pubsub", "subscribe", "ping"])
async def test_a_redis_that_forbids_what_is_needed_is_never_up_and_says_why(
    own_redis: RedisServer, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(own_redis.url) as admin:
        await admin.execute_command(
            "ACL", "SETUSER", "bus", "on", ">secret", "allchannels", "allkeys", "+@all", f"-{missing}"
        )
    url = own_redis.url.replace(f":{own_redis.password}@", "bus:secret@")
    tries: list[int] = []
    tried = Bell()

    def slowly(failures: int) -> float:
        tries.append(failures)
        tried()
        return 0.0

    with caplog.at_level(logging.WARNING):
        async with instances(url, 1, pause=slowly) as (one,):
            await one.bus.join(1)
            await tried.until(5)
            assert one.ups.rings == 0
            assert not one.bus.up
    assert tries[:5] == [1, 2, 3, 4, 5]
    assert "bus down: " in caplog.text
    assert "has no permissions" in caplog.text
    assert "secret" not in caplog.text


async def test_links_that_die_young_make_the_pauses_longer(redis_url: str) -> None:
    tries: list[int] = []

    def note(failures: int) -> float:
        tries.append(failures)
        return 0.0

    async with instances(redis_url, 1, pause=note) as (one,), client(redis_url) as other:
        await one.bus.join(1)
        for cut in range(1, 4):
            await other.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await one.downs.until(cut)
            await one.ups.until(cut + 1)
    assert tries == [1, 2, 3]


def test_the_pauses_grow_to_a_second_at_most_and_are_never_alike() -> None:
    assert all(0.5 <= pause(failures) <= 1.0 for failures in range(6, 2000))
    assert all(0 < pause(failures) <= 0.11 for failures in (0, 1))
    assert len({pause(9) for _ in range(100)}) > 50


async def test_to_stop_sends_what_waits(redis_url: str) -> None:
    async with instances(redis_url) as (one, two):
        heard = listener(two.hub, 1)
        await two.bus.join(1)
        for number in range(300):
            one.bus.publish([(1, None)], said(str(number)))
        await one.bus.stop()
        assert not one.bus.up
        assert len(await heard.until(300)) == 300
        here = listener(one.hub, 9)
        one.bus.publish([(9, 1)], said("late"))  # nobody is disturbed by it
        assert here.contents == ["late"]
        assert not await one.bus.join(1)


async def test_to_stop_does_not_wait_for_a_dead_redis(own_redis: RedisServer) -> None:
    async with instances(own_redis.url, 1, pause=lambda _: 1000) as (one,):
        own_redis.kill()
        await one.downs.until(1)
        one.bus.publish([(1, 1)], said("a"))
        await one.bus.stop()


async def test_to_stop_leaves_no_task_and_no_subscription(redis_url: str) -> None:
    prefix = fresh_prefix()
    before = asyncio.all_tasks()
    async with client(redis_url) as other:
        async with instances(redis_url, 1, prefix=prefix) as (one,):
            await one.bus.join(1)
            waiting = asyncio.create_task(one.bus.join(2))
            await asyncio.sleep(0)
        assert await waiting in (True, False)
        assert asyncio.all_tasks() == before
        await other.publish(f"{prefix}:u:1", b"")  # Redis sees at the latest now that nobody is there
        assert await subscribers(other, f"{prefix}:u:1") == [0]


async def test_what_cannot_work_is_refused_when_it_is_made(redis_url: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        RedisBus(redis_url, Instance(redis_url, "x").hub, b"short", bytes, bytes)
    with pytest.raises(ValueError, match="URL"):
        Instance("http://localhost", "x")
