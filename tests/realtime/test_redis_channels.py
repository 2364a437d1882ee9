"""Joins and leaves of a user never cross, whatever comes in between."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from realtime.redis_channels import MAX_MOVES, Channels
from realtime.redis_link import Command, Link, LinkBroken


class FakeLink(Link):
    """Plays Redis: keeps the subscriptions, and answers when the test lets it."""

    def __init__(self) -> None:
        self.subscribed: set[bytes] = set()
        self.asked: list[Sequence[Command]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def ask(self, *commands: Command) -> object:
        self.asked.append(commands)
        for name, *channels in commands:
            for channel in channels:
                assert isinstance(channel, bytes)
                assert (channel in self.subscribed) is (name == "UNSUBSCRIBE"), "asked for what is so already"
                (self.subscribed.add if name == "SUBSCRIBE" else self.subscribed.discard)(channel)
        await self.gate.wait()
        if self.broken:
            raise LinkBroken
        return b"PONG"


def _channels() -> Channels:
    return Channels("t:u:", asyncio.Event())


async def test_a_join_returns_when_redis_has_confirmed() -> None:
    channels, link = _channels(), FakeLink()
    link.gate.clear()
    join = asyncio.create_task(channels.join(1, up=True))
    await asyncio.sleep(0)
    move = asyncio.create_task(channels.move(link))
    await asyncio.sleep(0)
    assert link.subscribed == {b"t:u:1"}
    assert not join.done()
    second = asyncio.create_task(channels.join(1, up=True))
    await asyncio.sleep(0)
    assert not second.done()  # the second connection must wait as well
    link.gate.set()
    await move
    assert await join
    assert await second
    assert await channels.join(1, up=True)  # and the third need not


async def test_while_it_is_down_nobody_waits() -> None:
    channels = _channels()
    assert not await channels.join(1, up=False)
    assert channels.unsettled()


async def test_who_waits_is_told_when_the_link_is_lost() -> None:
    channels, link = _channels(), FakeLink()
    link.gate.clear()
    joins = [asyncio.create_task(channels.join(1, up=True)) for _ in range(2)]
    await asyncio.sleep(0)
    move = asyncio.create_task(channels.move(link))
    await asyncio.sleep(0)
    link.broken = True
    link.gate.set()
    with pytest.raises(LinkBroken):
        await move
    channels.lose_all()
    assert [await join for join in joins] == [False, False]
    assert channels.own([b"t:u:1"]) == "0"
    fresh = FakeLink()
    channels.want_all()
    await channels.move(fresh)
    assert fresh.subscribed == {b"t:u:1"}
    assert await channels.join(1, up=True)


async def test_what_was_joined_on_a_lost_link_is_not_joined() -> None:
    channels, link = _channels(), FakeLink()
    await channels.join(1, up=False)
    await channels.move(link)
    channels.lose_all()
    assert not await channels.join(1, up=False)
    assert channels.own([b"t:u:1"]) == "0"


async def test_the_channel_is_left_with_the_last_connection() -> None:
    channels, link = _channels(), FakeLink()
    await channels.join(1, up=False)
    await channels.join(1, up=False)
    await channels.move(link)
    channels.leave(1)
    assert not channels.unsettled()
    channels.leave(1)
    await channels.move(link)
    assert link.subscribed == set()


async def test_leaving_and_coming_back_before_anything_was_sent_sends_nothing() -> None:
    channels, link = _channels(), FakeLink()
    await channels.join(1, up=False)
    await channels.move(link)
    channels.leave(1)
    join = asyncio.create_task(channels.join(1, up=True))
    await asyncio.sleep(0)
    await channels.move(link)
    assert await join
    assert link.asked[-1] == (["PING"],)


async def test_coming_back_while_redis_is_being_told_of_the_leave_joins_anew() -> None:
    channels, link = _channels(), FakeLink()
    await channels.join(1, up=False)
    await channels.move(link)
    channels.leave(1)
    link.gate.clear()
    move = asyncio.create_task(channels.move(link))
    await asyncio.sleep(0)
    join = asyncio.create_task(channels.join(1, up=True))
    await asyncio.sleep(0)
    link.gate.set()
    await move
    for _ in range(5):
        await asyncio.sleep(0)
    assert not join.done()
    await channels.move(link)
    assert await join
    assert link.subscribed == {b"t:u:1"}


async def test_a_cancelled_join_is_undone_by_its_leave() -> None:
    channels, link = _channels(), FakeLink()
    join = asyncio.create_task(channels.join(1, up=True))
    await asyncio.sleep(0)
    join.cancel()
    channels.leave(1)
    await channels.move(link)
    assert link.subscribed == set()
    assert channels._members == {}


async def test_one_waiter_that_is_cancelled_does_not_harm_another() -> None:
    channels, link = _channels(), FakeLink()
    cancelled, other = (asyncio.create_task(channels.join(1, up=True)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    channels.leave(1)
    await channels.move(link)
    assert await other


async def test_many_are_moved_in_pieces() -> None:
    channels, link = _channels(), FakeLink()
    for user_id in range(1, 2 * MAX_MOVES + 2):
        await channels.join(user_id, up=False)
    moves = 0
    while channels.unsettled():
        await channels.move(link)
        moves += 1
    assert moves == 3
    assert len(link.subscribed) == 2 * MAX_MOVES + 1


async def test_own_channels_are_those_of_which_redis_was_told() -> None:
    channels, link = _channels(), FakeLink()
    await channels.join(1, up=False)
    assert channels.own([b"t:u:1"]) == "0"
    await channels.move(link)
    assert channels.own([b"t:u:2", b"t:u:1"]) == "01"
    channels.leave(1)
    assert channels.own([b"t:u:1"]) == "1"  # Redis does not know yet


class Redis:
    """A link that breaks now and then, and the task that moves."""

    def __init__(self, channels: Channels) -> None:
        self.channels = channels
        self.links = [FakeLink()]

    async def keep_moving(self) -> None:
        while True:
            if self.channels.unsettled():
                await self.move()
            await asyncio.sleep(0)

    async def move(self) -> None:
        try:
            await self.channels.move(self.links[-1])
        except LinkBroken:
            self.channels.lose_all()
            self.links.append(FakeLink())
            self.channels.want_all()

    def hears(self, user_id: int) -> bool:
        # the link may have been lost between an answer and the question
        return any(self.channels.name(user_id) in link.subscribed for link in self.links[-2:])


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_the_order_in_the_end_it_is_as_wanted(seed: int) -> None:
    chance = random.Random(seed)
    channels = _channels()
    redis = Redis(channels)
    counts = dict.fromkeys(range(1, 6), 0)

    async def connect(user_id: int) -> None:
        if await channels.join(user_id, up=True):
            assert redis.hears(user_id)
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.7:
            channels.leave(user_id)
        else:
            counts[user_id] += 1

    moving = asyncio.create_task(redis.keep_moving())
    tasks = []
    for step in range(300):
        tasks.append(asyncio.create_task(connect(chance.choice(list(counts)))))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if step % 50 == 49:
            redis.links[-1].broken = True
    await asyncio.gather(*tasks)
    moving.cancel()
    await asyncio.wait((moving,))
    while channels.unsettled():
        await redis.move()
    assert redis.links[-1].subscribed == {channels.name(user_id) for user_id in counts if counts[user_id]}
