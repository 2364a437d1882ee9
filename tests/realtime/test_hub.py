"""The hub gives every connection of a user each event, whatever the others do."""

import asyncio
import json
import logging

import pytest

from realtime.codes import INTERNAL, TOO_SLOW, UNAUTHENTICATED
from realtime.dialects.v1 import V1_DIALECT
from realtime.events import Notice, SessionEnded
from realtime.hub import Hub
from tests.realtime.fakes import BrokenTransport, CountingDialect, connection, said


def test_the_first_and_the_last_connection_of_a_user_are_told_apart() -> None:
    hub = Hub()
    one, _ = connection()
    two, _ = connection()
    other, _ = connection(user_id=2)
    assert hub.join(one)
    assert not hub.join(two)
    assert hub.join(other)
    assert (hub.size, hub.users) == (3, 2)
    assert hub.connections_of(1) == (one, two)
    assert set(hub.all()) == {one, two, other}
    assert not hub.leave(one)
    assert hub.leave(two)
    assert hub.connections_of(1) == ()
    assert (hub.size, hub.users) == (1, 1)


def test_joining_or_leaving_twice_counts_once() -> None:
    hub = Hub()
    one, _ = connection()
    two, _ = connection()
    hub.join(one)
    hub.join(one)
    hub.join(two)
    assert hub.size == 2
    assert not hub.leave(one)
    assert not hub.leave(one)
    assert hub.size == 1
    assert hub.leave(two)
    assert not hub.leave(two)
    assert hub.size == 0


def test_every_connection_of_the_user_gets_the_event_and_nobody_else() -> None:
    hub = Hub()
    sockets = []
    for user_id in (1, 1, 2):
        link, socket = connection(user_id)
        hub.join(link)
        sockets.append(socket)
    hub.deliver(1, said("hi"), 5)
    assert [len(socket.frames) for socket in sockets] == [1, 1, 0]
    assert json.loads(sockets[0].frames[0])["message"] == "hi"
    assert hub.delivered == 2


def test_an_event_is_encoded_once_per_dialect() -> None:
    hub = Hub()
    dialects = [CountingDialect(), CountingDialect()]
    sockets = []
    for dialect in dialects * 5:
        link, socket = connection(dialect=dialect)
        hub.join(link)
        sockets.append(socket)
    hub.deliver(1, said("hi"), 5)
    assert [dialect.encoded for dialect in dialects] == [1, 1]
    assert all(len(socket.frames) == 1 for socket in sockets)


def test_an_event_for_nobody_is_not_encoded() -> None:
    hub = Hub()
    dialect = CountingDialect()
    hub.join(connection(dialect=dialect)[0])
    hub.deliver(2, said("hi"), 5)
    assert dialect.encoded == 0


def test_a_connection_that_fails_is_closed_and_the_others_get_theirs(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub()
    first, first_socket = connection()
    broken, broken_socket = connection(transport=BrokenTransport())
    last, last_socket = connection()
    for link in (first, broken, last):
        hub.join(link)
    with caplog.at_level(logging.ERROR):
        hub.deliver(1, said("sesame"), 1)
    assert (len(first_socket.frames), len(last_socket.frames)) == (1, 1)
    assert broken_socket.closed == (INTERNAL.code, INTERNAL.reason)
    assert hub.failed == 1
    assert "sesame" not in caplog.text


def test_a_dialect_that_fails_harms_no_other_dialect() -> None:
    hub = Hub()
    hub.join(connection(dialect=CountingDialect(ValueError()))[0])
    link, socket = connection()
    hub.join(link)
    hub.deliver(1, said("hi"), 1)
    assert len(socket.frames) == 1


def test_a_slow_reader_is_closed_and_the_others_get_theirs() -> None:
    hub = Hub()
    slow, slow_socket = connection(max_queued_bytes=10)
    slow_socket.reads = False
    quick, quick_socket = connection(max_queued_bytes=10)
    hub.join(slow)
    hub.join(quick)
    for number in range(1, 4):
        hub.deliver(1, said("hi", number), number)
    assert slow_socket.closed == (TOO_SLOW.code, TOO_SLOW.reason)
    assert len(slow_socket.frames) == 1
    assert len(quick_socket.frames) == 3


@pytest.mark.parametrize(
    ("ended", "closed"),
    [
        (SessionEnded(10, None, "signed out"), [True, True, False]),
        (SessionEnded(99, None, "signed out"), [False, False, False]),
        (SessionEnded(None, None, "disabled"), [True, True, True]),
        (SessionEnded(None, 11, "password changed"), [True, True, False]),
    ],
)
def test_the_end_of_a_session_closes_its_connections(ended: SessionEnded, closed: list[bool]) -> None:
    hub = Hub()
    links = [connection(1, session_id) for session_id in (10, 10, 11)]
    stranger, stranger_socket = connection(2, 10)
    for link, _ in links:
        hub.join(link)
    hub.join(stranger)
    hub.deliver(1, ended, None)
    assert [socket.closed == (4401, UNAUTHENTICATED.reason) for _, socket in links] == closed
    assert stranger_socket.closed is None
    assert all(socket.frames == [] for _, socket in links)


@pytest.mark.parametrize(("spared", "told"), [(None, [1, 1, 1]), (10, [0, 0, 1]), (99, [1, 1, 1])])
def test_a_notice_spares_the_session_that_it_comes_from(spared: int | None, told: list[int]) -> None:
    hub = Hub()
    links = [connection(1, session_id, dialect=V1_DIALECT) for session_id in (10, 10, 11)]
    for link, _ in links:
        hub.join(link)
    hub.deliver(1, Notice("login", "now", 5, spared), None)
    hub.deliver(1, said("hi"), 1)
    assert [len(socket.frames) for _, socket in links] == [count + 1 for count in told]
    assert all(b"except" not in frame for _, socket in links for frame in socket.frames)


def test_the_number_of_connections_closed_is_told() -> None:
    hub = Hub()
    for session_id in (10, 10, 11):
        hub.join(connection(1, session_id)[0])
    assert hub.end_sessions(1, SessionEnded(10, None, "")) == 2


def test_connections_may_leave_while_others_are_delivered_to() -> None:
    hub = Hub()
    links = [connection()[0] for _ in range(3)]
    for link in links:
        hub.join(link)
    for link in hub.all():
        hub.leave(link)
    assert hub.size == 0


async def test_a_beat_tells_everybody_how_far_it_goes_and_lets_the_others_in_between() -> None:
    hub = Hub()
    links = [connection(user_id=number, dialect=V1_DIALECT) for number in range(1000)]
    for link, _ in links:
        hub.join(link)
        link.given.begin(7)
    plain, plain_socket = connection(user_id=7)
    hub.join(plain)
    plain.given.begin(7)
    turns = 0
    beating = asyncio.ensure_future(hub.beat())
    while not beating.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 10
    assert {tuple(socket.frames) for _, socket in links} == {(b'{"type":"heartbeat","position":7}',)}
    assert plain_socket.frames == []
