"""The list of conversations: newest first, paged to its end, nobody else's."""

from collections.abc import Callable

import pytest

from tests.handlers.raw import Person, pages
from tests.instances import Instance, Reply

Join = Callable[[], Person]


def send(server: Instance, sender: Person, recipient: Person, content: str) -> dict[str, object]:
    body = {"recipient": recipient.name, "content": content}
    return dict(server.call("POST", "/api/auth/send/", body, token=sender.token).json)


def test_each_conversation_shows_its_peer_and_its_last_message(server: Instance, joined: Join) -> None:
    alice, bob, carol = joined(), joined(), joined()
    send(server, alice, bob, "first")
    to_carol = send(server, carol, alice, "second")
    note = send(server, alice, alice, "note")
    to_bob = send(server, bob, alice, "last")
    send(server, bob, carol, "not for alice")
    reply = server.call("GET", "/api/conversations/", token=alice.token)
    assert (reply.status, reply.headers.get("link")) == (200, None)
    assert reply.json == [
        {"peer": bob.name, "last_message": to_bob, "unread": 1},
        {"peer": alice.name, "last_message": note, "unread": 0},
        {"peer": carol.name, "last_message": to_carol, "unread": 1},
    ]


def set_timer(server: Instance, who: Person, peer: str, body: object) -> Reply:
    return server.call("PATCH", f"/api/conversations/{peer}/", body, token=who.token)


def test_a_timer_is_set_by_either_shown_to_both_and_told_in_the_log(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    send(server, alice, bob, "hi")
    reply = set_timer(server, alice, bob.name.upper(), {"ttl_seconds": 60})
    assert (reply.status, reply.json) == (200, {"peer": bob.name, "ttl_seconds": 60})
    assert set_timer(server, alice, bob.name, {"ttl_seconds": 60}).json == reply.json
    for who in (alice, bob):
        (shown,) = server.call("GET", "/api/conversations/", token=who.token).json
        assert shown["ttl_seconds"] == 60
    assert set_timer(server, bob, alice.name, {"ttl_seconds": None}).json == {"peer": alice.name}
    (shown,) = server.call("GET", "/api/conversations/", token=alice.token).json
    assert "ttl_seconds" not in shown
    told = server.call("GET", "/api/events/?after=1", token=alice.token).json["events"]
    assert told == [
        {"type": "timer", "position": 2, "peer": bob.name, "by": alice.name, "ttl_seconds": 60},
        {"type": "timer", "position": 3, "peer": bob.name, "by": bob.name},
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing"),
        ({"ttl_seconds": 0}, "out_of_range"),
        ({"ttl_seconds": -1}, "out_of_range"),
        ({"ttl_seconds": 31_536_001}, "out_of_range"),
        ({"ttl_seconds": 2**53 - 1}, "out_of_range"),
        ({"ttl_seconds": 1.5}, "invalid"),
        ({"ttl_seconds": "60"}, "invalid"),
        ({"ttl_seconds": True}, "invalid"),
    ],
)
def test_a_timer_is_a_time_that_a_message_can_last_or_null(
    server: Instance, joined: Join, body: object, code: str
) -> None:
    alice, bob = joined(), joined()
    reply = set_timer(server, alice, bob.name, body)
    assert (reply.status, [(error["field"], error["code"]) for error in reply.json["errors"]]) == (
        400,
        [("ttl_seconds", code)],
    )


def test_a_timer_needs_somebody(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = set_timer(server, alice, "nobody-of-that-name", {"ttl_seconds": 60})
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    shown = server.call("GET", "/api/conversations/nobody-of-that-name/", token=alice.token)
    assert (shown.status, shown.json["code"]) == (404, "not_found")


def test_a_timer_is_shown_before_there_is_a_message_to_the_two_alone(server: Instance, joined: Join) -> None:
    alice, bob, eve = joined(), joined(), joined()

    def shown(who: Person, peer: Person) -> object:
        return server.call("GET", f"/api/conversations/{peer.name.upper()}", token=who.token).json

    assert shown(alice, bob) == {"peer": bob.name}
    set_timer(server, alice, bob.name, {"ttl_seconds": 60})
    assert shown(alice, bob) == {"peer": bob.name, "ttl_seconds": 60}
    assert shown(bob, alice) == {"peer": alice.name, "ttl_seconds": 60}
    assert shown(eve, bob) == {"peer": bob.name}
    assert shown(alice, alice) == {"peer": alice.name}


def test_paging_misses_and_doubles_nothing(server: Instance, joined: Join) -> None:
    alice, *peers = (joined() for _ in range(6))
    for peer in peers:
        send(server, alice, peer, "hi")
    for limit in (1, 2, 4, 5, 200):
        found = []
        for page in pages(server, alice, f"/api/conversations?limit={limit}"):
            assert 0 < len(page) <= limit
            found += [entry["peer"] for entry in page]
        assert found == [peer.name for peer in reversed(peers)]


def test_those_with_something_unread_are_paged_alone(server: Instance, joined: Join) -> None:
    alice, *peers = (joined() for _ in range(5))
    for peer in peers:
        send(server, peer, alice, "hi")
    send(server, alice, peers[1], "seen")
    newest = send(server, peers[2], alice, "and this")
    server.call("POST", f"/api/conversations/{peers[1].name}/read/", {"up_to": newest["id"]}, token=alice.token)
    unread = pages(server, alice, "/api/conversations/?unread=true&limit=2")
    found = [(entry["peer"], entry["unread"]) for page in unread for entry in page]
    assert found == [(peers[2].name, 2), (peers[3].name, 1), (peers[0].name, 1)]
    assert len(server.call("GET", "/api/conversations/?unread=false", token=alice.token).json) == 4
    wrong = server.call("GET", "/api/conversations/?unread=perhaps", token=alice.token)
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (400, "unread")


def test_somebody_new_has_none(server: Instance, joined: Join) -> None:
    assert server.call("GET", "/api/conversations/", token=joined().token).json == []


def test_an_unknown_parameter_is_refused(server: Instance, joined: Join) -> None:
    reply = server.call("GET", "/api/conversations/?page=2", token=joined().token)
    assert (reply.status, reply.json["errors"]) == (
        400,
        [{"field": "page", "code": "unknown", "detail": "There is no such field."}],
    )
