"""The clients with real sockets, against the toy as a server: whatever is cut, everything is whole in the end."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from prove import crowd as crowds
from prove import finish
from prove.api import Api
from prove.checker import check
from prove.crowd import Crowd, friends_of, people_of
from prove.history import Answered, Began, Blocking, Closed, Entry, Heard, History, Listed, Opened, Timing, Tried, read
from prove.sockets import WrongDialect
from prove.tcp import Wire
from prove.wire import TimerTold
from tests.prove import stub as stubs
from tests.prove.stub import Stub

PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing expires here, so nobody needs to wait for it; blocks are many and short, timers many, tokens end soon."""
    monkeypatch.setattr(crowds, "TTL_SHARE", 0.0)
    monkeypatch.setattr(crowds, "BLOCK_SHARE", 0.2)
    monkeypatch.setattr(crowds, "TIMER_SHARE", 0.2)
    monkeypatch.setattr(crowds, "BLOCK_SECONDS", (0.1, 0.5))
    monkeypatch.setattr(finish, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(stubs, "TOKEN_SECONDS", 3)


async def run(directory: Path, *, rounds: int = 6) -> tuple[list[Entry], Stub]:
    stub, random, history = Stub(), Random(3), History(directory)
    wire = Wire(lambda: [stub.port])
    await wire.start()
    people = people_of(10, random)
    history.record(Began(seed=3, seconds=0, people=people))
    api = Api(f"http://127.0.0.1:{wire.port}", random)
    crowd = Crowd(api, people, history.record, random, rate=150)
    await crowd.sign_up()
    living = asyncio.ensure_future(crowd.live())
    try:
        crowd.begin()
        for _ in range(rounds):
            await asyncio.sleep(0.3)
            wire.cut(0.5, random)
            stub.refuse_next = 3
        crowd.wishing = False
        await finish.drain(crowd, api, history.record, PATIENCE_SECONDS)
        assert not living.done()
        await hang_up(crowd, living)
        await finish.tell_the_end(crowd, api, history.record)
    finally:
        await hang_up(crowd, living)
        api.close()
        stub.close()
        await wire.stop()
        history.close()
    return list(read(history.path)), stub


async def hang_up(crowd: Crowd, living: asyncio.Future[None]) -> None:
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    for line in crowd.lines:
        line.stop()


async def test_cut_and_refused_clients_lose_and_double_nothing(tmp_path: Path) -> None:
    entries, stub = await run(tmp_path)
    assert check(entries) == []
    assert sum(isinstance(each, Closed) for each in entries) > 10
    assert {each.via for each in entries if isinstance(each, Tried)} == {"v1", "rest"}
    assert {each.via for each in entries if isinstance(each, Opened)} == {"v1", "poll"}
    assert {each.ends for each in entries if isinstance(each, Blocking)} == {True, False}
    assert {each.ttl is None for each in entries if isinstance(each, Timing)} == {True, False}
    assert any(isinstance(each, Heard) and isinstance(each.told, TimerTold) for each in entries)
    assert any(any(each.timers.values()) for each in entries if isinstance(each, Listed))
    assert sum(isinstance(each, Answered) for each in entries) > 50
    assert stub.refreshed > 0


async def test_a_doubling_server_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = stubs.World.show

    def show(self: stubs.World, person: str, position: int) -> object:
        """At the third position everybody is told of the second again."""
        told = original(self, person, 2 if position == 3 else position)
        return stubs.msgspec.structs.replace(told, position=position)

    monkeypatch.setattr(stubs.World, "show", show)
    entries, _ = await run(tmp_path, rounds=2)
    assert any(isinstance(each, Heard) for each in entries)
    assert check(entries)


async def test_a_server_without_the_dialect_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stubs.Socket, "select_subprotocol", lambda self, names: None)
    stub, random = Stub(), Random(1)
    api = Api(f"http://127.0.0.1:{stub.port}", random)
    crowd = Crowd(api, {"a": ["a/1"]}, lambda entry: None, random, rate=1)
    await crowd.sign_up()
    with pytest.raises(ExceptionGroup) as raised:
        await crowd.live()
    assert raised.group_contains(WrongDialect)
    api.close()
    stub.close()


def test_so_many_devices_as_asked_for_and_talks_with_two_sides() -> None:
    people = people_of(50, Random(1))
    assert sum(map(len, people.values())) == 50
    assert any(len(devices) == 2 for devices in people.values())
    names = list(people)
    for index, name in enumerate(names):
        friends = friends_of(names, index)
        assert name not in friends
        assert all(name in friends_of(names, names.index(friend)) for friend in friends)
    assert friends_of(["a"], 0) == ["a"]
