"""The contract of accounts over HTTP: sign up, sign in, refresh, sign out, the cookie, which token goes where."""

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from http.cookies import SimpleCookie

import jwt
import pytest

from crypto.keyring import parse_ring
from tests.handlers.raw import Person, ask, raw_socket, rows
from tests.instances import Instance, Reply

Join = Callable[[], Person]
PASSWORD = "correct horse battery"
JSON = ("Content-Type", "application/json")
OPEN = {"/api/auth/register/", "/api/auth/login/", "/api/auth/refresh/", "/api/auth/check-username/"}
OPEN |= {"/api/auth/login/second-factor/", "/api/auth/login/passkey/options/", "/api/auth/login/passkey/"}
OPEN |= {"/api/auth/password/reset/"}


def register(server: Instance, username: str, password: str = PASSWORD, **more: object) -> Reply:
    return server.call("POST", "/api/auth/register/", {"username": username, "password": password, **more})


def login(server: Instance, username: str, password: str = PASSWORD, **more: object) -> Reply:
    return server.call("POST", "/api/auth/login/", {"username": username, "password": password, **more})


def refresh(server: Instance, token: object) -> Reply:
    return server.call("POST", "/api/auth/refresh/", {"refresh": token})


def own(server: Instance) -> tuple[str, str]:
    return ("Origin", server.url)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_way_in_is_the_contract_to_the_letter(server: Instance, slash: str) -> None:
    name = f"Anna{len(slash)}"
    asked = f"/api/auth/check-username{slash}?username={name.lower()}"
    assert (server.call("GET", asked).status, server.call("GET", asked).json) == (200, {"exists": False})
    body = {"username": name, "password": PASSWORD}
    made = server.call("POST", f"/api/auth/register{slash}", body)
    assert (made.status, made.json) == (201, {"username": name})
    assert server.call("GET", asked).json == {"exists": True}
    tokens = server.call("POST", f"/api/auth/login{slash}", body)
    assert (tokens.status, set(tokens.json)) == (200, {"access", "refresh"})
    again = server.call("POST", f"/api/auth/refresh{slash}", {"refresh": tokens.json["refresh"]})
    assert (again.status, set(again.json)) == (200, {"access", "refresh"})
    assert again.json["refresh"] != tokens.json["refresh"]
    ticket = server.call("POST", f"/api/auth/ws-ticket{slash}", token=again.json["access"])
    assert (ticket.status, set(ticket.json), ticket.json["expires_in"]) == (200, {"ticket", "expires_in"}, 30)
    assert server.call("GET", f"/api/users/me{slash}", token=again.json["access"]).json["username"] == name
    gone = server.call("POST", f"/api/auth/logout{slash}", token=again.json["access"])
    assert (gone.status, gone.body) == (204, b"")
    assert server.call("GET", f"/api/users/me{slash}", token=again.json["access"]).status == 401
    assert refresh(server, again.json["refresh"]).status == 401


def test_a_name_that_is_taken_is_409_in_any_case_and_look(server: Instance) -> None:
    assert register(server, "Willi").status == 201
    before = rows(server)
    for name in ("Willi", "WILLI", "willi", "WiIli"):
        reply = register(server, name)
        assert (reply.status, reply.json["code"], reply.json["errors"][0]["field"]) == (409, "conflict", "username")
    assert rows(server) == before


def test_registration_tells_one_error_for_each_bad_field(server: Instance) -> None:
    reply = register(server, "a b", "short")
    assert (reply.status, [error["field"] for error in reply.json["errors"]]) == (400, ["username", "password"])


@pytest.mark.parametrize(
    "username",
    [
        "",
        " ",
        "ab",
        "x" * 33,
        "x" * 100_000,
        "a b",
        "a\u202eb",
        "a\ufeffbc",
        "аbcd",
        "a\nbc",
        "../a",
        "<b>",
        "😀😀😀",
        "a" * 16 + "é" * 17,
    ],
)
def test_a_bad_name_is_400_and_never_an_accident(server: Instance, username: str) -> None:
    reply = register(server, username)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "username"), reply
    assert login(server, username).status == 401


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 129, "x" * 100_000, "password", "12345678", "\x01" * 10, "é\ud7ff\n" * 40]
)
def test_a_bad_password_is_400_and_never_an_accident(server: Instance, password: str) -> None:
    reply = register(server, "somebody.new", password)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "password"), reply
    assert login(server, "nobody", password).status == 401


def test_a_long_password_of_any_script_signs_in_whole(server: Instance) -> None:
    password = "\U0001f600é漢" * 42  # 378 bytes
    assert register(server, "emoji", password).status == 201
    assert login(server, "emoji", password).status == 200
    assert login(server, "emoji", password[:-1]).status == 401


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(server: Instance, joined: Join) -> None:
    alice = joined()
    wrong, unknown = login(server, alice.name, "wrong horse battery"), login(server, "nobody-here", PASSWORD)
    assert wrong.status == unknown.status == 401
    assert wrong.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    assert set(wrong.headers) == set(unknown.headers)


def test_a_name_that_looks_like_another_one_is_not_available(server: Instance) -> None:
    assert register(server, "wilma").status == 201
    answer = server.call("GET", "/api/auth/check-username/?username=wi1ma")
    assert (answer.status, answer.json) == (200, {"exists": False, "available": False})
    assert register(server, "wi1ma").status == 409


def test_the_first_operations_ignore_unknown_fields(server: Instance) -> None:
    assert register(server, "Lotte", email="a@b.c", next="//evil").status == 201
    assert server.call("GET", "/api/auth/check-username/?username=lotte&page=1").json == {"exists": True}
    tokens = login(server, "lotte", remember=True, next="//evil")
    assert (tokens.status, "location" in tokens.headers) == (200, False)
    body = {"refresh": tokens.json["refresh"], "extra": None}
    assert server.call("POST", "/api/auth/refresh/", body).status == 200


def test_a_used_refresh_token_ends_the_session(server: Instance, joined: Join) -> None:
    alice = joined()
    first = login(server, alice.name).json
    second = refresh(server, first["refresh"]).json
    third = refresh(server, second["refresh"]).json
    assert server.call("GET", "/api/users/me/", token=third["access"]).status == 200
    assert refresh(server, first["refresh"]).status == 401
    assert server.call("GET", "/api/users/me/", token=third["access"]).status == 401
    assert refresh(server, third["refresh"]).status == 401
    assert server.call("GET", "/api/users/me/", token=alice.token).status == 200  # another session


def test_many_who_take_one_name_at_once_are_one(server: Instance) -> None:
    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(
            reply.status for reply in pool.map(lambda n: register(server, "Rush" if n % 2 else "rush"), range(12))
        )
    assert statuses == [201] + [409] * 11


@pytest.mark.parametrize("text", ["", "rt1_", "x", "rt1_" + "A" * 3000, "rt1_é", "eyJhbGciOiJub25lIn0.e30."])
def test_a_refresh_token_that_is_none_is_401(server: Instance, text: str) -> None:
    reply = refresh(server, text)
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


def test_each_kind_of_token_opens_one_door_only(server: Instance, joined: Join) -> None:
    alice = joined()
    pair = login(server, alice.name).json
    ticket = server.call("POST", "/api/auth/ws-ticket/", token=alice.token).json["ticket"]
    assert refresh(server, pair["access"]).status == refresh(server, ticket).status == 401
    for wrong in (pair["refresh"], ticket):
        assert server.call("GET", "/api/users/me/", token=wrong).status == 401
        with raw_socket(server, wrong) as refused:
            assert refused.status == 401
    for wrong in (pair["refresh"], pair["access"]):
        with raw_socket(server, target=f"/ws/chat/?ticket={wrong}") as refused:
            assert refused.status == 401
    assert refresh(server, pair["refresh"]).status == 200


def test_a_token_in_a_query_is_no_token_over_http(server: Instance, joined: Join) -> None:
    alice = joined()
    assert ask(server, "GET", f"/api/auth/messages/?token={alice.token}").status == 401
    assert ask(server, "GET", f"/api/auth/messages/?access_token={alice.token}").status == 401


def tampered(token: str) -> dict[str, str]:
    """The token, spoilt in every way that a library has ever let pass."""
    head, claims, signature = token.split(".")

    def part(change: dict[str, object], of: str) -> str:
        value = json.loads(base64.urlsafe_b64decode(of + "=="))
        value = {name: kept for name, kept in (value | change).items() if kept is not None}
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    heads = [{"alg": alg} for alg in ("none", "None", "nOnE", "HS384", "RS256", "ES256", "", None)]
    heads += [{"typ": "JWT"}, {"typ": None}, {"kid": "x"}, {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1"}]
    heads += [
        {"kid": "k" * 10_000},
        {"kid": None},
        {"kid": 1},
        {"crit": ["x"]},
        {"jku": "http://127.0.0.1:1/"},
        {"jwk": {"k": ""}},
    ]
    spoilt = {f"header {change}"[:60]: f"{part(change, head)}.{claims}.{signature}" for change in heads}
    bodies = [{"exp": 10**20}, {"exp": None}, {"sub": "1"}, {"aud": "other"}, {"iss": "recad"}, {"sid": 1}]
    spoilt |= {f"claims {change}": f"{head}.{part(change, claims)}.{signature}" for change in bodies}
    flipped = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
    spoilt |= {
        "no signature": f"{head}.{claims}.",
        "two parts": f"{head}.{claims}",
        "four parts": f"{token}.x",
        "flipped": f"{head}.{claims}.{flipped}",
        "padded": token + "=",
        "a blank within": token.replace(".", ". ", 1),
        "too long": token + "A" * 3000,
        "nothing": "",
        "a word": "null",
    }
    return spoilt


def test_a_token_that_was_touched_opens_nothing(server: Instance, joined: Join) -> None:
    alice = joined()
    for what, token in tampered(alice.token).items():
        reply = ask(server, "GET", "/api/users/me/", [("Authorization", f"Bearer {token}")])
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), what
        assert reply.headers["www-authenticate"] == 'Bearer realm="recado"'
        if " " not in token:
            with raw_socket(server, token) as refused:
                assert refused.status == 401, what
    assert server.call("GET", "/api/users/me/", token=alice.token).status == 200


def signed(server: Instance, token: str, *, purpose: str = "access", **told: object) -> str:
    """The token's claims with some changed, signed with this server's own key; `alg`, `typ` and `kid` are headers."""
    key = parse_ring((server.home / "secrets" / f"{purpose}.keys").read_text()).current
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    heads = {"typ": "at+jwt", "kid": key.id} | {name: told.pop(name) for name in ("typ", "kid", "crit") if name in told}
    claims = {name: value for name, value in (claims | told).items() if value is not None and name != "alg"}
    return jwt.api_jws.encode(
        json.dumps(claims).encode(), key.secret, algorithm=str(told.get("alg", "HS256")), headers=heads
    )


def test_a_token_of_ours_counts_for_what_it_says_and_while_it_lasts(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    now = int(time.time())
    theirs = json.loads(base64.urlsafe_b64decode(bob.token.split(".")[1] + "=="))
    good = signed(server, alice.token)
    assert server.call("GET", "/api/users/me/", token=good).json["username"] == alice.name
    with raw_socket(server, good) as opened:
        assert opened.status == 101
    for told in (
        *(
            {"exp": now - 60},
            {"exp": None},
            {"exp": now + 600.5},
            {"exp": str(now + 600)},
            {"exp": 10**20},
            {"exp": -1},
        ),
        *({"nbf": now + 60}, {"nbf": None}, {"iat": now + 60}, {"iat": None}, {"exp": True}, {"exp": -1}),
        *({"aud": None}, {"aud": "other"}, {"aud": ["recado", "other"]}, {"aud": ["recado"]}),
        *({"iss": None}, {"iss": "rec"}, {"iss": "recado.evil"}, {"iss": ["recado"]}),
        *({"sub": theirs["sub"]}, {"sid": theirs["sid"]}, {"sub": 1}, {"sub": None}, {"sid": 1}, {"sid": None}),
        *({"typ": "JWT"}, {"typ": "rt+jwt"}, {"kid": "unknown"}, {"crit": ["exp"]}, {"token_type": "refresh"}),
        *({"purpose": "token"}, {"purpose": "pepper"}, {"extra": 1}),
    ):
        token = signed(server, alice.token, **told)  # type: ignore[arg-type]
        reply = ask(server, "GET", "/api/users/me/", [("Authorization", f"Bearer {token}")])
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), told
        with raw_socket(server, token) as refused:
            assert refused.status == 401, told


@pytest.mark.parametrize("scheme", ["", "Basic", "Token", "Bearer,"])
def test_only_one_bearer_is_heard(server: Instance, joined: Join, scheme: str) -> None:
    alice = joined()
    assert ask(server, "GET", "/api/users/me/", [("Authorization", f"{scheme} {alice.token}")]).status == 401
    assert ask(server, "GET", "/api/users/me/", [alice.bearer, alice.bearer]).status == 401
    assert ask(server, "GET", "/api/users/me/", [("Authorization", f"bearer   {alice.token}")]).status == 200


def test_a_revoked_session_stays_revoked_whatever_its_token_looks_like(server: Instance, joined: Join) -> None:
    alice = joined()
    assert server.call("POST", "/api/auth/logout/", token=alice.token).status == 204
    for token in (alice.token, alice.token + "=", alice.token + "=="):
        assert ask(server, "GET", "/api/users/me/", [("Authorization", f"Bearer {token}")]).status == 401


def cookie_login(server: Instance, alice: Person) -> Reply:
    body = json.dumps({"username": alice.name, "password": PASSWORD}).encode()
    return ask(server, "POST", "/api/auth/login/", [JSON, ("X-Recado-Session", "cookie"), own(server)], body)


def test_the_page_keeps_its_refresh_token_in_a_cookie_that_no_script_reads(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = cookie_login(server, alice)
    assert (reply.status, set(reply.json)) == (200, {"access"})
    told = reply.headers["set-cookie"]
    assert len(told) < 4096
    name, value, options = re.fullmatch(r"([^=]+)=([^;]+); (.*)", told).groups()  # type: ignore[union-attr]
    assert name == "__Host-recado"
    assert value.encode() not in reply.body
    assert {option.partition("=")[0] for option in options.split("; ")} == {
        "Path",
        "Max-Age",
        "Secure",
        "HttpOnly",
        "SameSite",
    }
    morsel = SimpleCookie(told)["__Host-recado"]
    assert (morsel["path"], morsel["samesite"], morsel["domain"]) == ("/", "Strict", "")
    assert (morsel["secure"], morsel["httponly"]) == (True, True)
    assert int(morsel["max-age"]) == 30 * 86_400

    cookie = ("Cookie", f"other=1; __Host-recado={value}")
    page = [JSON, ("X-Recado-Session", "cookie"), own(server), cookie]
    renewed = ask(server, "POST", "/api/auth/refresh/", page, b"{}")
    assert (renewed.status, set(renewed.json)) == (200, {"access"})
    assert renewed.headers["set-cookie"] != told
    assert server.call("GET", "/api/users/me/", token=renewed.json["access"]).json["username"] == alice.name
    bearer = ("Authorization", f"Bearer {renewed.json['access']}")
    gone = ask(server, "POST", "/api/auth/logout/", [("X-Recado-Session", "cookie"), own(server), bearer], b"")
    assert gone.status == 204
    assert re.match(
        r"__Host-recado=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict$", gone.headers["set-cookie"]
    )
    assert gone.headers["clear-site-data"] == '"cache", "storage"'
    assert ask(server, "POST", "/api/auth/refresh/", page, b"{}").status == 401


def test_a_cookie_counts_for_our_own_page_only(server: Instance, joined: Join) -> None:
    alice = joined()
    value = SimpleCookie(cookie_login(server, alice).headers["set-cookie"])["__Host-recado"].value
    cookie, wanted = ("Cookie", f"__Host-recado={value}"), ("X-Recado-Session", "cookie")
    no_origin = ask(server, "POST", "/api/auth/refresh/", [JSON, wanted, cookie], b"{}")
    assert (no_origin.status, no_origin.json["code"]) == (403, "forbidden")
    for origin in (
        "https://evil.example",
        "null",
        f"http://localhost:{server.port + 1}",
        f"https://localhost:{server.port}",
        "",
    ):
        reply = ask(server, "POST", "/api/auth/refresh/", [JSON, wanted, cookie, ("Origin", origin)], b"{}")
        assert (reply.status, "set-cookie" in reply.headers) == (403, False), origin
    # Without the header of its own a cookie is not looked at, so a plain form of another site gets nothing.
    no_header = ask(server, "POST", "/api/auth/refresh/", [JSON, own(server), cookie], b"{}")
    assert (no_header.status, no_header.json["errors"][0]["field"]) == (400, "refresh")
    assert ask(server, "GET", "/api/users/me/", [own(server), wanted, cookie]).status == 401
    with raw_socket(server, headers=[cookie, own(server)]) as refused:
        assert refused.status == 401
    assert ask(server, "POST", "/api/auth/refresh/", [JSON, wanted, cookie, own(server)], b"{}").status == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json; x=1", ""],
)
def test_what_a_page_can_send_without_being_asked_first_gets_nothing_by_a_cookie(
    server: Instance, joined: Join, kind: str
) -> None:
    """Everything is right but the type of the body, which is what a form of another site cannot choose."""
    value = SimpleCookie(cookie_login(server, joined()).headers["set-cookie"])["__Host-recado"].value
    page = [("X-Recado-Session", "cookie"), own(server), ("Cookie", f"__Host-recado={value}")]
    reply = ask(server, "POST", "/api/auth/refresh/", [*page, ("Content-Type", kind)], b"{}")
    assert (reply.status, "set-cookie" in reply.headers) == (415, False)
    elsewhere = ask(server, "POST", "/api/auth/refresh/", [*page, JSON, ("Sec-Fetch-Site", "cross-site")], b"{}")
    assert (elsewhere.status, "set-cookie" in elsewhere.headers) == (403, False)
    assert ask(server, "POST", "/api/auth/refresh/", [*page, JSON], b"{}").status == 200


def test_a_refresh_by_cookie_does_not_take_the_body(server: Instance, joined: Join) -> None:
    alice = joined()
    pair = login(server, alice.name).json
    page = [JSON, ("X-Recado-Session", "cookie"), own(server)]
    body = json.dumps({"refresh": pair["refresh"]}).encode()
    assert ask(server, "POST", "/api/auth/refresh/", page, body).status == 401


def test_no_one_is_signed_in_by_nothing(server: Instance) -> None:
    from tests.handlers.corpus import ALL, GOOD, path_of

    for name, operation in ALL.items():
        if operation.signed_in:
            body = json.dumps(GOOD[name]).encode() if name in GOOD else None
            path = path_of(name)
            reply = ask(server, operation.method, path, [JSON] if body else [], body)
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), name
        else:
            assert operation.path in OPEN | {"/livez", "/readyz", "/api/openapi.json", "/api/asyncapi.json"}, name


def cookies_of(server: Instance, path: str, headers: list[tuple[str, str]], body: object) -> dict[str, str]:
    """The cookies that an answer sets, each with its options."""
    with closing(HTTPConnection("localhost", server.port, timeout=20)) as connection:
        page = dict([JSON, ("X-Recado-Session", "cookie"), own(server), *headers])
        connection.request("POST", path, json.dumps(body), page)
        answer = connection.getresponse()
        assert answer.status in (200, 204), answer.read()
        return dict(line.split("=", 1) for line in answer.headers.get_all("Set-Cookie", []))


def test_a_browser_is_known_again_by_a_cookie_that_stays_when_the_session_ends(server: Instance, joined: Join) -> None:
    alice = joined()
    credentials = {"username": alice.name, "password": PASSWORD}
    first = cookies_of(server, "/api/auth/login/", [], credentials)
    assert set(first) == {"__Host-recado", "__Host-recado-device"}
    mark, _, options = first["__Host-recado-device"].partition("; ")
    assert re.fullmatch(r"dm1_[\w-]{40,100}", mark)
    assert options == f"Path=/; Max-Age={365 * 86_400}; Secure; HttpOnly; SameSite=Strict"
    refresh = ("Cookie", f"__Host-recado={first['__Host-recado'].partition(';')[0]}")
    renewed = cookies_of(server, "/api/auth/refresh/", [refresh], {})
    assert renewed["__Host-recado-device"] == first["__Host-recado-device"]
    assert set(cookies_of(server, "/api/auth/logout/", [alice.bearer], {})) == {"__Host-recado"}
    # It opens nothing, and a strange one is no fault.
    for name in ("__Host-recado", "__Host-recado-device"):
        known = [JSON, ("X-Recado-Session", "cookie"), own(server), ("Cookie", f"{name}={mark}")]
        assert ask(server, "POST", "/api/auth/refresh/", known, b"{}").status == 401
    for value in (mark, "dm1_forged", "%00", '"'):
        cookies_of(server, "/api/auth/login/", [("Cookie", f"__Host-recado-device={value}")], credentials)


def test_whoever_keeps_no_cookie_is_given_none(server: Instance, joined: Join) -> None:
    assert "set-cookie" not in login(server, joined().name).headers
