"""What every answer has, whatever was asked: headers, a request id, a type; and nothing of a failure's cause."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from socket import create_connection

import pytest

from tests.handlers.corpus import ALL, GOOD, path_of
from tests.handlers.raw import PATIENCE_SECONDS, Person, ask, raw_socket, told
from tests.instances import Instance, Reply

Join = Callable[[], Person]
PROBLEM = "application/problem+json; charset=utf-8"
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# What there is besides the operations, and its methods.
OTHERS = {"/": "GET, HEAD", "/static/none.js": "GET, HEAD", "/ws/chat/": "GET", "/ws/chat": "GET"}
OTHERS |= dict.fromkeys(("/.well-known/security.txt", "/sw.js", "/manifest.webmanifest"), "GET, HEAD")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get", "PROPFIND")


def paths() -> dict[str, str]:
    """Every path and the methods it has."""
    found: dict[str, list[str]] = {}
    for name, operation in ALL.items():
        path = path_of(name)
        for form in dict.fromkeys((path, path.rstrip("/") + "/", path.rstrip("/"))):
            found.setdefault(form, []).append(operation.method)
    return {path: ", ".join([*sorted(methods), "OPTIONS"]) for path, methods in found.items()} | OTHERS


def has_the_headers(reply: Reply) -> None:
    headers = reply.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache") or "immutable" in headers["cache-control"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 16
    assert not {"server", "etag", "strict-transport-security", "location", "x-powered-by"} & set(headers)
    if reply.body:
        assert headers["content-type"].startswith(("application/", "text/"))
        assert headers["content-type"].endswith(("; charset=utf-8", "/zip"))
    if reply.status >= 400:
        assert (headers["content-type"], headers["content-security-policy"]) == (PROBLEM, API_POLICY)


def test_every_answer_of_every_operation_has_the_headers(server: Instance, joined: Join) -> None:
    seen = set()
    for name, operation in ALL.items():
        alice, path = joined(), path_of(name)  # some operations end the session
        bodies = [None, b"{", b"x" * 300_000] + ([json.dumps(GOOD[name]).encode()] if name in GOOD else [])
        for body in bodies:
            for headers in ([], [alice.bearer], [alice.bearer, ("Content-Type", "application/json")]):
                if operation.path == "/api/auth/logout/" and body is None and headers:
                    continue
                reply = ask(server, operation.method, path, headers, body)
                seen.add(reply.status)
                has_the_headers(reply)
                assert reply.status < 500
    assert seen >= {200, 201, 400, 401, 404, 413, 415}


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/none.js", "/static/", "/.env", "/api/", "/metrics", "/api/docs/", "/sw.js"]
)
def test_so_have_the_answers_of_all_other_paths(server: Instance, path: str) -> None:
    for method in METHODS:
        has_the_headers(ask(server, method, path))


def test_the_upgrade_has_them_as_well(server: Instance, joined: Join) -> None:
    with raw_socket(server, joined().token) as socket:
        assert socket.status == 101
        assert socket.headers["x-content-type-options"] == "nosniff"
        assert socket.headers["cache-control"] == "no-store"
        assert len(socket.headers["x-request-id"]) == 16
        assert not {"server", "content-type", "strict-transport-security", "sec-websocket-extensions"} & set(
            socket.headers
        )


def test_every_request_has_an_id_of_its_own_whatever_it_says(server: Instance) -> None:
    ids = {ask(server, "GET", "/livez", [("X-Request-Id", "mine")]).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
    assert "mine" not in ids


@pytest.mark.parametrize("path", paths())
def test_only_the_declared_methods_are_allowed(server: Instance, path: str) -> None:
    allowed = paths()[path]
    for method in METHODS:
        reply = ask(server, method, path)
        if method in allowed.split(", "):
            assert reply.status != 405, method
            continue
        assert (reply.status, reply.headers["allow"]) == (405, allowed), method
        if method != "HEAD":
            assert (reply.json["code"], reply.json["status"]) == ("method_not_allowed", 405)


def test_a_path_that_is_not_there_is_404_for_every_method(server: Instance) -> None:
    for method in METHODS:
        reply = ask(server, method, "/nowhere")
        assert reply.status == 404
        if method != "HEAD":
            assert reply.json["code"] == "not_found"


def test_a_refused_body_leaves_the_connection_good(server: Instance, body_limit: int) -> None:
    body = b"x" * (body_limit + 1)
    with create_connection(("localhost", server.port), timeout=PATIENCE_SECONDS) as stream:
        for path, status in (("/api/auth/login/", b"413"), ("/nowhere", b"404"), ("/", b"405"), ("/livez", b"405")):
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            stream.sendall(head + body)
            with stream.makefile("rb") as answer:
                assert answer.readline().split()[1] == status, path
                length = 0
                while line := answer.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                answer.read(length)


@pytest.mark.parametrize(
    "lines",
    [
        b"GET /livez HTTP/1.1\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a b\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n",
        b"GET /livez HTTP/9.9\r\nHost: localhost\r\n",
        b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n",
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n",
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n",
    ],
)
def test_what_is_not_http_is_400_and_the_server_lives(server: Instance, lines: bytes) -> None:
    with create_connection(("localhost", server.port), timeout=PATIENCE_SECONDS) as stream:
        stream.sendall(lines + b"\r\n")
        answer = stream.makefile("rb").read()
    assert answer.split(b" ")[1] == b"400", answer
    assert b"TornadoServer" not in answer
    assert ask(server, "GET", "/livez").status == 200


def test_an_unknown_failure_says_internal_and_the_id_that_the_log_knows(server: Instance, joined: Join) -> None:
    alice = joined()
    spoil_password(server, alice.name)
    body = {"username": alice.name, "password": "SECRET-PASSWORD"}
    reply = server.call("POST", "/api/auth/login/?x=SECRET-QUERY", body)
    assert reply.status == 500
    has_the_headers(reply)
    assert reply.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong here. The request id finds it.",
        "code": "internal",
        "request_id": reply.headers["x-request-id"],
    }
    told(server, reply.headers["x-request-id"], '"answered"')
    lines = told(server, reply.headers["x-request-id"])
    assert [(line["level"], line["event"]) for line in lines] == [("error", "unexpected error"), ("info", "answered")]
    assert lines[0]["places"]
    assert "SECRET" not in server.log()


def spoil_password(server: Instance, name: str) -> None:
    """Leave a stored password that nobody foresaw."""
    with closing(sqlite3.connect(server.home / "recado.db")) as db, db:
        db.execute("UPDATE users SET password = x'ff00' WHERE name = ?", (name,))
