"""The chat page and its files: the policy, a fresh nonce, nothing but what was built."""

import gzip
import re
from pathlib import Path

import pytest

from handlers.pages import SERVED, STANDING, read_files, takes_gzip
from tests.handlers.raw import ask
from tests.instances import ROOT, Instance

DIST = ROOT / "web" / "dist"
STATIC = sorted((DIST / "static").iterdir())
INLINE = re.compile(r"<(script|style|link)\b[^>]*>")


def policy(text: str) -> dict[str, list[str]]:
    parts = [part.split() for part in text.split(";")]
    return {name: values for name, *values in parts}


def test_the_page_has_a_strict_policy(server: Instance) -> None:
    reply = ask(server, "GET", "/")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"
    rules = policy(reply.headers["content-security-policy"])
    assert rules["default-src"] == rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["require-trusted-types-for"] == ["'script'"]
    assert rules["trusted-types"] == ["recado-worker"]
    assert rules["worker-src"] == rules["manifest-src"] == ["'self'"]
    assert rules["connect-src"] == ["'self'", f"ws://localhost:{server.port}"]
    for kind in ("script-src", "style-src"):
        (source,) = rules[kind]
        assert re.fullmatch(r"'nonce-[A-Za-z0-9_-]{22,}'", source)
    assert "unsafe" not in reply.headers["content-security-policy"]


def test_the_nonce_is_another_one_each_time(server: Instance) -> None:
    nonces = set()
    for _ in range(100):
        reply = ask(server, "GET", "/")
        (nonce,) = {source[7:-1] for source in policy(reply.headers["content-security-policy"])["script-src"]}
        assert reply.body.count(f'nonce="{nonce}"'.encode()) >= 2
        assert b"__NONCE__" not in reply.body
        nonces.add(nonce)
    assert len(nonces) == 100


def test_nothing_on_the_page_runs_without_the_nonce(server: Instance) -> None:
    reply = ask(server, "GET", "/")
    html = reply.body.decode()
    tags = [tag for tag in INLINE.finditer(html) if not re.search(r'rel="(icon|apple-touch-icon|manifest)"', tag[0])]
    assert len(tags) >= 2
    assert all('nonce="' in tag[0] for tag in tags)
    for script in re.findall(r"<script\b[^>]*>(.*?)</script>", html, re.DOTALL):
        assert script == ""
    assert not re.search(r"\son\w+\s*=|javascript:|style=\"", html)
    assert not re.search(r"(src|href)=\"(?!/)|//cdn", html)  # nothing from elsewhere


def test_the_page_holds_nothing_of_whoever_asks(server: Instance) -> None:
    alice = server.join("alice")
    plain = ask(server, "GET", "/")
    cookie = ("Cookie", "__Host-recado=x; a=<script>")
    asked = ask(server, "GET", "/?q=<script>&next=//evil", [("Authorization", f"Bearer {alice}"), cookie])

    def without_nonce(body: bytes) -> bytes:
        return re.sub(rb'nonce="[^"]+"', b"", body)

    assert without_nonce(plain.body) == without_nonce(asked.body)
    assert "set-cookie" not in asked.headers


@pytest.mark.parametrize("host", ["a'b", "a b", "a;b", "x'; script-src *", "caf\u00e9", "a,b", '"><script>'])
def test_a_strange_host_does_not_get_into_the_policy(server: Instance, host: str) -> None:
    reply = ask(server, "GET", "/", [("Host", host)])
    assert reply.status in (200, 400)
    if reply.status == 200:
        assert policy(reply.headers["content-security-policy"])["connect-src"] == ["'self'", "ws://localhost"]


@pytest.mark.parametrize(
    "path", ["/", *(f"/{name}" for name in STANDING), *(f"/static/{file.name}" for file in STATIC)]
)
def test_head_is_get_without_the_body(server: Instance, path: str) -> None:
    got, head = ask(server, "GET", path), ask(server, "HEAD", path)
    assert (got.status, head.status, head.body) == (200, 200, b"")
    assert head.headers["content-length"] == str(len(got.body))
    assert set(head.headers) == set(got.headers)


@pytest.mark.parametrize("file", STATIC, ids=lambda file: file.suffix)
def test_a_file_is_what_was_built_and_stays_for_ever(server: Instance, file: Path) -> None:
    reply = ask(server, "GET", f"/static/{file.name}")
    assert (reply.status, reply.body) == (200, file.read_bytes())
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["content-type"] == SERVED[file.suffix]
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "set-cookie" not in reply.headers
    signed_in = ask(server, "GET", f"/static/{file.name}", [("Authorization", "Bearer x"), ("Cookie", "a=b")])
    assert signed_in.body == reply.body


@pytest.mark.parametrize("name", STANDING)
def test_what_keeps_its_name_is_looked_at_anew_each_time(server: Instance, name: str) -> None:
    reply = ask(server, "GET", f"/{name}")
    assert (reply.status, reply.body) == (200, (DIST / name).read_bytes())
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["content-type"] == SERVED[Path(name).suffix]
    assert not {"set-cookie", "service-worker-allowed"} & set(reply.headers)
    signed_in = ask(server, "GET", f"/{name}", [("Authorization", "Bearer x"), ("Cookie", "a=b")])
    assert signed_in.body == reply.body


def test_the_worker_may_ask_this_server_and_load_nothing(server: Instance) -> None:
    rules = policy(ask(server, "GET", "/sw.js").headers["content-security-policy"])
    assert rules["default-src"] == ["'none'"]
    assert rules["connect-src"] == ["'self'"]
    assert rules["trusted-types"] == ["'none'"]
    assert not {"script-src", "worker-src", "sandbox"} & set(rules)


@pytest.mark.parametrize(
    "path",
    [
        *("/.git/HEAD", "/.env", "/db.sqlite3", "/recado.db", "/secrets/master", "/settings.toml", "/server.py"),
        *(
            "/static",
            "/static/",
            "/static/../",
            "/static/../index.html",
            "/static/..",
            "/static/.",
            "/static/../../server.py",
        ),
        *("/static/%2e%2e/index.html", "/static/..%2findex.html", "/static/%2e%2e%2f%2e%2e%2fsettings.toml"),
        *("/static/..\\index.html", "/static/..%5cindex.html", "/static/%00", "/static/app.js%00.css", "/static/C:/x"),
        *(
            "/static//etc/passwd",
            "//etc/passwd",
            "/static/%252e%252e/x",
            "/index.html",
            "/static/index.html",
            "/LICENSES.txt",
            "/manifest.json",
            "/static/sw.js",
            "/sw.js.map",
        ),
        *("/api/", "/api", "/ws/", "/docs", "/debug", "/..", "/%2e%2e/", "/;/", "/static/" + "a" * 5000),
    ],
)
def test_what_was_not_built_is_not_there(server: Instance, path: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        reply = ask(server, method, path)
        assert reply.status == 404 or (method == "POST" and reply.status == 405), path
        assert "location" not in reply.headers


def test_only_known_kinds_of_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "index.html").write_text("x")
    for name in ("a.js", "a.css", "a.js.map", ".env", "a.html", "a.py", "a.db"):
        (tmp_path / "static" / name).write_text("x")
    for name in ("sw.js", "a.js"):
        (tmp_path / name).write_text("x")
    files = read_files(tmp_path)
    assert (set(files.assets), set(files.standing)) == ({"a.js", "a.css"}, {"sw.js"})


@pytest.mark.parametrize("path", [*(f"/static/{path.name}" for path in STATIC), *(f"/{name}" for name in STANDING)])
def test_a_file_is_compressed_for_whoever_takes_that(server: Instance, path: str) -> None:
    plain = ask(server, "GET", path)
    packed = ask(server, "GET", path, [("Accept-Encoding", "br, gzip;q=0.8")])
    assert "content-encoding" not in plain.headers
    if path.endswith(".png"):
        assert "content-encoding" not in packed.headers
        assert packed.body == plain.body
        return
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert plain.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    head = ask(server, "HEAD", path, [("Accept-Encoding", "gzip")])
    assert head.headers["content-length"] == str(len(packed.body))


def test_what_has_a_nonce_is_never_compressed(server: Instance) -> None:
    assert "content-encoding" not in ask(server, "GET", "/", [("Accept-Encoding", "gzip")]).headers


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("GZIP;q=1.0", True),
        ("deflate, gzip;q=0.001", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("identity, *;q=0", False),
        ("br", False),
        ("", False),
        ("gzipped", False),
    ],
)
def test_who_takes_gzip_says_so(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes
