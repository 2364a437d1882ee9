"""Two instances on one PostgreSQL and one Redis are one server: for people, for messages, and when a part dies."""

import asyncio
import base64
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis

from crypto.keyring import PURPOSES
from tests.instances import ROOT, Instance
from tests.servers import RedisServer
from tests.talk import Talk, talking

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02
Pair = tuple[Instance, Instance]


@pytest.fixture
def own_replicas(tmp_path: Path, postgres_url: str, own_redis: RedisServer) -> Iterator[Pair]:
    """Two instances whose Redis is this test's alone; limits are on, so that their traffic is there as well."""
    asked: Any = {"database_url": postgres_url, "redis_url": own_redis.url}
    settings = {"RECADO_LIMITS_ENABLED": "true"}
    with (
        Instance(tmp_path, settings=settings, **asked) as first,
        Instance(tmp_path, settings=settings, **asked) as second,
    ):
        yield first, second


async def until(talk: Talk, text: str) -> list[dict[str, Any]]:
    """Every frame up to the one that says this."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["message"] != text:
        frame = await talk.hear()
        assert frame is not None, f"closed while waiting for {text!r}: {talk.connection.close_code}"
        heard.append(frame)
    return heard


def said(frames: list[dict[str, Any]], sender: str) -> list[str]:
    """What one person said, in the order of arrival."""
    return [frame["message"] for frame in frames if frame["sender"] == sender]


def listed(instance: Instance, token: str) -> list[dict[str, Any]]:
    """Every message of a person, oldest first, page after page."""
    found: list[dict[str, Any]] = []
    path: str | None = "/api/auth/messages/?limit=500"
    while path is not None:
        reply = instance.call("GET", path, token=token)
        assert reply.status == 200, reply
        found += reply.json
        more = re.match(r'<([^>]+)>; rel="next"', reply.headers.get("link", ""))
        path = more[1] if more else None
    return found[::-1]


def contents(instance: Instance, token: str) -> list[str]:
    return [message["content"] for message in listed(instance, token)]


def send(instance: Instance, token: str, to: str, text: str) -> None:
    reply = instance.call("POST", "/api/auth/send/", {"recipient": to, "content": text}, token=token)
    assert reply.status == 201, reply


async def eventually(is_so: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never became so"
        await asyncio.sleep(LOOK_SECONDS)


def bus_is_up(instance: Instance) -> bool:
    up: bool = instance.call("GET", "/readyz").json["bus"] == "ok"
    return up


async def test_people_on_different_instances_talk_on_all_their_devices(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    async with AsyncExitStack() as stack:
        # Each has a device on both; a token is good on either.
        devices = [
            await stack.enter_async_context(talking(instance.socket_url, token))
            for instance, token in ((first, alice), (second, alice), (second, bob), (first, bob), (second, bob))
        ]
        await devices[0].say({"recipient": "bob", "content": "by socket"})
        first_heard = [await until(device, "by socket") for device in devices]
        send(second, bob, "alice", "by call")
        await asyncio.gather(*(until(device, "by call") for device in devices))
        send(first, bob, "alice", "from my other device")
        heard = [await until(device, "from my other device") for device in devices]
    assert all(frames == first_heard[0] for frames in first_heard)
    assert len(first_heard[0]) == 1
    assert all(frames == heard[0] for frames in heard)
    assert len(heard[0]) == 1
    everything = ["by socket", "by call", "from my other device"]
    assert contents(first, bob) == contents(second, alice) == everything


async def test_a_timer_that_is_set_on_one_instance_is_told_on_the_other_and_is_one_for_both(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    send(first, alice, "bob", "hi")

    async def set_timer(instance: Instance, token: str, peer: str, seconds: int) -> None:
        body = {"ttl_seconds": seconds}
        reply = await asyncio.to_thread(instance.call, "PATCH", f"/api/conversations/{peer}/", body, token=token)
        assert reply.json == {"peer": peer, "ttl_seconds": seconds}

    async with talking(second.socket_url, subprotocols=["recado.v1"]) as device:
        await device.say({"type": "hello", "token": bob})
        assert (await device.hear())["type"] == "welcome"
        await set_timer(first, alice, "bob", 60)
        told = {"type": "timer", "position": 2, "peer": "alice", "by": "alice", "ttl_seconds": 60}
        assert await device.hear() == told
        # At once, on both: one comes last, and both people are told the same of it.
        await asyncio.gather(*(set_timer(*one) for one in ((first, alice, "bob", 5), (second, bob, "alice", 7))))
        heard = [await device.hear() for _ in range(2)]
        assert {(frame["by"], frame["ttl_seconds"]) for frame in heard} == {("alice", 5), ("bob", 7)}
        last = max(heard, key=lambda frame: frame["position"])
    for instance, token in ((first, bob), (second, alice)):
        (shown,) = instance.call("GET", "/api/conversations/", token=token).json
        assert shown["ttl_seconds"] == last["ttl_seconds"]


async def test_a_reply_is_one_on_every_instance_and_so_is_what_can_be_quoted(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    async with (
        talking(first.socket_url, subprotocols=["recado.v1"]) as one,
        talking(second.socket_url, subprotocols=["recado.v1"]) as other,
    ):
        for talk, token in ((one, alice), (other, bob)):
            await talk.say({"type": "hello", "token": token})
            assert (await talk.hear())["type"] == "welcome"
        await asyncio.to_thread(send, first, alice, "bob", "tea?")
        question = (await other.hear())["message"]["id"]
        # As soon as it is told it can be quoted, wherever it was sent; a reply comes by the bus as it is.
        said = {"type": "send", "client_id": str(uuid4()), "recipient": "alice", "content": "yes", "reply_to": question}
        await other.say(said)
        message = (await other.hear())["message"]
        assert message["reply_to"] == question
        heard = [await one.hear() for _ in range(2)]
        assert [frame["message"] for frame in heard][1] == message
        # What was taken back on one instance cannot be quoted on the other; what quoted it is known on both.
        await one.say({"type": "delete", "id": question})
        assert (await one.hear())["type"] == (await other.hear())["type"] == "deleted"
        await other.say(said | {"client_id": str(uuid4())})
        assert (await other.hear())["field"] == "reply_to"
    body = {name: value for name, value in said.items() if name != "type"}
    again = first.call("POST", "/api/auth/send/", body, token=bob)
    assert (again.status, again.json) == (200, message)
    assert listed(first, bob) == listed(second, alice) == [message]


async def test_five_hundred_quick_messages_keep_their_order_and_none_is_doubled(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    from_alice, from_bob = [f"a{n}" for n in range(250)], [f"b{n}" for n in range(250)]
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(talking(instance.socket_url, token))
            for instance, token in ((first, alice), (second, bob), (second, alice), (first, bob))
        ]

        async def talk(device: Talk, to: str, texts: list[str]) -> None:
            for text in texts:
                await device.say({"recipient": to, "content": text})

        async def listen(device: Talk) -> list[dict[str, Any]]:
            return [await device.hear() for _ in range(500)]

        listening = [asyncio.ensure_future(listen(device)) for device in devices]
        await asyncio.gather(talk(devices[0], "bob", from_alice), talk(devices[1], "alice", from_bob))
        heard = await asyncio.gather(*listening)
        await devices[0].say({"recipient": "bob", "content": "end"})
        for device in devices:
            assert len(await until(device, "end")) == 1  # nothing stood between
    for frames in heard:
        assert said(frames, "alice") == from_alice
        assert said(frames, "bob") == from_bob
    stored = listed(first, alice)
    assert stored == listed(second, bob)
    shown = {(frame["id"], frame["message"]) for frame in heard[0]}
    assert shown == {(message["id"], message["content"]) for message in stored[:-1]}
    assert said([{"message": one["content"], "sender": one["sender"]} for one in stored[:-1]], "bob") == from_bob


async def test_nothing_readable_passes_through_redis(own_replicas: Pair, own_redis: RedisServer) -> None:
    first, second = own_replicas
    secret = "the-heron-waits-at-the-weir"
    password = "a long and quiet password"
    client = redis.Redis.from_url(own_redis.url)
    listener = client.pubsub()
    try:
        listener.psubscribe("*")
        listener.get_message(timeout=PATIENCE_SECONDS)  # the confirmation
        with monitored(own_redis) as traffic:
            for name in ("margarida", "estevao"):
                first.register(name, password)
            margarida, estevao = first.sign_in("margarida", password), second.sign_in("estevao", password)
            async with talking(first.socket_url, margarida) as one, talking(second.socket_url, estevao) as other:
                await one.say({"recipient": "estevao", "content": secret})
                await until(other, secret)
                send(second, estevao, "margarida", secret + " again")
                await until(one, secret + " again")
                first.call("POST", "/api/auth/logout/", token=margarida)
                assert await one.closed() == 4401
            keys = b"\n".join(client.keys("*"))
        pushed = []
        while (push := listener.get_message(timeout=0.2)) is not None:
            pushed.append(push)
    finally:
        listener.close()
        client.close()
    assert b'"PUBLISH"' in traffic.seen.upper()  # the ears were open
    assert all(re.fullmatch(rb"recado:(all|u:\d+)", push["channel"]) for push in pushed)
    assert sum(push["data"] != b"" for push in pushed) >= 2
    passed = traffic.seen + keys + b"".join(push["channel"] + push["data"] for push in pushed)
    for word in (secret, "margarida", "estevao", password, margarida, estevao, "message", "logout"):
        for shape in (word.encode(), base64.b64encode(word.encode())[:-4], word.encode().hex().encode()):
            assert shape.lower() not in passed.lower(), word


async def test_redis_may_die_and_come_back(own_replicas: Pair, own_redis: RedisServer) -> None:
    """Sends go on while Redis is dead, and when it is back, so is delivery across instances, without reconnecting.

    What a device on another instance missed meanwhile stands in the list; giving it over the open socket is
    for the dialect that knows positions, and nothing is asserted about it here.
    """
    first, second = own_replicas
    alice, bob = first.join("alice"), second.join("bob")
    async with AsyncExitStack() as stack:
        at_alice, beside, far = [
            await stack.enter_async_context(talking(instance.socket_url, token))
            for instance, token in ((first, alice), (first, bob), (second, bob))
        ]
        own_redis.kill()
        send(first, alice, "bob", "nobody has noticed yet")
        await eventually(lambda: not bus_is_up(first) and not bus_is_up(second))
        assert first.call("GET", "/readyz").status == 200  # no reason to send people away
        send(first, alice, "bob", "by call")
        await at_alice.say({"recipient": "bob", "content": "by socket"})
        down = ["nobody has noticed yet", "by call", "by socket"]
        for device in (at_alice, beside):
            assert said(await until(device, "by socket"), "alice") == down
        assert contents(second, bob) == down

        own_redis.start()
        await eventually(lambda: bus_is_up(first) and bus_is_up(second))
        await at_alice.say({"recipient": "bob", "content": "across again"})
        heard = said(await until(far, "across again"), "alice")
        await far.say({"recipient": "alice", "content": "and back"})
        await until(at_alice, "and back")
        await until(beside, "and back")
        # A device that comes while all is well hears as well.
        latecomer = await stack.enter_async_context(talking(second.socket_url, alice))
        await beside.say({"recipient": "alice", "content": "welcome"})
        await until(latecomer, "welcome")
    assert len(heard) == len(set(heard))
    assert set(heard) <= {*down, "across again"}
    assert contents(first, alice) == [*down, "across again", "and back", "welcome"]


async def test_signing_out_on_one_instance_closes_the_sockets_on_the_other(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), first.join("bob")
    other_session = first.sign_in("bob")
    async with (
        talking(second.socket_url, bob) as ended,
        talking(first.socket_url, bob) as ended_too,
        talking(second.socket_url, other_session) as staying,
    ):
        assert first.call("POST", "/api/auth/logout/", token=bob).status == 204
        assert await ended.closed() == 4401
        assert await ended_too.closed() == 4401
        send(first, alice, "bob", "still there?")
        assert said(await until(staying, "still there?"), "alice") == ["still there?"]
    for instance in replicas:
        assert instance.call("GET", "/api/auth/messages/", token=bob).status == 401
        assert instance.call("GET", "/api/auth/messages/", token=other_session).status == 200


async def test_what_was_acknowledged_survives_a_kill_and_is_there_once(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    acknowledged: list[str] = []
    enough = threading.Event()

    def send_until_it_dies(worker: int) -> str:
        """Returns the message whose answer never came."""
        for turn in range(10_000):
            client_id = str(uuid4())
            body = {"recipient": "bob", "content": client_id, "client_id": client_id}
            try:
                reply = first.call("POST", "/api/auth/send/", body, token=alice)
            except (URLError, ConnectionError):
                return client_id
            assert reply.status == 201, reply
            acknowledged.append(client_id)
            if turn == 20:
                enough.set()
        raise AssertionError("it did not die")

    async with talking(second.socket_url, bob) as at_bob:
        with ThreadPoolExecutor(4) as workers:
            sending = [workers.submit(send_until_it_dies, worker) for worker in range(4)]
            await asyncio.to_thread(enough.wait, PATIENCE_SECONDS)
            first.kill()
            unknown = [work.result() for work in sending]
        # The other serves: a lost answer is met by asking again with the same id.
        for client_id in unknown:
            body = {"recipient": "bob", "content": client_id, "client_id": client_id}
            assert second.call("POST", "/api/auth/send/", body, token=alice).status in (200, 201)
        send(second, alice, "bob", "end")
        heard = said(await until(at_bob, "end"), "alice")
    assert len(heard) == len(set(heard))
    for_alice, for_bob = contents(second, alice), contents(second, bob)
    assert for_alice == for_bob
    assert sorted(for_alice) == sorted([*acknowledged, *unknown, "end"])


async def test_a_stopping_instance_says_restart_and_keeps_what_it_acknowledged(replicas: Pair) -> None:
    first, second = replicas
    alice, bob = first.join("alice"), second.join("bob")
    async with AsyncExitStack() as stack:
        sender, other, far = [
            await stack.enter_async_context(talking(instance.socket_url, token))
            for instance, token in ((first, alice), (first, bob), (second, bob))
        ]

        async def pour() -> None:
            for number in range(10_000):
                if sender.ended:
                    return
                await sender.say({"recipient": "bob", "content": str(number)})

        async def hear_all(talk: Talk) -> list[str]:
            heard = []
            while (frame := await talk.hear()) is not None:
                if "message" in frame:
                    heard.append(frame["message"])
            return heard

        hearing = [asyncio.ensure_future(hear_all(talk)) for talk in (sender, other)]
        pouring = asyncio.ensure_future(pour())
        await until(far, "50")
        assert await asyncio.to_thread(first.stop, signal.SIGTERM) == 0
        echoed, seen = await asyncio.gather(*hearing)
        await asyncio.gather(pouring, return_exceptions=True)  # a write to what has closed
        assert sender.connection.close_code == other.connection.close_code == 1012
        send(second, alice, "bob", "end")
        await until(far, "end")
    stored = contents(second, bob)[:-1]
    # Whatever anybody was shown is there, in its order, once; what was stored after the goodbye may be there too.
    assert len(echoed) > 50
    assert stored[: len(echoed)] == echoed
    assert stored[: len(seen)] == seen
    assert len(stored) == len(set(stored))
    assert contents(second, alice)[:-1] == stored


@pytest.mark.parametrize("secrets_of", ["nobody", "another server"])
def test_an_instance_with_other_secrets_does_not_start(
    replicas: Pair, tmp_path: Path, sqlite_url: str, secrets_of: str
) -> None:
    second = replicas[1]
    second.stop()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if secrets_of == "another server":
        with Instance(elsewhere, database_url=sqlite_url):
            pass
    ran = subprocess.run(
        [sys.executable, str(ROOT / "server.py")],
        env=second.environment | {"RECADO_SERVER_DATA_DIR": str(elsewhere), "PORT": "0"},
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 78
    told = [line for line in ran.stderr.splitlines() if line.startswith("recado: secrets: ")]
    # Without any, one line names them all; a stranger's are named one by one.
    assert len(told) == (len(PURPOSES) if secrets_of == "another server" else 1)
    assert "master" in told[0]
    assert "Traceback" not in ran.stderr
    assert replicas[0].call("GET", "/readyz").status == 200


class Traffic:
    """What Redis was asked, as MONITOR tells it."""

    def __init__(self) -> None:
        self.seen = b""


@contextmanager
def monitored(server: RedisServer) -> Iterator[Traffic]:
    """Everything that any client asks of this Redis inside the block."""
    address = urlsplit(server.url)
    traffic = Traffic()
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS) as wire:
        wire.sendall(f"AUTH {address.password}\r\nMONITOR\r\n".encode())
        while traffic.seen.count(b"+OK\r\n") < 2:
            traffic.seen += wire.recv(65_536)

        def listen() -> None:
            while chunk := wire.recv(65_536):
                traffic.seen += chunk

        ears = threading.Thread(target=listen)
        ears.start()
        try:
            yield traffic
            # Redis answers in order: behind this name nothing of before is still to come.
            client = redis.Redis.from_url(server.url)
            client.exists("the-end-of-it")
            client.close()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while b"the-end-of-it" not in traffic.seen:
                assert time.monotonic() < deadline, "MONITOR fell silent"
                time.sleep(LOOK_SECONDS)
        finally:
            wire.shutdown(socket.SHUT_RDWR)
            ears.join()


@pytest.mark.parametrize("purpose", ["access", "pepper", "token", "bus", "audit", "push"])
def test_an_instance_with_one_other_key_does_not_start(tmp_path: Path, sqlite_url: str, purpose: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Instance(home, database_url=sqlite_url):
        pass
    other = tmp_path / "other"
    other.mkdir()
    with Instance(other):
        pass
    shutil.copy(other / "secrets" / f"{purpose}.keys", home / "secrets" / f"{purpose}.keys")
    second = Instance(home, database_url=sqlite_url)
    with pytest.raises(AssertionError):
        second.start()
    assert second.stop() == 78
    assert f"recado: secrets: {purpose}: this is not the database's own key" in second.log()
