"""The list of sessions over HTTP: what it shows and what not, and that only one's own can be ended."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.handlers.raw import Person, ask, raw_socket
from tests.instances import Instance

Join = Callable[[], Person]
SESSIONS = "/api/auth/sessions/"
JSON = ("Content-Type", "application/json")


def signed_in_again(server: Instance, person: Person, device: str = "") -> Person:
    body = {"username": person.name, "password": "correct horse battery", "device": device}
    return Person(person.name, server.call("POST", "/api/auth/login/", body).json["access"])


def listed(server: Instance, person: Person) -> list[dict[str, Any]]:
    reply = server.call("GET", SESSIONS, token=person.token)
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = reply.json
    return found


def lives(server: Instance, person: Person) -> bool:
    return server.call("GET", "/api/users/me/", token=person.token).status == 200


def test_the_list_shows_device_time_and_place_and_nothing_of_a_token(server: Instance, joined: Join) -> None:
    alice = joined()
    phone = signed_in_again(server, alice, "Alice's <b>phone</b>")
    found = listed(server, phone)
    assert [each["current"] for each in found] == [True, False]
    assert {frozenset(each) for each in found} == {
        frozenset({"id", "device", "network", "created_at", "used_at", "current"})
    }
    assert found[0]["device"] == "Alice's <b>phone</b>"
    for each in found:
        assert each["network"] == "127.0.0.0/24"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00\.000Z", each["used_at"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each["created_at"])
        assert 0 < each["id"] < 2**53
    assert [each["current"] for each in listed(server, alice)] == [False, True]


def test_a_session_that_is_ended_ends_with_its_sockets(server: Instance, joined: Join) -> None:
    alice = joined()
    phone, tablet = (signed_in_again(server, alice, name) for name in ("phone", "tablet"))
    ids = {each["device"]: each["id"] for each in listed(server, alice)}
    with raw_socket(server, phone.token) as socket:
        assert server.call("DELETE", f"{SESSIONS}{ids['phone']}/", token=alice.token).status == 204
        assert socket.close_code() == 4401
    assert [lives(server, each) for each in (alice, phone, tablet)] == [True, False, True]
    assert server.call("DELETE", f"{SESSIONS}{ids['phone']}/", token=alice.token).status == 404
    assert server.call("DELETE", SESSIONS, token=alice.token).status == 204
    assert [lives(server, each) for each in (alice, tablet)] == [True, False]
    own = listed(server, alice)
    assert server.call("DELETE", f"{SESSIONS}{own[0]['id']}", token=alice.token).status == 204
    assert not lives(server, alice)


@pytest.mark.parametrize("text", ["0", "5", "9" * 16, "9" * 400, "007"])
def test_a_session_that_is_not_ones_own_is_not_there(server: Instance, joined: Join, text: str) -> None:
    reply = server.call("DELETE", f"{SESSIONS}{text}/", token=joined().token)
    assert (reply.status, reply.json["code"]) == (404, "not_found")


def test_somebody_elses_session_looks_the_same_and_lives_on(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    theirs = listed(server, bob)[0]["id"]
    replies = [server.call("DELETE", f"{SESSIONS}{each}/", token=alice.token) for each in (theirs, 5)]
    assert [reply.status for reply in replies] == [404, 404]
    assert replies[0].json | {"request_id": ""} == replies[1].json | {"request_id": ""}
    assert lives(server, bob)
    assert all(each["id"] != theirs for each in listed(server, alice))


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "%31x", "1%2F2"])
def test_what_is_no_number_is_no_path(server: Instance, joined: Join, text: str) -> None:
    assert server.call("DELETE", f"{SESSIONS}{text}/", token=joined().token).status == 404


def test_signing_out_everywhere_ends_all_and_forgets_the_cookie(server: Instance, joined: Join) -> None:
    alice = joined()
    others = [signed_in_again(server, alice) for _ in range(2)]
    own = ("Origin", server.url)
    body = json.dumps({"username": alice.name, "password": "correct horse battery"}).encode()
    page = ask(server, "POST", "/api/auth/login/", [JSON, ("X-Recado-Session", "cookie"), own], body)
    token = ("Authorization", f"Bearer {page.json['access']}")
    gone = ask(server, "POST", "/api/auth/logout/everywhere/", [("X-Recado-Session", "cookie"), own, token], b"")
    assert gone.status == 204
    assert re.match(r"__Host-recado=; Path=/; Max-Age=0; ", gone.headers["set-cookie"])
    assert gone.headers["clear-site-data"] == '"cache", "storage"'
    assert [lives(server, each) for each in (alice, *others)] == [False] * 3
