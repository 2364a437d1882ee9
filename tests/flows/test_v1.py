"""`recado.v1` played over real sockets: hello, acknowledged sends, resume without a hole, receipts, changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.instances import Instance
from tests.talk import Talk, talking

Frame = dict[str, Any]


@asynccontextmanager
async def device(instance: Instance, token: str, **hello: object) -> AsyncIterator[tuple[Talk, Frame]]:
    """A connection that has said hello, and the welcome."""
    async with talking(instance.socket_url, subprotocols=["recado.v1"]) as talk:
        await talk.say({"type": "hello", "token": token} | hello)
        yield talk, await talk.hear()


def sending(recipient: str, content: str, **more: object) -> Frame:
    return {"type": "send", "client_id": str(uuid4()), "recipient": recipient, "content": content} | more


async def hear_until(talk: Talk, kind: str) -> Frame:
    """The next frame of this type; those before it are dropped."""
    while (frame := await talk.hear())["type"] != kind:
        pass
    return frame


async def test_hello_is_answered_by_welcome_and_a_send_by_sent(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")
    async with device(instance, alice, ref="h") as (one, welcome), device(instance, bob) as (other, _):
        assert welcome | {"epoch": ""} == {
            "type": "welcome",
            "username": "alice",
            "position": 0,
            "epoch": "",
            "outcome": "live",
            "heartbeat_seconds": 25,
            "ref": "h",
        }
        wanted = sending("bob", "hi", ref="s")
        await one.say(wanted)
        sent = await one.hear()
        message = sent["message"]
        assert sent == {
            "type": "sent",
            "ref": "s",
            "client_id": wanted["client_id"],
            "message": message,
            "position": 1,
            "duplicate": False,
        }
        assert await other.hear() == {"type": "message", "position": 1, "message": message}
        await one.say(wanted | {"ref": "again"})
        again = await one.hear()
        assert again == sent | {"ref": "again", "duplicate": True}
        await one.say(wanted | {"content": "other"})
        assert (await one.hear())["code"] == "conflict"
        await one.say({"type": "ping", "ref": "p"})
        assert await one.hear() == {"type": "pong", "position": 1, "ref": "p"}


async def test_a_reply_is_shown_as_one_live_after_a_reconnect_and_when_it_is_edited(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")
    async with device(instance, alice) as (one, welcome), device(instance, bob) as (other, _):
        await one.say(sending("bob", "tea?"))
        question = (await one.hear())["message"]["id"]
        wanted = sending("alice", "yes", reply_to=question)
        await other.say(wanted)
        message = (await hear_until(other, "sent"))["message"]
        assert message["reply_to"] == question
        assert (await one.hear())["message"] == message
        # The same id with another quote is another message.
        for reply_to in (None, message["id"]):
            await other.say(wanted | {"reply_to": reply_to})
            assert (await other.hear())["code"] == "conflict"
        await one.say({"type": "delete", "id": question})
        assert (await other.hear())["type"] == "deleted"
        await other.say(wanted)
        again = await other.hear()
        assert (again["duplicate"], again["message"]) == (True, message)
        await other.say(sending("alice", "and more", reply_to=question, ref="r"))
        refused = await other.hear()
        assert [refused[name] for name in ("type", "code", "field", "ref")] == ["error", "invalid", "reply_to", "r"]
        await other.say({"type": "edit", "id": message["id"], "content": "yes!"})
        edited = (await hear_until(one, "edited"))["message"]
        assert (edited["content"], edited["reply_to"]) == ("yes!", question)
        async with device(instance, alice, position=1, epoch=welcome["epoch"]) as (late, _):
            assert (await hear_until(late, "message"))["message"] == edited
            assert (await hear_until(late, "edited"))["message"] == edited


async def test_what_was_missed_comes_after_the_welcome_and_nothing_twice(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")
    async with device(instance, bob) as (_, welcome):
        epoch = welcome["epoch"]
    async with device(instance, alice) as (one, _):
        for number in range(250):
            await one.say(sending("bob", f"m{number}"))
        for _ in range(250):
            await hear_until(one, "sent")
        async with device(instance, bob, position=7, epoch=epoch) as (other, welcome):
            assert (welcome["outcome"], welcome["position"]) == ("recovered", 250)
            await one.say(sending("bob", "live"))
            told = [await other.hear() for _ in range(244)]
            assert [frame["position"] for frame in told] == list(range(8, 252))
            assert [frame["message"]["content"] for frame in told[:-1]] == [f"m{n}" for n in range(7, 250)]
            assert told[-1]["message"]["content"] == "live"


async def test_a_timer_reaches_every_device_whoever_was_away_and_who_waits_in_a_long_poll(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")

    def set_timer(token: str, peer: str, seconds: int | None) -> None:
        body = {"ttl_seconds": seconds}
        assert instance.call("PATCH", f"/api/conversations/{peer}/", body, token=token).status == 200

    async with device(instance, bob) as (_, welcome):
        epoch = welcome["epoch"]
    waiting = asyncio.create_task(asyncio.to_thread(instance.call, "GET", "/api/events/?after=0&wait=20", token=bob))
    async with device(instance, alice) as (one, _), device(instance, alice) as (other, _):
        await asyncio.to_thread(set_timer, alice, "bob", 60)
        first = {"type": "timer", "position": 1, "by": "alice", "ttl_seconds": 60}
        for talk in (one, other):
            assert await talk.hear() == first | {"peer": "bob"}
        assert (await waiting).json["events"] == [first | {"peer": "alice"}]
        await asyncio.to_thread(set_timer, bob, "alice", None)
        last = {"type": "timer", "position": 2, "by": "bob"}
        assert await one.hear() == last | {"peer": "bob"}
        async with device(instance, bob, position=0, epoch=epoch) as (late, welcome):
            assert (welcome["outcome"], welcome["position"]) == ("recovered", 2)
            assert await late.hear() == first | {"peer": "alice"}
            assert await late.hear() == last | {"peer": "alice"}
            await one.say(sending("bob", "hi"))
            assert (await hear_until(one, "sent"))["position"] == 3
            assert (await late.hear())["position"] == 3


@pytest.mark.parametrize("wrong", [{"position": 99}, {"position": 0, "epoch": "another"}])
async def test_a_position_of_another_life_is_answered_by_reset(instance: Instance, wrong: Frame) -> None:
    alice = instance.join("alice")
    async with device(instance, alice, **wrong) as (one, welcome):
        assert (welcome["outcome"], welcome["position"]) == ("reset", 0)
        await one.say(sending("alice", "a note"))
        assert (await one.hear())["position"] == 1


async def test_edits_deletions_and_receipts_reach_every_device_and_the_log(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")
    async with device(instance, alice) as (one, _), device(instance, bob) as (other, _):
        await one.say(sending("bob", "first"))
        message = (await one.hear())["message"]
        await other.hear()
        await other.say({"type": "ack", "position": 1})
        delivered = await one.hear()
        assert delivered == {
            "type": "receipt",
            "position": 2,
            "kind": "delivered",
            "by": "bob",
            "peer": "bob",
            "up_to": message["id"],
        }
        await other.say({"type": "read", "peer": "alice", "up_to": message["id"]})
        assert (await one.hear())["kind"] == "read"
        assert (await other.hear()) == {
            "type": "receipt",
            "position": 2,
            "kind": "read",
            "by": "bob",
            "peer": "alice",
            "up_to": message["id"],
        }
        await one.say({"type": "edit", "id": message["id"], "content": "second"})
        edited = await one.hear()
        assert (edited["type"], edited["message"]["content"]) == ("edited", "second")
        # When it was received and read is told to its sender.
        seen = {name: edited["message"].pop(name) for name in ("delivered_at", "read_at")}
        assert all(seen.values())
        assert (await other.hear())["message"] == edited["message"]
        await one.say({"type": "delete", "id": message["id"]})
        assert await other.hear() == {"type": "deleted", "position": 4, "id": message["id"], "peer": "alice"}
        assert (await one.hear())["peer"] == "bob"
    log = instance.call("GET", "/api/events/?after=0", token=bob).json
    assert [frame["type"] for frame in log["events"]] == ["deleted", "receipt", "deleted", "deleted"]
    assert log["position"] == 4
    assert b"first" not in json.dumps(log).encode()
    assert b"second" not in json.dumps(log).encode()


async def test_the_long_poll_waits_for_what_comes(instance: Instance) -> None:
    alice, bob = instance.join("alice"), instance.join("bob")
    loop = asyncio.get_running_loop()
    waiting = loop.run_in_executor(None, lambda: instance.call("GET", "/api/events/?after=0&wait=20", token=bob))
    async with device(instance, alice) as (one, _):
        await one.say(sending("bob", "hi"))
        await one.hear()
    reply = await waiting
    assert [frame["message"]["content"] for frame in reply.json["events"]] == ["hi"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "nothing", "ref": "r"}, "invalid"),
        ({"type": "ack", "position": 99, "ref": "r"}, "invalid"),
        ({"type": "read", "peer": "nobody.here", "up_to": 1, "ref": "r"}, "not_found"),
        ({"type": "edit", "id": 12345, "content": "x", "ref": "r"}, "not_found"),
        ({"type": "delete", "id": 12345, "ref": "r"}, "not_found"),
        ({"type": "auth", "token": "x", "ref": "r"}, "unauthenticated"),
        ({"type": "hello", "ref": "r"}, "invalid"),
        ({"type": "send", "client_id": "x", "recipient": "b", "content": "c", "ref": "r"}, "invalid"),
    ],
)
async def test_a_wrong_frame_is_answered_with_its_ref_and_the_connection_stays(
    instance: Instance, frame: Frame, code: str
) -> None:
    async with device(instance, instance.join("alice")) as (one, _):
        await one.say(frame)
        answer = await one.hear()
        assert (answer["type"], answer["code"], answer["ref"]) == ("error", code, "r")
        await one.say({"type": "ping"})
        assert (await one.hear())["type"] == "pong"


async def test_nothing_is_done_before_the_hello(instance: Instance) -> None:
    instance.join("alice")
    async with talking(instance.socket_url, subprotocols=["recado.v1"]) as talk:
        await talk.say(sending("alice", "hi", ref="r"))
        answer = await talk.hear()
        assert (answer["code"], answer["ref"]) == ("no_hello", "r")
        await talk.say({"type": "hello", "token": "wrong"})
        assert (await talk.hear())["code"] == "unauthenticated"
        assert await talk.closed() == 4401


async def test_two_instances_resume_and_tell_each_other(replicas: tuple[Instance, Instance]) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    async with device(first, alice) as (one, _), device(second, bob) as (other, welcome):
        await one.say(sending("bob", "across"))
        assert (await one.hear())["type"] == "sent"
        assert (await other.hear())["message"]["content"] == "across"
    async with device(first, bob, position=0, epoch=welcome["epoch"]) as (other, welcome):
        assert welcome["outcome"] == "recovered"
        assert (await other.hear())["message"]["content"] == "across"


async def test_a_leaving_instance_says_bye_and_when_to_come_back(instance: Instance) -> None:
    async with device(instance, instance.join("alice")) as (one, _):
        await asyncio.get_running_loop().run_in_executor(None, instance.stop)
        bye = await one.hear()
        assert (bye["type"], bye["code"]) == ("bye", 1012)
        assert 0 <= bye["resume_after_ms"] < 3000
        assert await one.closed() == 1012


async def test_a_message_that_expires_is_told_as_expired(tmp_path: Path) -> None:
    with Instance(tmp_path, settings={"RECADO_MESSAGES_SWEEP_SECONDS": "1"}) as instance:
        alice, bob = instance.join("alice"), instance.join("bob")
        async with device(instance, alice) as (one, _), device(instance, bob) as (other, _):
            await one.say(sending("bob", "soon gone", ttl_seconds=1))
            message = (await one.hear())["message"]
            assert (await other.hear())["message"] == message
            gone = {"type": "expired", "position": 2, "id": message["id"]}
            assert await one.hear() == gone | {"peer": "bob"}
            assert await other.hear() == gone | {"peer": "alice"}
