"""Step-up, a change of the password and a one-time token over HTTP: codes, fields, and who stays signed in."""

from collections.abc import Callable

import pytest

from tests.handlers.raw import Person
from tests.instances import Instance, Reply

Join = Callable[[], Person]
PASSWORD, NEW = "correct horse battery", "another horse, another battery"


def login(server: Instance, person: Person, password: str) -> int:
    return server.call("POST", "/api/auth/login/", {"username": person.name, "password": password}).status


def change(server: Instance, person: Person, **body: object) -> Reply:
    return server.call("POST", "/api/auth/password/", {"current": PASSWORD, "new": NEW} | body, token=person.token)


def test_a_changed_password_is_the_only_one_that_opens(server: Instance, joined: Join) -> None:
    alice = joined()
    pair = server.call("POST", "/api/auth/login/", {"username": alice.name, "password": PASSWORD}).json
    reply = change(server, alice)
    assert (reply.status, reply.body) == (204, b"")
    assert [login(server, alice, each) for each in (PASSWORD, NEW)] == [401, 200]
    assert server.call("GET", "/api/users/me/", token=alice.token).status == 200
    assert server.call("GET", "/api/users/me/", token=pair["access"]).status == 401
    assert server.call("POST", "/api/auth/refresh/", {"refresh": pair["refresh"]}).status == 401


def test_a_wrong_password_has_a_code_of_its_own(server: Instance, joined: Join) -> None:
    alice = joined()
    step_up = server.call("POST", "/api/auth/step-up/", {"password": "wrong"}, token=alice.token)
    for reply in (step_up, change(server, alice, current="wrong")):
        assert (reply.status, reply.json["code"]) == (401, "wrong_password")
    assert login(server, alice, PASSWORD) == 200
    assert server.call("POST", "/api/auth/step-up/", {"password": PASSWORD}, token=alice.token).status == 204


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"new": "short"}, ("new", "too_short")),
        ({"new": "x" * 129}, ("new", "too_long")),
        ({"new": "password"}, ("new", "common")),
        ({"new": None}, ("new", "invalid")),
        ({"current": 1}, ("current", "invalid")),
        ({"password": PASSWORD}, ("password", "unknown")),
    ],
)
def test_every_bad_field_of_a_change_is_named(
    server: Instance, joined: Join, body: dict[str, object], fault: tuple[str, str]
) -> None:
    reply = change(server, joined(), **body)
    assert reply.status == 400
    assert [(error["field"], error["code"]) for error in reply.json["errors"]] == [fault]


def test_a_name_like_password_is_refused_by_a_change_as_at_sign_up(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = change(server, alice, new=f"{alice.name}123")
    assert [(error["field"], error["code"]) for error in reply.json["errors"]] == [("new", "like_name")]


@pytest.mark.parametrize("token", ["", "pr1_none", "x" * 3000, "pr1_1.9999999999999." + "A" * 43])
def test_a_token_that_is_none_sets_nothing(server: Instance, token: str) -> None:
    reply = server.call("POST", "/api/auth/password/reset/", {"token": token, "new": NEW})
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


def test_nobody_changes_a_password_without_a_token(server: Instance) -> None:
    for path, body in (("password", {"current": PASSWORD, "new": NEW}), ("step-up", {"password": PASSWORD})):
        assert server.call("POST", f"/api/auth/{path}/", body).status == 401
