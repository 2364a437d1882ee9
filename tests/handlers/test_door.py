"""The door of the operations: in which order it looks, and what it does before it knows who asks."""

import json
from collections.abc import Callable

import pytest

from tests.handlers.raw import Person, ask, rows
from tests.instances import Instance

Join = Callable[[], Person]
JSON = ("Content-Type", "application/json")
SEND = "/api/auth/send/"


def test_who_asks_is_looked_at_before_what_is_asked(server: Instance, joined: Join) -> None:
    bad = b'{"recipient": 1'
    assert ask(server, "POST", SEND, [JSON], bad).status == 401
    assert ask(server, "POST", SEND, [("Content-Type", "text/plain")], bad).status == 401
    assert ask(server, "GET", "/api/messages/x/").status == 404
    assert ask(server, "GET", "/api/auth/messages/?limit=x").status == 401
    alice = joined()
    assert ask(server, "POST", SEND, [alice.bearer, ("Content-Type", "text/plain")], bad).status == 415
    assert ask(server, "POST", f"{SEND}?a=%", [alice.bearer, JSON], bad).status == 400


@pytest.mark.parametrize(
    "media",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"],
)
def test_json_may_say_that_it_is_utf_8(server: Instance, joined: Join, media: str) -> None:
    alice = joined()
    body = json.dumps({"recipient": alice.name, "content": "h\u00e9"}, ensure_ascii=False).encode()
    reply = ask(server, "POST", SEND, [alice.bearer, ("Content-Type", media)], body)
    assert (reply.status, reply.json["content"]) == (201, "h\u00e9")


def test_answers_are_utf_8_as_they_are(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = server.call("POST", SEND, {"recipient": alice.name, "content": "h\u00e9\u2028</script>"}, token=alice.token)
    assert "h\u00e9".encode() in reply.body
    assert reply.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "cookie",
    [
        *("__Host-recado=a; __Host-recado=b", "x" * 8000, ";" * 8000, '"' * 8000, '__Host-recado="' + "\\" * 8000),
        *('__Host-recado="\\400\\x"', "=", "a=" + "\\054" * 2000, "__Host-recado=\xff", "__Host-recado="),
    ],
)
def test_a_strange_cookie_is_no_accident(server: Instance, cookie: str) -> None:
    headers = [JSON, ("Origin", server.url), ("X-Recado-Session", "cookie"), ("Cookie", cookie)]
    reply = ask(server, "POST", "/api/auth/refresh/", headers, b"{}")
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


def test_a_value_with_line_breaks_never_gets_into_a_header(server: Instance, joined: Join) -> None:
    alice = joined()
    for value in ("a%0d%0aX-Evil:%201", "a%0aSet-Cookie:%20a=b", "%C4%8D%C4%8A"):
        reply = ask(server, "GET", f"/api/auth/messages/?with={value}", [alice.bearer])
        assert reply.status == 404
        assert not {"x-evil", "set-cookie"} & set(reply.headers)
    for slash in ("/api/auth/messages%0d%0aX-Evil:1/", "/%0d%0aX-Evil:1"):
        assert "x-evil" not in ask(server, "GET", slash).headers


def test_a_preflight_asks_nobody_and_stores_nothing(server: Instance) -> None:
    before = rows(server)
    reply = ask(server, "OPTIONS", SEND, [("Access-Control-Request-Method", "POST")])
    assert (reply.status, reply.headers["allow"], reply.body) == (204, "POST, OPTIONS", b"")
    assert not any(name.startswith("access-control-") for name in reply.headers)
    assert rows(server) == before
