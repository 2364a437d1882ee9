"""The outbox keeps a wish until it is answered for good."""

import pytest

from prove.outbox import Job, Kind, Outbox


def filled(*refs: str) -> Outbox:
    outbox = Outbox()
    for ref in refs:
        outbox.add(Job(Kind.SEND, ref, {"content": ref}))
    return outbox


def test_what_is_due_comes_oldest_first_and_not_while_it_is_on_its_way() -> None:
    outbox = filled("a", "b")
    assert [job.ref for job in outbox.due(0)] == ["a", "b"]
    outbox.start(outbox.due(0)[0], 5)
    assert [job.ref for job in outbox.due(9)] == ["b"]
    assert outbox.oldest("v1") == 5
    assert outbox.oldest("rest") is None


def test_a_lost_way_opens_only_its_own_jobs() -> None:
    outbox = filled("a", "b")
    first, second = outbox
    second.via = "rest"
    outbox.start(first, 0)
    outbox.start(second, 0)
    outbox.lose("v1")
    assert [job.ref for job in outbox.due(0)] == ["a"]


def test_the_same_name_twice_is_a_mistake_and_a_late_answer_is_none() -> None:
    outbox = filled("a")
    with pytest.raises(ValueError, match="already"):
        outbox.add(Job(Kind.SEND, "a", {}))
    assert outbox.finish("a") is not None
    assert outbox.finish("a") is None
    assert outbox.finish(None) is None
    outbox.postpone("a", 9)
    assert len(outbox) == 0
