"""A coroutine that never waits costs no task; one that does goes on as if it had been a task from the start."""

import asyncio
import contextlib

import pytest

from handlers.eager import run_eagerly


async def test_what_never_waits_is_done_at_once() -> None:
    done = []

    async def work() -> None:
        done.append(1)

    assert run_eagerly(work()) is None
    assert done == [1]


async def test_what_waits_goes_on_after_each_wait() -> None:
    told = []
    first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()

    async def work() -> None:
        told.append(await first)
        await asyncio.sleep(0)
        told.append(await second)

    rest = run_eagerly(work())
    assert rest is not None
    running = asyncio.ensure_future(rest)
    first.set_result("a")
    await asyncio.sleep(0)
    second.set_result("b")
    await running
    assert told == ["a", "b"]


async def test_a_failed_wait_reaches_the_coroutine_which_may_catch_it() -> None:
    told = []
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        try:
            await future
        except ValueError:
            told.append("caught")
        await asyncio.sleep(0)
        told.append("went on")

    rest = run_eagerly(work())
    assert rest is not None
    future.set_exception(ValueError())
    await rest
    assert told == ["caught", "went on"]


async def test_an_error_comes_out_at_once_or_where_it_is_awaited() -> None:
    async def fails(waits: int) -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        raise KeyError

    with pytest.raises(KeyError):
        run_eagerly(fails(0))
    rest = run_eagerly(fails(2))
    assert rest is not None
    with pytest.raises(KeyError):
        await rest


async def test_a_cancelled_rest_cancels_the_coroutine() -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            told.append("left")

    rest = run_eagerly(work())
    assert rest is not None
    running = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert told == ["left"]
