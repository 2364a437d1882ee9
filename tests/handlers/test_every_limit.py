"""Every operation has a limit, and every limit refuses alike: 429, when to come back, nothing of who exists."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pyotp
import pytest

from actions import accounts, enrolment, guessing, limits, sessions
from realtime.buckets import Rule
from tests.handlers.corpus import ALL, GOOD, target_of
from tests.handlers.inside import Inside, running_door
from tests.handlers.raw import Headers, ask
from tests.instances import Instance, Reply
from tests.rooms import ORIGIN, PASSWORD
from tests.talk import talking

RULES = {rule.name for rule in vars(limits).values() if isinstance(rule, Rule)}
JSON = ("Content-Type", "application/json")
QUERIES = {"GET /api/auth/check-username/": "username=alice"}
# Without any limit, and why.
FREE = {"GET /livez": "costs nothing, and a refusal would take the instance out of the load balancer"}
# What a sign-in may spend; the tests below tell when.
LOGIN = ("login.address", "login.pair", "login.name", "login_first.pair", "login_spare.name", "login.session")
# Driven below, each in a way of its own.
APART = {"connect.address", "typing.pair", "second_factor.person"}
DIFFERENT = {"date", "x-request-id", "content-length"}


@dataclass(slots=True)
class Gate:
    """Buckets that note what is spent, and refuse the rules that are shut."""

    spent: list[str] = field(default_factory=list)
    shut: set[str] = field(default_factory=set)
    wait: float = 0.25

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        self.spent.append(rule.name)
        return self.wait if rule.name in self.shut else 0.0

    async def aclose(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A running door whose limits are the test's."""

    inside: Inside
    gate: Gate
    visitor: Instance

    async def ask(self, method: str, target: str, headers: Headers = (), body: object = None) -> Reply:
        raw = None if body is None else json.dumps(body).encode()
        return await asyncio.to_thread(ask, self.visitor, method, target, [*headers, *([JSON] if raw else [])], raw)

    async def call(self, name: str, headers: Headers) -> tuple[Reply, list[str]]:
        """The operation, as the corpus has it, and what it has spent."""
        self.gate.spent.clear()
        reply = await self.ask(ALL[name].method, target_of(name, QUERIES.get(name, "")), headers, GOOD.get(name))
        return reply, list(dict.fromkeys(self.gate.spent))


@asynccontextmanager
async def watched(home: Path) -> AsyncIterator[Watched]:
    async with running_door(f"sqlite:///{home / 'recado.db'}", limits_enabled=True) as inside:
        gate = Gate()
        inside.app.buckets = inside.app.here = gate
        yield Watched(inside, gate, Instance(home, port=inside.port))


def is_refusal(reply: Reply) -> bool:
    """Whether this is how a limit refuses: the words, and a whole number of seconds, at least one."""
    assert reply.headers["content-type"] == "application/problem+json; charset=utf-8"
    assert reply.json == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests. Try again later.",
        "code": "too_many_requests",
        "request_id": reply.headers["x-request-id"],
    }
    return (reply.status, reply.headers["retry-after"]) == (429, "1")


def without_chance(reply: Reply) -> tuple[int, dict[str, str], dict[str, Any]]:
    """What must be the same for one who exists and one who does not."""
    headers = {name: value for name, value in reply.headers.items() if name not in DIFFERENT}
    return reply.status, headers, {**reply.json, "request_id": ""}


async def test_every_operation_has_a_limit_and_each_of_them_refuses_in_the_same_way(tmp_path: Path) -> None:
    unlimited, driven = set(), set()
    async with watched(tmp_path) as door:
        for number, name in enumerate(ALL):
            token = await door.inside.join(f"person{number}")
            bearer = [("Authorization", f"Bearer {token}")] if ALL[name].signed_in else []
            # An operation may end the session, or the account: what it does comes last.
            door.gate.shut = set(RULES)
            first, _ = await door.call(name, bearer)
            door.gate.shut = set()
            _, spent = await door.call(name, bearer)
            if not spent:
                unlimited.add(name)
                continue
            assert is_refusal(first), name
            again = [("Authorization", f"Bearer {await door.inside.join(f'again{number}')}")] if bearer else []
            for rule in spent:
                door.gate.shut = {rule}
                reply, _ = await door.call(name, again)
                if rule not in LOGIN[2:]:
                    assert is_refusal(reply), (name, rule)
                driven.add(rule)
            door.gate.shut = set()
    assert unlimited == set(FREE)
    assert driven | set(LOGIN) | APART >= RULES


@pytest.mark.parametrize(("wait", "told"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (28_799.5, "28800")])
async def test_the_time_to_wait_is_told_in_whole_seconds_and_never_too_early(
    tmp_path: Path, wait: float, told: str
) -> None:
    async with watched(tmp_path) as door:
        door.gate.shut, door.gate.wait = {"operations.address"}, wait
        assert (await door.ask("GET", "/readyz")).headers["retry-after"] == told


# Which rules are shut, and whether a sign-in is refused by that.
SIGN_INS: list[tuple[set[str], int]] = [
    (set(), 401),
    ({"login.address"}, 429),
    ({"login.pair"}, 429),
    ({"login.name"}, 401),
    ({"login.name", "login_first.pair"}, 429),
    ({"login.name", "login_spare.name"}, 429),
    ({"login_first.pair", "login_spare.name", "login.session"}, 401),
]


@pytest.mark.parametrize(("shut", "status"), SIGN_INS)
async def test_a_refused_sign_in_is_the_same_for_a_name_that_exists_and_one_that_does_not(
    tmp_path: Path, shut: set[str], status: int
) -> None:
    async with watched(tmp_path) as door:
        # Without a session: whoever has one here is at home here.
        await accounts.register(door.inside.app, ORIGIN, username="alice", password=PASSWORD)
        door.gate.shut = shut
        seen = []
        for name in ("alice", "nobody", "no such name!"):
            door.gate.spent.clear()
            reply = await door.ask("POST", "/api/auth/login/", body={"username": name, "password": "a wrong password"})
            seen.append((without_chance(reply), list(door.gate.spent)))
        assert seen[0][0][0] == status
        assert seen == [seen[0]] * 3
        for name in ("alice", "nobody"):
            door.gate.shut = {"check_username.address"}
            reply = await door.ask("GET", f"/api/auth/check-username/?username={name}")
            assert is_refusal(reply)


async def test_the_page_on_a_known_device_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with watched(tmp_path) as door:
        await accounts.register(door.inside.app, ORIGIN, username="alice", password=PASSWORD)
        page = [("Origin", f"http://localhost:{door.inside.port}"), ("X-Recado-Session", "cookie")]
        body = {"username": "alice", "password": PASSWORD}
        reply = await door.ask("POST", "/api/auth/login/", page, body)
        assert (reply.status, door.gate.spent) == (200, ["login.address", "login.pair", "login.name"])
        refresh = SimpleCookie(reply.headers["set-cookie"])["__Host-recado"].value
        known = [*page, ("Cookie", f"__Host-recado-device={guessing.mark_of(door.inside.app, refresh)}")]
        for headers, spent in ((known, ["login.session"]), (known[2:], ["login.pair"]), (page, ["login.pair"])):
            door.gate.spent.clear()
            assert (await door.ask("POST", "/api/auth/login/", headers, body)).status == 200
            assert door.gate.spent == ["login.address", *spent]
        door.gate.shut = {"login.session"}
        assert is_refusal(await door.ask("POST", "/api/auth/login/", known, body))


async def test_a_try_with_a_second_factor_is_refused_as_any_other_call(tmp_path: Path) -> None:
    async with watched(tmp_path) as door:
        app = door.inside.app
        caller = await sessions.authenticate(app, await door.inside.join("alice"), ORIGIN)
        offered = await enrolment.offer_totp(app, caller)
        await enrolment.confirm_totp(app, caller, otp=pyotp.TOTP(offered.secret).at(app.clock() // 1000))
        first = await door.ask("POST", "/api/auth/login/", body={"username": "alice", "password": PASSWORD})
        assert (first.status, first.json["code"]) == (401, "second_factor_required")
        body = {"mfa_token": first.json["mfa_token"], "otp": "000000"}
        door.gate.shut = {"second_factor.person"}
        assert is_refusal(await door.ask("POST", "/api/auth/login/second-factor/", body=body))


async def test_a_handshake_and_a_frame_are_refused_as_a_call_is(tmp_path: Path) -> None:
    async with watched(tmp_path) as door:
        alice, bob = await door.inside.join("alice"), await door.inside.join("bob")
        door.gate.shut = {"connect.address"}
        handshake = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        key = ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
        assert is_refusal(await door.ask("GET", f"/ws/chat/?token={alice}", [*handshake, key]))
        door.gate.shut = {"send.person", "typing.pair"}
        url = door.inside.socket_url
        async with talking(url, alice, subprotocols=["recado.v1"]) as talk, talking(url, bob) as other:
            await talk.say({"type": "hello"})
            assert (await talk.hear())["type"] == "welcome"
            message = {"client_id": "0d4d8e9c-1c35-4c0b-9a55-2b8f4a3f7c11", "recipient": "bob", "content": "hi"}
            await talk.say({"type": "send", "ref": "1", **message})
            refused = await talk.hear()
            assert (refused["type"], refused["ref"], refused["code"]) == ("error", "1", "too_many_requests")
            assert refused["retry_after"] >= door.gate.wait
            await talk.say({"type": "typing", "peer": "bob"})  # dropped, and nobody hears of it
            door.gate.shut = set()
            await talk.say({"type": "send", "ref": "2", **message})
            assert (await talk.hear())["ref"] == "2"
            assert (await other.hear())["message"] == "hi"
