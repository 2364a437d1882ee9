"""A connection gives each position once, in order around a hold, and never more than its bound."""

import pytest

from realtime.codes import TOO_SLOW, UNAUTHENTICATED
from tests.realtime.fakes import connection


def test_a_live_event_is_written_at_once() -> None:
    link, socket = connection()
    assert link.offer(b"a", 1)
    assert link.offer(b"b")
    assert socket.frames == [b"a", b"b"]


def test_no_position_is_written_twice() -> None:
    link, socket = connection()
    assert link.offer(b"a", 1)
    assert not link.offer(b"again", 1)
    assert not link.give(b"again", 1)
    assert socket.frames == [b"a"]


def test_what_has_no_position_may_be_repeated() -> None:
    link, socket = connection()
    link.offer(b"typing")
    link.offer(b"typing")
    assert socket.frames == [b"typing", b"typing"]


def test_live_events_wait_until_the_log_was_read_and_none_comes_twice() -> None:
    link, socket = connection()
    link.hold()
    link.offer(b"live 3", 3)
    link.offer(b"live 4", 4)
    link.offer(b"live 4 again", 4)
    link.offer(b"typing")
    assert socket.frames == []
    link.given.begin(0)
    for position in (1, 2, 3):
        link.give(b"log %d" % position, position)
    link.offer(b"late 2", 2)
    link.release()
    link.offer(b"live 5", 5)
    assert socket.frames == [b"log 1", b"log 2", b"log 3", b"live 4", b"typing", b"live 5"]
    assert link.given.upto == 5


def test_to_hold_twice_loses_nothing() -> None:
    link, socket = connection()
    link.hold()
    link.offer(b"a", 1)
    link.hold()
    link.release()
    link.release()
    assert socket.frames == [b"a"]


def test_a_reader_over_its_bound_is_closed_and_written_to_no_more() -> None:
    link, socket = connection(max_queued_bytes=10)
    socket.reads = False
    assert link.offer(b"12345678", 1)
    assert not link.offer(b"12345678", 2)
    assert socket.closed == (4409, TOO_SLOW.reason)
    assert not link.offer(b"x", 3)
    assert not link.give(b"x")
    assert socket.frames == [b"12345678"]


def test_the_bound_is_in_bytes_and_may_be_filled() -> None:
    link, socket = connection(max_queued_bytes=10)
    socket.reads = False
    assert link.offer(b"12345", 1)
    assert link.offer(b"67890", 2)
    assert socket.closed is None


def test_what_is_held_counts_against_the_bound() -> None:
    link, socket = connection(max_queued_bytes=10)
    link.hold()
    assert link.offer(b"12345678", 1)
    assert link.queued() == 8
    assert not link.offer(b"12345678", 2)
    assert socket.closed == (4409, TOO_SLOW.reason)
    assert link.queued() == 0
    link.release()
    assert socket.frames == []


def test_a_flood_of_repeats_while_held_costs_no_room() -> None:
    link, socket = connection(max_queued_bytes=10)
    link.given.begin(7)
    link.hold()
    for _ in range(100):
        assert not link.offer(b"12345678", 7)
    assert link.queued() == 0
    assert socket.closed is None


@pytest.mark.parametrize("held", [True, False])
def test_what_has_no_position_is_dropped_first_and_nothing_else(held: bool) -> None:
    link, socket = connection(max_queued_bytes=80)
    socket.reads = False
    if held:
        link.hold()
    assert link.offer(b"0123456789", 1)
    assert link.offer(b"typing")
    assert not link.offer(b"typing")
    assert link.offer(b"0123456789", 2)
    assert link.give(b"an answer")
    assert socket.closed is None
    link.release()
    socket.stuck = 0
    assert link.offer(b"typing")


def test_one_frame_larger_than_the_bound_reaches_a_reader_who_keeps_up() -> None:
    link, socket = connection(max_queued_bytes=10)
    assert link.offer(b"x" * 100, 1)
    assert socket.closed is None


def test_a_connection_is_closed_once() -> None:
    link, socket = connection()
    link.close(UNAUTHENTICATED)
    link.close(TOO_SLOW)
    assert socket.closed == (4401, UNAUTHENTICATED.reason)
    assert link.closed is UNAUTHENTICATED
    link.hold()
    assert not link.offer(b"a", 1)
    link.release()
    assert socket.frames == []


def test_what_is_in_memory_is_counted_in_both_directions_and_while_it_is_held() -> None:
    link, socket = connection(max_queued_bytes=100)
    socket.stuck, socket.unread = 30, 500
    link.hold()
    link.offer(b"x" * 15, 1)
    assert (link.queued(), link.weight()) == (45, 545)


def test_it_is_crowded_when_half_of_the_bound_waits() -> None:
    link, socket = connection(max_queued_bytes=100)
    socket.reads = False
    link.give(b"x" * 50)
    assert not link.is_crowded
    link.give(b"x")
    assert link.is_crowded
    link.close(TOO_SLOW)
    assert not link.is_crowded
