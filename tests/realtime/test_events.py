"""Events survive the journey between instances, and nothing else passes for one."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.events import Envelope, Event, Message, MessageSent, SessionEnded, decode, encode, weight

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.integers(1, 2**53 - 1)
OPTIONAL = st.none() | TEXT
EVENTS = st.builds(
    MessageSent,
    st.builds(Message, IDS, TEXT, TEXT, TEXT, TEXT, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL),
) | st.builds(SessionEnded, st.none() | IDS, st.none() | IDS, TEXT)


@settings(deadline=None)
@given(TEXT, st.lists(st.tuples(IDS, st.none() | IDS)), EVENTS)
def test_an_envelope_comes_out_as_it_went_in(
    origin: str, receivers: list[tuple[int, int | None]], event: Event
) -> None:
    envelope = Envelope(origin, receivers, event)
    assert decode(encode(envelope)) == envelope


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["o"],
        ["o", [[1, 1]], {"type": "unheard_of"}],
        ["o", [[1, 1]], {"type": "message"}],
        ["o", [["1", 1]], {"type": "session_ended", "session_id": 1, "except_id": None, "reason": ""}],
        ["o", [[1]], {"type": "session_ended", "session_id": 1, "except_id": None, "reason": ""}],
        [1, [[1, 1]], {"type": "session_ended", "session_id": 1, "except_id": None, "reason": ""}],
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.msgpack.encode(value))


def test_a_field_that_a_newer_release_added_is_passed_over() -> None:
    newer = ["o", [[1, 2]], {"type": "session_ended", "session_id": 1, "except_id": None, "reason": "", "x": 1}]
    assert decode(msgspec.msgpack.encode(newer)).event == SessionEnded(1, None, "")


@settings(deadline=None)
@given(st.binary() | st.binary().map(b"\x93".__add__))
@example(b"\x93\xa3\xac\xd3\xa1")  # a string that is not UTF-8
@example(b"\x93\xa0\x91" + b"\x91" * 100_000)
@example(b"\x93\xa0\x90" + b"\x91" * 100_000)
@example(b"\x93\xa0\x90\x81\xa4type" + b"\x91" * 100_000)
@example(b"\x93\xa0\x90\x82\xa4type\xa7message\xa1x" + b"\x91" * 100_000)
def test_garbage_is_a_decode_error_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(garbage)


def test_a_message_as_json_holds_no_field_without_a_value() -> None:
    message = Message(7, "alice", "bob", "hi", "2026-11-22T08:00:00.000Z", edited_at="later")
    assert msgspec.json.decode(msgspec.json.encode(message)) == {
        "id": 7,
        "sender": "alice",
        "recipient": "bob",
        "content": "hi",
        "timestamp": "2026-11-22T08:00:00.000Z",
        "edited_at": "later",
    }


def test_a_long_message_weighs_more() -> None:
    short, long = (MessageSent(Message(1, "a", "b", "x" * length, "t")) for length in (1, 10_000))
    assert weight(long) > weight(short) + 10_000
    assert weight(SessionEnded(1, None, "")) > 0
