"""The outbox keeps its order and its bound."""

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.events import MessageSent, Presence, SessionEnded, Typing, weight
from realtime.outbox import Outbox, Outgoing
from tests.realtime.fakes import said

ONE = weight(said("0"))


def _contents(batch: list[Outgoing]) -> list[str]:
    return [out.event.message.content for out in batch if isinstance(out.event, MessageSent)]


def test_events_go_out_in_the_order_they_came() -> None:
    outbox = Outbox(1 << 20)
    for number in range(5):
        outbox.put([(1, number)], said(str(number)))
    assert _contents(outbox.take(3, 1 << 20)) == ["0", "1", "2"]
    assert _contents(outbox.take(3, 1 << 20)) == ["3", "4"]
    assert outbox.take(3, 1 << 20) == []
    assert outbox.size == 0


def test_what_could_not_be_sent_goes_first_the_next_time() -> None:
    outbox = Outbox(1 << 20)
    for number in range(4):
        outbox.put([(1, number)], said(str(number)))
    batch = outbox.take(2, 1 << 20)
    outbox.give_back(batch)
    assert _contents(outbox.take(9, 1 << 20)) == ["0", "1", "2", "3"]


def test_over_the_bound_the_oldest_go_and_are_counted() -> None:
    outbox = Outbox(3 * ONE)
    for number in range(5):
        outbox.put([(1, number)], said(str(number)))
    assert outbox.overflowed == 2
    assert _contents(outbox.take(9, 1 << 20)) == ["2", "3", "4"]


def test_what_passes_is_the_first_not_to_be_sent() -> None:
    outbox = Outbox(40 * ONE)
    for _ in range(9):
        outbox.put([(1, None)], Typing("alice"))
    assert len(outbox) == 4
    outbox.put([(number, None) for number in range(50)], Presence("alice", online=True))
    outbox.put([(1, None)], SessionEnded(1, None, "logout"))
    outbox.put([(1, 1)], said("0"))
    assert [type(out.event) for out in outbox.take(99, 1 << 20)] == [*[Typing] * 4, SessionEnded, MessageSent]
    assert (outbox.overflowed, outbox.size) == (6, 0)


def test_what_is_given_back_is_the_oldest() -> None:
    outbox = Outbox(3 * ONE)
    outbox.put([(1, 1)], said("0"))
    outbox.put([(1, 1)], said("1"))
    batch = outbox.take(2, 1 << 20)
    outbox.put([(1, 1)], said("2"))
    outbox.put([(1, 1)], said("3"))
    outbox.give_back(batch)
    assert _contents(outbox.take(9, 1 << 20)) == ["1", "2", "3"]
    assert outbox.overflowed == 1


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    outbox = Outbox(1 << 20)
    for _ in range(3):
        outbox.put([(1, 1)], said("x" * 1000))
    assert len(outbox.take(9, 1)) == 1
    assert len(outbox.take(9, 5000)) == 2


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000) | st.none()))
def test_the_size_is_that_of_what_waits(steps: list[int | None]) -> None:
    outbox = Outbox(10_000)
    for step in steps:
        if step is None:
            outbox.give_back(outbox.take(2, 3000)[:1])
        else:
            outbox.put([(1, 1)], said("x" * step))
        assert 0 <= outbox.size <= 10_000
        assert outbox.size == sum(out.size for out in outbox._queue)
