"""No token that comes in a URL, a header or a body stands in any log of the proxy, whatever goes wrong."""

import asyncio

import pytest
from tornado.httpclient import HTTPClientError

from tests.deploy.stack import Stack
from tests.deploy.test_proxy_failures import killed
from tests.deploy.visits import hurry, send_raw, visit
from tests.talk import talking

CANARY = "canary0123456789canary"
HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


def target(path: str = "/ws/chat/") -> str:
    return f"{path}?token={CANARY}"


async def test_no_token_in_a_url_is_ever_logged(stack: Stack) -> None:
    visitor, port = stack.proxy.visitor, stack.proxy.port
    token = visitor.join("canary.proxy")
    before = len(stack.proxy.log())
    async with talking(visitor.socket_url, token) as talk:
        await talk.say({"recipient": "canary.proxy", "content": CANARY})
        await talk.hear()
    headers = [("Referer", f"http://localhost/?token={CANARY}"), ("Authorization", f"Bearer {CANARY}")]
    statuses = [
        visit(port, "GET", target(), HANDSHAKE).status,
        visit(port, "GET", target("/api/users/me/"), headers).status,
        visit(port, "GET", target("/readyz")).status,
        visit(port, "POST", target("/api/auth/send/"), headers, b"x" * 300_000).status,
        visit(port, "GET", target() + "x" * 9_000).status,
        visit(port, "GET", target(), [*headers, ("X-Large", "x" * 9_000)]).status,
    ]
    assert statuses == [401, 401, 404, 413, 414, 431]
    for mark in ("%3F", ";", "%23", "%00", "%0A", "\\"):
        visit(port, "GET", f"/ws/chat/{mark}token={CANARY}")
    both = "Content-Length: 1\r\nTransfer-Encoding: x\r\n"
    for start in ("GET {} HTTP/1.1", "BAD\x00 {}", "GET {} HTTP/9.9", f"GET {{}} HTTP/1.1\r\nHost: a\r\n{both}"):
        send_raw(port, f"{start.format(target())}\r\n\r\n".encode())
    hurry(port, 700, [[("Referer", f"http://localhost/?token={CANARY}")]], source="127.44.9.9")
    with pytest.raises(HTTPClientError, match="403"):
        async with talking(visitor.socket_url, CANARY, headers={"Origin": "http://evil.example"}):
            pass
    with killed(stack, *stack.instances):
        assert visit(port, "GET", target(), HANDSHAKE).status == 503
        assert visit(port, "POST", target("/api/auth/login/"), headers, b"{}").status == 503
    written = await asyncio.to_thread(stack.proxy.log_since, before, {101, 401, 404, 413, 414, 429, 431, 503})
    for secret in (CANARY, token, token.rpartition(".")[2]):
        assert secret not in written


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("PUT", "/api/blocks/somebody.else/", "/api/blocks/*"),
        ("DELETE", "/api/blocks/somebody.else", "/api/blocks/*"),
        ("POST", "/api/conversations/somebody.else/read/", "/api/conversations/*"),
        ("GET", "/api/conversations/?limit=1", "/api/conversations/"),
    ],
)
def test_the_log_names_nobody(stack: Stack, method: str, path: str, told: str) -> None:
    reply = visit(stack.proxy.port, method, path)
    assert stack.proxy.line_of(reply)["path"] == told
    assert "somebody.else" not in stack.proxy.log()


def test_the_log_tells_what_an_operator_needs(stack: Stack) -> None:
    reply = visit(stack.proxy.port, "GET", target("/api/users/me/"), source="127.44.10.10")
    line = stack.proxy.line_of(reply)
    assert line["method"] == "GET"
    assert line["path"] == "/api/users/me/"
    assert line["status"] == 401
    assert line["instance_status"] == "401"
    assert line["instance"] in {f"127.0.0.1:{each.port}" for each in stack.instances}
    assert line["request_id"] == reply.headers["x-request-id"]
    assert line["network"] == "127.44.10.0/24"
