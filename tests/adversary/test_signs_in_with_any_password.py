"""Any password, any code, any token in place of the right one, on every operation that takes one.

A check that is not awaited is true whatever it would have said: one server took every password (CVE-2026-28514). And a
door that was closed in front may be open at the side: the suspended, those behind a closed registration, and those whom
an operator makes, come by the same rules on every way (CVE-2021-43791, CVE-2022-21706, GHSA-x6wg-9hcg-fc9v).
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from handlers.routes import OPERATIONS
from tests.adversary.attacker import PASSWORD, Target, fresh_name
from tests.adversary.doors import DOORS
from tests.handlers.corpus import GOOD
from tests.instances import SERVER, Instance

ALL = {f"{operation.method} {operation.path}": operation for operation in OPERATIONS}
# Fields by which somebody proves something.
PROOFS = {"password", "current", "otp", "recovery_code", "mfa_token", "token", "refresh", "passkey", "assertion"}
# Those that only say what shall be from now on.
CHOSEN = {("POST /api/auth/register/", "password")}
NEAR = {
    "nothing": "",
    "a blank more": PASSWORD + " ",
    "a blank before": " " + PASSWORD,
    "another case": PASSWORD.upper(),
    "a letter less": PASSWORD[:-1],
    "a NUL more": PASSWORD + "\0",
    "a NUL and more": PASSWORD + "\0" + "x" * 60,
    "wide letters": "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in PASSWORD),
    "a letter that looks alike": PASSWORD.replace("o", "\u043e"),
    "percent": "%",
    "a pattern": ".*",
    "SQL": "' OR '1'='1",
    "true": "true",
    "a hash": "$2b$04$" + "a" * 53,
    "long": "x" * 10_000,
}
ODD: tuple[Any, ...] = (None, True, False, 0, 1, [], [PASSWORD], {}, {"$ne": ""}, {"password": PASSWORD})


def proving(name: str) -> list[str]:
    """The fields of this operation that prove something."""
    body = ALL[name].body
    told = [] if body is None else [each.encode_name for each in msgspec.structs.fields(body)]
    return [each for each in told if each in PROOFS and (name, each) not in CHOSEN]


def test_there_is_something_to_prove_in_many_places() -> None:
    assert {name for name in ALL if proving(name)} >= {
        *("POST /api/auth/login/", "POST /api/auth/refresh/", "POST /api/auth/step-up/", "POST /api/auth/password/"),
        *("POST /api/auth/password/reset/", "POST /api/auth/login/second-factor/", "DELETE /api/auth/totp/"),
    }


@pytest.mark.parametrize("name", [name for name in ALL if proving(name)])
def test_nothing_but_the_right_one_proves_anything(straight: Target, name: str) -> None:
    alice, operation = straight.join(), ALL[name]
    assert straight.ask("POST", "/api/auth/totp/", token=alice.token).status == 200
    for proof in proving(name):
        for what, value in NEAR.items():
            body = GOOD[name] | {proof: value} | ({"username": alice.name} if "username" in GOOD[name] else {})
            reply = straight.ask(operation.method, operation.path, body, token=alice.token)
            assert reply.status in (400, 401), (what, reply)
        for value in ODD:
            body = GOOD[name] | {proof: value} | ({"username": alice.name} if "username" in GOOD[name] else {})
            reply = straight.ask(operation.method, operation.path, body, token=alice.token)
            # What may be left out may be null: then the other proof counts, which is wrong as well, or none is shown.
            assert reply.status == 400 or (value is None and b"access" not in reply.body), (value, reply)
    assert straight.ask("GET", "/api/users/me/", token=alice.token).status == 200
    assert straight.pair(alice.name)


def command(instance: Instance, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line of the same installation."""
    environment = {name: value for name, value in instance.environment.items() if name != "PORT"}
    return subprocess.run(
        [*SERVER, *words], env=environment, cwd=instance.home, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server where nobody signs up."""
    settings = {"RECADO_AUTH_REGISTRATION": "false"}
    with Instance(tmp_path_factory.mktemp("closed"), settings=settings) as running:
        yield Target(running, running)


def test_where_nobody_signs_up_no_way_around_makes_an_account(closed: Target) -> None:
    name = fresh_name()
    body = {"username": name, "password": PASSWORD}
    for method, path, more in (
        ("POST", "/api/auth/register/", {}),
        ("POST", "/api/auth/register", {"invite": "any", "admin": True}),
        ("POST", "/api/auth/login/", {"create": True}),
        ("POST", "/api/auth/password/reset/", {"token": "pr1_none", "new": PASSWORD}),
    ):
        sent = more if "token" in more else body | more
        assert closed.ask(method, path, sent).status in (401, 403), path
    assert closed.ask("GET", f"/api/auth/check-username/?username={name}").json == {"exists": False}


def reset_token(made: subprocess.CompletedProcess[str]) -> str:
    assert made.returncode == 0, made.stderr
    return next(word for word in made.stdout.split() if word.startswith("pr1_"))


def test_who_is_made_by_the_operator_keeps_to_the_same_rules_and_leaves_for_good(closed: Target) -> None:
    name, path = fresh_name(), "/api/auth/password/reset/"
    assert (refused := command(closed.server, "user", "create", "a b")).returncode == 1, refused
    token = reset_token(command(closed.server, "user", "create", name))
    assert closed.ask("POST", "/api/auth/login/", {"username": name, "password": ""}).status == 401
    for bad in ("short", "password123", name, "x" * 129):
        assert closed.ask("POST", path, {"token": token, "new": bad}).status == 400
    assert closed.ask("POST", path, {"token": token, "new": PASSWORD}).status in (200, 204)
    assert closed.ask("POST", path, {"token": token, "new": PASSWORD + "!"}).status == 401
    pair = closed.pair(name)
    ticket = closed.ask("POST", "/api/auth/ws-ticket/", token=pair["access"]).json["ticket"]
    late = reset_token(command(closed.server, "user", "reset-password", name))
    with closed.socket(pair["access"]) as opened:
        assert opened.status == 101
        assert command(closed.server, "user", "disable", name).returncode == 0
        assert opened.close_code() == 4401
    for shown in (pair["access"], pair["refresh"], ticket):
        assert [door.__name__ for door in DOORS if door(closed, shown)] == []
    closed.ask("POST", path, {"token": late, "new": PASSWORD + "!"})
    for password in (PASSWORD, PASSWORD + "!"):
        assert closed.ask("POST", "/api/auth/login/", {"username": name, "password": password}).status == 401
    for secret in (token, late, PASSWORD):
        assert secret not in closed.server.log()


def test_a_coroutine_that_nobody_awaits_stops_the_checks() -> None:
    """What the tests and the type checker are told: a check that is not awaited does not get this far."""
    told = Path(__file__).parents[2].joinpath("pyproject.toml").read_text()
    assert 'filterwarnings = [\n    "error",' in told
    assert "unused-awaitable" in told
    assert "truthy-bool" in told
