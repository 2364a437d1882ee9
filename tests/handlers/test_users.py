"""One's own profile over HTTP: what is there, what may be changed, and that nothing else may."""

import re
from collections.abc import Callable

import pytest

from tests.handlers.raw import Person
from tests.instances import Instance

Join = Callable[[], Person]
ME = "/api/users/me/"


def test_a_new_person_has_a_name_and_everything_switched_on(server: Instance, joined: Join) -> None:
    alice = joined()
    known = server.call("GET", ME, token=alice.token).json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", known.pop("created_at"))
    assert known == {"username": alice.name, "receipts": True, "presence": True}


def test_what_is_given_changes_what_is_left_out_stays_and_null_clears(server: Instance, joined: Join) -> None:
    alice = joined()
    before = server.call("GET", ME, token=alice.token).json
    steps = [
        ({}, {}),
        ({"display_name": " Ana <b> ", "language": "pt-br"}, {"display_name": "Ana <b>", "language": "pt-BR"}),
        ({"receipts": False}, {"display_name": "Ana <b>", "language": "pt-BR", "receipts": False}),
        ({"display_name": None, "presence": False}, {"language": "pt-BR", "receipts": False, "presence": False}),
        ({"language": None, "receipts": True, "presence": True}, {}),
    ]
    for body, differs in steps:
        reply = server.call("PATCH", ME, body, token=alice.token)
        assert (reply.status, reply.json) == (200, before | differs)
        assert server.call("GET", ME, token=alice.token).json == reply.json


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"nickname": "Ana"}, {("nickname", "unknown")}),
        ({"username": "ana"}, {("username", "unknown")}),
        ({"receipts": None}, {("receipts", "invalid")}),
        ({"presence": 1, "language": 5}, {("presence", "invalid"), ("language", "invalid")}),
        ({"display_name": ""}, {("display_name", "empty")}),
        ({"display_name": "x" * 65}, {("display_name", "too_long")}),
        ({"display_name": "\u202eAna", "language": "klingon"}, {("display_name", "invalid"), ("language", "invalid")}),
    ],
)
def test_anything_else_is_refused_and_changes_nothing(
    server: Instance, joined: Join, body: dict[str, object], faults: set[tuple[str, str]]
) -> None:
    alice = joined()
    before = server.call("GET", ME, token=alice.token).json
    reply = server.call("PATCH", ME, {"receipts": False} | body, token=alice.token)
    assert (reply.status, {(fault["field"], fault["code"]) for fault in reply.json["errors"]}) == (400, faults)
    assert server.call("GET", ME, token=alice.token).json == before


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_nobody_in_particular_has_no_profile(server: Instance, method: str) -> None:
    assert server.call(method, ME, {} if method == "PATCH" else None).status == 401


def test_peers_see_the_display_name_beside_the_name(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    server.call("POST", "/api/auth/send/", {"recipient": bob.name, "content": "hi"}, token=alice.token)
    server.call("PATCH", ME, {"display_name": "Ana Souza"}, token=alice.token)
    (listed,) = server.call("GET", "/api/conversations/", token=bob.token).json
    assert (listed["peer"], listed["display_name"]) == (alice.name, "Ana Souza")
    assert "Ana Souza" not in str(listed["last_message"])
    (listed,) = server.call("GET", "/api/conversations/", token=alice.token).json
    assert "display_name" not in listed
