"""The list of conversations: newest first, paged to its end, nobody else's."""

import re
from collections.abc import Callable

from tests.handlers.raw import Person
from tests.instances import Instance

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


def test_paging_misses_and_doubles_nothing(server: Instance, joined: Join) -> None:
    alice, *peers = (joined() for _ in range(6))
    for peer in peers:
        send(server, alice, peer, "hi")
    for limit in (1, 2, 4, 5, 200):
        found, target = [], f"/api/conversations?limit={limit}"
        while target:
            reply = server.call("GET", target, token=alice.token)
            assert 0 < len(reply.json) <= limit
            found += [entry["peer"] for entry in reply.json]
            link = re.fullmatch(r'<(/[^>]+)>; rel="next"', reply.headers.get("link", ""))
            target = link[1] if link else ""
        assert found == [peer.name for peer in reversed(peers)]


def test_somebody_new_has_none(server: Instance, joined: Join) -> None:
    assert server.call("GET", "/api/conversations/", token=joined().token).json == []


def test_an_unknown_parameter_is_refused(server: Instance, joined: Join) -> None:
    reply = server.call("GET", "/api/conversations/?page=2", token=joined().token)
    assert (reply.status, reply.json["errors"]) == (
        400,
        [{"field": "page", "code": "unknown", "detail": "There is no such field."}],
    )
