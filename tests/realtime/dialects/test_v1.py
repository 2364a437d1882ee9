"""`recado.v1`: what each side may say, and that nothing a client sends is answered by anything but an error."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.dialects import Frame, FrameError
from realtime.dialects.v1 import (
    FRAMES,
    V1_DIALECT,
    Ack,
    Auth,
    Bye,
    Delete,
    Edit,
    Heartbeat,
    Hello,
    Ping,
    Pong,
    Read,
    Send,
    Sent,
    StartedTyping,
    Welcome,
)
from realtime.events import (
    Deleted,
    Edited,
    Event,
    Expired,
    Message,
    MessageSent,
    Notice,
    Presence,
    Receipt,
    SessionEnded,
    Timer,
    Typing,
    Unknown,
)

CLIENT_ID = "8d8ac610-566d-4ef0-9c22-186b2a5ed793"
MESSAGE = Message(7, "alice", "bob", "hi", "2026-11-22T09:11:53.373Z")
SHOWN = {"id": 7, "sender": "alice", "recipient": "bob", "content": "hi", "timestamp": "2026-11-22T09:11:53.373Z"}

UNDERSTOOD = [
    ({"type": "hello"}, Hello()),
    (
        {"type": "hello", "token": "t", "position": 3, "epoch": "e", "device": "d", "ref": "r"},
        Hello("r", "t", 3, "e", "d"),
    ),
    (
        {"type": "send", "client_id": CLIENT_ID, "recipient": "bob", "content": "hi", "ttl_seconds": 5, "ref": "r"},
        Send(UUID(CLIENT_ID), "bob", "hi", 5, None, "r"),
    ),
    (
        {"type": "send", "client_id": CLIENT_ID, "recipient": "bob", "content": "hi", "reply_to": 7},
        Send(UUID(CLIENT_ID), "bob", "hi", reply_to=7),
    ),
    ({"type": "ack", "position": 3}, Ack(3)),
    ({"type": "read", "peer": "bob", "up_to": 3}, Read("bob", 3)),
    ({"type": "edit", "id": 3, "content": "x"}, Edit(3, "x")),
    ({"type": "delete", "id": 3}, Delete(3)),
    ({"type": "typing", "peer": "bob"}, StartedTyping("bob")),
    ({"type": "auth", "token": "t"}, Auth("t")),
    ({"type": "ping", "ref": "x"}, Ping("x")),
]

REFUSED = [
    ("[]", None),
    ("{", None),
    ("{}", "type"),
    ('{"type": 1}', "type"),
    ('{"type": "nothing"}', "type"),
    ('{"type": "hello", "position": -1}', "position"),
    ('{"type": "hello", "position": true}', "position"),
    ('{"type": "hello", "position": 1.0}', "position"),
    ('{"type": "ack"}', "position"),
    ('{"type": "ack", "position": 9007199254740992}', "position"),
    ('{"type": "send", "recipient": "bob", "content": "hi"}', "client_id"),
    ('{"type": "send", "client_id": "x", "recipient": "bob", "content": "hi"}', "client_id"),
    *(
        (
            f'{{"type": "send", "client_id": "{CLIENT_ID}", "recipient": "b", "content": "h", "reply_to": {bad}}}',
            "reply_to",
        )
        for bad in ("-1", '"7"', "7.0", "9007199254740992", "true", "[7]")
    ),
    ('{"type": "ping", "further": 1}', "further"),
    ('{"type": "ping", "type": "ping"}', "type"),
    ('{"type": "ping", "ref": "%s"}' % ("r" * 65), "ref"),
]

TOLD: list[tuple[Event, dict[str, object]]] = [
    (MessageSent(MESSAGE), {"type": "message", "position": 9, "message": SHOWN}),
    (Edited(MESSAGE), {"type": "edited", "position": 9, "message": SHOWN}),
    (Deleted(7, "bob"), {"type": "deleted", "position": 9, "id": 7, "peer": "bob"}),
    (Expired(7, "bob"), {"type": "expired", "position": 9, "id": 7, "peer": "bob"}),
    (
        Receipt("read", "bob", "bob", 7),
        {"type": "receipt", "position": 9, "kind": "read", "by": "bob", "peer": "bob", "up_to": 7},
    ),
    (
        Timer("bob", "alice", 60),
        {"type": "timer", "position": 9, "peer": "bob", "by": "alice", "ttl_seconds": 60},
    ),
    (Timer("bob", "alice"), {"type": "timer", "position": 9, "peer": "bob", "by": "alice"}),
    (Unknown(), {"type": "unknown", "position": 9}),
]


def outcome(raw: str) -> Frame | FrameError:
    """What becomes of a client's text; any other exception fails the test."""
    try:
        return V1_DIALECT.decode(raw)
    except FrameError as error:
        return error


@pytest.mark.parametrize(("said", "understood"), UNDERSTOOD)
def test_every_frame_of_the_contract_is_understood(said: dict[str, object], understood: Frame) -> None:
    assert V1_DIALECT.decode(json.dumps(said)) == understood


def test_every_type_of_frame_is_in_the_examples() -> None:
    assert {said["type"] for said, _ in UNDERSTOOD} == FRAMES.keys()


@pytest.mark.parametrize(("raw", "field"), REFUSED)
def test_a_wrong_frame_is_refused_by_the_name_of_the_field(raw: str, field: str | None) -> None:
    with pytest.raises(FrameError) as caught:
        V1_DIALECT.decode(raw)
    assert (caught.value.code, caught.value.field) == ("invalid", field)


@pytest.mark.parametrize(
    "wrong",
    [
        '"type": "nothing"',
        '"type": "ack", "position": "1"',
        '"type": "ack", "position": 9007199254740992',
        '"type": "ack", "position": NaN',
        '"type": "ack", "position": 1, "position": 2',
        '"type": "typing", "peer": "\\ud800"',
        '"type": "typing", "peer": "\\u0000"',
        '"type": "typing", "peer": ' + "[" * 40 + "]" * 40,
    ],
)
def test_the_ref_of_a_wrong_frame_is_given_back(wrong: str) -> None:
    for raw in (f'{{{wrong}, "ref": "mine"}}', f'{{"ref": "mine", {wrong}}}'):
        with pytest.raises(FrameError) as caught:
            V1_DIALECT.decode(raw)
        assert caught.value.ref == "mine"


@pytest.mark.parametrize("ref", ['"\\ud800"', '"\\u0000"', "7", "9007199254740992", '"%s"' % ("r" * 65)])
def test_a_ref_that_cannot_be_given_back_is_left_out(ref: str) -> None:
    for wrong in ('"type": "nothing"', '"type": "ack", "position": 9007199254740992'):
        with pytest.raises(FrameError) as caught:
            V1_DIALECT.decode(f'{{"ref": {ref}, {wrong}}}')
        assert caught.value.ref is None


def test_of_two_refs_neither_is_given_back() -> None:
    with pytest.raises(FrameError) as caught:
        V1_DIALECT.decode('{"type": "ping", "ref": "one", "ref": "two"}')
    assert caught.value.ref is None


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_makes_anything_but_a_frame_or_a_frame_error(raw: str) -> None:
    assert isinstance(outcome(raw), Frame | FrameError)


@given(st.fixed_dictionaries({"type": st.sampled_from(sorted(FRAMES))}), st.dictionaries(st.text(), st.text()))
def test_no_object_makes_anything_but_a_frame_or_a_frame_error(kind: dict[str, str], rest: dict[str, str]) -> None:
    assert isinstance(outcome(json.dumps(rest | kind)), Frame | FrameError)


@pytest.mark.parametrize(("event", "frame"), TOLD)
def test_an_event_is_told_with_its_position(event: Event, frame: dict[str, object]) -> None:
    told = V1_DIALECT.encode(event, 9)
    assert told is not None
    assert json.loads(told) == frame


@pytest.mark.parametrize(("event", "_frame"), TOLD)
def test_an_event_of_the_log_is_never_told_without_a_position(event: Event, _frame: dict[str, object]) -> None:
    assert V1_DIALECT.encode(event, None) is None


@pytest.mark.parametrize(
    ("event", "frame"),
    [
        (Typing("bob"), {"type": "typing", "peer": "bob"}),
        (Presence("bob", True), {"type": "presence", "peer": "bob", "online": True}),
        (Notice("login", "now", 7, 8), {"type": "notice", "kind": "login", "at": "now", "session": 7}),
        (Notice("export", "now"), {"type": "notice", "kind": "export", "at": "now"}),
    ],
)
def test_what_is_not_stored_has_no_position(event: Event, frame: dict[str, object]) -> None:
    told = V1_DIALECT.encode(event, None)
    assert told is not None
    assert json.loads(told) == frame


def test_the_end_of_a_session_is_not_told_as_a_frame() -> None:
    assert V1_DIALECT.encode(SessionEnded(1, None, "logout"), None) is None


@pytest.mark.parametrize(
    ("answer", "frame"),
    [
        (
            Welcome("alice", 3, "e", "live", 25),
            {
                "type": "welcome",
                "username": "alice",
                "position": 3,
                "epoch": "e",
                "outcome": "live",
                "heartbeat_seconds": 25,
            },
        ),
        (
            Sent(CLIENT_ID, MESSAGE, 9, False, "r"),
            {
                "type": "sent",
                "client_id": CLIENT_ID,
                "message": SHOWN,
                "position": 9,
                "duplicate": False,
                "ref": "r",
            },
        ),
        (Pong(3), {"type": "pong", "position": 3}),
        (Heartbeat(3), {"type": "heartbeat", "position": 3}),
        (
            Bye(1012, "restart", 250),
            {"type": "bye", "code": 1012, "reason": "restart", "resume_after_ms": 250},
        ),
    ],
)
def test_the_server_s_own_frames_are_as_in_the_contract(answer: Welcome, frame: dict[str, object]) -> None:
    assert json.loads(V1_DIALECT.answer(answer)) == frame


def test_a_mistake_tells_code_detail_ref_and_when_to_try_again() -> None:
    told = json.loads(V1_DIALECT.error("too_many_requests", "Slower.", ref="r", retry_after=1.5))
    assert told == {
        "type": "error",
        "code": "too_many_requests",
        "detail": "Slower.",
        "ref": "r",
        "retry_after": 1.5,
    }
