"""What a Redis says about itself."""

import socket
import threading

import pytest

from realtime import redis_checkup
from realtime.redis_checkup import Unreachable
from tests.programs import free_port
from tests.servers import GivenRedis, RedisServer


async def test_a_redis_tells_its_version_its_distance_and_that_it_asks_for_a_password(redis_url: str) -> None:
    vitals = await redis_checkup.look(redis_url)
    assert vitals.version[0].isdigit()
    assert 0 < vitals.milliseconds < 60_000
    assert vitals.needs_password == ("@" in redis_url)


async def test_nobody_there_is_told_without_the_url() -> None:
    with pytest.raises(Unreachable) as refused:
        await redis_checkup.look(f"redis://:very-secret@127.0.0.1:{free_port()}/0")
    assert str(refused.value) == "ConnectionError"


async def test_a_wrong_password_is_told_as_that(redis_server: RedisServer | GivenRedis) -> None:
    if isinstance(redis_server, GivenRedis):
        pytest.skip("somebody else's Redis may have no password")
    for url in (
        redis_server.url.replace(redis_server.password, "wrong"),
        redis_server.url.replace(f":{redis_server.password}@", ""),
    ):
        with pytest.raises(Unreachable, match="user and password"):
            await redis_checkup.look(url)


async def test_something_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_checkup, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []
        thread = threading.Thread(target=lambda: held.append(listening.accept()[0]))
        thread.start()
        with pytest.raises(Unreachable):
            await redis_checkup.look(f"redis://127.0.0.1:{listening.getsockname()[1]}/0")
        thread.join()
        for each in held:
            each.close()
