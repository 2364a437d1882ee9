"""The attacker wants the server to call somebody for them (SSRF): a preview, a key, a name to look up, an image."""

import base64
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.routes import OPERATIONS
from tests.adversary.attacker import V1, Target
from tests.handlers.corpus import GOOD, NEEDED_QUERY, path_of
from tests.instances import ROOT, Instance
from tests.source import imports, sources

PROGRAM = Path(__file__).with_name("watched.py")
# Whoever imports one of these means to call somebody.
CALLERS = {
    *("requests", "httpx", "aiohttp", "urllib3", "smtplib", "ftplib", "telnetlib", "imaplib", "poplib", "xmlrpc"),
    *("urllib.request", "http.client", "tornado.httpclient", "tornado.simple_httpclient", "tornado.tcpclient"),
    *("tornado.websocket.websocket_connect", "jwt.PyJWKClient", "jwt.jwks_client", "dns", "ssl.get_server_certificate"),
}
# Whose work it is: what leaves for push services, which the operator has to allow.
ALLOWED = {"wiring/push_client.py"}


@pytest.fixture(scope="module")
def bait() -> Iterator[socket.socket]:
    """A listener that nobody has a reason to call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of which every attempt to reach somebody is written down; it has no Redis, and no database to call."""
    home = tmp_path_factory.mktemp("watched")
    settings = {"WATCHED": str(home / "watched.txt")}
    with Instance(home, settings=settings, command=(sys.executable, str(PROGRAM))) as running:
        yield Target(running, running)


def seen(target: Target) -> list[str]:
    """What was written down so far."""
    return Path(target.server.environment["WATCHED"]).read_text().splitlines()


def lures(port: int) -> list[str]:
    """What a careless server would fetch, resolve or open."""
    return [
        f"http://127.0.0.1:{port}/latest/meta-data/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"//127.0.0.1:{port}/x.png",
        f"file:///proc/self/environ#{port}",
        "http://169.254.169.254/latest/meta-data/iam/",
        "bait.attacker.invalid",
    ]


def spoken_for(port: int) -> list[tuple[str, str]]:
    """Headers that name somebody to call."""
    lure = f"127.0.0.1:{port}"
    key = base64.urlsafe_b64encode(
        json.dumps(
            {"alg": "RS256", "typ": "at+jwt", "kid": "a", "jku": f"http://{lure}/", "x5u": f"http://{lure}/"}
        ).encode()
    ).rstrip(b"=")
    return [
        ("Authorization", f"Bearer {key.decode()}.e30.{'A' * 43}"),
        ("Referer", f"http://{lure}/"),
        ("Forwarded", f"for={lure};host={lure}"),
        ("X-Forwarded-For", "bait.attacker.invalid"),
        ("X-Forwarded-Host", lure),
        ("User-Agent", f"() {{ :; }}; curl http://{lure}/"),
        ("Link", f"<http://{lure}/>; rel=preload"),
        ("X-Callback-Url", f"http://{lure}/"),
    ]


def test_nothing_that_anybody_says_makes_the_server_call_somebody(watched: Target, bait: socket.socket) -> None:
    port = bait.getsockname()[1]
    alice, bob = watched.join(), watched.join()
    before = seen(watched)
    for lure in lures(port):
        for content in (lure, f"look: <{lure}> ![x]({lure}) <img src='{lure}'>"):
            message = watched.send(alice, bob, content)
            shown = watched.ask("GET", f"/api/messages/{message['id']}/", token=bob.token)
            assert shown.json["content"] == content
        for operation in OPERATIONS:
            name = f"{operation.method} {operation.path}"
            good = GOOD.get(name, {})
            bodies = [good | {field: lure} for field, value in good.items() if isinstance(value, str)]
            bodies.append(good | {"url": lure, "callback": lure, "endpoint": lure})
            path = path_of(name, username=bob.name, message_id=str(message["id"]))
            for body in bodies if operation.body is not None else [None]:
                if name in ENDING:
                    continue
                asked = "&".join(f"{key}={value}" for key, value in NEEDED_QUERY.get(name, {}).items())
                watched.ask(operation.method, f"{path}?{asked}", body, token=alice.token)
            watched.ask(operation.method, f"{path}?url={lure}&next={lure}&callback={lure}", None)
        for headers in ([header] for header in spoken_for(port)):
            watched.ask("GET", "/api/users/me/", headers=headers)
            with watched.socket(headers=headers) as refused:
                assert refused.status == 401
        with watched.socket(alice.token, [V1]) as opened:
            opened.say({"type": "hello", "device": lure, "epoch": lure})
            assert opened.hear()["type"] == "welcome"
    assert watched.ask("GET", "/livez").status == 200
    assert seen(watched) == before
    with pytest.raises(BlockingIOError):
        bait.accept()


# What would end the session that goes on asking.
ENDING = {
    f"{operation.method} {operation.path}"
    for operation in OPERATIONS
    if any(word in operation.path for word in ("logout", "sessions", "password", "account", "erase"))
    or operation.method == "DELETE"
}


def test_whoever_reaches_out_is_seen(tmp_path: Path) -> None:
    import subprocess

    environment = {"WATCHED": str(tmp_path / "watched.txt"), "PYTHONPATH": str(ROOT)}
    act = (
        "import sys, socket, runpy; sys.path.insert(0, '.');"
        "from tests.adversary.watched import watch; sys.addaudithook(watch);"
        "s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); s.close();"
        "import subprocess; subprocess.run(['true'])"
    )
    subprocess.run([sys.executable, "-c", act], cwd=ROOT, env=environment, check=True)
    told = (tmp_path / "watched.txt").read_text()
    assert "socket.connect ('127.0.0.1', 9)" in told
    assert "subprocess.Popen" in told


def calling(root: Path) -> list[str]:
    """Modules that import what calls others."""
    places = ("crypto", "models", "realtime", "actions", "handlers", "wiring", "metrics.py", "server.py", "settings.py")
    return [
        f"{path.relative_to(root)}: {module}"
        for path in sources(root, places)
        for _, module in imports(path, root)
        if any(module == name or module.startswith(f"{name}.") for name in CALLERS)
        and path.relative_to(root).as_posix() not in ALLOWED
    ]


def test_no_module_of_the_server_can_call_anybody_by_http_or_mail() -> None:
    assert calling(ROOT) == []


@pytest.mark.parametrize(
    "line",
    ["import urllib.request", "from jwt import PyJWKClient", "from tornado import httpclient", "import requests"],
)
def test_a_module_that_could_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "a.py").write_text(f"{line}\n")
    assert len(calling(tmp_path)) == 1
