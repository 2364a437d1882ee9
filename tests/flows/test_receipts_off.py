"""Receipts switched off, played over sockets: nothing of them crosses over, and nothing of it comes to light later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.instances import Instance
from tests.talk import Talk, talking

Frame = dict[str, Any]


class Device:
    """A connection of v1: keeps what it hears, and knows how far it has heard."""

    def __init__(self, talk: Talk, name: str) -> None:
        self.talk = talk
        self.name = name
        self.heard: list[Frame] = []

    async def send(self, recipient: str, content: str) -> int:
        """Send, and the message's id."""
        frame = {"type": "send", "client_id": str(uuid4()), "recipient": recipient, "content": content}
        await self.talk.say(frame)
        return int((await self.until("sent"))["message"]["id"])

    async def take_in(self, peer: str) -> int:
        """Hear the next message, acknowledge it and read it; when that is done, its id."""
        frame = await self.until("message")
        await self.talk.say({"type": "ack", "position": frame["position"]})
        await self.talk.say({"type": "read", "peer": peer, "up_to": frame["message"]["id"]})
        await self.settle()
        return int(frame["message"]["id"])

    async def settle(self) -> None:
        """Whatever was read until now has been told: frames are handled one after the other."""
        await self.talk.say({"type": "ping"})
        await self.until("pong")

    async def until(self, kind: str) -> Frame:
        self.heard.append(await self.talk.hear())
        while self.heard[-1]["type"] != kind:
            self.heard.append(await self.talk.hear())
        return self.heard[-1]

    def receipts(self) -> list[tuple[str, str, int]]:
        """Those of others, and forget them."""
        found = [
            (frame["kind"], frame["by"], frame["up_to"])
            for frame in self.heard
            if frame["type"] == "receipt" and frame["by"] != self.name
        ]
        self.heard.clear()
        return found


@asynccontextmanager
async def device(instance: Instance, name: str, token: str) -> AsyncIterator[Device]:
    async with talking(instance.socket_url, subprotocols=["recado.v1"]) as talk:
        await talk.say({"type": "hello", "token": token})
        assert (await talk.hear())["type"] == "welcome"
        yield Device(talk, name)


def told_times(instance: Instance, token: str) -> dict[int, tuple[str | None, str | None]]:
    """When each message was delivered and read, as the list of messages tells it."""
    listed = instance.call("GET", "/api/auth/messages/", token=token).json
    return {one["id"]: (one.get("delivered_at"), one.get("read_at")) for one in listed}


def logged(instance: Instance, token: str, name: str) -> list[Frame]:
    """The receipts of others that are in the log."""
    events = instance.call("GET", "/api/events/?after=0&limit=500", token=token).json["events"]
    return [event for event in events if event["type"] == "receipt" and event["by"] != name]


def switch(instance: Instance, token: str, *, receipts: bool) -> None:
    reply = instance.call("PATCH", "/api/users/me/", {"receipts": receipts}, token=token)
    assert (reply.status, reply.json["receipts"]) == (200, receipts)


@pytest.mark.parametrize("unwilling", [{"alice"}, {"bob"}, {"alice", "bob"}])
async def test_with_receipts_off_nothing_crosses_over_and_nothing_comes_to_light(
    instance: Instance, unwilling: set[str]
) -> None:
    tokens = {name: instance.join(name) for name in ("alice", "bob")}
    for name in unwilling:
        switch(instance, tokens[name], receipts=False)
    async with device(instance, "alice", tokens["alice"]) as alice, device(instance, "bob", tokens["bob"]) as bob:
        sent = []
        for text in ("one", "two"):
            sent.append(await alice.send("bob", text))
            assert await bob.take_in("alice") == sent[-1]
        answer = await bob.send("alice", "three")
        assert await alice.take_in("bob") == answer
        for name in unwilling:
            switch(instance, tokens[name], receipts=True)
        for one in (alice, bob):
            await one.settle()
            assert one.receipts() == []
            assert logged(instance, tokens[one.name], one.name) == []
            assert told_times(instance, tokens[one.name]) == dict.fromkeys([*sent, answer], (None, None))
        # From now on it is told how far the other one has come, and since when that is known: now.
        last = await alice.send("bob", "four")
        frame = await bob.until("message")
        await bob.talk.say({"type": "ack", "position": frame["position"]})
        await alice.until("receipt")
        assert alice.receipts() == [("delivered", "bob", last)]
        times = told_times(instance, tokens["alice"])
        assert {times[message] for message in (*sent, last)} == {(times[last][0], None)}
        assert times[last][0] is not None
        await bob.talk.say({"type": "read", "peer": "alice", "up_to": last})
        await alice.until("receipt")
        assert alice.receipts() == [("read", "bob", last)]
        assert len(logged(instance, tokens["alice"], "alice")) == 2
        assert logged(instance, tokens["bob"], "bob") == []


async def test_what_was_told_before_stays_and_what_comes_after_is_kept_back(instance: Instance) -> None:
    tokens = {name: instance.join(name) for name in ("alice", "bob")}
    async with device(instance, "alice", tokens["alice"]) as alice, device(instance, "bob", tokens["bob"]) as bob:
        first = await alice.send("bob", "one")
        await bob.take_in("alice")
        await alice.until("receipt")
        switch(instance, tokens["bob"], receipts=False)
        second = await alice.send("bob", "two")
        await bob.take_in("alice")
        await alice.settle()
        assert {up_to for _, _, up_to in alice.receipts()} == {first}
        times = told_times(instance, tokens["alice"])
        assert times[first][1] is not None
        assert times[second] == (None, None)
