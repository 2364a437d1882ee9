"""What every action may reach: ids, the threads that hash, and memories that are bounded and do not tell."""

import asyncio
import json
import os
import sys
import threading

import pytest

from actions.app import LARGEST_ID, REMEMBER_SESSIONS, Hashing, new_id
from actions.errors import TryLater
from handlers.logs import JsonFormatter
from tests.actions.stage import Gate, settled
from tests.rooms import Clock, running_app


def test_ids_are_positive_below_2_to_the_53_and_never_alike() -> None:
    ids = {new_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(0 < each <= LARGEST_ID < 2**53 for each in ids)
    assert max(ids) > 2**52


async def test_hashing_runs_in_threads_of_its_own_and_gives_the_result() -> None:
    hashing = Hashing(threads=1, most_waiting=1)
    assert (await hashing.run(lambda: threading.current_thread().name)).startswith("recado-hash")
    assert await hashing.run(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        await hashing.run(lambda: 1 // 0)
    assert await hashing.run(lambda: True)
    hashing.close()


async def test_no_more_wait_than_may_wait() -> None:
    hashing, gate = Hashing(threads=1, most_waiting=2), Gate()
    held = [asyncio.create_task(hashing.run(gate.wait)) for _ in range(3)]
    await gate.reached.wait()
    with pytest.raises(TryLater) as refused:
        await hashing.run(lambda: True)
    assert refused.value.retry_after > 0
    gate.open()
    await asyncio.gather(*held)
    assert await hashing.run(lambda: True)
    hashing.close()


async def test_whoever_goes_away_makes_room_for_the_next() -> None:
    hashing, gate = Hashing(threads=1, most_waiting=1), Gate()
    held = asyncio.create_task(hashing.run(gate.wait))
    await gate.reached.wait()
    for _ in range(10):
        waiting = asyncio.create_task(hashing.run(lambda: True))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    gate.open()
    await held
    assert await hashing.run(lambda: True)
    hashing.close()


async def test_every_memory_is_bounded_and_a_session_is_believed_for_seconds_only(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock) as app:
        for memory in (app.people, app.sessions, app.ended, app.current_keys, app.conversation_keys):
            assert 0 < memory._most <= 10_000
        assert REMEMBER_SESSIONS <= 5_000
        # An ending is remembered for longer than a session that was read just before it.
        assert app.ended._keep > 2 * app.sessions._keep


async def test_what_is_done_beside_is_kept_until_it_ends_and_fails_alone(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async with running_app(sqlite_url) as app:
        go_on = asyncio.Event()
        done: list[bool] = []

        async def work() -> None:
            await go_on.wait()
            done.append(True)

        app.spawn(work())
        app.spawn(fail(TryLater("secret words")))
        app.spawn(fail(ValueError("secret words")))
        assert len(app.background) == 3
        go_on.set()
        await settled(app)
        assert (done, app.background) == ([True], set())
        records = [record for record in caplog.records if record.name == "recado.app"]
        assert [record.levelname for record in records] == ["WARNING", "ERROR"]
        told = [json.loads(JsonFormatter().format(record)) for record in records]
        assert [(line["task"], line.get("reason"), line.get("error")) for line in told] == [
            ("fail", "unavailable", None),
            ("fail", None, "ValueError"),
        ]
        assert "secret" not in str(told)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a thread a niceness of its own")
async def test_threads_that_hash_let_the_loop_go_first() -> None:
    hashing = Hashing(threads=1, most_waiting=1)
    nice = await hashing.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    hashing.close()
    assert nice > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
