"""The log over sockets: what is too old is forgotten, and what is too new is told as unknown; nobody is misled."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actions import retention
from actions.app import App
from models import timelines
from models.db import Engine, execute, fetch
from tests.flows.sender import device, until
from tests.served import serving

Frame = dict[str, Any]
DAYS = 86_400_000
FUTURE_KIND = 99


async def test_a_log_that_is_forgotten_is_a_reset_for_whoever_was_away_and_nothing_for_all_others(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget, forgotten = retention.forget, asyncio.Event()

    async def noting(app: App) -> int:
        dropped = await forget(app)
        if dropped:
            forgotten.set()
        return dropped

    monkeypatch.setattr(retention, "forget", noting)
    monkeypatch.setattr("wiring.serve.RETENTION_SECONDS", 0.02)
    keep = {"RECADO_MESSAGES_EVENTS_DAYS": "7"}
    async with serving(tmp_path, database_url=database_url, settings=keep) as (instance, server):

        async def call(method: str, path: str, token: str, body: object = None) -> Any:
            return (await asyncio.to_thread(instance.call, method, path, body, token=token)).json

        async def send(content: str) -> None:
            await call("POST", "/api/auth/send/", alice, {"recipient": "bob", "content": content})

        alice, bob = [await asyncio.to_thread(instance.join, name) for name in ("alice", "bob")]
        async with device(instance, bob) as (live, welcome):
            for content in ("one", "two", "three"):
                await send(content)
            assert [(await live.hear())["position"] for _ in range(3)] == [1, 2, 3]
            await server.app.db.write(execute, "UPDATE timelines SET at = at - %s", (8 * DAYS,))
            await forgotten.wait()
            # Who was away is told to begin anew, by socket and by call; what comes next is in the log.
            async with device(instance, bob, position=1, epoch=welcome["epoch"]) as (late, greeting):
                assert (greeting["outcome"], greeting["position"]) == ("reset", 3)
                await send("four")
                for talk in (late, live):
                    told = await talk.hear()
                    assert (told["type"], told["position"], told["message"]["content"]) == ("message", 4, "four")
        for wait in (0, 20):
            answer = await call("GET", f"/api/events/?after=2&wait={wait}", bob)
            assert (answer["outcome"], answer["position"], answer["events"]) == ("reset", 4, [])
        answer = await call("GET", "/api/events/?after=3", bob)
        assert (answer["outcome"], [event["position"] for event in answer["events"]]) == ("recovered", [4])
        shown = await call("GET", "/api/auth/messages/", bob)
        assert [message["content"] for message in shown] == ["four", "three", "two", "one"]


async def test_what_a_newer_version_writes_is_told_as_unknown_and_keeps_its_position(
    tmp_path: Path, database_url: str
) -> None:
    def of_the_future(engine: Engine) -> int:
        heads = timelines.take_heads(engine, [user_id])
        (entry,) = timelines.append(engine, heads, FUTURE_KIND, 5, user_id, 6, 7)  # type: ignore[arg-type]
        return entry.position

    beat = {"RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1"}
    async with serving(tmp_path, database_url=database_url, settings=beat) as (instance, server):
        token = await asyncio.to_thread(instance.join, "alice")
        [(user_id,)] = await server.app.db.read(fetch, "SELECT id FROM users")
        polling = asyncio.create_task(
            asyncio.to_thread(instance.call, "GET", "/api/events/?after=0&wait=20", token=token)
        )
        async with device(instance, token) as (live, welcome):
            assert await server.app.db.write(of_the_future) == 1
            unknown = {"type": "unknown", "position": 1}
            # Nothing has rung: the sweep finds it.
            assert (await until(live, "unknown"), await until(live, "heartbeat")) == (
                unknown,
                {"type": "heartbeat", "position": 1},
            )
            note = {"recipient": "alice", "content": "a note"}
            assert (await asyncio.to_thread(instance.call, "POST", "/api/auth/send/", note, token=token)).status == 201
            assert (await until(live, "message"))["position"] == 2
        async with device(instance, token, position=0, epoch=welcome["epoch"]) as (late, greeting):
            assert (greeting["outcome"], greeting["position"]) == ("recovered", 2)
            assert await late.hear() == unknown
            assert (await late.hear())["position"] == 2
            await late.say({"type": "ack", "position": 2})
            await late.say({"type": "ping"})
            assert await until(late, "pong") == {"type": "pong", "position": 2}
        answer = (await polling).json
        assert (answer["outcome"], answer["events"][0]) == ("recovered", unknown)
