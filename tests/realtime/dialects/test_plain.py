"""The plain dialect, to the letter."""

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.dialects import FrameError
from realtime.dialects.plain import PLAIN, Send
from realtime.events import Message, MessageSent, Notice, SessionEnded

CLIENT_ID = "5f0c6cf0-4d2c-4a4e-9d0e-4b6a3d4f1a11"
MESSAGE = Message(
    *(7, "alice", "bob", "hi <b>", "2026-11-22T08:00:00.000Z", CLIENT_ID),
    expires_at="soon",
    edited_at="later",
    reply_to=3,
)


def test_a_message_has_these_five_fields() -> None:
    frame = PLAIN.encode(MessageSent(MESSAGE), 12)
    assert frame == (
        b'{"sender":"alice","message":"hi <b>","id":7,"recipient":"bob","timestamp":"2026-11-22T08:00:00.000Z"}'
    )


def test_no_other_event_is_spoken_of() -> None:
    assert PLAIN.encode(SessionEnded(1, None, "signed out"), None) is None
    assert PLAIN.encode(Notice("login", "now", 1, 2), None) is None


def test_a_mistake_has_a_text_and_a_word_and_perhaps_a_field() -> None:
    assert json.loads(PLAIN.error("invalid", "missing", field="content")) == {
        "error": "missing",
        "code": "invalid",
        "field": "content",
    }
    assert json.loads(PLAIN.error("not_found", "no such recipient", ref="r", retry_after=1.0)) == {
        "error": "no such recipient",
        "code": "not_found",
    }


def test_no_subprotocol_is_named() -> None:
    assert PLAIN.subprotocol is None


def test_a_frame_of_the_first_clients_is_understood() -> None:
    assert PLAIN.decode('{"recipient": "bob", "content": "hi"}') == Send("bob", "hi")


def test_the_further_fields_are_understood() -> None:
    raw = json.dumps({"recipient": "bob", "content": "hi", "client_id": CLIENT_ID, "ttl_seconds": 60})
    assert PLAIN.decode(raw) == Send("bob", "hi", UUID(CLIENT_ID), 60)
    assert PLAIN.decode('{"recipient": "bob", "content": "hi", "reply_to": 7}') == Send("bob", "hi", reply_to=7)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ("", None),
        ("hello", None),
        ("[]", None),
        ("1", None),
        ("null", None),
        ("[" * 100_000, None),
        ('{"recipient": "bob"}', "content"),
        ('{"content": "hi"}', "recipient"),
        ('{"recipient": 1, "content": "hi"}', "recipient"),
        ('{"recipient": "bob", "content": null}', "content"),
        ('{"recipient": "bob", "content": ["hi"]}', "content"),
        ('{"recipient": "bob", "content": NaN}', "content"),
        ('{"recipient": "bob", "content": "hi", "client_id": "x"}', "client_id"),
        ('{"recipient": "bob", "content": "hi", "client_id": 5}', "client_id"),
        ('{"recipient": "bob", "content": "hi", "ttl_seconds": "60"}', "ttl_seconds"),
        ('{"recipient": "bob", "content": "hi", "ttl_seconds": 1.5}', "ttl_seconds"),
        ('{"recipient": "bob", "content": "hi", "ttl_seconds": true}', "ttl_seconds"),
        ('{"recipient": "bob", "content": "hi", "ttl_seconds": ' + "9" * 5000 + "}", "ttl_seconds"),
        *(
            (f'{{"recipient": "bob", "content": "hi", "reply_to": {bad}}}', "reply_to")
            for bad in ("-1", '"7"', "7.0", "9007199254740992", "true", "[7]")
        ),
        ('{"recipient": "bob", "content": "hi", "type": "send"}', "type"),
        ('{"recipient": "bob", "content": "hi", "content": "ho"}', "content"),
        ('{"recipient": "bob", "content": "\\ud800"}', "content"),
        ('{"recipient": "bob", "content": "\\u0000"}', "content"),
    ],
)
def test_a_frame_that_is_not_understood_says_where(raw: str, field: str | None) -> None:
    with pytest.raises(FrameError) as refused:
        PLAIN.decode(raw)
    assert (refused.value.code, refused.value.field) == ("invalid", field)
    assert refused.value.detail
    assert "\n" not in refused.value.detail


@settings(deadline=None)
@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["recipient", "content", "client_id", "ttl_seconds"]) | st.text(), inner)
        ),
    ).map(json.dumps)
)
def test_whatever_a_client_says_it_is_a_frame_or_an_error_that_can_be_sent(raw: str) -> None:
    try:
        PLAIN.decode(raw)
    except FrameError as refused:
        PLAIN.error(refused.code, refused.detail, field=refused.field)
