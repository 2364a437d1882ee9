"""Who is online, played over two instances: told to friends and nobody else, whatever dies in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.instances import Instance
from tests.servers import RedisServer
from tests.talk import Talk, talking

GRACE_SECONDS = 2
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05
SETTINGS = {
    "RECADO_WEBSOCKET_PRESENCE": "true",
    "RECADO_WEBSOCKET_PRESENCE_GRACE_SECONDS": str(GRACE_SECONDS),
}
Pair = tuple[Instance, Instance]
Seen = tuple[str, bool]


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str, own_redis: RedisServer) -> Iterator[Pair]:
    """Two instances whose Redis is this test's alone."""
    asked: Any = {"database_url": postgres_url, "redis_url": own_redis.url, "settings": SETTINGS}
    with Instance(tmp_path, **asked) as first, Instance(tmp_path, **asked) as second:
        yield first, second


@asynccontextmanager
async def device(instance: Instance, token: str) -> AsyncIterator[Talk]:
    """A connection of v1 that has been welcomed."""
    async with talking(instance.socket_url, subprotocols=["recado.v1"]) as talk:
        await talk.say({"type": "hello", "token": token})
        assert (await talk.hear())["type"] == "welcome"
        yield talk


async def seen(talk: Talk) -> dict[str, Any]:
    """The next that this device is told of somebody's presence."""
    while (frame := await talk.hear())["type"] != "presence":
        pass
    return {name: value for name, value in frame.items() if name != "type"}


async def until(talk: Talk, peer: str, *, online: bool) -> set[Seen]:
    """What it is told up to and including this; the same may be told again."""
    told: set[Seen] = set()
    while (peer, online) not in told:
        frame = await seen(talk)
        told.add((frame["peer"], frame["online"]))
    return told


def befriend(instance: Instance, token: str, *peers: str) -> None:
    for peer in peers:
        reply = instance.call("POST", "/api/auth/send/", {"recipient": peer, "content": "hi"}, token=token)
        assert reply.status == 201, reply


def listed(instance: Instance, token: str) -> dict[str, tuple[bool | None, str | None]]:
    conversations = instance.call("GET", "/api/conversations/", token=token).json
    return {one["peer"]: (one.get("online"), one.get("last_seen")) for one in conversations}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def test_friends_see_one_another_come_and_go_across_instances(pair: Pair) -> None:
    first, second = pair
    tokens = {name: first.join(name) for name in ("alice", "bob", "eve", "dora")}
    befriend(first, tokens["alice"], "bob", "dora")
    async with AsyncExitStack() as stack, AsyncExitStack() as doras:
        of_alice = await stack.enter_async_context(device(first, tokens["alice"]))
        async with device(second, tokens["bob"]) as of_bob:
            assert await seen(of_alice) == {"peer": "bob", "online": True}
            assert await seen(of_bob) == {"peer": "alice", "online": True}
            assert listed(first, tokens["alice"]) == {"bob": (True, today()), "dora": (False, None)}
            assert listed(second, tokens["bob"]) == {"alice": (True, today())}
            # Somebody else, on the same instance, and then a friend: only the friend is told about.
            of_eve = await stack.enter_async_context(device(second, tokens["eve"]))
            of_dora = await doras.enter_async_context(device(second, tokens["dora"]))
            assert await until(of_alice, "dora", online=True) <= {("bob", True), ("dora", True)}
            assert await until(of_dora, "alice", online=True) == {("alice", True)}
        # Back at once, on the other instance: he is shown who is there, and nobody is told that he was away.
        async with device(first, tokens["bob"]) as of_bob:
            assert await until(of_bob, "alice", online=True) == {("alice", True)}
            await doras.aclose()  # she left behind him, so she is told behind him
            assert await until(of_alice, "dora", online=False) <= {("dora", True), ("dora", False)}
        assert await seen(of_alice) == {"peer": "bob", "online": False, "last_seen": today()}
        assert listed(second, tokens["alice"])["bob"] == (False, today())
        await of_eve.say({"type": "ping"})
        assert (await of_eve.hear())["type"] == "pong"  # the first thing she hears at all


async def test_who_hides_or_blocks_is_not_there_on_any_instance(pair: Pair) -> None:
    first, second = pair
    tokens = {name: first.join(name) for name in ("alice", "bob", "carol", "dora")}
    befriend(first, tokens["alice"], "bob", "carol", "dora")
    hidden = second.call("PATCH", "/api/users/me/", {"presence": False}, token=tokens["bob"])
    assert (hidden.status, hidden.json["presence"]) == (200, False)
    assert second.call("PUT", "/api/blocks/alice/", token=tokens["carol"]).status == 204
    parted = {("bob", False), ("carol", False)}  # what each of these two looks like, there or not
    async with AsyncExitStack() as stack:
        talks = {
            name: await stack.enter_async_context(device(instance, tokens[name]))
            for name, instance in (("alice", first), ("bob", second), ("carol", second), ("dora", second))
        }
        assert await until(talks["alice"], "dora", online=True) <= {*parted, ("dora", True)}
        assert listed(first, tokens["alice"]) == {
            "bob": (None, None),
            "carol": (None, None),
            "dora": (True, today()),
        }
        assert listed(second, tokens["bob"]) == {"alice": (None, None)}
        # Shown again, unblocked: both see one another at once.
        second.call("PATCH", "/api/users/me/", {"presence": True}, token=tokens["bob"])
        assert await until(talks["alice"], "bob", online=True) <= {*parted, ("dora", True), ("bob", True)}
        assert await until(talks["bob"], "alice", online=True) <= {("alice", False), ("alice", True)}
        second.call("DELETE", "/api/blocks/alice/", token=tokens["carol"])
        assert await until(talks["alice"], "carol", online=True) <= {*parted, ("dora", True), ("carol", True)}
        assert await until(talks["carol"], "alice", online=True) <= {("alice", False), ("alice", True)}
        # Hidden by a call to the instance without a socket of hers.
        second.call("PATCH", "/api/users/me/", {"presence": False}, token=tokens["alice"])
        for name in ("bob", "carol", "dora"):
            await until(talks[name], "alice", online=False)
        left = {"bob", "carol", "dora"}
        while left:
            frame = await seen(talks["alice"])
            assert frame["online"] is False or frame["peer"] in left
            left -= set() if frame["online"] else {frame["peer"]}


async def test_the_people_of_a_killed_instance_fade_and_the_other_one_tells(pair: Pair) -> None:
    first, second = pair
    alice, bob, carol = first.join("alice"), first.join("bob"), first.join("carol")
    befriend(first, alice, "bob", "carol")
    async with AsyncExitStack() as stack:
        of_alice = await stack.enter_async_context(device(first, alice))
        await stack.enter_async_context(device(second, bob))
        await until(of_alice, "bob", online=True)
        await stack.enter_async_context(device(second, carol))
        await until(of_alice, "carol", online=True)
        second.kill()
        # One of them comes back elsewhere in time.
        await stack.enter_async_context(device(first, carol))
        assert ("bob", False) in await until(of_alice, "bob", online=False)
        assert listed(first, alice) == {"bob": (False, today()), "carol": (True, today())}


async def test_without_redis_an_instance_tells_of_its_own_and_afterwards_of_all(
    pair: Pair, own_redis: RedisServer
) -> None:
    first, second = pair
    alice, bob, carol, dora = (first.join(name) for name in ("alice", "bob", "carol", "dora"))
    befriend(first, alice, "bob", "carol", "dora")
    async with AsyncExitStack() as stack:
        of_alice = await stack.enter_async_context(device(first, alice))
        await stack.enter_async_context(device(second, dora))
        await until(of_alice, "dora", online=True)
        own_redis.kill()
        of_bob = await stack.enter_async_context(device(first, bob))
        await until(of_alice, "bob", online=True)
        await until(of_bob, "alice", online=True)
        await stack.enter_async_context(device(second, carol))
        befriend(first, alice, "bob")
        assert {peer: online for peer, (online, _) in listed(first, alice).items()} == {
            "bob": True,
            "carol": False,
            "dora": False,
        }
        own_redis.start()
        # She came while nobody here could hear it.
        await until(of_alice, "carol", online=True)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while {online for online, _ in listed(first, alice).values()} != {True}:
            assert time.monotonic() < deadline, "it never healed"
            await asyncio.sleep(LOOK_SECONDS)


async def test_the_plain_dialect_is_never_told(tmp_path: Path) -> None:
    with Instance(tmp_path, settings=SETTINGS) as instance:
        alice, bob = instance.join("alice"), instance.join("bob")
        befriend(instance, alice, "bob")
        async with device(instance, alice) as of_alice, talking(instance.socket_url, bob) as plain:
            await until(of_alice, "bob", online=True)
            async with device(instance, bob):
                instance.call("PATCH", "/api/users/me/", {"presence": False}, token=alice)
                await until(of_alice, "bob", online=False)
            befriend(instance, alice, "bob")
            assert (await plain.hear())["message"] == "hi"
