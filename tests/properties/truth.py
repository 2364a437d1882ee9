"""What must be true when all is quiet, judged from what people did and were told, not from how the server works."""

from collections.abc import Iterator, Mapping, Sequence

from tests.properties.deeds import Deed, Letter, Record
from tests.properties.view import Frame, View

FOREVER = 2**62


def judge(record: Record, fresh: Mapping[str, View], now: int) -> None:
    """Compare what each person is shown with what was done. `now` is the latest that the clock has ever said."""
    shown = {person: by_client_id(view) for person, view in fresh.items()}
    for letter in record.letters:
        own, theirs = shown[letter.sender].get(letter.client_id), shown[letter.recipient].get(letter.client_id)
        _judge_letter(record, letter, own, theirs, now)
        for person in fresh.keys() - {letter.sender, letter.recipient}:
            assert letter.client_id not in shown[person], f"{letter} is shown to {person}"
    known = {letter.client_id for letter in record.letters}
    for person, messages in shown.items():
        assert messages.keys() <= known, f"{person} is shown what nobody sent: {messages.keys() - known}"
    for deed in record.deeds:
        allowed = {"edit": ("not_found", "conflict"), "delete": ("not_found", "conflict"), "read": ("not_found",)}
        if deed.outcome == "invalid" and isinstance(deed.value, Letter) and deed.value.quoted is not None:
            _judge_refusal(record, deed, deed.value, deed.value.quoted, now)
            continue
        assert deed.outcome in (None, "ok", *allowed.get(deed.kind, ())), deed


def _judge_refusal(record: Record, deed: Deed, letter: Letter, quoted: Letter, now: int) -> None:
    """A reply is refused where its sender does not see what it quotes, and never once it was stored."""
    earlier = [one for one in letter.sends if one.happened and one.before(deed)]
    assert not earlier, f"{letter} was acknowledged, and refused when it was sent again"
    may_be_gone, _ = _gone(quoted, now)
    hidden = letter.sender != quoted.sender and True in _withheld(record, quoted, quoted.tries)
    assert may_be_gone or hidden, f"{letter} was refused, and {quoted} is there"


def by_client_id(view: View) -> dict[str, Frame]:
    """What a person is shown, no message twice."""
    found: dict[str, Frame] = {}
    for message in view.messages.values():
        client_id = message["client_id"]
        assert client_id not in found, f"{view.me} is shown {client_id} twice"
        found[client_id] = message
    return found


def _judge_letter(record: Record, letter: Letter, own: Frame | None, theirs: Frame | None, now: int) -> None:
    assert len(letter.ids) <= 1, f"{letter} was answered with {letter.ids}"
    if not letter.tries:
        assert own is None, f"{letter} was refused, and is there"
        return
    may_be_gone, must_be_gone = _gone(letter, now)
    if any(deed.happened for deed in letter.sends) and not may_be_gone:
        assert own is not None, f"{letter} was acknowledged, and is lost"
    if own is None:
        assert theirs is None, f"{letter} is gone for its sender, and shown to its recipient"
        return
    assert not must_be_gone, f"{letter} is gone, and still shown"
    assert letter.ids <= {own["id"]}, f"{letter} was answered with {letter.ids}, and is {own['id']}"
    assert (own["sender"], own["recipient"]) == (letter.sender, letter.recipient), f"{letter} became {own}"
    told = [(deed, {False}) for deed in letter.edits]
    assert own.get("reply_to") == letter.reply_to, f"{letter} quotes {letter.reply_to}, and became {own}"
    assert own["content"] in _texts(letter, told), f"{letter} became {own}, and not one of {_texts(letter, told)}"
    for deed in (*letter.edits, *letter.deletes):
        assert deed.outcome != "not_found" or may_be_gone, f"{deed} of {letter}, which is there"
    if letter.sender == letter.recipient:
        return
    withheld = _withheld(record, letter, letter.tries)
    assert theirs is not None or withheld != {False}, f"{letter} was not told to its recipient"
    assert theirs is None or withheld != {True}, f"{letter} was told to somebody who blocks its sender"
    if theirs is not None:
        told = [(deed, _withheld(record, letter, [deed])) for deed in letter.edits]
        assert theirs.get("reply_to") == letter.reply_to, f"{letter} quotes {letter.reply_to}, and became {theirs}"
        assert theirs["content"] in _texts(letter, told), f"{theirs} is not one of {_texts(letter, told)}"
        if all(one == {False} for _, one in told):
            assert _bare(own) == _bare(theirs), f"{letter}: {own} and {theirs}"


def _bare(message: Frame) -> Frame:
    return {name: value for name, value in message.items() if name not in ("delivered_at", "read_at")}


def _gone(letter: Letter, now: int) -> tuple[bool, bool]:
    """Whether the letter may be gone, and whether it must be."""
    may = any(deed.may_have_happened for deed in letter.deletes)
    must = any(deed.happened for deed in letter.deletes)
    if letter.ttl is not None:
        may |= min(deed.times[0] for deed in letter.tries) + letter.ttl * 1000 <= now
        must |= max(deed.times[1] for deed in letter.tries) + letter.ttl * 1000 <= now
    return may, must


def _texts(letter: Letter, edits: Sequence[tuple[Deed, set[bool]]]) -> set[str]:
    """What the letter may say to somebody from whom these edits were withheld, or not, or perhaps.

    That is whatever was not replaced for certain by a later edit.
    """
    possible = [deed for deed, withheld in edits if deed.may_have_happened and withheld != {True}]
    certain = [deed for deed, withheld in edits if deed.happened and withheld == {False}]
    last = {one.value[1] for one in possible if not any(one.before(other) for other in certain)}
    return last if certain else last | {letter.text}


def _withheld(record: Record, letter: Letter, tries: Sequence[Deed]) -> set[bool]:
    return withheld(record, letter.recipient, letter.sender, tries)


def withheld(record: Record, person: str, by: str, tries: Sequence[Deed]) -> set[bool]:
    """Whether `person` blocked whom these are `by` when the first of them came true; both when it may be either."""
    began = min(deed.began for deed in tries)
    ends = [deed.ended for deed in tries if deed.happened] or [deed.ended for deed in tries]
    until = min(FOREVER if end is None else end for end in ends)
    answers = {False}
    for deed in _blocks(record, person, by):
        assert deed.ended is not None
        if deed.ended <= began:
            answers = set()
        if deed.began <= until:
            answers.add(deed.kind == "block")
    return answers


def _blocks(record: Record, person: str, whom: str) -> Iterator[Deed]:
    for deed in record.deeds:
        if deed.kind in ("block", "unblock") and (deed.by, deed.value) == (person, whom):
            yield deed
