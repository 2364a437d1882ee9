"""The socket: who may connect, what is heard by whom, which frames are refused, and what ends it."""

import asyncio
import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET, create_connection, socket
from typing import Any

import psutil
import pytest

from actions import sessions
from actions.attach import attach, detach
from actions.errors import Unauthenticated
from actions.messages import Outgoing, send
from handlers.routes import FRAME_BYTES_FACTOR
from handlers.websocket import MOST_IN_FLIGHT, Socket
from realtime.connection import Connection
from realtime.dialects.plain import PLAIN
from tests.handlers import corpus
from tests.handlers.raw import (
    BINARY,
    CLOSE,
    PATIENCE_SECONDS,
    PING,
    PONG,
    TEXT,
    Person,
    RawSocket,
    ask,
    frame,
    raw_socket,
    rows,
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


def listed(server: Instance, person: Person) -> list[dict[str, Any]]:
    return list(server.call("GET", "/api/auth/messages/?limit=500", token=person.token).json)


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


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with small bounds and no token in a query."""
    settings = {
        "RECADO_AUTH_WEBSOCKET_QUERY_TOKEN": "false",
        "RECADO_WEBSOCKET_SOCKETS_PER_USER": "2",
        "RECADO_WEBSOCKET_MAX_QUEUED_BYTES": "300000",
    }
    with Instance(tmp_path_factory.mktemp("narrow"), settings=settings) as running:
        yield running


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


# Frames.


@pytest.fixture
def line(server: Instance, joined: Join) -> Iterator[tuple[RawSocket, Person]]:
    """A raw socket and who sits at it."""
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        assert opened.status == 101
        yield opened, alice


def carries(opened: RawSocket, alice: Person, content: str) -> None:
    """The socket still carries a good message, and nothing came before it."""
    opened.say({"recipient": alice.name, "content": content})
    assert opened.hear()["message"] == content


def is_mistake(answer: Any) -> str | None:
    """The field that an error frame names, after a look at its shape."""
    assert set(answer) <= {"error", "code", "field"}, answer
    assert answer["error"], answer
    assert answer["code"] == "invalid", answer
    field: str | None = answer.get("field")
    return field


GOOD = {"recipient": "nobody", "content": "hi"}


@pytest.mark.parametrize("what", {**corpus.SPOILT, **corpus.OTHER_FORMATS})
def test_a_frame_that_is_not_json_is_answered_and_the_socket_goes_on(
    server: Instance, line: tuple[RawSocket, Person], what: str
) -> None:
    opened, alice = line
    text = {**corpus.SPOILT, **corpus.OTHER_FORMATS}[what]
    carries(opened, alice, "before")
    before = rows(server)
    for field in GOOD:
        opened.send(corpus.spoilt(text, GOOD, field))
        assert is_mistake(opened.hear()) in (None, field, "?", "a\0", "\0"), what
    assert rows(server) == before
    carries(opened, alice, "after")


def test_a_frame_of_the_wrong_shape_names_its_field(server: Instance, line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    carries(opened, alice, "before")
    before = rows(server)
    from realtime.dialects.plain import Send

    for field, value in [*corpus.wrong_values(GOOD, Send), *corpus.missing_fields(GOOD, Send)]:
        opened.say(value)
        assert is_mistake(opened.hear()) == field, value
    for unknown in ("id", "type", "sender", "message", "", "x" * 64):
        opened.say(GOOD | {unknown: 1})
        assert is_mistake(opened.hear()) == unknown
    for content in ("", " \n", "x" * 16_385):
        opened.say({"recipient": alice.name, "content": content})
        assert is_mistake(opened.hear()) == "content"
    for ttl in (0, -1, 2**53 - 1):
        opened.say({"recipient": alice.name, "content": "hi", "ttl_seconds": ttl})
        assert is_mistake(opened.hear()) == "ttl_seconds"
    assert rows(server) == before
    carries(opened, alice, "after")


def test_a_recipient_who_does_not_exist_is_told(server: Instance, line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    before = rows(server)
    for name in ("nobody-at-all", "", "x" * 10_000, "\u202e", "*[\n", "%s{0.__class__}"):
        opened.say({"recipient": name, "content": "hi"})
        assert opened.hear() == {"error": "There is no such recipient.", "code": "not_found"}
    assert rows(server) == before
    carries(opened, alice, "after")


def test_binary_frames_are_answered(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    for payload in (b"", b"\0\xff", json.dumps({"recipient": alice.name, "content": "x"}).encode(), os.urandom(70_000)):
        opened.send(payload, BINARY)
        assert is_mistake(opened.hear()) is None
    carries(opened, alice, "after")


def test_pings_are_answered_and_pongs_are_not(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    opened.send(b"hello", PING)
    assert opened.read() == (PONG, b"hello")
    opened.send(b"unasked", PONG)
    carries(opened, alice, "after")


def test_fragments_are_one_message_and_a_ping_may_come_between(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    text = json.dumps({"recipient": alice.name, "content": "h\u00e9llo \U0001f600"}, ensure_ascii=False).encode()
    opened.send(text[:1], TEXT, fin=False)
    opened.send(b"", PING)
    for byte in text[1:]:
        opened.send(bytes((byte,)), 0, fin=False)
    for _ in range(1000):
        opened.send(b"", 0, fin=False)
    opened.send(b"", 0)
    assert opened.read() == (PONG, b"")
    assert opened.hear()["message"] == "h\u00e9llo \U0001f600"


def test_a_frame_over_the_bound_is_answered_and_one_far_over_it_ends_the_socket(
    line: tuple[RawSocket, Person], frame_limit: int
) -> None:
    opened, alice = line
    rest = len(json.dumps({"recipient": alice.name, "content": ""}))
    for size in (frame_limit + 1, frame_limit * FRAME_BYTES_FACTOR):
        opened.say({"recipient": alice.name, "content": "x" * (size - rest)})
        assert opened.hear() == {"error": f"A frame has {frame_limit} bytes at most.", "code": "too_large"}
    # Bytes count, not characters.
    opened.say(json.dumps({"recipient": alice.name, "content": "\u6f22" * (frame_limit // 2)}, ensure_ascii=False))
    assert opened.hear()["code"] == "too_large"
    opened.say({"recipient": alice.name, "content": "x" * (frame_limit - rest)})
    assert (is_mistake(opened.hear())) == "content"  # the frame fits, its content does not
    carries(opened, alice, "after")
    # Only the start of a frame: whoever goes on sending may find the line cut before reading why.
    opened.stream.sendall(struct.pack("!BBQ", 0x81, 0xFF, frame_limit * FRAME_BYTES_FACTOR + 1))
    assert opened.close_code() == 1009


@pytest.mark.parametrize("sign", ["a", "\U0001f600", '"', "\\", "\u6f22", "\x01"])
def test_the_longest_content_fits_into_a_frame_however_it_is_escaped(line: tuple[RawSocket, Person], sign: str) -> None:
    opened, alice = line
    content = "x" + sign * 16_383
    units = memoryview(content.encode("utf-16-le")).cast("H")
    escaped = "".join(f"\\u{unit:04x}" for unit in units)
    opened.say(f'{{"recipient": "{alice.name}", "content": "{escaped}"}}')
    assert opened.hear().get("message") == content


@pytest.mark.parametrize(
    "bad",
    [
        *(frame(corpus.spoilt(text, GOOD, "content")) for text in (corpus.NOT_UTF8["a raw surrogate"], b"\xff")),
        *(frame(b"{}", rsv=1), frame(b"{}", rsv=4), frame(b"{}", 3), frame(b"", 11), frame(b"{}", 0)),
        *(frame(b"x" * 126, PING), frame(b"", PING, fin=False), frame(b"{", fin=False) + frame(b"}", TEXT)),
        *(
            b"\x81\xff" + b"\xff" * 8 + bytes(4),
            b"\x88\x83" + bytes(4) + b"\x03\xe8\xff",
            b"\x88\x81" + bytes(4) + b"\x03",
        ),
    ],
)
def test_what_breaks_the_protocol_ends_that_socket_alone(server: Instance, joined: Join, bad: bytes) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as witness, raw_socket(server, alice.token) as opened:
        opened.stream.sendall(bad)
        opened.close_code()
        carries(witness, alice, "after")


def test_frames_without_a_mask_do_no_harm(server: Instance, joined: Join) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as witness, raw_socket(server, alice.token) as opened:
        opened.send(json.dumps({"recipient": alice.name, "content": "bare"}).encode(), masked=False)
        opened.send(b"\x03\xe8", CLOSE, masked=False)
        opened.close_code()
        assert witness.hear()["message"] == "bare"


def test_a_frame_in_pieces_is_waited_for(line: tuple[RawSocket, Person]) -> None:
    opened, alice = line
    for byte in frame(json.dumps({"recipient": alice.name, "content": "slow"}).encode()):
        opened.stream.sendall(bytes((byte,)))
    assert opened.hear()["message"] == "slow"


# Order and bounds.


def test_pipelined_sends_keep_their_order_for_everybody(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    with raw_socket(server, alice.token) as speaker, raw_socket(server, bob.token) as listener:
        sends = [frame(json.dumps({"recipient": bob.name, "content": str(n)}).encode()) for n in range(200)]
        speaker.stream.sendall(b"".join(sends))
        expected = [str(number) for number in range(200)]
        heard = [speaker.hear() for _ in range(200)]
        assert [told["message"] for told in heard] == expected
        assert [listener.hear() for _ in range(200)] == heard
        assert [told["id"] for told in heard] == sorted(told["id"] for told in heard)
    assert [message["content"] for message in listed(server, bob)][::-1] == expected


def test_refusals_between_sends_are_all_told(server: Instance, joined: Join) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        for number in range(200):
            opened.say({"recipient": alice.name if number % 2 else "nobody-at-all", "content": str(number)})
        heard = [opened.hear() for _ in range(200)]
        assert [told["message"] for told in heard if "message" in told] == [str(n) for n in range(1, 200, 2)]
        assert sum("error" in told for told in heard) == 100


async def test_no_more_than_so_many_sends_are_on_their_way(sqlite_url: str) -> None:
    from handlers.commands import Talk

    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        connection = Connection(alice.user_id, alice.session_id, PLAIN, Silent(), 1_000_000)
        await app.writer.stop()
        held: list[asyncio.Future[Any]] = []
        all_there = asyncio.Event()

        def add(draft: object) -> asyncio.Future[Any]:
            held.append(asyncio.get_running_loop().create_future())
            if len(held) == MOST_IN_FLIGHT:
                all_there.set()
            return held[-1]

        app.writer.add = add  # type: ignore[method-assign]
        handler = Socket.__new__(Socket)
        handler.connection, handler.talk = connection, Talk(app, alice, connection)
        handler.doorway = Bounds()  # type: ignore[assignment]
        text = json.dumps({"recipient": "alice", "content": "hi"})
        for _ in range(MOST_IN_FLIGHT - 1):
            await handler._answer(text)
        last = asyncio.ensure_future(handler._answer(text))
        await all_there.wait()
        await asyncio.sleep(0)
        assert not last.done()  # the next frame is not read
        held[0].cancel()
        await asyncio.wait_for(last, PATIENCE_SECONDS)
        for future in held:
            future.cancel()


class Silent:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.code: int | None = None

    def write(self, sent: bytes) -> None:
        self.frames.append(sent)

    def queued(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.code = code


class Bounds:
    """As much of a doorway as a frame needs."""

    max_frame_bytes = 65_536


def small_window(port: int) -> socket:
    """A connection whose receive buffer is small from the start."""
    stream = socket()
    stream.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
    stream.settimeout(PATIENCE_SECONDS)
    stream.connect(("localhost", port))
    return stream


def test_a_client_that_stops_reading_is_sent_away_and_costs_no_memory(narrow: Instance) -> None:
    slow, quick = Person("slow", narrow.join("slow")), Person("quick", narrow.join("quick"))
    assert narrow.process is not None
    process = psutil.Process(narrow.process.pid)
    content = "x" * 16_000
    with closing(small_window(narrow.port)) as stream, raw_socket(narrow, headers=[quick.bearer]) as speaker:
        deaf = RawSocket(stream).shake("/ws/chat/", [slow.bearer], narrow.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        batch = frame(json.dumps({"recipient": "slow", "content": content}).encode()) * 10
        for _ in range(120):  # 19 MB, many times the bound of 300 kB and what the kernel takes
            speaker.stream.sendall(batch)
            assert {speaker.hear()["message"] for _ in range(10)} == {content}
        grown = process.memory_info().rss - before
        assert deaf.close_code() == 4409
    assert grown < 8_000_000, grown
    assert len(listed(narrow, slow)) == 500  # a page of the 1200: nothing is lost: it reads the list when it is back


def test_pings_without_end_from_one_who_does_not_read_cost_no_memory(server: Instance, joined: Join) -> None:
    alice = joined()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with closing(small_window(server.port)) as stream:
        deaf = RawSocket(stream).shake(f"/ws/chat/?token={alice.token}", (), server.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        stream.settimeout(PATIENCE_SECONDS)
        for _ in range(200):
            stream.sendall(frame(b"x" * 125, PING) * 500)  # 13 MB in all
        assert process.memory_info().rss - before < 4_000_000


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
