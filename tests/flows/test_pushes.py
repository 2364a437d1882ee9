"""Pushes of real instances to a push service with real TLS: of two instances one sends, and death only delays it."""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.flows import pushed
from tests.instances import Instance
from tests.pushes import HOST, Browser, Service, push_service

SUBSCRIPTIONS = "/api/push/subscriptions/"
PEOPLE = 5
LOOK_SECONDS = 0.05


def instance(home: Path, url: str, service: Service, place: Path) -> Instance:
    settings = {
        "PUSH_PORT": str(service.port),
        "PUSH_CA": str(place / "push.pem"),
        "RECADO_PUSH_EXTRA_HOSTS": HOST,
        "RECADO_PUSH_DELAY_SECONDS": "1",
    }
    return Instance(home, database_url=url, settings=settings, command=(sys.executable, str(Path(pushed.__file__))))


def join_with_browser(server: Instance, name: str) -> tuple[str, Browser]:
    token, browser = server.join(name), Browser(f"https://{HOST}/capability/{name}")
    assert server.call("POST", SUBSCRIPTIONS, browser.body, token=token).status == 204
    return token, browser


def send(server: Instance, token: str, to: str) -> None:
    reply = server.call("POST", "/api/auth/send/", {"recipient": to, "content": "nobody else may read it"}, token=token)
    assert reply.status == 201


def pushed_at(server: Instance, token: str) -> Any:
    (device,) = server.call("GET", SUBSCRIPTIONS, token=token).json
    return device.get("pushed_at")


async def until_told(server: Instance, tokens: list[str]) -> None:
    """Wait until the database says of all these that they were told."""
    for token in tokens:
        while not await asyncio.to_thread(pushed_at, server, token):  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK_SECONDS)


async def test_a_killed_instance_leaves_its_pushes_to_the_others_and_of_two_one_sends(
    tmp_path: Path, postgres_url: str
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    async with push_service(tmp_path) as service:
        first, second = (instance(home, postgres_url, service, tmp_path) for _ in range(2))
        try:
            await asyncio.to_thread(first.start)
            alice = await asyncio.to_thread(first.join, "alice")
            bob, browser = await asyncio.to_thread(join_with_browser, first, "bob")
            service.gate.clear()
            await asyncio.to_thread(send, first, alice, "bob")
            await service.until(1)
            await asyncio.to_thread(first.kill)  # it has said it, and heard nothing
            service.gate.set()
            await asyncio.to_thread(second.start)
            posts = await service.until(2)
            assert [browser.read(post.body) for post in posts] == [{"new": 1}] * 2
            assert {post.headers["Topic"] for post in posts} == {"news"}
            await until_told(second, [bob])

            await asyncio.to_thread(first.start)
            service.posts.clear()
            tokens = []
            for number in range(PEOPLE):
                token, _ = await asyncio.to_thread(join_with_browser, first, f"person{number}")
                tokens.append(token)
                await asyncio.to_thread(send, (first, second)[number % 2], alice, f"person{number}")
            await until_told(first, tokens)
            assert Counter(post.url.rpartition("/")[2] for post in service.posts) == {
                f"person{number}": 1 for number in range(PEOPLE)
            }
            for told in (first.log(), second.log()):
                assert "capability" not in told
                assert "Traceback" not in told
        finally:
            for one in (first, second):
                one.stop()
                sys.stderr.write(one.log())  # shown when the test fails
