"""The checker finds what is wrong, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from prove import history as h
from prove import wire
from prove.checker import RULES, check
from prove.client import Device
from prove.faults import BY_NAME
from tests.instances import ROOT
from tests.prove import toy
from tests.prove.damage import DAMAGES, first, true_history
from tests.prove.toy import World

SEEDS = range(12)

# The bug, and the rules of which one at least tells of it.
TOLD_BY = {
    toy.PUBLISH_BEFORE_COMMIT: {"the same order on every device"},
    toy.HIGHEST_SEEN: {"every device has everything"},
    toy.NO_DEDUPE: {"every message once in a log"},
    toy.READ_BEFORE_SUBSCRIBE: {"every device has everything"},
    toy.LOST_SWEEP: {"every device has everything"},
    toy.TIMER_FOR_ONE: {"timers are reflected", "every device goes by the same timer"},
}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(50, 600), people=st.integers(1, 4))
def test_a_correct_server_breaks_no_promise_whatever_the_interleaving(seed: int, steps: int, people: int) -> None:
    assert check(World(seed, people=people).run(steps)) == []


@pytest.mark.parametrize("bug", toy.BUGS)
def test_each_of_the_classic_bugs_is_reported(bug: str) -> None:
    found = [{violation.rule for violation in check(World(seed, bug).run())} for seed in SEEDS]
    told = sum(bool(rules & TOLD_BY[bug]) for rules in found)
    assert told > len(SEEDS) / 2, found


def test_a_client_that_resumes_from_the_highest_seen_loses_something() -> None:
    def run(seed: int) -> set[str]:
        world = World(seed)
        for n, device in enumerate(world.devices):
            world.devices[n] = Device(
                device.name,
                world.entries.append,
                resumes_from=lambda cursor: max(cursor._above, default=cursor.upto),
            )
        return {violation.rule for violation in check(world.run())}

    assert any("every device has everything" in run(seed) for seed in SEEDS)


def test_the_sample_history_is_true_and_rich() -> None:
    history = true_history()
    assert check(history) == []
    told = {type(each.told) for each in history if isinstance(each, h.Heard)}
    assert told == {wire.MessageTold, wire.EditedTold, wire.DeletedTold, wire.ReceiptTold, wire.TimerTold}
    kinds = {type(each) for each in history}
    assert {h.Tried, h.Answered, h.Changing, h.Reading, h.Timing, h.Fulfilled, h.Acked, h.Closed, h.Refused} <= kinds
    assert any(each.sent.duplicate for each in history if isinstance(each, h.Answered))


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_reported_by_its_rule(name: str) -> None:
    rule, damage = DAMAGES[name]
    entries = list(true_history())
    damage(entries)
    violations = check(entries)
    assert rule in {violation.rule for violation in violations}, violations
    assert all(0 < line <= len(entries) for violation in violations for line in violation.lines)


def test_every_rule_has_a_damage_or_a_test_of_its_own() -> None:
    elsewhere = {"nothing deleted comes back", "what was to expire has"}
    assert {rule for rule, _ in DAMAGES.values()} | elsewhere == set(RULES)


def test_the_page_on_reliability_names_every_rule_fault_and_broken_server() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text().partition("## 7. Figures")[0]
    rows = [line.split("|")[1].strip().strip("`") for line in page.splitlines() if line.startswith("| ")]
    broken = [path.stem for path in (ROOT / "tests" / "prove" / "broken").glob("[a-z]*.py")]
    for name in (*RULES, *BY_NAME, *broken):
        assert rows.count(name) == 1, name


def test_the_text_of_a_deleted_message_must_not_come_back() -> None:
    entries = list(true_history())
    at, _ = first(entries, h.Fulfilled, lambda each: each.ref.startswith("delete"))
    ref = entries[at].ref
    _, changing = first(entries, h.Changing, lambda each: each.ref == ref)
    _, answer = first(entries, h.Answered, lambda each: each.sent.message.id == changing.id)
    device = answer.device
    _, log = first(entries, h.Logged, lambda each: each.person == h.person_of(device))
    position = next(
        told.position for told in log.page.events if isinstance(told, wire.DeletedTold) and told.id == changing.id
    )
    late = [
        h.Opened(device=device, via="v1", position=position - 1),
        h.Heard(device=device, told=wire.MessageTold(position, answer.sent.message)),
    ]
    entries[at + 1 : at + 1] = late
    assert "nothing deleted comes back" in {violation.rule for violation in check(entries)}


def test_a_message_that_outlives_its_time_is_reported() -> None:
    entries = list(true_history())
    _, log = first(entries, h.Logged)
    message = next(told.message for told in log.page.events if isinstance(told, wire.MessageTold))
    entries = [
        replace(each, ttl=1) if isinstance(each, h.Tried) and each.client_id == message.client_id else each
        for each in entries
    ]
    assert "what was to expire has" not in {violation.rule for violation in check(entries)}
    late = [replace(each, at=60.0) if isinstance(each, h.Logged) else each for each in entries]
    assert "what was to expire has" in {violation.rule for violation in check(late)}


def test_an_edit_that_was_tried_twice_may_be_late_and_one_answered_at_once_may_not() -> None:
    message = wire.Message(1, "a", "b", "first", "t", "c1")

    def history(tries: int, last: str) -> list[h.Entry]:
        edit = h.Changing(device="a/1", ref="edit 1", id=1, content="second", via="v1")
        later = h.Changing(device="a/1", ref="edit 2", id=1, content="third", via="v1")
        edited = replace(message, content=last, edited_at="t2")
        events: list[wire.Told] = [
            wire.MessageTold(1, edited), wire.EditedTold(2, edited), wire.EditedTold(3, edited)
        ]  # fmt: skip
        found: list[h.Entry] = [
            h.Began(seed=0, seconds=0, people={"a": ["a/1"], "b": ["b/1"]}),
            h.Tried(device="a/1", client_id="c1", recipient="b", content="first", via="v1"),
            h.Answered(device="a/1", via="v1", sent=wire.Sent("c1", message, 1, False)),
            *[edit] * tries,
            h.Fulfilled(device="a/1", ref="edit 1"),
            later,
            h.Fulfilled(device="a/1", ref="edit 2"),
            h.Drained(whole=False, seconds=0),
        ]
        for person in ("a", "b"):
            peer = "b" if person == "a" else "a"
            found.append(h.Logged(person=person, page=wire.Page(3, "e", "recovered", events)))
            found.append(
                h.Listed(person=person, messages=[edited], talks=[wire.Talk(peer, edited, 1 if person == "b" else 0)])
            )
        return found

    assert check(history(1, "third")) == []
    assert {violation.rule for violation in check(history(1, "second"))} == {"edits are reflected"}
    assert check(history(2, "second")) == []
    assert {violation.rule for violation in check(history(2, "first"))} == {"edits are reflected"}
