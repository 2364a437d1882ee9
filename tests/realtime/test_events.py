"""Events survive the journey between instances, and nothing else passes for one."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.events import (
    Envelope,
    Event,
    Letter,
    Message,
    MessageSent,
    Notice,
    SessionEnded,
    Timer,
    decode,
    encode,
    event_of,
    letter,
    weight,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.integers(1, 2**53 - 1)
OPTIONAL = st.none() | TEXT
EVENTS = st.builds(
    MessageSent,
    st.builds(Message, IDS, TEXT, TEXT, TEXT, TEXT, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL),
) | st.builds(SessionEnded, st.none() | IDS, st.none() | IDS, TEXT)
EVENTS |= st.builds(Notice, TEXT, TEXT, st.none() | IDS, st.none() | IDS) | st.builds(
    Timer, TEXT, TEXT, st.none() | IDS
)


@settings(deadline=None)
@given(TEXT, st.lists(st.tuples(IDS, st.none() | IDS)), EVENTS)
def test_an_envelope_comes_out_as_it_went_in(
    origin: str, receivers: list[tuple[int, int | None]], event: Event
) -> None:
    envelope = Envelope(origin, [letter(receivers, event), letter([], event)])
    assert decode(encode(envelope)) == envelope
    assert event_of(decode(encode(envelope)).letters[0]) == event


ENDED = {"type": "session_ended", "session_id": 1, "except_id": None, "reason": ""}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["o"],
        ["o", {}],
        ["o", [[]]],
        ["o", [[[[1, 1]]]]],
        ["o", [[[["1", 1]], ENDED]]],
        ["o", [[[[1]], ENDED]]],
        [1, [[[[1, 1]], ENDED]]],
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.msgpack.encode(value))


@pytest.mark.parametrize("value", [None, [], {}, {"type": "unheard_of"}, {"type": "message"}, {**ENDED, "reason": 1}])
def test_an_unknown_event_is_refused_and_the_next_one_is_not(value: object) -> None:
    one, other = decode(msgspec.msgpack.encode(["o", [[[[1, 1]], value], [[[1, 2]], ENDED]]])).letters
    with pytest.raises(msgspec.DecodeError):
        event_of(one)
    assert event_of(other) == SessionEnded(1, None, "")


def test_a_field_that_a_newer_release_added_is_passed_over() -> None:
    newer = ["o", [[[[1, 2]], {**ENDED, "x": 1}]]]
    assert event_of(decode(msgspec.msgpack.encode(newer)).letters[0]) == SessionEnded(1, None, "")


@settings(deadline=None)
@given(st.binary(min_size=1) | st.binary().map(b"\x92".__add__))
@example(b"\x92\xa3\xac\xd3\xa1")  # a string that is not UTF-8
@example(b"\x92\xa0\x91" + b"\x91" * 100_000)
@example(b"\x92\xa0\x91\x92\x90" + b"\x91" * 100_000)
@example(b"\x81\xa4type" + b"\x91" * 100_000)
@example(b"\x82\xa4type\xa7message\xa1x" + b"\x91" * 100_000)
def test_garbage_is_a_decode_error_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(garbage)
    with pytest.raises(msgspec.DecodeError):
        event_of(Letter([], msgspec.Raw(garbage)))


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
