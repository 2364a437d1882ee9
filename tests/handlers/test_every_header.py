"""Every answer has exactly the headers that it should have: each route, whatever becomes of the request."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers import routes
from handlers.operation import Answer, Call
from handlers.origins import Origins, parse_networks
from handlers.pages import Files, Page
from handlers.websocket import Socket
from tests.handlers.corpus import ALL, GOOD, path_of, target_of
from tests.handlers.inside import running_door
from tests.handlers.raw import Headers, ask, raw_socket
from tests.instances import Instance, Reply

JSON = ("Content-Type", "application/json")
QUERIES = {"GET /api/auth/check-username/": "username=alice"}
TLS = ("X-Forwarded-Proto", "https")
HSTS = "max-age=63072000; includeSubDomains"
NO_FEATURES = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(),"
    " microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()"
)
# Of every answer, and what differs from one to the next.
EVERY = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": HSTS,
    "x-content-type-options": "nosniff",
}
CHANGING = {"date", "x-request-id"}
API = {"vary": "Origin"}
PAGE = {
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": NO_FEATURES,
    "content-security-policy": re.compile(
        r"default-src 'none'; script-src 'nonce-N'; style-src 'nonce-N'; img-src 'self' data:;"
        r" connect-src 'self' wss://localhost:\d+; manifest-src 'self'; worker-src 'self'; form-action 'self';"
        r" base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        r" trusted-types recado-worker"
    ),
}
REFERENCE = PAGE | {
    "content-security-policy": re.compile(
        r"default-src 'none'; style-src 'nonce-N'; img-src 'self'; form-action 'none'; base-uri 'none';"
        r" frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}
STANDING = {"cache-control": "no-cache", "vary": "Accept-Encoding"}
WORKER = STANDING | {
    "content-security-policy": "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
}
FOREVER = {"cache-control": "public, max-age=31536000, immutable", "vary": "Accept-Encoding"}
# What an answer of this status has besides.
OF_STATUS = {405: {"allow"}, 401: {"www-authenticate"}, 429: {"retry-after"}, 503: {"retry-after"}, 426: {"upgrade"}}
# What an operation may add of its own.
OWN = {"link", "set-cookie", "clear-site-data"}
HANDSHAKE = [
    *(("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
]
UPGRADE = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": re.compile(r"[\w+/]{27}=")}


async def broken(call: Call[Any, Any]) -> Answer:
    raise RuntimeError("SECRET")


class BrokenPage(Page):
    async def html(self) -> str:
        raise RuntimeError("SECRET")


PROXIED = {
    "origins": Origins(trusted_proxies=parse_networks(["127.0.0.0/8", "::1"])),
    "security_contact": "mailto:security@chat.example",
}


@asynccontextmanager
async def running(home: Path, bounds: Mapping[str, Any] = PROXIED) -> AsyncIterator[tuple[Instance, str]]:
    """A door behind a proxy that is trusted, and somebody's token."""
    standing = {"sw.js": b"1", "manifest.webmanifest": b"{}"}
    files = Files("<!doctype html>__NONCE__", {"app.js": b"1"}, standing)
    async with running_door(f"sqlite:///{home / 'recado.db'}", bounds=dict(bounds), files=files) as inside:
        yield Instance(home, port=inside.port), await inside.join("alice")


def has_exactly(reply: Reply, wanted: dict[str, Any], told: str) -> None:
    """The headers that every answer has, those wanted, and no other."""
    found = {name: re.sub(r"nonce-[\w-]{22,}", "nonce-N", value) for name, value in reply.headers.items()}
    expected = EVERY | wanted
    if reply.status >= 400:
        assert found["content-type"] == "application/problem+json; charset=utf-8", told
    for name, value in expected.items():
        fits = value.fullmatch(found[name]) if isinstance(value, re.Pattern) else found.get(name) == value
        assert fits, (told, name, found.get(name))
    body = {"content-type", "content-length"} if reply.status not in (101, 204) else set()
    if found.get("content-type") == "application/zip":  # made while it is sent
        body = {"content-type", "content-disposition", "transfer-encoding"}
    allowed = {*expected, *CHANGING, *body, *OF_STATUS.get(reply.status, ())}
    assert allowed <= set(found), (told, allowed - set(found))
    assert set(found) <= allowed | OWN, (told, set(found) - allowed - OWN)
    assert re.fullmatch(r"[0-9a-f]{16}", found["x-request-id"])


async def put(visitor: Instance, method: str, target: str, headers: Headers = (), body: object = None) -> Reply:
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    sent = [TLS, *headers, *([JSON] if raw is not None else [])]
    return await asyncio.to_thread(ask, visitor, method, target, sent, raw)


def upgrade(visitor: Instance, token: str) -> Reply:
    with raw_socket(visitor, token, [TLS]) as opened:
        return Reply(opened.status, opened.headers, b"")


async def test_every_operation_whatever_becomes_of_the_request(tmp_path: Path) -> None:
    statuses = set()
    async with running(tmp_path) as (visitor, token):
        bearer = ("Authorization", f"Bearer {token}")
        # Last, for they may end the session.
        for name in sorted(ALL, key=lambda name: "logout" in name or name.startswith("DELETE")):
            method, target, good = ALL[name].method, target_of(name, QUERIES.get(name, "")), GOOD.get(name)
            for headers, body in (
                ([], good),
                ([bearer], b"{"),
                ([bearer], b"x" * 300_000),
                ([bearer, ("Origin", "https://evil.example")], good),
                ([bearer, ("Sec-Fetch-Site", "cross-site")], good),
                ([bearer], good),
            ):
                reply = await put(visitor, method, target, headers, body)
                statuses.add(reply.status)
                has_exactly(reply, API, f"{name} {reply.status}")
            for other, wanted in (("FOO", API), ("OPTIONS", API | {"allow": re.compile(".*OPTIONS")})):
                has_exactly(await put(visitor, other, target), wanted, f"{other} {target}")
            has_exactly(await put(visitor, method, f"{path_of(name).rstrip('/')}//x"), {}, f"404 beside {name}")
    assert statuses >= {200, 201, 204, 400, 401, 403, 404, 413}


# Target, method, more headers, status, and what is not as everywhere.
OTHERS: list[tuple[str, str, Headers, int, dict[str, Any]]] = [
    ("/", "GET", [], 200, PAGE),
    ("/", "HEAD", [], 200, PAGE),
    ("/", "POST", [], 405, {}),
    ("/", "FOO", [], 405, {}),
    ("/", "GET", [("Origin", "https://evil.example")], 403, {}),
    ("/api/docs/", "GET", [], 200, REFERENCE),
    ("/api/docs", "DELETE", [], 405, {}),
    ("/static/app.js", "GET", [], 200, FOREVER),
    ("/static/none.js", "GET", [], 404, {}),
    ("/static/app.js", "PUT", [], 405, {}),
    ("/sw.js", "GET", [], 200, WORKER),
    ("/sw.js", "HEAD", [], 200, WORKER),
    ("/sw.js", "POST", [], 405, {}),
    ("/sw.js/", "GET", [], 404, {}),
    ("/manifest.webmanifest", "GET", [], 200, STANDING),
    ("/manifest.webmanifest", "DELETE", [], 405, {}),
    ("/.well-known/security.txt", "GET", [], 200, {}),
    ("/.well-known/security.txt", "POST", [], 405, {}),
    ("/.well-known/", "GET", [], 404, {}),
    ("/nowhere", "GET", [], 404, {}),
    ("/nowhere", "FOO", [], 404, {}),
    ("/ws/chat/", "GET", [], 426, {"connection": "Upgrade", "sec-websocket-version": "13"}),
    ("/ws/chat/", "POST", [], 405, {}),
    ("/ws/chat/", "GET", HANDSHAKE, 401, {}),
    ("/ws/chat/", "GET", [*HANDSHAKE, ("Origin", "https://evil.example")], 403, {}),
]


async def test_everything_else(tmp_path: Path) -> None:
    async with running(tmp_path) as (visitor, token):
        for target, method, headers, status, wanted in OTHERS:
            reply = await put(visitor, method, target, headers)
            assert reply.status == status, (target, method, reply)
            has_exactly(reply, wanted, f"{method} {target}")
        has_exactly(await asyncio.to_thread(upgrade, visitor, token), UPGRADE, "the upgrade")


async def test_every_route_when_something_fails_that_nobody_foresaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "OPERATIONS", [replace(each, act=broken) for each in ALL.values()])
    monkeypatch.setattr(routes, "Page", BrokenPage)
    monkeypatch.setattr(routes, "Asset", BrokenPage)
    monkeypatch.setattr(routes, "Standing", BrokenPage)
    monkeypatch.setattr(Socket, "_subprotocol", lambda self: 1 / 0)
    monkeypatch.setattr("handlers.security_txt.written", lambda *_: 1 / 0)
    async with running(tmp_path) as (visitor, token):
        for name, operation in ALL.items():
            headers = [("Authorization", f"Bearer {token}")] if operation.signed_in else []
            target = target_of(name, QUERIES.get(name, ""))
            reply = await put(visitor, operation.method, target, headers, GOOD.get(name))
            assert (reply.status, b"SECRET" in reply.body) == (500, False), name
            has_exactly(reply, API, f"500 of {name}")
        for target, headers in (
            ("/", []),
            ("/static/x", []),
            ("/sw.js", []),
            ("/.well-known/security.txt", []),
            ("/ws/chat/", HANDSHAKE),
        ):
            reply = await put(visitor, "GET", target, headers)
            assert (reply.status, b"SECRET" in reply.body) == (500, False), target
            has_exactly(reply, {}, f"500 of {target}")


async def test_without_tls_there_is_no_hsts_and_nothing_else_changes(tmp_path: Path) -> None:
    async with running(tmp_path) as (visitor, _):
        for target in ("/", "/livez", "/nowhere", "/static/app.js", "/sw.js", "/ws/chat/", "/.well-known/security.txt"):
            with_tls = await put(visitor, "GET", target)
            without = await asyncio.to_thread(ask, visitor, "GET", target)
            assert set(with_tls.headers) - set(without.headers) == {"strict-transport-security"}


async def test_where_people_know_the_server_by_https_it_is_told_without_a_proxy_that_tells(tmp_path: Path) -> None:
    bounds = {"origins": Origins(public="https://chat.example")}
    async with running(tmp_path, bounds) as (visitor, _):
        for target in ("/", "/livez", "/nowhere"):
            reply = await asyncio.to_thread(ask, visitor, "GET", target, [("Host", "Chat.example")])
            assert reply.headers["strict-transport-security"] == HSTS
            other = await asyncio.to_thread(ask, visitor, "GET", target)
            assert "strict-transport-security" not in other.headers
        page = await asyncio.to_thread(ask, visitor, "GET", "/", [("Host", "chat.example")])
        assert "wss://chat.example;" in page.headers["content-security-policy"]
