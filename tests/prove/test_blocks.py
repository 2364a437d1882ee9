"""What a block hides is hidden, and only what it certainly hides is demanded to be."""

from prove import history as h
from prove import wire
from prove.checker import check
from prove.history import Entry

HIDDEN = "who blocks hears nothing of the blocked"
LOST = "what was acknowledged is in both logs"
MESSAGE = wire.Message(1, "b", "a", "hi", "t", "c1")


def block(ref: str, *, ends: bool = False, tries: int = 1, done: bool = True) -> list[Entry]:
    """`a` blocks `b`, or ends it."""
    entries: list[Entry] = [h.Blocking(device="a/1", ref=ref, peer="b", ends=ends, via="rest")] * tries
    return [*entries, h.Fulfilled(device="a/1", ref=ref)] if done else entries


def send() -> list[Entry]:
    return [
        h.Tried(device="b/1", client_id="c1", recipient="a", content="hi", via="v1"),
        h.Answered(device="b/1", via="v1", sent=wire.Sent("c1", MESSAGE, 1, False)),
    ]


def edit(text: str) -> list[Entry]:
    return [
        h.Changing(device="b/1", ref=text, id=1, content=text, via="v1"),
        h.Fulfilled(device="b/1", ref=text),
    ]


def found(*parts: list[Entry], shown: str | None, last: str = "hi") -> set[str]:
    """The rules that are broken when the final log and list of `a` show this text, or nothing."""
    entries: list[Entry] = [h.Began(seed=0, seconds=0, people={"a": ["a/1"], "b": ["b/1"]})]
    entries += [entry for part in parts for entry in part]
    entries.append(h.Drained(whole=True, seconds=0))
    for person, text in (("a", shown), ("b", last)):
        message = None if text is None else wire.Message(1, "b", "a", text, "t", "c1")
        edits = [wire.EditedTold(2, message)] if message is not None and text != "hi" else []
        events: list[wire.Told] = [] if message is None else [wire.MessageTold(1, message), *edits]
        page = wire.Page(len(events), "e", "recovered", events)
        entries.append(h.Logged(person=person, page=page))
        talks = [] if message is None else [wire.Talk("b" if person == "a" else "a", message, int(person == "a"))]
        messages = [] if message is None else [message]
        entries.append(h.Listed(person=person, messages=messages, talks=talks))
    return {violation.rule for violation in check(entries)}


def test_what_was_sent_during_a_block_is_withheld() -> None:
    assert found(block("1"), send(), shown=None) == set()
    assert found(block("1"), send(), shown="hi") == {HIDDEN}


def test_what_was_sent_before_or_after_is_not() -> None:
    assert found(send(), block("1"), shown="hi") == set()
    assert found(send(), block("1"), shown=None) == {LOST}
    assert found(block("1"), block("2", ends=True), send(), shown="hi") == set()
    assert found(block("1"), block("2", ends=True), send(), shown=None) == {LOST}


def test_a_block_that_was_not_answered_or_was_tried_twice_may_hold_or_not() -> None:
    for unsure in (block("1", done=False), block("1", tries=2) + block("2", ends=True)):
        assert found(unsure, send(), shown="hi") == set()
        assert found(unsure, send(), shown=None) == set()
    # The end of an earlier block, tried twice, may come late.
    late_end = block("0", ends=True, tries=2)
    assert found(late_end, block("1"), send(), shown="hi") == set()


def test_an_edit_during_a_block_is_withheld_and_the_old_text_stays() -> None:
    assert found(send(), block("1"), edit("new"), shown="hi", last="new") == set()
    assert found(send(), block("1"), edit("new"), shown="new", last="new") == {HIDDEN}
    assert "edits are reflected" in found(send(), edit("new"), block("1"), shown="hi", last="new")
    assert "edits are reflected" in found(send(), block("1"), edit("new"), shown="hi", last="hi")
