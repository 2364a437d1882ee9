"""Push subscriptions over HTTP: as browsers give them, one's own only, and nothing secret comes back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.handlers.raw import Person
from tests.instances import Instance
from tests.pushes import Browser

Join = Callable[[], Person]
PATH = "/api/push/subscriptions/"


def test_a_browser_subscribes_is_listed_and_leaves(server: Instance, joined: Join) -> None:
    bob, browser = joined(), Browser()
    key = server.call("GET", "/api/push/key/", token=bob.token).json
    assert set(key) == {"public_key"}
    made = server.call("POST", PATH, browser.body | key, token=bob.token)
    assert (made.status, made.body) == (204, b"")
    listed = server.call("GET", PATH, token=bob.token)
    (one,) = listed.json
    assert set(one) == {"session_id", "device", "created_at", "current"}
    assert one["current"]
    for secret in (browser.endpoint, browser.body["keys"]["auth"], browser.body["keys"]["p256dh"]):
        assert secret.encode() not in listed.body
    assert server.call("DELETE", PATH, token=bob.token).status == 204
    assert server.call("GET", PATH, token=bob.token).json == []
    assert server.call("DELETE", PATH, token=bob.token).status == 404


def test_another_device_of_ones_own_can_be_removed_and_nobody_elses(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    phone = server.sign_in(bob.name)
    assert server.call("POST", PATH, Browser().body, token=phone).status == 204
    (one,) = server.call("GET", PATH, token=bob.token).json
    assert not one["current"]
    path = f"{PATH}{one['session_id']}/"
    for wrong in (path, f"{PATH}1/", f"{PATH}{'9' * 40}/"):
        assert server.call("DELETE", wrong, token=alice.token).json["code"] == "not_found"
    assert server.call("DELETE", path, token=bob.token).status == 204
    assert server.call("DELETE", path, token=bob.token).status == 404


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("http://fcm.googleapis.com/a", "invalid"),
        ("https://169.254.169.254/latest/meta-data/", "invalid"),
        ("https://localhost:8000/", "invalid"),
        ("https://fcm.googleapis.com/" + "a" * 2048, "too_long"),
    ],
)
def test_an_endpoint_elsewhere_is_refused(server: Instance, joined: Join, endpoint: str, code: str) -> None:
    reply = server.call("POST", PATH, Browser(endpoint).body, token=joined().token)
    assert reply.status == 400
    assert [(error["field"], error["code"]) for error in reply.json["errors"]] == [("endpoint", code)]


def test_a_subscription_for_another_servers_key_is_a_conflict(server: Instance, joined: Join) -> None:
    browser = Browser()
    body = browser.body | {"public_key": browser.body["keys"]["p256dh"]}
    assert server.call("POST", PATH, body, token=joined().token).json["code"] == "conflict"


def test_fields_that_browsers_do_not_send_are_refused(server: Instance, joined: Join) -> None:
    bob, body = joined(), Browser().body
    for wrong in (body | {"user_id": 1}, body | {"keys": body["keys"] | {"x": "y"}}, body | {"expirationTime": "soon"}):
        assert server.call("POST", PATH, wrong, token=bob.token).status == 400


def test_where_it_is_switched_off_it_says_so(tmp_path: Path) -> None:
    with Instance(tmp_path, settings={"RECADO_PUSH_ENABLED": "false"}) as server:
        bob = server.join("bob")
        for reply in (
            server.call("GET", "/api/push/key/", token=bob),
            server.call("POST", PATH, Browser().body, token=bob),
        ):
            assert (reply.status, reply.json["code"]) == (403, "push_off")
        assert server.call("GET", PATH, token=bob).json == []
