"""Whom the server believes: hosts, origins, fetch metadata, forwarded headers; over HTTP and on the socket."""

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from actions.ceremonies import Site
from handlers.origins import Origins, limit_key, network_of, parse_networks
from tests.handlers.raw import Headers, Person, ask, raw_socket, told
from tests.instances import Instance, Reply

HSTS = "max-age=63072000; includeSubDomains"
APP = "https://app.example"
SPOOFED = [
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "chat.example"),
    ("X-Real-IP", "203.0.113.9"),
    ("X-Scheme", "https"),
    ("Forwarded", "for=203.0.113.9;proto=https;host=chat.example"),
]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance behind a proxy on this machine, for two hosts, that one other origin may use."""
    settings = {
        "RECADO_SERVER_TRUSTED_PROXIES": "127.0.0.1/32",
        "RECADO_SERVER_ALLOWED_ORIGINS": APP,
        "RECADO_SERVER_ALLOWED_HOSTS": "localhost,chat.example",
    }
    with Instance(tmp_path_factory.mktemp("strict"), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def alice(server: Instance) -> Person:
    return Person("alice", server.join("alice"))


@pytest.fixture(scope="module")
def anna(strict: Instance) -> Person:
    return Person("anna", strict.join("anna"))


def foreign(port: int) -> list[str]:
    """Origins that are not `http://localhost:<port>`, however close they look."""
    return [
        *("https://evil.example", "null", "", "localhost", f"localhost:{port}", f"//localhost:{port}", "file://"),
        *(
            f"http://localhost:{port + 1}",
            f"https://localhost:{port}",
            "http://localhost",
            f"http://x.localhost:{port}",
        ),
        *(f"http://localhost:{port}.evil.example", f"http://evil.example/http://localhost:{port}", "*"),
        *(
            f"http://xlocalhost:{port}",
            f"http://localhost:{port}/",
            f"http://127.0.0.1:{port}",
            f"ws://localhost:{port}",
        ),
        *(f"http://localhost:{port}@evil.example", f"http://localhost:{port}, http://evil.example"),
        *("https://app.example.evil", "https://xapp.example", "http://app.example", "https://app.example:444"),
        *("https://evil.app.example", "https://app.example/", "HTTPS://APP.EXAMPLE.evil"),
    ]


def refused_everywhere(instance: Instance, person: Person, headers: Headers, status: int) -> None:
    """The API, a preflight, and the socket say no, and give no page leave to read."""
    for method, path in (("GET", "/api/users/me/"), ("POST", "/api/auth/ws-ticket/"), ("OPTIONS", "/api/auth/send/")):
        reply = ask(instance, method, path, [*headers, person.bearer])
        assert reply.status == status, (path, headers, reply)
        assert not any(name.startswith("access-control-") for name in reply.headers)
        assert reply.headers["vary"] == "Origin"
    with raw_socket(instance, person.token, headers) as socket:
        assert socket.status == status, (headers, socket.body)
        assert json.loads(socket.body)["status"] == status


def admitted_everywhere(instance: Instance, person: Person, headers: Headers) -> Reply:
    with raw_socket(instance, person.token, headers) as socket:
        assert socket.status == 101, (headers, socket.body)
    reply = ask(instance, "GET", "/api/users/me/", [*headers, person.bearer])
    assert reply.status == 200, (headers, reply)
    return reply


def test_another_origin_is_403_for_the_api_and_the_socket(server: Instance, alice: Person) -> None:
    for origin in [*foreign(server.port), APP]:
        refused_everywhere(server, alice, [("Origin", origin)], 403)
    refused_everywhere(server, alice, [("Origin", server.url), ("Origin", server.url)], 403)


def test_our_own_origin_and_none_are_let_in_without_any_cors(server: Instance, alice: Person) -> None:
    for headers in ([], [("Origin", server.url)], [("Origin", server.url.upper())]):
        reply = admitted_everywhere(server, alice, headers)
        assert not any(name.startswith("access-control-") for name in reply.headers)
        assert reply.headers["vary"] == "Origin"


def test_an_allowed_origin_is_let_in_and_may_read_answers_and_problems(strict: Instance, anna: Person) -> None:
    headers = [("Origin", APP), ("Sec-Fetch-Site", "cross-site")]
    admitted_everywhere(strict, anna, headers)
    for path, status in (("/api/users/me/", 200), ("/api/messages/1/", 404)):
        reply = ask(strict, "GET", path, [*headers, anna.bearer])
        assert (reply.status, reply.headers["access-control-allow-origin"], reply.headers["vary"]) == (
            status,
            APP,
            "Origin",
        )
        assert "access-control-allow-credentials" not in reply.headers
    preflight = ask(strict, "OPTIONS", "/api/auth/send/", [*headers, ("Access-Control-Request-Method", "POST")])
    assert (preflight.status, preflight.body, preflight.headers["allow"]) == (204, b"", "POST, OPTIONS")
    assert preflight.headers["access-control-allow-origin"] == APP
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert preflight.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    for origin in foreign(strict.port):
        refused_everywhere(strict, anna, [("Origin", origin)], 403)


def test_a_host_that_is_not_ours_is_421_even_as_its_own_origin(strict: Instance, anna: Person) -> None:
    for host in (
        "evil.example",
        f"evil.example:{strict.port}",
        "localhost.evil.example",
        "127.0.0.1",
        "[::1]",
        "xchat.example",
    ):
        refused_everywhere(strict, anna, [("Host", host), ("Origin", f"http://{host}")], 421)
        assert ask(strict, "GET", "/", [("Host", host)]).status == 421
    admitted_everywhere(strict, anna, [("Host", "chat.example"), ("Origin", "http://chat.example")])
    admitted_everywhere(strict, anna, [("Host", "CHAT.example:81"), ("Origin", "http://chat.example:81")])
    admitted_everywhere(strict, anna, [("Host", "chat.example")])


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none, cross-site", "", "other"])
def test_what_a_browser_fetches_for_another_site_is_403(server: Instance, alice: Person, site: str) -> None:
    refused_everywhere(server, alice, [("Sec-Fetch-Site", site)], 403)
    assert ask(server, "GET", "/", [("Sec-Fetch-Site", site)]).status == 200  # a link to the page is welcome


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_a_browser_fetches_for_our_page_is_let_in(server: Instance, alice: Person, site: str) -> None:
    admitted_everywhere(server, alice, [("Sec-Fetch-Site", site)])


def networks_told(instance: Instance, reply: Reply) -> list[str]:
    """The client's network in the log lines of this answer."""
    return [line["network"] for line in told(instance, reply.headers["x-request-id"])]


def test_forwarded_headers_of_a_stranger_change_nothing(server: Instance, alice: Person) -> None:
    for headers in (SPOOFED, *([header] for header in SPOOFED)):
        reply = ask(server, "GET", "/api/users/me/", [*headers, alice.bearer])
        assert "strict-transport-security" not in reply.headers
        assert networks_told(server, reply) == ["127.0.0.0/24"]
        assert ask(server, "GET", "/", headers).headers["content-security-policy"].count("ws://localhost") == 1
        refused_everywhere(server, alice, [*headers, ("Origin", f"https://localhost:{server.port}")], 403)


@pytest.mark.parametrize(
    "path", ["/", "/livez", "/api/users/me/", "/nowhere", "/static/none.js", "/ws/chat/", "/api/auth/login/"]
)
def test_hsts_is_told_under_tls_and_only_there(strict: Instance, path: str) -> None:
    for method in ("GET", "POST", "FOO"):
        assert ask(strict, method, path, [("X-Forwarded-Proto", "https")]).headers["strict-transport-security"] == HSTS
        for scheme in ("http", "HTTPS", "https, http", "ftp", ""):
            assert "strict-transport-security" not in ask(strict, method, path, [("X-Forwarded-Proto", scheme)]).headers
        assert "strict-transport-security" not in ask(strict, method, path).headers


def test_a_trusted_proxy_says_who_asks_and_how(strict: Instance, anna: Person) -> None:
    tls = ("X-Forwarded-Proto", "https")
    with raw_socket(strict, anna.token, [tls, ("Origin", f"https://localhost:{strict.port}")]) as socket:
        assert (socket.status, socket.headers["strict-transport-security"]) == (101, HSTS)
    refused_everywhere(strict, anna, [tls, ("Origin", f"http://localhost:{strict.port}")], 403)
    assert "wss://localhost" in ask(strict, "GET", "/", [tls]).headers["content-security-policy"]
    for hops, network in (
        ("203.0.113.9", "203.0.113.0/24"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.0/24"),  # only the nearest hop was seen by the proxy
        ("203.0.113.9, 127.0.0.1", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("garbage", "127.0.0.0/24"),
        ("203.0.113.9, garbage", "127.0.0.0/24"),
        ("", "127.0.0.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("203.0.113.9:50123", "203.0.113.0/24"),
        ("[2001:db8:1:2:3::4]:50123", "2001:db8:1::/48"),
    ):
        reply = ask(strict, "GET", "/api/users/me/", [("X-Forwarded-For", hops), anna.bearer])
        assert networks_told(strict, reply) == [network], hops


def request(peer: str, **headers: str) -> HTTPServerRequest:
    """A request as Tornado makes it of a connection from `peer`."""

    class Context:
        remote_ip = peer
        protocol = "http"

    class Connection:
        context = Context()

    sent = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()} | {"Host": "chat.example"})
    start = RequestStartLine("GET", "/", "HTTP/1.1")
    return HTTPServerRequest(headers=sent, connection=Connection(), start_line=start)  # type: ignore[arg-type]


def test_the_address_is_the_nearest_hop_that_is_no_proxy_of_ours() -> None:
    origins = Origins(trusted_proxies=parse_networks(["10.0.0.0/8", "fd00::/8"]))
    for peer, hops, address in (
        ("10.0.0.1", "1.2.3.4, 10.9.9.9, fd00::1", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("1.2.3.4", "10.0.0.1", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("nonsense", "1.2.3.4", "0.0.0.0"),
    ):
        assert str(origins.address(request(peer, X_Forwarded_For=hops))) == address


@pytest.mark.parametrize(
    ("hops", "address"),
    [
        # Several headers count as one list (RFC 9110 §5.3): who came last is nearest.
        (["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4", "10.0.0.7"], "1.2.3.4"),
        (["9.9.9.9, 1.2.3.4", "10.0.0.7, 10.0.0.8"], "1.2.3.4"),
        (["1.2.3.4", ""], "10.0.0.1"),
        (["1.2.3.4", "garbage"], "10.0.0.1"),
        (["garbage", "1.2.3.4"], "1.2.3.4"),
        # With a port, as some proxies write it; IPv6 in brackets, with a zone.
        (["1.2.3.4:5678"], "1.2.3.4"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:DB8::1"], "2001:db8::1"),
        (["fe80::1%eth0"], "fe80::1"),
        (["[::ffff:1.2.3.4]:80"], "1.2.3.4"),
        (["9.9.9.9 \t,  1.2.3.4"], "1.2.3.4"),
        # What is no address tells nothing: then it is the proxy's own that counts, never an older hop's.
        (["1.2.3.4, unknown"], "10.0.0.1"),
        (["1.2.3.4, _hidden"], "10.0.0.1"),
        (["1.2.3.4, 1.2.3.4.5"], "10.0.0.1"),
        (["1.2.3.4, 01.2.3.4"], "10.0.0.1"),
        (["1.2.3.4, 16909060"], "10.0.0.1"),
        (["1.2.3.4, 1.2.3.4/8"], "10.0.0.1"),
        (["1.2.3.4, 1.2.3.4:"], "10.0.0.1"),
        (["1.2.3.4, 1.2.3.4:999999"], "10.0.0.1"),
        (["1.2.3.4, [2001:db8::1"], "10.0.0.1"),
        (["1.2.3.4, [[2001:db8::1]]"], "10.0.0.1"),
        (["1.2.3.4, [1.2.3.4]x"], "10.0.0.1"),
        (["1.2.3.4, 1.2.3.\u00b2"], "10.0.0.1"),
        (["1.2.3.4," + "9" * 10_000], "10.0.0.1"),
        (["1.2.3.4" + "," * 5_000], "10.0.0.1"),
        ([", ".join(["9.9.9.9"] * 1_000 + ["1.2.3.4"])], "1.2.3.4"),
        ([], "10.0.0.1"),
    ],
)
def test_whatever_stands_in_the_header_the_address_is_one_that_a_trusted_proxy_has_seen(
    hops: list[str], address: str
) -> None:
    asked = request("10.0.0.1")
    for value in hops:
        asked.headers.add("X-Forwarded-For", value)
    origins = Origins(trusted_proxies=parse_networks(["10.0.0.0/8"]))
    assert str(origins.address(asked)) == address
    assert str(Origins().address(asked)) == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "known", "expected"),
    [
        ("localhost:8000", {}, Site("localhost", "http://localhost:8000")),
        ("chat.localhost", {}, Site("chat.localhost", "http://chat.localhost")),
        # Without a name of its own the server cannot tell whose page asks.
        ("chat.example", {}, None),
        ("localhost.evil.example", {}, None),
        ("notlocalhost", {}, None),
        ("127.0.0.1:8000", {}, None),
        ("[::1]:8000", {}, None),
        ("", {}, None),
        ("Chat.Example", {"allowed_hosts": frozenset({"chat.example"})}, Site("chat.example", "http://chat.example")),
        ("192.0.2.1", {"allowed_hosts": frozenset({"192.0.2.1"})}, None),
        ("evil.example", {"public": "https://chat.example"}, Site("chat.example", "https://chat.example")),
        ("x", {"public": "https://chat.example:8443"}, Site("chat.example", "https://chat.example:8443")),
        ("chat.example", {"public": "http://192.0.2.1:8000"}, None),
    ],
)
def test_passkeys_are_for_a_name_that_is_known_to_be_ours(
    host: str, known: dict[str, Any], expected: Site | None
) -> None:
    asked = request("192.0.2.9")
    asked.host = host
    assert Origins(**known).site(asked) == expected


def test_limits_count_an_ipv6_network_and_logs_keep_less() -> None:
    four, six = ipaddress.ip_address("203.0.113.9"), ipaddress.ip_address("2001:db8:1:2:3:4:5:6")
    assert (limit_key(four), network_of(four)) == ("203.0.113.9/32", "203.0.113.0/24")
    assert (limit_key(six), network_of(six)) == ("2001:db8:1:2::/64", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("host", "told", "scheme", "untold"),
    [
        ("chat.example", "", "https", "https"),
        ("CHAT.example", "", "https", "https"),
        ("chat.example", "http", "http", "https"),
        ("chat.example", "https, http", "https", "https"),
        ("chat.example:8000", "", "http", "http"),
        ("localhost", "", "http", "http"),
        ("localhost", "https", "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_tells_and_else_what_people_type(
    host: str, told: str, scheme: str, untold: str
) -> None:
    asked = request("10.0.0.1", X_Forwarded_Proto=told)
    asked.host = host
    origins = Origins(trusted_proxies=parse_networks(["10.0.0.0/8"]), public="https://chat.example")
    assert origins.scheme(asked) == scheme
    assert Origins(public="https://chat.example").scheme(asked) == untold
    assert Origins().scheme(asked) == "http"


def test_the_public_address_is_an_own_origin_whatever_the_proxy_tells(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"RECADO_SERVER_PUBLIC_URL": "https://chat.example"}
    with Instance(tmp_path_factory.mktemp("public"), settings=settings) as running:
        for origin, status in (
            ("https://chat.example", 200),
            ("http://chat.example", 403),
            ("https://evil.example", 403),
        ):
            assert running.call("GET", "/livez", headers={"Origin": origin}).status == status
