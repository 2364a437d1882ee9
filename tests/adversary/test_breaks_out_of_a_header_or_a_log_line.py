"""Line breaks, control characters and escapes where somebody else's text becomes a header or a line of a log.

Tornado wrote a reason and a cookie as they were given (CVE-2025-67724, CVE-2026-35536, GHSA-78cv-mqj4-43f7): a line
break began a header of the attacker's. In a log it begins a line that nobody has written.
"""

import contextlib
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.adversary.attacker import JSON, PASSWORD, Target
from tests.deploy.proxy import Proxy
from tests.handlers.raw import PATIENCE_SECONDS

MARK = "evil-mark"
BREAKS = {
    "CR LF": "\r\n",
    "LF": "\n",
    "CR": "\r",
    "NUL": "\0",
    "NEL": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "letters that become CR LF when cut to a byte": "\u010d\u010a",
    "escape": "\x1b[2J\x1b]0;x\x07",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "delete": "\x7f",
    "direction": "\u202e",
    "a quote": '"}',
    "percent": "%0d%0a",
}


def poisons(between: str) -> list[str]:
    return [
        f"a{between}X-{MARK}: 1",
        f"a{between}Set-Cookie: {MARK}=1{between}{between}<script>{MARK}</script>",
        f'a{between}{{"level": "critical", "event": "{MARK}"}}',
    ]


def raw_answer(target: Target, request: bytes) -> bytes:
    """What comes back for these bytes, all of it."""
    with target.connect() as stream:
        stream.sendall(request)
        stream.shutdown(1)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := stream.recv(65_536):
                got += piece
        return got


def heads(answer: bytes) -> list[bytes]:
    """The lines of each answer's head."""
    return [line for part in answer.split(b"HTTP/1.1 ")[1:] for line in part.partition(b"\r\n\r\n")[0].split(b"\r\n")]


def requests(target: Target, poison: str, token: str) -> list[bytes]:
    """The poison in every place of a request that an answer or a log could repeat."""
    raw, quoted = poison.encode("utf-8"), quote(poison, safe="").encode()
    host = f"localhost:{target.door.port}".encode()
    head = b"Host: " + host + b"\r\nAuthorization: Bearer " + token.encode() + b"\r\nConnection: close\r\n"
    asked = [
        *(
            b"GET /" + where + quoted + b" HTTP/1.1\r\n" + head + b"\r\n"
            for where in (b"", b"api/", b"static/", b"ws/chat/")
        ),
        *(
            b"GET " + path + quoted + b" HTTP/1.1\r\n" + head + b"\r\n"
            for path in (
                b"/api/auth/messages/?with=",
                b"/api/auth/check-username/?username=",
                b"/api/events/?after=0&x=",
            )
        ),
        b"PUT /api/blocks/" + quoted + b"/ HTTP/1.1\r\n" + head + b"Content-Length: 0\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: " + raw + b"\r\nConnection: close\r\n\r\n",
        raw + b" /livez HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /livez HTTP/1.1\r\n" + raw + b": x\r\n" + head + b"\r\n",
    ]
    names = (b"Origin", b"User-Agent", b"Referer", b"X-Request-Id", b"X-Forwarded-For", b"X-Forwarded-Proto", b"Accept")
    names += (b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Key", b"Cookie", b"Access-Control-Request-Method", b"Range")
    # What begins a header of its own for whoever reads it leniently is sent as it is; so it must not come back.
    for name in names:
        said = name + b": " + raw + b"\r\n" + head + b"\r\n"
        asked += [method + b" /api/users/me/ HTTP/1.1\r\n" + said for method in (b"GET", b"OPTIONS")]
        upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        asked.append(b"GET /ws/chat/ HTTP/1.1\r\nHost: " + host + b"\r\n" + upgrade + name + b": " + raw + b"\r\n\r\n")
    return asked


@pytest.mark.parametrize("what", BREAKS)
def test_no_header_of_an_answer_is_the_attackers(target: Target, what: str) -> None:
    alice = target.join()
    for poison in poisons(BREAKS[what]):
        for request in requests(target, poison, alice.token):
            answer = raw_answer(target, request)
            for line in heads(answer):
                assert not line.lower().startswith((f"x-{MARK}".encode(), f"set-cookie: {MARK}".encode())), request
            # Nor does it come back as a page.
            assert f"<script>{MARK}".encode() not in answer or b"application/" in answer, request


@pytest.mark.parametrize("what", BREAKS)
def test_no_field_of_a_body_becomes_a_header_or_a_line(target: Target, what: str) -> None:
    alice = target.join()
    for poison in poisons(BREAKS[what]):
        for path, body in (
            ("/api/auth/login/", {"username": poison, "password": poison}),
            ("/api/auth/login/", {"username": alice.name, "password": PASSWORD, "device": poison}),
            ("/api/auth/register/", {"username": poison, "password": poison}),
            ("/api/auth/refresh/", {"refresh": poison}),
            ("/api/auth/send/", {"recipient": poison, "content": "hi"}),
            ("/api/auth/send/", {"recipient": alice.name, "content": poison}),
            ("/api/auth/send/", {"recipient": alice.name, poison: "hi"}),
        ):
            reply = target.ask("POST", path, body, token=alice.token)
            assert reply.status < 500, (path, reply)
            assert not [name for name in reply.headers if MARK in name]
            assert MARK not in reply.headers.get("set-cookie", "")
        sent = [JSON, ("Authorization", f"Bearer {alice.token}")]
        raw = json.dumps({"display_name": poison}).encode()
        assert target.ask("PATCH", "/api/users/me/", headers=sent, raw=raw).status in (200, 400)


def entries(log: str) -> list[dict[str, Any]]:
    """The log's lines; each is one object, whatever is written into it."""
    return [json.loads(line) for line in log.splitlines() if line and not line.startswith("Recado is at")]


def test_every_line_of_the_logs_is_one_of_ours(target: Target, shield: Proxy) -> None:
    """Behind all that these tests have tried: no line but those that are one object, and none that says it."""
    alice = target.join()
    for between in BREAKS.values():
        for poison in poisons(between):
            raw_answer(target, requests(target, poison, alice.token)[0])
    ends = target.ask("GET", "/livez").headers["x-request-id"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while ends not in target.server.log():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for log in (target.server.log(), shield.log()):
        assert not [mark for mark in log if not mark.isprintable() and mark != "\n"]
        for entry in entries(log):
            assert entry.get("level") != "critical", entry
            assert MARK not in str(entry.get("event", "")), entry
            assert "at" in entry
