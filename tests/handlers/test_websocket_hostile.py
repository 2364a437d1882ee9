"""A hundred thousand hostile frames: no trace in the log, nothing left in memory, and neighbours hear everything."""

import asyncio
import gc
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from actions import presence
from handlers.line import Line
from handlers.wire import Wire
from realtime.connection import Connection
from tests.handlers.hostile import attack
from tests.handlers.inside import Inside, running_door
from tests.handlers.raw import PATIENCE_SECONDS, Person, raw_socket
from tests.instances import Instance
from tests.programs import free_port
from tests.talk import talking

FRAMES, ATTACKERS, WARM_UP = 100_000, 4, 10_000
DATABASE_THREADS = 4


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Instance, int]]:
    """An instance, and the port of its metrics."""
    port = free_port()
    settings = {
        "RECADO_METRICS_PORT": str(port),
        "RECADO_AUTH_ACCESS_MINUTES": "60",
        "RECADO_DATABASE_THREADS": str(DATABASE_THREADS),
    }
    with Instance(tmp_path, settings=settings) as running:
        yield running, port


@contextmanager
def neighbours(instance: Instance) -> Iterator[None]:
    """Two people who talk as long as the block lasts; at its end both have heard everything, in order."""
    anna, ben = (Person(name, instance.join(name)) for name in ("anna", "ben"))
    over, said = threading.Event(), []

    def talk() -> None:
        with raw_socket(instance, anna.token) as speaker, raw_socket(instance, ben.token) as listener:
            while not over.is_set() or len(said) < 10:
                said.append(str(len(said)))
                speaker.say({"recipient": "ben", "content": said[-1]})
                assert speaker.hear()["message"] == said[-1]
                assert listener.hear()["message"] == said[-1]
                over.wait(0.02)

    with ThreadPoolExecutor(1) as one:
        talking_on = one.submit(talk)
        try:
            yield
        finally:
            over.set()
        talking_on.result()


def sockets_of(port: int) -> int:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as answer:
        found = re.search(rb"^recado_sockets (\d+)", answer.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def until(holds: Callable[[], bool], told: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, told
        time.sleep(0.02)  # nobody tells when the last one goes


def until_alone(process: psutil.Process, port: int) -> None:
    """Wait until no socket is left: none is counted, and the system knows of none (also not of who has counted)."""
    until(lambda: sockets_of(port) == 0, "sockets are left")
    listening = psutil.CONN_LISTEN
    until(lambda: all(each.status == listening for each in process.net_connections()), "sockets are not closed")


def descriptors(process: psutil.Process) -> tuple[int, int]:
    """How many connections to the database there are, and how many descriptors besides those that these need.

    A thread of the database opens its connection with its first work, which may come at any time.
    """
    every = process.num_fds()
    files = [Path(each.path).name for each in process.open_files()]
    return files.count("recado.db"), every - sum(name.startswith("recado.db") for name in files)


def test_a_hundred_thousand_hostile_frames_do_no_harm(watched: tuple[Instance, int]) -> None:
    instance, port = watched
    assert instance.process is not None
    process = psutil.Process(instance.process.pid)
    attackers = [Person(f"mallory{n}", instance.join(f"mallory{n}")) for n in range(ATTACKERS)]

    def attacks(count: int, seed: int) -> int:
        with ThreadPoolExecutor(ATTACKERS) as crowd:
            share = count // ATTACKERS
            return sum(crowd.map(lambda n: attack(instance, attackers[n], seed + n, share), range(ATTACKERS)))

    attacks(WARM_UP, 1)
    until_alone(process, port)
    memory, (_, others) = process.memory_info().rss, descriptors(process)
    with neighbours(instance):
        assert attacks(FRAMES - WARM_UP, 100) > ATTACKERS  # they were closed, and came again
    until_alone(process, port)
    assert process.memory_info().rss - memory < 24 << 20
    assert descriptors(process)[0] <= DATABASE_THREADS + 1  # the writer's
    until(lambda: descriptors(process)[1] <= others, "descriptors are left")
    told = [line for line in instance.log().splitlines() if '"level":"info"' not in line.replace(" ", "")]
    expected = ("Recado is at", '{"type":"recado.audit.checkpoint"')
    assert [line for line in told if not line.startswith(expected)] == []


async def all_handled(inside: Inside) -> None:
    """Until no socket is left, and what was read from the last ones is handled too."""
    await inside.pulse.until(0)
    for task in asyncio.all_tasks():
        if task.get_coro().__qualname__ == Wire._read.__qualname__:
            await task


def sockets_in_memory() -> list[Wire | Line | Connection]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, Wire | Line | Connection)]


async def test_of_hostile_sockets_nothing_is_left_in_memory(sqlite_url: str) -> None:
    of_others = sockets_in_memory()  # a log record that pytest keeps may hold one of an earlier test
    async with running_door(sqlite_url) as inside:
        mallory, ben = Person("mallory", await inside.join("mallory")), await inside.join("ben")
        assert await asyncio.to_thread(attack, inside, mallory, 7, 100) > 0
        await all_handled(inside)
        tasks = len(asyncio.all_tasks())
        assert await asyncio.to_thread(attack, inside, mallory, 8, 5000) > 5
        async with talking(inside.socket_url, ben) as talk:  # it goes on
            await talk.say({"recipient": "ben", "content": "hi"})
            assert (await talk.hear())["message"] == "hi"
        await all_handled(inside)
        await presence.turn(inside.app)  # it forgets who came
        for task in tuple(inside.app.background):
            await task
        assert len(asyncio.all_tasks()) <= tasks
        assert (inside.app.hub.size, inside.app.attached, inside.app.filling) == (0, set(), set())
        assert [each for each in sockets_in_memory() if each not in of_others] == []
