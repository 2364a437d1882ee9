"""The table of operations: every path with and without its last slash, safe methods that change nothing."""

import json
from collections.abc import Callable

import pytest

from handlers.routes import OPERATIONS
from tests.handlers.corpus import ALL, GOOD, path_of, target_of
from tests.handlers.raw import Person, ask, rows
from tests.instances import Instance

Join = Callable[[], Person]


def test_no_operation_stands_there_twice() -> None:
    assert len(ALL) == len(OPERATIONS)
    assert len({(operation.method, operation.path.rstrip("/")) for operation in OPERATIONS}) == len(OPERATIONS)


def test_whoever_may_come_in_without_a_token_is_counted() -> None:
    for operation in OPERATIONS:
        free = operation.path in ("/livez", "/readyz", "/api/openapi.json", "/api/asyncapi.json")
        assert operation.signed_in or free or operation.limit is not None, operation.path


@pytest.mark.parametrize("name", ALL)
def test_the_last_slash_is_optional_and_one_is_enough(server: Instance, joined: Join, name: str) -> None:
    operation = ALL[name]
    path = path_of(name, username=joined().name).rstrip("/")
    body = json.dumps(GOOD[name]).encode() if name in GOOD else None
    statuses = []
    for form in (path, f"{path}/"):
        headers = [joined().bearer, *([("Content-Type", "application/json")] if body else [])]
        statuses.append(ask(server, operation.method, form, headers, body).status)
    # No such message, person, conversation or session: the path itself is there.
    assert 404 not in statuses or 404 in operation.problems
    assert statuses[0] == statuses[1] or statuses == [201, 409]  # the name is taken by then
    assert ask(server, operation.method, f"{path}//").status == 404
    if not operation.path.endswith("{username}/"):
        assert ask(server, operation.method, f"{path}x").status == 404
    assert ask(server, operation.method, path.upper()).status in (404, 200 if path.upper() == path else 404)


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("GET")])
def test_safe_methods_change_nothing(server: Instance, joined: Join, name: str) -> None:
    alice = joined()
    before = rows(server)
    path = target_of(name)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert ask(server, method, path, [alice.bearer]).status < 500
    assert rows(server) == before


def test_the_limits_hold_at_the_door(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"RECADO_LIMITS_ENABLED": "true"}
    with Instance(tmp_path_factory.mktemp("limited"), settings=settings) as running:
        running.register("alice")
        wrong = {"username": "alice", "password": "wrong horse battery"}
        for number in range(200):
            spoofed = {"X-Forwarded-For": f"203.0.113.{number % 250}", "X-Real-IP": f"198.51.100.{number % 250}"}
            reply = running.call("POST", "/api/auth/login/", wrong, headers=spoofed)
            if reply.status != 401:
                break
        assert (reply.status, reply.json["code"]) == (429, "too_many_requests")
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.headers["content-type"] == "application/problem+json; charset=utf-8"
        assert running.call("GET", "/api/auth/check-username/?username=alice").status == 200
