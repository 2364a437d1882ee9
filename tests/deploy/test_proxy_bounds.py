"""What the proxy refuses, how it says so, and whom limits count."""

import json
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from settings import Settings
from tests.deploy.proxy import PATIENCE_SECONDS, Proxy, lines
from tests.deploy.stack import Stack
from tests.deploy.visits import Headers, hurry, send_raw, visit
from tests.instances import Reply

FRONT = "127.0.0.1"
MOST = Settings(base=Path()).server.max_body_bytes
LARGE = MOST + 50_000


@pytest.fixture(scope="module")
def fronted(stack: Stack) -> Iterator[Proxy]:
    """The same proxy, behind somebody on 127.0.0.1 who ends TLS, as front.conf describes it."""
    with Proxy([each.port for each in stack.instances], front=FRONT) as proxy:
        yield proxy


def is_problem(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.json["status"], reply.json["code"]) == (status, status, code)
    assert reply.headers["content-type"] == "application/problem+json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"


def raw_problem(port: int, request: bytes) -> dict[str, object]:
    """The problem that answers these bytes: head and body apart."""
    head, _, body = send_raw(port, request).partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, head
    problem = json.loads(body)
    assert int(head.split()[1]) == problem["status"]
    assert isinstance(problem, dict)
    return problem


def test_a_body_that_is_too_large_is_a_problem(stack: Stack) -> None:
    port = stack.proxy.port
    is_problem(visit(port, "POST", "/api/auth/send/", body=b"x" * LARGE), 413, "too_large")
    chunk = b"%x\r\n%b\r\n" % (LARGE, b"x" * LARGE)
    told = raw_problem(
        port, b"POST /api/auth/send/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    )
    assert told["code"] == "too_large"


def test_the_largest_body_an_instance_takes_passes(stack: Stack) -> None:
    body = json.dumps({"username": "x" * (MOST - 100)}).encode()
    reply = visit(stack.proxy.port, "POST", "/api/auth/login/", [("Content-Type", "application/json")], body)
    assert (reply.status, reply.json["code"]) == (400, "invalid")
    assert stack.proxy.line_of(reply)["instance"] != ""


def test_headers_that_are_too_large_are_a_problem(stack: Stack) -> None:
    port = stack.proxy.port
    is_problem(visit(port, "GET", "/livez", [("X-Large", "x" * 5_000)]), 431, "too_large")
    is_problem(visit(port, "GET", "/livez", [(f"X-{number}", "x" * 3_000) for number in range(5)]), 431, "too_large")
    is_problem(visit(port, "GET", f"/livez?{'x' * 5_000}"), 414, "too_large")


def test_headers_that_pass_the_proxy_pass_the_instance(stack: Stack) -> None:
    headers = [(f"X-{number}", "x" * 3_500) for number in range(3)]
    assert visit(stack.proxy.port, "GET", "/livez", headers).status == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_is_a_problem(stack: Stack, request_bytes: bytes, status: int) -> None:
    assert raw_problem(stack.proxy.port, request_bytes)["status"] == status


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 6",
        b"Content-Length: +5",
        b"Content-Length: 5 5",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding : chunked",
    ],
)
def test_a_second_request_cannot_be_smuggled_in(stack: Stack, headers: bytes) -> None:
    # A path of its own: the line of another test's request may come late.
    path = f"/api/auth/login/{token_hex(8)}"
    request = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + headers + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
    answer = send_raw(stack.proxy.port, request)
    assert answer.split(b" ", 2)[1] in (b"400", b"501"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert [line["instance"] for line in stack.proxy.lines_for(path)] == [""]
    assert "/smuggled" not in {line["path"] for line in stack.proxy.lines()}


def test_names_that_mean_one_thing_here_and_another_there_are_dropped(stack: Stack) -> None:
    """`Content_Length` and the like: no second meaning behind the proxy."""
    reply = visit(
        stack.proxy.port, "GET", "/livez", [("X_Forwarded_For", "203.0.113.9"), ("Transfer_Encoding", "chunked")]
    )
    assert reply.status == 200


def test_a_claimed_address_changes_no_log(stack: Stack) -> None:
    claims = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")]
    reply = visit(stack.proxy.port, "GET", "/api/users/me/", claims, source="127.44.5.6")
    identity = reply.headers["x-request-id"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    told: list[dict[str, Any]] = []
    while len(told) < 2:  # one line of an instance, one of the proxy; each is written when its answer is out
        assert time.monotonic() < deadline, told
        logs = [each.log() for each in (*stack.instances, stack.proxy)]
        told = [line for log in logs for line in lines(log) if line.get("request_id") == identity]
    assert len(told) == 2
    assert {line["network"] for line in told} == {"127.44.5.0/24"}
    assert not any("203.0.113" in log for log in logs)


def test_a_claimed_address_changes_no_limit_of_the_instances(stack: Stack) -> None:
    def ask(number: int, source: str) -> Reply:
        claim: Headers = [("X-Forwarded-For", f"203.0.{number // 250}.{number % 250}")]
        return visit(stack.proxy.port, "GET", "/api/auth/check-username/?username=who", claim, source=source)

    replies = [ask(number, "127.44.6.7") for number in range(260)]
    refused = [reply for reply in replies if reply.status == 429]
    assert replies[0].status == 200
    assert refused
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert ask(0, "127.44.6.8").status == 200  # somebody else is not held up
    held_up = [line for line in lines(stack.proxy.log()) if line["network"] == "127.44.6.0/24"]
    assert all(line["instance"] for line in held_up), "an instance is to count here, not the proxy"


def test_who_hurries_too_much_is_held_up_by_the_proxy(stack: Stack) -> None:
    claims = [[("X-Forwarded-For", f"203.0.113.{number}")] for number in range(200)]
    statuses = hurry(stack.proxy.port, 900, claims, source="127.44.7.7")
    assert set(statuses) == {200, 429}
    assert statuses[:400] == [200] * 400
    reply = visit(stack.proxy.port, "GET", "/livez", source="127.44.7.7")
    if reply.status == 429:
        is_problem(reply, 429, "too_many_requests")
        assert reply.headers["retry-after"] == "1"
    assert visit(stack.proxy.port, "GET", "/livez", source="127.44.7.8").status == 200


def test_addresses_of_one_ipv6_network_count_as_one(fronted: Proxy) -> None:
    same = [[("X-Forwarded-For", f"2001:db8:7:7::{number:x}")] for number in range(1, 200)]
    assert 429 in hurry(fronted.port, 900, same)
    others = [[("X-Forwarded-For", f"2001:db8:7:{number:x}::1")] for number in range(0x100, 0x200)]
    assert set(hurry(fronted.port, 900, others)) == {200}


def test_who_ends_tls_before_the_proxy_is_believed_and_nobody_else(fronted: Proxy, stack: Stack) -> None:
    told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "2001:db8:1:2::3")]
    believed = visit(fronted.port, "GET", "/livez", told, source=FRONT)
    assert "strict-transport-security" in believed.headers
    assert fronted.line_of(believed)["network"] == "2001:db8:1::/48"
    stranger = visit(fronted.port, "GET", "/livez", told, source="127.44.8.8")
    assert "strict-transport-security" not in stranger.headers
    assert fronted.line_of(stranger)["network"] == "127.44.8.0/24"
    assert "strict-transport-security" not in visit(stack.proxy.port, "GET", "/livez", told).headers


# The instances' own, and what the proxy adds to its log.
OWN = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/readyz", None, 404),
        ("GET", "/metrics", None, 404),
        ("TRACE", "/", None, 405),
        ("POST", "/api/auth/login/", b"x" * LARGE, 413),
        ("GET", f"/livez?{'x' * 5_000}", None, 414),
        ("GET", "/livez/proxy", None, 200),
    ],
)
def test_what_the_proxy_answers_itself_has_the_headers_of_every_answer(
    fronted: Proxy, method: str, target: str, body: bytes | None, status: int
) -> None:
    tls = ("X-Forwarded-Proto", "https")
    for headers, hsts in (([tls], "max-age=63072000; includeSubDomains"), ([], None)):
        reply = visit(fronted.port, method, target, headers, body, source=FRONT)
        assert reply.status == status
        assert {name: reply.headers.get(name) for name in OWN} == OWN
        # Of a line that is too long the headers are not read, and so nothing is known of TLS.
        assert reply.headers.get("strict-transport-security") == (None if status == 414 else hsts)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.77", "198.51.100.0/24"),
        ("2001:db8:a:b:c:d:e:f", "2001:db8:a::/48"),
        ("2001:db8::1", "2001:db8::/48"),
        ("2001:db8:a::", "2001:db8:a::/48"),
        ("fe80::1", "fe80::/48"),
        ("::1", "::/48"),
    ],
)
def test_the_log_knows_a_network_and_no_address(fronted: Proxy, address: str, network: str) -> None:
    reply = visit(fronted.port, "GET", "/livez", [("X-Forwarded-For", address)])
    assert ip_network(fronted.line_of(reply)["network"]) == ip_network(network)
