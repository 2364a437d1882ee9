"""A cache between people: what one has asked for is served to the next.

For an hour a service showed each visitor the page of another (149 people, 2021): a cache had kept what it must not.
And who makes somebody open `/api/users/me/x.css` finds that a cache keeps it, because of how it is called.
"""

import pytest

from handlers.routes import OPERATIONS
from tests.adversary.attacker import PASSWORD, Target
from tests.adversary.test_asks_for_what_is_another_persons import path_of
from tests.handlers.corpus import GOOD

ALL = {f"{operation.method} {operation.path}": operation for operation in OPERATIONS}
NUMBERS = dict.fromkeys(("message_id", "session_id", "passkey_id"), 1)
# How an address is made to look like that of a file.
DISGUISES = (
    *("{}x.css", "{}x.js", "{}favicon.ico", "{};x.css", "{}%2fx.css", "{}..%2fx.css", "{}%3Fx.css", "{}%23x.css"),
    *("/static/..{}", "/static/..%2f..{}", "/static/%2e%2e{}", "{}.css", "{}%00.css", "{}%0a.css", "{}\\x.css"),
)


def test_no_answer_of_the_api_may_be_kept_by_anybody(target: Target) -> None:
    for name, operation in ALL.items():
        alice = target.join()
        for token in (alice.token, None):
            reply = target.ask(operation.method, path_of(name, NUMBERS, "nobody"), GOOD.get(name), token=token)
            assert reply.headers["cache-control"] == "no-store", (name, reply)
            assert "etag" not in reply.headers, name
            assert "last-modified" not in reply.headers, name
    for path in ("/", "/api/docs/", "/nothing", "/api/nothing/", "/ws/chat/"):
        assert target.ask("GET", path).headers["cache-control"] == "no-store", path


def test_what_may_be_kept_is_the_same_for_everybody(target: Target) -> None:
    alice, page = target.join(), target.ask("GET", "/").body.decode()
    files = [part.partition('"')[0] for part in page.split('"/static/')[1:]]
    assert len(files) >= 2
    for name in files:
        given = [
            target.ask("GET", f"/static/{name}", headers=headers)
            for headers in ((), [("Cookie", "__Host-recado=x")], [("Authorization", f"Bearer {alice.token}")])
        ]
        assert {reply.status for reply in given} == {200}
        assert len({reply.body for reply in given}) == 1
        assert not any("set-cookie" in reply.headers for reply in given)


@pytest.mark.parametrize("disguise", DISGUISES)
def test_an_answer_cannot_be_made_to_look_like_a_file(target: Target, disguise: str) -> None:
    alice = target.join()
    for path in ("/api/users/me/", "/api/auth/messages/", "/api/conversations/", "/"):
        reply = target.ask("GET", disguise.format(path), token=alice.token)
        assert reply.status in (400, 404, 405) or disguise.endswith("{}"), (path, reply)
        assert alice.name.encode() not in reply.body, path
        assert reply.headers["cache-control"] == "no-store", path


def test_two_who_ask_at_once_through_one_connection_get_their_own(target: Target) -> None:
    """On one connection, one after the other, with nothing between: the second answer is the second's."""
    people = [target.join() for _ in range(4)]
    asked = "".join(
        f"GET /api/users/me/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n\r\n"
        for person in people
    )
    with target.connect() as stream:
        stream.sendall(asked.encode() + b"GET /api/users/me/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b""
        while piece := stream.recv(65_536):
            got += piece
    answers = got.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * len(people) + [b"401"]
    for person, answer in zip(people, answers, strict=False):
        assert f'"username":"{person.name}"'.encode() in answer
    assert PASSWORD.encode() not in got
