"""The socket: who may connect, what is heard by whom, which frames are refused, and what ends it."""

import json
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest

from actions import sessions
from actions.attach import attach, detach
from actions.errors import Unauthenticated
from actions.messages import Outgoing, send
from realtime.connection import Connection
from realtime.dialects.plain import PLAIN
from tests.handlers.raw import (
    CLOSE,
    Person,
    RawSocket,
    Silent,
    ask,
    carries,
    listed,
    raw_socket,
)
from tests.instances import Instance
from tests.rooms import ORIGIN, Clock, join, running_app
from tests.talk import talking

Join = Callable[[], Person]


def shown(message: dict[str, Any]) -> dict[str, Any]:
    """A message of the API as its frame."""
    return {
        "sender": message["sender"],
        "message": message["content"],
        "id": message["id"],
        "recipient": message["recipient"],
        "timestamp": message["timestamp"],
    }


async def test_both_people_hear_it_on_every_connection_and_nothing_else(server: Instance, joined: Join) -> None:
    alice, bob, eve = joined(), joined(), joined()
    other = Person(bob.name, server.sign_in(bob.name))
    async with AsyncExitStack() as stack:
        first, second, third, fourth, stranger = [
            await stack.enter_async_context(talking(server.socket_url, person.token))
            for person in (alice, alice, bob, other, eve)
        ]
        await first.say({"recipient": bob.name, "content": "hi"})
        heard = [await talk.hear() for talk in (first, second, third, fourth)]
        (message,) = listed(server, alice)
        assert heard == [shown(message)] * 4
        assert list(heard[0]) == ["sender", "message", "id", "recipient", "timestamp"]
        # Whatever else had been sent to anybody would come before these.
        by_api = server.call("POST", "/api/auth/send/", {"recipient": alice.name, "content": "ho"}, token=bob.token)
        assert [await talk.hear() for talk in (first, second, third, fourth)] == [shown(by_api.json)] * 4
        await first.say({"recipient": bob.name, "content": "end"})
        assert [(await talk.hear())["message"] for talk in (first, second, third, fourth)] == ["end"] * 4
        await stranger.say({"recipient": eve.name, "content": "alone"})
        assert (await stranger.hear())["message"] == "alone"


async def test_a_note_to_oneself_is_heard_once_on_each_connection(server: Instance, joined: Join) -> None:
    alice = joined()
    async with talking(server.socket_url, alice.token) as one, talking(server.socket_url, alice.token) as two:
        for content in ("first", "second"):
            await one.say({"recipient": alice.name, "content": content})
            assert [(await talk.hear())["message"] for talk in (one, two)] == [content, content]


async def test_a_client_id_and_a_lifetime_are_honoured_and_a_repeat_is_silent(server: Instance, joined: Join) -> None:
    alice = joined()
    identity = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    sent = {"recipient": alice.name, "content": "hi", "client_id": identity, "ttl_seconds": 60}
    async with talking(server.socket_url, alice.token) as talk:
        await talk.say(sent)
        first = await talk.hear()
        await talk.say(sent)
        await talk.say(sent | {"content": "other"})
        assert (await talk.hear())["code"] == "conflict"
        assert listed(server, alice) == [
            {**listed(server, alice)[0], "client_id": identity, "content": "hi", "id": first["id"]}
        ]


async def test_a_reply_is_taken_and_its_frame_is_that_of_any_message(server: Instance, joined: Join) -> None:
    alice = joined()
    async with talking(server.socket_url, alice.token) as talk:
        await talk.say({"recipient": alice.name, "content": "milk"})
        note = await talk.hear()
        await talk.say({"recipient": alice.name, "content": "done", "reply_to": note["id"]})
        assert set(await talk.hear()) == {"sender", "message", "id", "recipient", "timestamp"}
        await talk.say({"recipient": alice.name, "content": "done", "reply_to": note["id"] + 2**40})
        mistake = await talk.hear()
        assert (mistake["code"], mistake["field"], set(mistake)) == ("invalid", "reply_to", {"error", "code", "field"})
    assert [each.get("reply_to") for each in listed(server, alice)] == [note["id"], None]


async def test_the_slash_is_optional_and_a_header_does_as_well(server: Instance, joined: Join) -> None:
    alice = joined()
    async with talking(server.socket_url.rstrip("/"), headers=dict([alice.bearer])) as talk:
        await talk.say({"recipient": alice.name, "content": "hi"})
        assert (await talk.hear())["message"] == "hi"


# Who may connect.


def refused(server: Instance, target: str, headers: list[tuple[str, str]], status: int = 401) -> dict[str, Any]:
    with raw_socket(server, target=target, headers=headers) as answer:
        assert answer.status == status, (target[:80], answer.body)
        assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
        assert "upgrade" not in answer.headers or status == 426
        problem: dict[str, Any] = json.loads(answer.body)
        return problem


def test_without_exactly_one_good_token_there_is_no_upgrade(server: Instance, joined: Join) -> None:
    alice = joined()
    pair = server.call("POST", "/api/auth/login/", {"username": alice.name, "password": "correct horse battery"}).json
    ticket = server.call("POST", "/api/auth/ws-ticket/", token=alice.token).json["ticket"]
    token = alice.token
    for query in (
        *("", "?", "?token=", "?token", "?ticket=", "?access=" + token, "?token=garbage", "?token=%00", "?token=%ff"),
        *(f"?token={token}&token={token}", f"?token={token}&token=", f"?token={token}&ticket={ticket}"),
        *(f"?ticket={ticket}&ticket={ticket}", "?token=" + pair["refresh"], "?ticket=" + pair["refresh"]),
        *(f"?token={ticket}", f"?ticket={token}", "?token=" + "x" * 3000, "?ticket=" + "x" * 3000, f"?token={token}="),
        *(f"?token={token}x", f"?token={token[:-3]}", "?" + "&".join(f"a{n}=1" for n in range(100)), "?%zz&token=%"),
    ):
        assert refused(server, f"/ws/chat/{query}", [])["code"] == "unauthenticated", query
    for headers in (
        [("Authorization", "Bearer garbage")],
        [("Authorization", token)],
        [("Authorization", f"Basic {token}")],
        [("Authorization", "Bearer " + "x" * 3000)],
        [alice.bearer, alice.bearer],
        [("Authorization", "Bearer")],
        [("Cookie", f"token={token}; __Host-recado={pair['refresh']}")],
        [("Sec-WebSocket-Protocol", token)],
    ):
        assert refused(server, "/ws/chat/", headers)["code"] == "unauthenticated", headers
    assert refused(server, f"/ws/chat/?token={token}", [alice.bearer])["code"] == "unauthenticated"
    for target, headers in ((f"/ws/chat/?token={token}&v=1", []), ("/ws/chat/?v=1", [alice.bearer])):
        with raw_socket(server, target=target, headers=headers) as answer:
            assert answer.status == 101
    with raw_socket(server, target=f"/ws/chat/?ticket={ticket}") as answer:
        assert answer.status == 101  # asking wrongly has not used it up


def test_a_ticket_is_good_for_one_socket(server: Instance, joined: Join) -> None:
    alice = joined()
    ticket = server.call("POST", "/api/auth/ws-ticket/", token=alice.token).json["ticket"]
    with raw_socket(server, target=f"/ws/chat/?ticket={ticket}") as first:
        assert first.status == 101
        first.say({"recipient": alice.name, "content": "hi"})
        assert first.hear()["sender"] == alice.name
        assert refused(server, f"/ws/chat/?ticket={ticket}", [])["code"] == "unauthenticated"


def test_of_many_who_show_one_ticket_at_once_one_gets_in(server: Instance, joined: Join) -> None:
    ticket = server.call("POST", "/api/auth/ws-ticket/", token=joined().token).json["ticket"]
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(create_connection(("localhost", server.port)))) for _ in range(20)]
        sockets = [RawSocket(stream) for stream in streams]
        for each in sockets:
            each.ask(f"/ws/chat/?ticket={ticket}", (), server.port)
        assert sorted(each.answered().status for each in sockets) == [101] + [401] * 19


async def test_a_ticket_of_thirty_seconds_is_old(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock) as app:
        alice = await join(app, "alice")
        for seconds, good in ((29.9, True), (30, False), (31, False)):
            ticket = await sessions.make_ticket(app, alice)
            clock.turn(seconds=seconds)
            if good:
                assert (await sessions.take_ticket(app, ticket, ORIGIN)).user_id == alice.user_id
                continue
            with pytest.raises(Unauthenticated):
                await sessions.take_ticket(app, ticket, ORIGIN)


def test_a_handshake_that_is_none_is_told_what_is_missing(server: Instance, joined: Join) -> None:
    alice = joined()
    target = f"/ws/chat/?token={alice.token}"
    reply = ask(server, "GET", target)
    assert (reply.status, reply.headers["upgrade"], reply.headers["sec-websocket-version"]) == (426, "websocket", "13")
    assert refused(server, target, [("Upgrade", "h2c")], 426)["code"] == "upgrade_required"
    assert refused(server, target, [("Sec-WebSocket-Version", "8")], 426)["code"] == "upgrade_required"
    for header in (("Connection", "close"), ("Sec-WebSocket-Key", ""), ("Sec-WebSocket-Key", "short")):
        assert refused(server, target, [header], 400)["code"] == "invalid"
    with raw_socket(server, alice.token, [("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]) as answer:
        assert answer.status == 101


def test_a_dialect_that_nobody_speaks_here_is_not_agreed_to(server: Instance, joined: Join) -> None:
    with raw_socket(server, joined().token, [("Sec-WebSocket-Protocol", "graphql-ws, x")]) as answer:
        assert (answer.status, "sec-websocket-protocol" in answer.headers) == (101, False)


def test_compression_is_not_agreed_to(server: Instance, joined: Join) -> None:
    with raw_socket(server, joined().token, [("Sec-WebSocket-Extensions", "permessage-deflate")]) as answer:
        assert (answer.status, "sec-websocket-extensions" in answer.headers) == (101, False)


def test_the_token_in_the_query_can_be_switched_off(narrow: Instance) -> None:
    token = narrow.join("alice")
    assert refused(narrow, f"/ws/chat/?token={token}", [])["code"] == "unauthenticated"
    ticket = narrow.call("POST", "/api/auth/ws-ticket/", token=token).json["ticket"]
    with raw_socket(narrow, target=f"/ws/chat/?ticket={ticket}") as by_ticket:
        assert by_ticket.status == 101
    with raw_socket(narrow, headers=[Person("alice", token).bearer]) as by_header:
        assert by_header.status == 101


def test_one_socket_too_many_is_429_until_another_ends(narrow: Instance) -> None:
    anna = Person("anna", narrow.join("anna"))
    with raw_socket(narrow, headers=[anna.bearer]) as first:
        with raw_socket(narrow, headers=[anna.bearer]) as second:
            assert (first.status, second.status) == (101, 101)
            with raw_socket(narrow, headers=[anna.bearer]) as third:
                assert (third.status, int(third.headers["retry-after"]) > 0) == (429, True)
                assert json.loads(third.body)["code"] == "too_many_requests"
            second.send(b"\x03\xe8", CLOSE)
            assert second.close_code() == 1000
        first.say({"recipient": "anna", "content": "still here"})
        assert first.hear()["message"] == "still here"
        with raw_socket(narrow, headers=[anna.bearer]) as fourth:
            assert fourth.status == 101


# The end.


def test_signing_out_closes_the_sockets_of_that_session(server: Instance, joined: Join) -> None:
    alice = joined()
    other = Person(alice.name, server.sign_in(alice.name))
    with (
        raw_socket(server, alice.token) as one,
        raw_socket(server, alice.token) as two,
        raw_socket(server, other.token) as kept,
    ):
        assert server.call("POST", "/api/auth/logout/", token=alice.token).status == 204
        assert (one.close_code(), two.close_code()) == (4401, 4401)
        carries(kept, alice, "still here")
        assert refused(server, f"/ws/chat/?token={alice.token}", [])["code"] == "unauthenticated"


def test_a_refresh_token_used_twice_closes_the_sockets_too(server: Instance, joined: Join) -> None:
    alice = joined()
    first = server.call("POST", "/api/auth/login/", {"username": alice.name, "password": "correct horse battery"}).json
    second = server.call("POST", "/api/auth/refresh/", {"refresh": first["refresh"]}).json
    with raw_socket(server, second["access"]) as opened:
        assert server.call("POST", "/api/auth/refresh/", {"refresh": first["refresh"]}).status == 401
        assert opened.close_code() == 4401


def test_leaving_tells_every_socket_to_come_back(tmp_path: Path) -> None:
    with Instance(tmp_path) as running:
        token = running.join("alice")
        with raw_socket(running, token) as opened:
            assert opened.status == 101
            assert running.process is not None
            running.process.terminate()
            assert opened.close_code() == 1012


# Between the handshake's look at the token and its end.


async def test_what_arrives_during_the_handshake_is_held_and_then_given_once_in_order(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        transport = Silent()
        connection = Connection(alice.user_id, alice.session_id, PLAIN, transport, 1_000_000)
        await attach(app, alice, connection)
        for number in range(3):
            await send(app, bob, Outgoing("alice", str(number)))
        assert transport.frames == []  # the upgrade is not answered yet
        connection.release()
        await send(app, bob, Outgoing("alice", "3"))
        assert [json.loads(sent)["message"] for sent in transport.frames] == ["0", "1", "2", "3"]
        detach(app, connection)
        await send(app, bob, Outgoing("alice", "4"))
        assert len(transport.frames) == 4


async def test_a_session_that_ends_during_the_handshake_gets_no_socket(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        await sessions.end(app, alice)
        connection = Connection(alice.user_id, alice.session_id, PLAIN, Silent(), 1_000_000)
        with pytest.raises(Unauthenticated):
            await attach(app, alice, connection)
        detach(app, connection)
        assert app.hub.size == 0


async def test_a_session_that_ends_while_the_frames_are_held_closes_the_connection(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        transport = Silent()
        connection = Connection(alice.user_id, alice.session_id, PLAIN, transport, 1_000_000)
        await attach(app, alice, connection)
        await sessions.end(app, alice)
        assert (transport.code, connection.closed is not None) == (4401, True)
        connection.release()
        detach(app, connection)
