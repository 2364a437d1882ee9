"""What waits for all connections together is bounded at every moment; the heaviest go first."""

from realtime.codes import TOO_SLOW
from realtime.connection import Connection
from realtime.hub import Hub
from tests.realtime.fakes import FakeTransport, connection, said


def joined(hub: Hub, stuck: int = 0, max_queued_bytes: int = 1000) -> tuple[Connection, FakeTransport]:
    link, socket = connection(max_queued_bytes=max_queued_bytes)
    socket.stuck = stuck
    hub.join(link)
    return link, socket


def test_when_too_much_waits_for_all_together_the_slowest_go_first() -> None:
    hub = Hub(max_total_queued_bytes=2000)
    sockets = [joined(hub, stuck)[1] for stuck in (0, 700, 100, 900)]
    hub.backlog.relieve()
    assert [socket.closed is not None for socket in sockets] == [False, False, False, True]
    assert sockets[3].closed == (TOO_SLOW.code, TOO_SLOW.reason)
    hub.backlog.most = 1000
    hub.backlog.relieve()
    assert [socket.closed is not None for socket in sockets] == [False, True, False, True]
    assert hub.backlog.closed == 2


def test_the_bound_holds_at_every_moment() -> None:
    hub = Hub(max_total_queued_bytes=10_000)
    links = [joined(hub, max_queued_bytes=5000) for _ in range(20)]
    for _, socket in links:
        socket.reads = False
    for number in range(1, 100):
        for link, _ in links:
            link.offer(b"x" * (number % 90), number)
        assert sum(link.weight() for link, _ in links) <= 10_000
    assert any(socket.closed is None for _, socket in links)


def test_readers_who_keep_up_are_never_closed_however_much_they_hear() -> None:
    hub = Hub(max_total_queued_bytes=1000)
    _, quick_socket = joined(hub)
    _, slow_socket = joined(hub, max_queued_bytes=100_000)
    slow_socket.reads = False
    for number in range(1, 300):
        hub.deliver(1, said("x" * 50, number), number)
    assert quick_socket.closed is None
    assert len(quick_socket.frames) == 299
    assert slow_socket.closed == (TOO_SLOW.code, TOO_SLOW.reason)


def test_what_is_held_counts_too() -> None:
    hub = Hub(max_total_queued_bytes=1000)
    link, socket = joined(hub, max_queued_bytes=5000)
    link.hold()
    for number in range(1, 30):
        link.offer(b"x" * 50, number)
    assert socket.closed == (TOO_SLOW.code, TOO_SLOW.reason)
    assert link.weight() == 0


def test_what_was_read_and_not_understood_counts_too() -> None:
    hub = Hub(max_total_queued_bytes=1000)
    _, socket = joined(hub)
    socket.unread = 900
    hub.backlog.add(900)
    assert socket.closed is None
    hub.backlog.add(101)
    assert socket.closed == (TOO_SLOW.code, TOO_SLOW.reason)


def test_whoever_was_told_before_and_still_does_not_read_is_cut_off_first() -> None:
    hub = Hub(max_total_queued_bytes=1000)
    first, first_socket = joined(hub, stuck=400)
    _, other_socket = joined(hub, stuck=500)
    first.close(TOO_SLOW)
    first_socket.stuck = 400  # the last bytes, on their way
    hub.backlog.relieve()
    assert (first_socket.aborted, other_socket.closed) == (True, None)


def test_an_end_in_the_middle_of_its_own_frame_writes_nothing() -> None:
    hub = Hub(max_total_queued_bytes=100)
    link, socket = joined(hub)
    socket.reads = False
    assert link.offer(b"x" * 80, 1)
    assert not link.offer(b"x" * 30, 2)
    assert socket.frames == [b"x" * 80]
    assert socket.closed == (TOO_SLOW.code, TOO_SLOW.reason)


def test_whoever_has_left_is_counted_no_more() -> None:
    hub = Hub(max_total_queued_bytes=1000)
    link, socket = joined(hub, stuck=5000, max_queued_bytes=10_000)
    hub.leave(link)
    link.give(b"x" * 2000)
    hub.backlog.relieve()
    assert socket.closed is None


def test_counting_is_rare() -> None:
    counted = 0
    hub = Hub(max_total_queued_bytes=1_000_000)
    link, socket = joined(hub)
    weigh = socket.weight

    def counting() -> int:
        nonlocal counted
        counted += 1
        return weigh()

    socket.weight = counting  # type: ignore[method-assign]
    for number in range(1, 20_003):
        link.offer(b"x" * 100, number)
    assert counted == 2  # once for each million bytes, however few of them wait
