"""Of timers the judge demands what an answer has promised, and lets stand what a try that is unsure may have done."""

from collections.abc import Sequence

from prove import history as h
from prove import wire
from prove.checker import check
from prove.history import Entry

LAST = "timers are reflected"
CAUSE = "no timer is told without a cause"
KEPT = "every device goes by the same timer"
HIDDEN = "who blocks hears nothing of the blocked"
PEER = {"a": "b", "b": "a"}
Told = Sequence[tuple[str, int | None]]


def timing(by: str, seconds: int | None, *, tries: int = 1, done: bool = True) -> list[Entry]:
    """`by` sets the timer of the two."""
    ref, peer = f"timer {seconds} {by}", PEER[by]
    asked: list[Entry] = [h.Timing(device=f"{by}/1", ref=ref, peer=peer, ttl=seconds, via="rest")] * tries
    return [*asked, h.Fulfilled(device=f"{by}/1", ref=ref, timer=wire.Timer(peer, seconds))] if done else asked


def block(*, ends: bool = False, done: bool = True) -> list[Entry]:
    """`a` blocks `b`, or ends it."""
    asked = h.Blocking(device="a/1", ref=f"block {ends}", peer="b", ends=ends, via="rest")
    return [asked, h.Fulfilled(device="a/1", ref=asked.ref)] if done else [asked]


def found(
    *parts: list[Entry], a: Told, b: Told, ends: tuple[int | None, int | None], order: int = 1, after: int = 0
) -> set[str]:
    """The rules that are broken when these timers are told, by whom, and the two end with these.

    The device of `a` begins behind the first `after` of them; those of both hear them in this order (-1: backwards).
    """
    entries: list[Entry] = [h.Began(seed=0, seconds=0, people={"a": ["a/1"], "b": ["b/1"]})]
    entries += [entry for part in parts for entry in part]
    logs = {"a": a, "b": b}
    for person, log in logs.items():
        begins = after if person == "a" else 0
        events = [wire.TimerTold(n, PEER[person], *each) for n, each in enumerate(log, 1)]
        entries.append(h.Opened(device=f"{person}/1", via="v1"))
        entries.append(h.Welcomed(device=f"{person}/1", standing=wire.Standing(begins, "e", "live")))
        entries += [h.Heard(device=f"{person}/1", told=told) for told in events[begins:][::order]]
    entries.append(h.Drained(whole=True, seconds=0))
    for (person, log), seconds in zip(logs.items(), ends, strict=True):
        events = [wire.TimerTold(n, PEER[person], *each) for n, each in enumerate(log, 1)]
        entries.append(h.Logged(person=person, page=wire.Page(len(log), "e", "recovered", list(events))))
        entries.append(h.Listed(person=person, messages=[], talks=[], timers={PEER[person]: seconds}))
    return {violation.rule for violation in check(entries)}


def test_what_was_answered_and_not_replaced_holds_for_both() -> None:
    first, second = timing("a", 60), timing("b", 90)
    log = [("a", 60), ("b", 90)]
    assert found(first, second, a=log, b=log, ends=(90, 90)) == set()
    assert found(first, second, a=log[::-1], b=log[::-1], ends=(60, 60)) == {LAST}
    assert found(first, second, a=log, b=log[::-1], ends=(90, 60)) == {LAST}
    assert found(first, second, a=log[:1], b=log[:1], ends=(60, 60)) == {LAST}
    assert (
        found(first, timing("b", None), a=[*log[:1], ("b", None)], b=[*log[:1], ("b", None)], ends=(None,) * 2) == set()
    )


def test_a_try_that_was_not_answered_or_was_sent_twice_may_have_come_late_or_never() -> None:
    log = [("b", 90), ("a", 60)]
    for unsure in (timing("a", 60, tries=2), timing("a", 60, done=False)):
        assert found(unsure, timing("b", 90), a=log, b=log, ends=(60, 60)) == set()
    never = timing("a", 60, done=False)
    assert found(never, a=[], b=[], ends=(None, None)) == set()
    assert found(never, a=log[1:], b=[], ends=(60, None)) == {LAST}


def test_one_that_was_replaced_before_anybody_looked_was_told_all_the_same() -> None:
    both = timing("a", 60), timing("b", 90)
    assert found(*both, a=[("b", 90)], b=[("a", 60), ("b", 90)], ends=(90, 90)) == {LAST}


def test_what_the_blocked_sets_is_theirs_alone_until_one_sets_it_again() -> None:
    own = timing("b", 90)
    assert found(block(), own, a=[], b=[("b", 90)], ends=(None, 90)) == set()
    assert found(block(), own, block(ends=True), a=[], b=[("b", 90)], ends=(None, 90)) == set()
    assert found(block(), own, a=[("b", 90)], b=[("b", 90)], ends=(90, 90)) == {LAST, HIDDEN}
    assert found(block(), block(ends=True), own, a=[], b=[("b", 90)], ends=(None, 90)) == {LAST}
    again = timing("a", 60)
    assert found(block(), own, again, a=[("a", 60)], b=[("b", 90), ("a", 60)], ends=(60, 60)) == set()
    assert found(block(), own, again, a=[("a", 60)], b=[("b", 90)], ends=(60, 90)) == {LAST}


def test_what_may_have_met_a_block_may_be_for_one_or_for_both() -> None:
    unsure = block(done=False), timing("b", 90)
    assert found(*unsure, a=[], b=[("b", 90)], ends=(None, 90)) == set()
    assert found(*unsure, a=[("b", 90)], b=[("b", 90)], ends=(90, 90)) == set()
    assert found(*unsure, a=[], b=[], ends=(None, None)) == {LAST}


def test_the_event_with_the_highest_position_holds_in_whatever_order_they_come() -> None:
    log = [("a", 60), ("b", 90)]
    sets = timing("a", 60, tries=2), timing("b", 90)
    assert found(*sets, a=log, b=log, ends=(90, 90), order=-1) == set()
    assert found(*sets, a=log, b=log, ends=(60, 60), order=-1) == {KEPT}


def test_a_device_goes_by_what_it_found_when_it_began() -> None:
    log = [("a", 60)]
    assert found(timing("a", 60), a=log, b=log, ends=(60, 60), after=1) == set()
    late = timing("b", None, done=False)
    assert found(timing("a", 60), late, a=log, b=log, ends=(None, None), after=1) == {KEPT}


def test_what_is_told_was_asked_for_by_whom_it_names_and_is_another_one_than_before() -> None:
    log = [("a", 60)]
    assert found(timing("a", 60), a=[("b", 60)], b=log, ends=(60, 60)) == {CAUSE, LAST}
    assert CAUSE in found(timing("a", 60, tries=3), a=log * 2, b=log, ends=(60, 60))
    assert CAUSE in found(timing("a", 60), timing("b", None), a=[*log, ("b", None)] * 2, b=log, ends=(None, None))
    assert found(timing("a", None), a=[("a", None)], b=[], ends=(None, None)) == {CAUSE}
