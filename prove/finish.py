"""The end of a run: everybody gets everything, then the whole truth is read and put into the history."""

import asyncio
import time
from collections.abc import Callable

from prove.api import Api, talks, whole_list, whole_log
from prove.crowd import MOST_TTL_SECONDS, Crowd
from prove.history import Drained, Entry, Listed, Logged, Record, Unfinished
from prove.rules.changes import EXPIRY_SECONDS
from prove.sockets import Line

# All that is to expire has, before anybody looks.
CALM_SECONDS = MOST_TTL_SECONDS + EXPIRY_SECONDS
ROUND_SECONDS = 1.0
CALM_ROUNDS = 2
READS_AT_ONCE = 8
MOST_READINGS = 5


async def drain(crowd: Crowd, most_seconds: float) -> float | None:
    """Wait until all devices are connected, have everything and owe nothing; how long it took, None: too long.

    Nobody is helped: what a device lacks, the server must fill by itself.
    """
    began = time.monotonic()
    calm, took = 0, 0.0
    while time.monotonic() - began < most_seconds:
        for line in crowd.lines:
            line.ping()
        await asyncio.sleep(ROUND_SECONDS)
        if not all(line.device.has_everything for line in crowd.lines):
            calm = 0
            continue
        calm += 1
        took = took if calm > 1 else time.monotonic() - began
        if calm >= CALM_ROUNDS and time.monotonic() - began > CALM_SECONDS:
            return took
    return None


async def tell_the_end(crowd: Crowd, api: Api, record: Record, took: float | None, most_seconds: float) -> None:
    """Read all logs and lists, again until no device has less than they say, and record them."""
    record(Drained(whole=took is not None, seconds=round(most_seconds if took is None else took, 2)))
    for line in crowd.lines:
        for job in line.device.outbox:
            record(Unfinished(device=line.device.name, ref=job.ref, kind=job.kind.value))
    entries: list[Entry] = []
    for _ in range(MOST_READINGS):
        entries = await _everything(crowd, api)
        heads = {each.person: each.position for each in entries if isinstance(each, Logged)}
        if all(_upto(line) >= heads[line.device.person] for line in crowd.lines):
            break
        await asyncio.sleep(ROUND_SECONDS)
    for entry in entries:
        record(entry)


async def _everything(crowd: Crowd, api: Api) -> list[Entry]:
    bound = asyncio.Semaphore(READS_AT_ONCE)

    async def read(person: str) -> list[Entry]:
        async with bound:
            token = await crowd.accounts[person].token()
            page, events = await whole_log(api, token)
            messages, peers = await whole_list(api, token), await talks(api, token)
            log = Logged(person=person, position=page.position, epoch=page.epoch, events=events)
            return [log, Listed(person=person, messages=messages, talks=peers)]

    return [entry for pair in await asyncio.gather(*map(read, crowd.people)) for entry in pair]


async def watch(crowd: Crowd, tell: Callable[[str], None], counts: Callable[[], str], every_seconds: float) -> None:
    """A line of progress now and then, until it is cancelled."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(every_seconds)
        connected = sum(line.device.welcomed for line in crowd.lines)
        waiting = sum(len(line.device.outbox) for line in crowd.lines)
        tell(f"{time.monotonic() - began:5.0f} s: {connected} connected, {waiting} waiting for answers; {counts()}")


def _upto(line: Line) -> int:
    return line.device.cursor.upto if line.device.cursor is not None else 0
