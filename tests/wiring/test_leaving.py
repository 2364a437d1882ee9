"""Leaving: each step is bounded, what hangs is left behind, and nobody who waits goes without an answer."""

import asyncio
from pathlib import Path

import pytest

from models import db
from tests.instances import Reply
from tests.served import serving
from tests.talk import talking
from wiring import leaving

PATIENCE_OF_A_PROCESS_MANAGER = 10.0


def test_all_steps_together_are_shorter_than_the_patience_of_a_process_manager() -> None:
    steps = [
        leaving.BESIDE_SECONDS,
        leaving.WRITING_SECONDS,
        leaving.ANSWERING_SECONDS,
        2 * db.CLOSE_SECONDS,
        leaving.LAST_ANSWERS_SECONDS,
        leaving.GOODBYE_SECONDS,
        2 * leaving.CONNECTIONS_SECONDS,  # of both listeners
        leaving.SHARED_SECONDS,
    ]
    assert sum(steps) < leaving.LAST_SECONDS < PATIENCE_OF_A_PROCESS_MANAGER


async def test_what_hangs_is_cancelled_and_named_and_what_ends_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    ended, cancelled = [], asyncio.Event()

    async def end() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await leaving.within(60, end(), "an end")
    assert (ended, caplog.records) == ([True], [])
    await leaving.within(0.01, hang(), "a hanging thing")
    assert cancelled.is_set()
    assert [record.what for record in caplog.records] == ["a hanging thing"]
    await leaving.within(0.01, hang())
    assert len(caplog.records) == 1


async def test_what_was_answered_is_not_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as (instance, server):
        token = await asyncio.to_thread(instance.join, "alice")
        for method, path in [("GET", "/livez"), ("GET", "/nothing"), ("POST", "/api/auth/send/"), ("PUT", "/livez")]:
            await asyncio.to_thread(instance.call, method, path, {"wrong": True}, token=token)
        async with talking(instance.socket_url, token) as talk:
            await talk.say({"recipient": "alice", "content": "note"})
            await talk.hear()
            assert server._doorway is not None
            assert len(server._doorway.under_way) == 0


async def test_a_request_that_hangs_is_told_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def hang(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("actions.profile.own", hang)
    for name in ("ANSWERING_SECONDS", "LAST_ANSWERS_SECONDS"):
        monkeypatch.setattr(leaving, name, 0.05)
    async with serving(tmp_path) as (instance, _):
        token = await asyncio.to_thread(instance.join, "alice")
        waiting: asyncio.Task[Reply] = asyncio.create_task(
            asyncio.to_thread(instance.call, "GET", "/api/users/me/", token=token)
        )
        await reached.wait()
    reply = await waiting
    assert (reply.status, reply.json["code"]) == (503, "unavailable")
