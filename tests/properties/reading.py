"""What must be true of receipts and of what is unread when all is quiet, judged from what people did.

Whoever had receipts off at some time is left out: what others know of them is not what they did.
"""

from collections.abc import Collection, Mapping

from tests.properties.deeds import Letter, Record
from tests.properties.truth import by_client_id
from tests.properties.view import Frame, View


def judge_reading(record: Record, fresh: Mapping[str, View], holders: Collection[str]) -> None:
    """Compare; the devices of `holders` have acknowledged all that they were told."""
    willing = {person: view for person, view in fresh.items() if person not in record.unwilling}
    shown = {person: by_client_id(view) for person, view in willing.items()}
    for letter in record.letters:
        if letter.sender == letter.recipient or not {letter.sender, letter.recipient} <= willing.keys():
            continue
        own = shown[letter.sender].get(letter.client_id)
        if own is not None and letter.client_id in shown[letter.recipient]:
            _judge_letter(record, letter, own)
            # What the log forgot before, nobody could acknowledge.
            if letter.recipient in holders and not record.forgot:
                assert "delivered_at" in own, f"{letter} was delivered: {own}"
    for person, view in willing.items():
        for peer in willing.keys() - {person}:
            theirs = willing[peer].messages
            unread = {each for each in view.received_from(peer) if "read_at" not in theirs[each]}
            assert view.unread_of(peer) == unread, f"{person}: {view.unread_of(peer)} are unread, not {unread}"


def _judge_letter(record: Record, letter: Letter, own: Frame) -> None:
    """What has happened is told, and nothing that has not."""
    readings = [deed for deed in record.of("read") if (deed.by, deed.value[0]) == (letter.recipient, letter.sender)]
    covering = [deed for deed in readings if deed.value[1] >= own["id"]]
    stored = [deed for deed in letter.sends if deed.happened]
    certain = [deed for deed in covering if deed.happened and any(one.before(deed) for one in stored)]
    assert covering or "read_at" not in own, f"{own} was never read"
    assert not certain or "read_at" in own, f"{own} was read by {certain}"
    acks = [deed for deed in record.of("ack") if deed.by == letter.recipient]
    assert acks or covering or "delivered_at" not in own, f"{own} was never delivered"
    assert "read_at" not in own or "delivered_at" in own, f"{own} was read and not delivered"
