"""What waits to be looked after on one instance: within bounds, each person once, at the earliest time."""

from actions.push_queue import MOST_FLYING, MOST_TO_ONE, MOST_WAITING, Push


def test_whom_it_is_time_for_is_given_once_and_the_others_stay() -> None:
    push = Push()
    for user_id, at in ((1, 10), (2, 20), (3, 5)):
        push.note(user_id, at)
    assert push.take_due(10, 99) == [1, 3]
    assert push.take_due(10, 99) == []
    assert push.waiting == 1
    assert push.take_due(20, 99) == [2]


def test_many_messages_are_one_note_at_the_earliest_time() -> None:
    push = Push()
    for at in (20, 10, 30):
        push.note(1, at)
    assert push.waiting == 1
    assert push.take_due(9, 99) == []
    assert push.take_due(10, 99) == [1]


def test_no_more_are_given_than_were_asked_for() -> None:
    push = Push()
    for user_id in range(10):
        push.note(user_id, 0)
    assert push.take_due(0, 4) == [0, 1, 2, 3]
    assert push.waiting == 6


def test_what_does_not_fit_is_counted_and_left_to_the_sweep() -> None:
    push = Push()
    for user_id in range(MOST_WAITING + 3):
        push.note(user_id, 5)
    assert (push.waiting, push.overflowed) == (MOST_WAITING, 3)
    push.note(1, 2)  # who is in it already may come earlier
    assert push.take_due(2, 99) == [1]


def test_one_push_service_cannot_take_all_the_room() -> None:
    push = Push()
    assert [push.begin("slow.example") for _ in range(MOST_TO_ONE + 1)] == [True] * MOST_TO_ONE + [False]
    assert push.begin("other.example")
    assert push.room == MOST_FLYING - MOST_TO_ONE - 1 > 0
    push.end("slow.example")
    push.end("other.example")
    assert push.begin("slow.example")
    assert "other.example" not in push.flying
