"""Whatever ends a session closes its sockets and refuses its tokens on every instance, with Redis and without.

What looks after that more slowly, and what is remembered for seconds, is switched off: in each case one thing alone can
have done it.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.instances import Instance, Reply
from tests.served import serving
from tests.servers import RedisServer
from tests.talk import talking
from wiring import people, serve
from wiring.serve import Server

PASSWORD, NEW = "correct horse battery", "another horse, another battery"
NEVER = 3600.0
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """The instance on which sessions are ended; `operator` runs a command, and returns the token that it prints."""

    instance: Instance
    operator: Callable[[str, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of somebody."""

    name: str
    access: str
    refresh: str


async def call(place: Place, method: str, path: str, body: object = None, by: Session | None = None) -> Reply:
    token = None if by is None else by.access
    reply = await asyncio.to_thread(place.instance.call, method, f"/api/auth/{path}", body, token=token)
    assert reply.status in (200, 201, 204), reply
    return reply


async def sign_in(place: Place, name: str) -> Session:
    pair = (await call(place, "POST", "login/", {"username": name, "password": PASSWORD})).json
    return Session(name, pair["access"], pair["refresh"])


async def by_logout(place: Place, doomed: Session, other: Session) -> None:
    await call(place, "POST", "logout/", by=doomed)


async def by_the_list(place: Place, doomed: Session, other: Session) -> None:
    (found,) = [each for each in (await call(place, "GET", "sessions/", by=doomed)).json if each["current"]]
    await call(place, "DELETE", f"sessions/{found['id']}/", by=other)


async def with_all_others(place: Place, doomed: Session, other: Session) -> None:
    await call(place, "DELETE", "sessions/", by=other)


async def everywhere(place: Place, doomed: Session, other: Session) -> None:
    await call(place, "POST", "logout/everywhere/", by=other)


async def by_a_new_password(place: Place, doomed: Session, other: Session) -> None:
    await call(place, "POST", "password/", {"current": PASSWORD, "new": NEW}, by=other)


async def by_a_one_time_token(place: Place, doomed: Session, other: Session) -> None:
    token = await place.operator("reset-password", doomed.name)
    await call(place, "POST", "password/reset/", {"token": token, "new": NEW})


async def by_an_old_refresh_token(place: Place, doomed: Session, other: Session) -> None:
    text = doomed.refresh
    for _ in range(2):
        text = (await call(place, "POST", "refresh/", {"refresh": text})).json["refresh"]
    reply = await asyncio.to_thread(place.instance.call, "POST", "/api/auth/refresh/", {"refresh": doomed.refresh})
    assert reply.status == 401


async def by_the_operator(place: Place, doomed: Session, other: Session) -> None:
    await place.operator("end-sessions", doomed.name)


async def by_disabling(place: Place, doomed: Session, other: Session) -> None:
    await place.operator("disable", doomed.name)


TOLD_BY_THE_BUS = (
    *(by_logout, by_the_list, with_all_others, everywhere),
    *(by_a_new_password, by_a_one_time_token, by_an_old_refresh_token),
)
# The command line has no bus: what it ends is found in the database alone.
ENDINGS = (*TOLD_BY_THE_BUS, by_the_operator, by_disabling)


@asynccontextmanager
async def two_instances(
    home: Path, database_url: str, redis_url: str | None
) -> AsyncIterator[tuple[Server, Place, Instance]]:
    """One on which sessions are ended, and another on which the sockets are."""
    async with AsyncExitStack() as stack:
        settings = {"RECADO_AUTH_HASH_THREADS": "1"}
        asked = {"database_url": database_url, "redis_url": redis_url}
        first, _ = await stack.enter_async_context(serving(home, settings=settings, **asked))  # type: ignore[arg-type]
        second, server = await stack.enter_async_context(serving(home, settings=settings, **asked))  # type: ignore[arg-type]
        told: list[str] = []

        async def operator(command: str, name: str) -> str:
            told.clear()
            assert await people.perform(server.settings, first.environment, command, name) == 0
            return told[0] if told else ""

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(people, "_plain", lambda line: _noted(line, told))
            yield server, Place(first, operator), second


def _noted(line: str, told: list[str]) -> str:
    if found := re.search(r"pr1_\S+", line):
        told.append(found[0])
    return line


async def ends(place: Place, elsewhere: Instance, name: str, ending: Callable[..., Awaitable[None]]) -> None:
    """Play one ending, and wait for its consequences on the other instance."""
    await asyncio.to_thread(place.instance.register, name)
    doomed, other = await sign_in(place, name), await sign_in(place, name)

    def status() -> int:
        return elsewhere.call("GET", "/api/users/me/", token=doomed.access).status

    assert await asyncio.to_thread(status) == 200  # from now on it is remembered there
    async with talking(elsewhere.socket_url, doomed.access) as talk:
        await ending(place, doomed, other)
        assert await talk.closed() == 4401
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await asyncio.to_thread(status) != 401:
        assert time.monotonic() < deadline, "the token is still taken"
        await asyncio.sleep(LOOK_SECONDS)


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slow sweep, and a long memory."""
    monkeypatch.setattr(serve, "SESSION_SECONDS", NEVER)
    monkeypatch.setattr("actions.app.REMEMBER_SESSIONS", 3_600_000)


async def test_with_redis_gone_every_ending_is_found_in_the_database(
    tmp_path: Path, postgres_url: str, own_redis: RedisServer, nothing_else: None
) -> None:
    async with two_instances(tmp_path, postgres_url, own_redis.url) as (server, place, elsewhere):
        gone = asyncio.Event()
        server.app.bus.on_down = gone.set
        own_redis.kill()
        await gone.wait()
        for number, ending in enumerate(ENDINGS):
            await ends(place, elsewhere, f"person{number}", ending)


async def test_with_one_database_file_and_no_redis_every_ending_is_found_as_well(
    tmp_path: Path, sqlite_url: str, nothing_else: None
) -> None:
    async with two_instances(tmp_path, sqlite_url, None) as (_, place, elsewhere):
        for number, ending in enumerate(ENDINGS):
            await ends(place, elsewhere, f"person{number}", ending)


async def test_with_redis_up_the_bus_alone_closes_sockets_at_once(
    tmp_path: Path, postgres_url: str, redis_url: str, nothing_else: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "ENDINGS_SECONDS", NEVER)
    async with two_instances(tmp_path, postgres_url, redis_url) as (_, place, elsewhere):
        for number, ending in enumerate(TOLD_BY_THE_BUS):
            name = f"person{number}"
            await asyncio.to_thread(place.instance.register, name)
            doomed, other = await sign_in(place, name), await sign_in(place, name)
            async with talking(elsewhere.socket_url, doomed.access) as talk:
                await ending(place, doomed, other)
                assert await talk.closed() == 4401


async def test_parallel_refreshes_of_one_token_on_two_instances_leave_one_child(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with two_instances(tmp_path, postgres_url, redis_url) as (_, place, elsewhere):
        await asyncio.to_thread(place.instance.register, "alice")
        first = await sign_in(place, "alice")
        instances = (place.instance, elsewhere)

        def trade(instance: Instance, text: str) -> Reply:
            return instance.call("POST", "/api/auth/refresh/", {"refresh": text})

        replies = await asyncio.gather(
            *(asyncio.to_thread(trade, instances[number % 2], first.refresh) for number in range(12))
        )
        # Until a child is used nobody can tell a lost answer from a thief; then one child lives, and no other.
        children = [reply.json["refresh"] for reply in replies if reply.status == 200]
        assert len(children) == len(set(children)) == 12
        outcomes = [(await asyncio.to_thread(trade, instances[0], child)).status for child in children]
        assert outcomes.count(200) <= 1
        assert 401 in outcomes
