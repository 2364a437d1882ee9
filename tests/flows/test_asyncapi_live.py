"""What a running server says, and what it takes, is what the AsyncAPI document says: a live play, recorded."""

import asyncio
from pathlib import Path
from typing import Any

from handlers.asyncapi import DIALECTS
from realtime.dialects.v1 import FRAMES, SERVER_FRAMES
from tests.frames import fits
from tests.instances import Instance
from tests.talk import Talk, talking

Frame = dict[str, Any]
CLIENT_ID = "8d8ac610-566d-4ef0-9c22-186b2a5ed793"
NEXT_ID = "0b6f2d53-8a0e-4a7c-8f4c-5f0f6f3f2f10"
QUICK = {
    "RECADO_MESSAGES_SWEEP_SECONDS": "1",
    "RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1",
    "RECADO_WEBSOCKET_PRESENCE": "true",
}


class Recorder:
    """A connection of `recado.v1`, and everything that was said and heard on it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.said: list[Frame] = []
        self.heard: list[Frame] = []

    async def say(self, kind: str, **fields: object) -> None:
        self.said.append({"type": kind, **fields})
        await self.talk.say(self.said[-1])

    async def hear(self, kind: str) -> Frame:
        """Everything up to the next frame of this type, and that frame."""
        while True:
            self.heard.append(await self.talk.hear())
            if self.heard[-1]["type"] == kind:
                return self.heard[-1]


async def test_every_frame_of_a_live_play_is_as_the_document_says(tmp_path: Path) -> None:
    with Instance(tmp_path, settings=QUICK) as instance:
        alice, bob = instance.join("alice"), instance.join("bob")
        async with (
            talking(instance.socket_url, subprotocols=["recado.v1"]) as first,
            talking(instance.socket_url, subprotocols=["recado.v1"]) as second,
        ):
            one, other = Recorder(first), Recorder(second)
            await _play(one, other, alice, bob)
            await asyncio.to_thread(instance.sign_in, "alice")
            await one.hear("notice")
            await asyncio.to_thread(instance.call, "PATCH", "/api/conversations/bob/", {"ttl_seconds": 60}, token=alice)
            await one.hear("timer")
            await asyncio.get_running_loop().run_in_executor(None, instance.stop)
            await one.hear("bye")
    said, heard = one.said + other.said, one.heard + other.heard
    assert {frame["type"] for frame in said} == set(FRAMES)
    # `unknown` needs a newer server.
    assert {frame["type"] for frame in heard} == set(SERVER_FRAMES) - {"unknown"}
    assert [(frame, wrong) for frame in said if (wrong := fits("v1", "client", frame["type"], frame))] == []
    assert [(frame, wrong) for frame in heard if (wrong := fits("v1", "server", frame["type"], frame))] == []


async def _play(one: Recorder, other: Recorder, alice: str, bob: str) -> None:
    await one.say("hello", token=alice, position=0, device="phone", ref="h")
    await one.hear("welcome")
    await other.say("hello", token=bob)
    await other.hear("welcome")
    await one.say("send", client_id=CLIENT_ID, recipient="bob", content="hi", ref="s")
    message_id = (await one.hear("sent"))["message"]["id"]
    await other.hear("message")
    await other.say("typing", peer="alice")
    await one.hear("typing")
    await other.say("ack", position=1)
    await one.hear("receipt")
    await other.say("read", peer="alice", up_to=message_id)
    await one.hear("receipt")
    await one.say("edit", id=message_id, content="hi, Bob")
    assert (await one.hear("edited"))["message"]["read_at"]
    await other.hear("edited")
    await one.say("delete", id=message_id, ref="d")
    await other.hear("deleted")
    await one.say("auth", token=alice)
    await one.say("ping", ref="p")
    await one.hear("pong")
    await one.say("delete", id=message_id, ref="d")
    await one.hear("error")
    await one.say("hello", ref="again")
    assert (await one.hear("error"))["field"] == "type"
    await one.say("send", client_id=NEXT_ID, recipient="bob", content="soon gone", ttl_seconds=1)
    await other.hear("expired")
    if not any(frame["type"] == "presence" for frame in one.heard):
        await one.hear("presence")
    await other.hear("heartbeat")


async def test_every_frame_of_the_plain_dialect_is_as_the_document_says(instance: Instance) -> None:
    alice, _ = instance.join("alice"), instance.register("bob")
    async with talking(instance.socket_url, alice) as talk:
        heard = []
        for frame in (
            {"recipient": "bob", "content": "hi"},
            {"recipient": "alice", "content": "a note", "client_id": CLIENT_ID, "ttl_seconds": 60},
            {"recipient": "nobody.here", "content": "hi"},
            {"recipient": "bob", "content": " "},
        ):
            assert fits("plain", "client", "send", frame) == []
            await talk.say(frame)
            heard.append(await talk.hear())
    kinds = ["error" if "error" in frame else "message" for frame in heard]
    assert kinds == ["message", "message", "error", "error"]
    assert set(kinds) == set(DIALECTS[0].server)
    assert [fits("plain", "server", kind, frame) for kind, frame in zip(kinds, heard, strict=True)] == [[]] * 4
