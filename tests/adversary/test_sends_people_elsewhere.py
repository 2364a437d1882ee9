"""The attacker sends a link to this server that leads to theirs: no answer sends anybody anywhere else."""

import pytest

from tests.adversary.attacker import Target
from tests.adversary.spoken import said

EVIL = "evil.example"
PATHS = [
    *(f"//{EVIL}", f"//{EVIL}/", f"//{EVIL}/%2e%2e", f"/%2f%2f{EVIL}", f"/%5c{EVIL}", f"/\\{EVIL}/", f"/.//{EVIL}"),
    *(f"/;@{EVIL}", f"/%09/{EVIL}", f"///{EVIL}/static", f"/static/..//{EVIL}", f"http://{EVIL}/", f"//{EVIL}/static"),
    *("/static", "/static/", "/api", "/api/", "/api/docs", "/api/docs/", "/ws/chat", "/ws/chat/", "/", "/livez"),
    *(
        f"{path}?{name}={where}"
        for path in ("/", "/api/docs/", "/api/auth/login/", "/api/auth/logout/", "/ws/chat/")
        for name in ("next", "url", "redirect_uri", "return_to", "callback")
        for where in (f"//{EVIL}", f"https:{EVIL}", f"%2f%2f{EVIL}", f"/%5c{EVIL}")
    ),
]
CLAIMS = [("X-Forwarded-Host", EVIL), ("X-Original-URL", f"//{EVIL}"), ("X-Rewrite-URL", f"//{EVIL}")]


def leads_away(head: str) -> list[str]:
    """The headers of an answer that send somebody somewhere, as far as they leave this server."""
    told = [line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line]
    where = [(name.lower(), value.strip()) for name, value in told]
    return [
        f"{name}: {value}"
        for name, value in where
        if (name in {"location", "content-location"} and not (value.startswith("/") and value[1:2] not in {"/", "\\"}))
        or name == "refresh"
        or EVIL in value
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nobody_is_sent_elsewhere(target: Target, method: str) -> None:
    for path in PATHS:
        for host in (f"127.0.0.1:{target.door.port}", EVIL):
            claims = "".join(f"{name}: {value}\r\n" for name, value in CLAIMS)
            request = (
                f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{claims}Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            head = said(target.door.port, request.encode(), source=next(target.addresses)).decode("latin-1")
            head = head.partition("\r\n\r\n")[0]
            status = int(head.split()[1])
            # The page's policy names the host that was asked, and nobody else: it leads nowhere.
            kept = "\r\n".join(line for line in head.split("\r\n") if not line.lower().startswith("content-security"))
            assert leads_away(kept) == [], (path, host)
            assert status < 300 or status >= 400 or path.startswith("/static"), (path, status)
