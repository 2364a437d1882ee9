"""Who is connected hears in time: what counts as connected, what excuses, and for how long."""

import pytest

from prove import history as h
from prove import wire
from prove.checker import check
from prove.history import Entry

MESSAGE = wire.Message(1, "a", "b", "hi", "t", "c1")
TOLD = wire.MessageTold(1, MESSAGE)
BEAT = 25.0
RULE = "who is connected hears in time"


def told(heard: float, *others: Entry, via: str = "v1", answer_took: float = 0.1) -> list[str]:
    """What is found when `a` was answered at 10 s, and `b`, connected, hears it at `heard`."""
    standing = wire.Standing(0, "e", "live")
    entries: list[Entry] = [
        h.Began(seed=0, seconds=0, people={"a": ["a/1"], "b": ["b/1"]}),
        h.Opened(device="b/1", via=via, position=0 if via == "poll" else None, at=1.0),
        h.Tried(device="a/1", client_id="c1", recipient="b", content="hi", via="v1", at=10.0 - answer_took),
        h.Answered(device="a/1", via="v1", sent=wire.Sent("c1", MESSAGE, 1, False), at=10.0),
        h.Heard(device="b/1", told=TOLD, at=heard),
        h.Drained(whole=False, seconds=0, at=100.0),
        *(h.Logged(person=person, page=wire.Page(1, "e", "recovered", [TOLD]), at=101.0) for person in ("a", "b")),
        *others,
    ]
    if via == "v1":
        entries.append(h.Welcomed(device="b/1", standing=standing, heartbeat_seconds=BEAT, at=1.1))
    else:
        entries.append(h.Welcomed(device="b/1", standing=standing, at=heard))
    return [found.text for found in check(sorted(entries, key=lambda each: each.at)) if found.rule == RULE]


def fault(kind: str, begin: float, end: float) -> tuple[Entry, Entry]:
    return (
        h.Fault(fault=kind, target="it", phase="begin", at=begin),
        h.Fault(fault=kind, target="it", phase="end", at=end),
    )


@pytest.mark.parametrize("via", ["v1", "poll"])
def test_five_seconds_are_allowed_on_any_machine_and_no_more(via: str) -> None:
    assert told(14.9, via=via) == []
    (text,) = told(15.2, via=via)
    assert "b/1 was connected, and had not heard position 1 of b 5.2 s after" in text


def test_as_much_more_as_answers_took_meanwhile() -> None:
    slow = [
        h.Tried(device="b/1", client_id="c2", recipient="a", content="slow", via="v1", at=9.0),
        h.Answered(
            device="b/1",
            via="v1",
            sent=wire.Sent("c2", wire.Message(2, "b", "a", "slow", "t", "c2"), 0, False),
            at=12.0,
        ),
    ]
    assert told(17.9, *slow) == []
    assert told(18.2, *slow)


def test_a_dead_redis_excuses_nothing() -> None:
    assert told(15.2, *fault("kill-redis", 9.0, 15.0))


def test_whoever_cannot_be_reached_or_told_from_the_log_may_wait_until_that_is_mended() -> None:
    assert told(20.0, *fault("stall-clients", 9.0, 16.0)) == []
    assert told(20.0, *fault("crash-postgres", 9.0, 12.0), *fault("slow-clients", 12.0, 16.0)) == []
    assert told(20.0, *fault("crash-postgres", 9.0, 12.0))
    assert told(20.0, *fault("crash-postgres", 9.0, 16.0), *fault("slow-clients", 10.0, 11.0)) == []


def test_an_instance_that_could_not_tell_the_others_is_found_out_by_the_next_sweep() -> None:
    assert told(19.9, *fault("kill-instance", 9.95, 11.0)) == []
    assert told(20.2, *fault("kill-instance", 9.95, 11.0))
    assert told(19.9, *fault("kill-instance", 5.0, 9.0))


def test_whoever_goes_away_did_not_wait() -> None:
    assert told(50.0, h.Closed(device="b/1", at=12.0)) == []
    bye = wire.Bye(1012, "restart", 100)
    assert told(50.0, h.Dismissed(device="b/1", bye=bye, at=12.0)) == []
    assert told(50.0, h.Closed(device="b/1", at=16.0))


def test_whoever_never_hears_is_found_out_too() -> None:
    assert told(200.0)
