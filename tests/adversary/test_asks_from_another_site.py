"""The attacker's page is open in the victim's browser (CSRF, CORS, WebSocket hijacking): straight and through nginx."""

import json
from http.cookies import SimpleCookie

import pytest

from tests.adversary.attacker import JSON, PASSWORD, V1, Target
from tests.handlers.raw import Person
from tests.instances import Reply

COOKIE = "__Host-recado"
WANTED = ("X-Recado-Session", "cookie")
CALLS = (("GET", "/api/users/me/"), ("POST", "/api/auth/ws-ticket/"), ("OPTIONS", "/api/auth/send/"))


def own(target: Target) -> str:
    """The page's origin, as the browser of somebody at this door has it."""
    return f"http://127.0.0.1:{target.door.port}"


def strangers(port: int) -> list[str]:
    return [
        *("https://evil.example", "null", f"http://127.0.0.1:{port + 1}", f"https://127.0.0.1:{port}"),
        *(f"http://127.0.0.1:{port}.evil.example", f"http://evil.example:{port}", f"http://x.127.0.0.1:{port}"),
    ]


def cookie_of(target: Target, person: Person) -> str:
    """The session cookie that the page of this server holds in the victim's browser."""
    body = {"username": person.name, "password": PASSWORD}
    reply = target.ask("POST", "/api/auth/login/", body, headers=[WANTED, ("Origin", own(target))])
    assert reply.status == 200, reply
    return SimpleCookie(reply.headers["set-cookie"])[COOKIE].value


def gives_nothing(reply: Reply) -> None:
    assert reply.status == 403, reply
    assert not {"access-control-allow-origin", "set-cookie", "access-control-allow-credentials"} & set(reply.headers)
    assert b"access" not in reply.body


def test_a_strange_page_reads_and_does_nothing_even_with_a_token(target: Target) -> None:
    victim = target.join()
    for origin in strangers(target.door.port):
        for method, path in CALLS:
            gives_nothing(target.ask(method, path, headers=[("Origin", origin), victim.bearer]))
    for site in ("cross-site", "same-site"):
        gives_nothing(target.ask("GET", "/api/users/me/", headers=[("Sec-Fetch-Site", site), victim.bearer]))


def test_a_strange_page_does_not_ride_on_the_cookie(target: Target) -> None:
    victim = target.join()
    cookie = cookie_of(target, victim)
    jar = ("Cookie", f"{COOKIE}={cookie}")
    for origin in strangers(target.door.port):
        given = [jar, ("Origin", origin)]
        gives_nothing(target.ask("POST", "/api/auth/refresh/", {}, headers=[*given, WANTED]))
        # What a form, an image or a beacon of another site can send: no header of its own.
        gives_nothing(
            target.ask("POST", "/api/auth/refresh/", headers=[*given, ("Content-Type", "text/plain")], raw=b"{}")
        )
        gives_nothing(target.ask("POST", "/api/auth/logout/", headers=[*given, WANTED]))
    # A browser that tells no origin (a link, an old form) is no page of ours either.
    gives_nothing(target.ask("POST", "/api/auth/refresh/", {}, headers=[jar, WANTED]))
    for headers in ([jar], [jar, WANTED], [jar, ("Origin", own(target))]):
        for method, path in CALLS[:2]:
            assert target.ask(method, path, headers=headers).status in {401, 403}, headers
    # After all of that the page's own session is what it was.
    page = [jar, WANTED, ("Origin", own(target))]
    assert target.ask("POST", "/api/auth/refresh/", {}, headers=page).status == 200


@pytest.mark.parametrize("dialect", [(), (V1,)], ids=["plain", "recado.v1"])
def test_the_cookie_opens_no_socket_for_anybody(target: Target, dialect: tuple[tuple[str, str], ...]) -> None:
    victim = target.join()
    jar = ("Cookie", f"{COOKIE}={cookie_of(target, victim)}")
    host = ("Host", f"127.0.0.1:{target.door.port}")
    for origin in strangers(target.door.port):
        for token in (None, victim.token):
            with target.socket(token, [host, jar, ("Origin", origin), *dialect]) as refused:
                assert refused.status == 403, origin
                assert json.loads(refused.body)["code"] == "forbidden"
    with target.socket(None, [host, jar, ("Origin", own(target)), *dialect]) as page:
        if not dialect:
            assert page.status == 401
            return
        # recado.v1 shows its token in the first frame: a cookie is none.
        page.say({"type": "hello"})
        assert page.hear()["code"] == "unauthenticated"
        assert page.close_code() == 4401


def test_what_a_form_can_send_is_no_request(target: Target) -> None:
    victim = target.join()
    body = json.dumps({"recipient": victim.name, "content": "hi"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", None):
        headers = [victim.bearer] if kind is None else [victim.bearer, ("Content-Type", kind)]
        assert target.ask("POST", "/api/auth/send/", headers=headers, raw=body).status == 415, kind
    listed = target.ask("GET", "/api/auth/messages/", token=victim.token)
    assert listed.json == []
    assert target.ask("POST", "/api/auth/send/", headers=[victim.bearer, JSON], raw=body).status == 201


def test_no_answer_is_a_script_that_another_page_could_load(target: Target) -> None:
    victim = target.join()
    for query in ("?callback=evil", "?jsonp=evil&cb=evil"):
        reply = target.ask("GET", f"/api/auth/messages/{query}", token=victim.token)
        assert (reply.status, reply.body) == (200, b"[]")
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
