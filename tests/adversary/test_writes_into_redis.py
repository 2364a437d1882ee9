"""Somebody who holds the password of Redis: what they publish, and what they publish again, is nobody's message.

Brokers were left open or taken over (CVE-2021-43799, CVE-2025-49844, CVE-2026-23479, CVE-2025-21605). So what comes
from there is hostile until it was opened, and what was opened once is not heard twice.
"""

import json
import time
from collections.abc import Iterator

import msgspec
import pytest
import redis
from cryptography.fernet import Fernet

from crypto.envelope import seal_envelope
from crypto.keyring import Key, Ring, make_key, parse_ring
from realtime.events import Envelope, Message, MessageSent, SessionEnded, encode, letter
from tests.adversary.attacker import V1, Plundered, Store, Target
from tests.adversary.doors import answered
from tests.handlers.raw import PATIENCE_SECONDS, Person, RawSocket
from tests.instances import Instance
from tests.servers import GivenPostgres, GivenRedis, PostgresServer, RedisServer

PREFIX = "recado-adversary"
EVERYBODY = f"{PREFIX}:all"


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer | GivenPostgres,
    redis_server: RedisServer | GivenRedis,
) -> Iterator[tuple[Target, Plundered]]:
    """Two instances on one PostgreSQL and one Redis."""
    home, url = tmp_path_factory.mktemp("pair"), postgres_server.create_database()
    settings = {"RECADO_REDIS_PREFIX": PREFIX}
    with (
        Instance(home, database_url=url, redis_url=redis_server.url, settings=settings) as one,
        Instance(home, database_url=url, redis_url=redis_server.url, settings=settings) as two,
    ):
        yield Target(one, one), Plundered(two, two, store=Store(url))
    postgres_server.drop_database(url)


@pytest.fixture
def wire(redis_server: RedisServer | GivenRedis) -> Iterator[redis.Redis]:
    """The attacker's own connection."""
    client = redis.Redis.from_url(redis_server.url)
    yield client
    client.close()


def captured(wire: redis.Redis, pair: tuple[Target, Target], sender: Person, recipient: Person, content: str) -> bytes:
    """A true envelope, as it passes."""
    with wire.pubsub() as ear:
        ear.subscribe(EVERYBODY)
        pair[0].send(sender, recipient, content)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            heard = ear.get_message(timeout=0.1)
            if heard is not None and heard["type"] == "message":
                payload: bytes = heard["data"]
                return payload
    raise AssertionError("nothing passed")


def forgeries(true: bytes, other: bytes, victim: int, session: int, bus: Ring) -> dict[str, bytes]:
    """What is published in place of a message; `true` and `other` are envelopes of two origins or of one."""
    said = Message(id=10**6, sender="alice", recipient="bob", content="forged", timestamp="2026-01-01T00:00:00.000Z")
    events = (MessageSent(said), SessionEnded(session_id=session, except_id=None, reason="forged"))
    events += (SessionEnded(session_id=None, except_id=None, reason="forged"),)
    origin = b"o" * 16
    plain = encode(Envelope(origin.hex(), [letter([(victim, None)], event) for event in events]))
    placed = encode(Envelope(origin.hex(), [letter([(victim, 10**6)], event) for event in events]))
    same_id = Ring((Key(bus.current.id, make_key().secret),))
    key_id = bus.current.id.encode()
    head = bytes((len(key_id),)) + key_id
    return {
        "in clear": origin + plain,
        "in clear, without an origin": plain,
        "in JSON": json.dumps({"type": "message", "message": msgspec.to_builtins(said)}).encode(),
        "sealed with a key of one's own": origin + seal_envelope(Ring((make_key(),)), plain),
        "… under the name of ours": origin + seal_envelope(same_id, plain),
        "… for a position": origin + seal_envelope(same_id, placed),
        "sealed with no secret": origin + head + Fernet(Fernet.generate_key()).encrypt(plain),
        "a true one from another origin": origin + true[16:],
        "a true one, cut": true[:-1],
        "a true one, a byte more": true + b"x",
        "a true one, a bit changed": true[:-20] + bytes((true[-20] ^ 1,)) + true[-19:],
        "two true ones": true + other,
        "halves of two": true[: len(true) // 2] + other[len(other) // 2 :],
        "nothing": b"",
        "an origin": true[:16],
        "a flood of one byte": b"\x90" * (2 << 20),
        "deep": b"\x91" * 100_000,
    }


def settled(opened: RawSocket) -> RawSocket:
    opened.say({"type": "hello"})
    assert answered(opened)["type"] == "welcome"
    return opened


def heard_until(opened: RawSocket, content: str) -> list[str]:
    """The texts of all messages up to this one."""
    said: list[str] = []
    while content not in said:
        frame = opened.hear()
        assert frame.get("type") != "bye", frame
        message = frame.get("message")
        if message is not None:
            said.append(message if isinstance(message, str) else message["content"])
    return said


def test_nothing_that_is_published_by_others_reaches_a_person(
    pair: tuple[Target, Plundered], wire: redis.Redis
) -> None:
    here, there = pair
    alice, bob = here.join(), there.join()
    bus = parse_ring((here.server.home / "secrets/bus.keys").read_text())
    with there.socket(bob.token) as plain, there.socket(bob.token, [V1]) as v1:
        settled(v1)
        true = captured(wire, pair, alice, bob, "first")
        other = captured(wire, pair, alice, bob, "second")
        ((session,),) = there.store.run("SELECT id FROM sessions WHERE user_id = ?", there.id_of(bob))
        for what, payload in forgeries(true, other, there.id_of(bob), session, bus).items():
            for channel in (EVERYBODY, f"{PREFIX}:u:{there.id_of(bob)}", f"{PREFIX}:u:0"):
                wire.publish(channel, payload)
            here.send(alice, bob, f"behind {what}")
        here.send(alice, bob, "the end")
        expected = ["first", "second", *(f"behind {what}" for what in forgeries(true, other, 0, 0, bus)), "the end"]
        assert heard_until(plain, "the end") == expected
        assert heard_until(v1, "the end") == expected
    for each in pair:
        assert "Traceback" not in each.server.log()
        assert "unexpected error" not in each.server.log()


def test_a_true_envelope_is_heard_once_however_often_it_is_published(
    pair: tuple[Target, Plundered], wire: redis.Redis
) -> None:
    here, there = pair
    alice, bob = here.join(), there.join()
    with there.socket(bob.token) as plain, there.socket(bob.token, [V1]) as v1:
        settled(v1)
        true = captured(wire, pair, alice, bob, "once")
        for _ in range(5):
            wire.publish(EVERYBODY, true)
        here.send(alice, bob, "the end")
        assert heard_until(plain, "the end") == ["once", "the end"]
        assert heard_until(v1, "the end") == ["once", "the end"]
    # What has been taken back does not come back by what passed before.
    listed = there.ask("GET", "/api/auth/messages/", token=bob.token).json
    number = next(each["id"] for each in listed if each["content"] == "once")
    assert here.ask("DELETE", f"/api/messages/{number}/", token=alice.token).status == 204
    with there.socket(bob.token) as plain:
        wire.publish(EVERYBODY, true)
        here.send(alice, bob, "really the end")
        assert heard_until(plain, "really the end") == ["really the end"]


def test_a_redis_that_says_what_it_likes_keeps_nobody_from_being_told(
    pair: tuple[Target, Plundered], wire: redis.Redis
) -> None:
    """All that is there is emptied and filled with something else: messages pass all the same."""
    here, there = pair
    alice, bob = here.join(), there.join()
    with there.socket(bob.token) as plain:
        for number in range(3):
            for key in wire.scan_iter(f"{PREFIX}:*"):
                wire.delete(key)
                wire.rpush(key, b"\xff" * 100)
            here.send(alice, bob, str(number))
        assert heard_until(plain, "2") == ["0", "1", "2"]
        wire.delete(*wire.scan_iter(f"{PREFIX}:*"), b"none")
