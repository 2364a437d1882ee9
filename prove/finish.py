"""The end of a run: everybody gets everything, then the whole truth is read and put into the history."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

from prove.api import Api, head_of, talks, timers, whole_list, whole_log
from prove.crowd import MOST_TTL_SECONDS, Crowd
from prove.history import Drained, Entry, Listed, Logged, Record, Unfinished
from prove.rules.changes import EXPIRY_SECONDS

# All that is to expire has, before anybody looks: so long after the last send was answered.
CALM_SECONDS = MOST_TTL_SECONDS + EXPIRY_SECONDS
ROUND_SECONDS = 1.0
CALM_ROUNDS = 2
READS_AT_ONCE = 8

T = TypeVar("T")


async def drain(crowd: Crowd, api: Api, record: Record, most_seconds: float) -> None:
    """Wait until all devices are connected, have everything and owe nothing, and record whether it came to that.

    Nobody is helped: what a device lacks, the server must fill by itself.
    """
    took = await _whole_after(crowd, api, most_seconds)
    record(Drained(whole=took is not None, seconds=round(most_seconds if took is None else took, 2)))


async def tell_the_end(crowd: Crowd, api: Api, record: Record) -> None:
    """Record what is still unanswered, and the whole truth: all logs and lists. Nobody MUST talk any more."""
    for line in crowd.lines:
        for job in line.device.outbox:
            record(Unfinished(device=line.device.name, ref=job.ref, kind=job.kind.value))

    async def read(person: str) -> list[Entry]:
        token = await crowd.accounts[person].token()
        page = await whole_log(api, token)
        messages, peers = await whole_list(api, token), await talks(api, token)
        found = await timers(api, token, crowd.timed_by(person))
        listed = Listed(person=person, messages=messages, talks=peers, timers=found)
        return [Logged(person=person, page=page), listed]

    for entries in await _for_each(crowd.people, read):
        for entry in entries:
            record(entry)


async def _whole_after(crowd: Crowd, api: Api, most_seconds: float) -> float | None:
    """How long it took until they were and stayed so for a while; None: too long."""
    began = time.monotonic()
    calm, took = 0, 0.0
    answered = began
    while time.monotonic() - began < most_seconds:
        await asyncio.sleep(ROUND_SECONDS)
        if any(line.device.outbox for line in crowd.lines):
            answered = time.monotonic()
        if not await _all_whole(crowd, api):
            calm = 0
            continue
        calm += 1
        took = took if calm > 1 else time.monotonic() - began
        if calm >= CALM_ROUNDS and time.monotonic() - answered > (CALM_SECONDS if crowd.mortal else 0):
            return took
    return None


async def _all_whole(crowd: Crowd, api: Api) -> bool:
    """Whether everybody has everything, by the heads that the API tells, not by what their sockets know."""
    if not all(line.device.has_everything for line in crowd.lines):
        return False
    heads = await _for_each(crowd.people, lambda person: _head(crowd, api, person))
    for line in crowd.lines:
        line.device.head = max(line.device.head, heads[crowd.people.index(line.device.person)])
    return all(line.device.has_everything for line in crowd.lines)


async def _head(crowd: Crowd, api: Api, person: str) -> int:
    return await head_of(api, await crowd.accounts[person].token())


async def _for_each(people: Sequence[str], read: Callable[[str], Coroutine[None, None, T]]) -> list[T]:
    bound = asyncio.Semaphore(READS_AT_ONCE)

    async def one(person: str) -> T:
        async with bound:
            return await read(person)

    return await asyncio.gather(*map(one, people))


async def watch(crowd: Crowd, tell: Callable[[str], None], counts: Callable[[], str], every_seconds: float) -> None:
    """A line of progress now and then, until it is cancelled."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(every_seconds)
        connected = sum(line.device.welcomed for line in crowd.lines)
        waiting = sum(len(line.device.outbox) for line in crowd.lines)
        tell(f"{time.monotonic() - began:5.0f} s: {connected} connected, {waiting} waiting for answers; {counts()}")
