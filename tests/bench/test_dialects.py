"""What is said is what the server's own decoder takes, and what the server says is understood."""

import json

import pytest

from bench.dialects import DIALECTS, Person, Refused
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT, Hello, Sent
from realtime.events import Message, MessageSent


def test_a_plain_frame_is_one_that_the_server_reads():
    frame = PLAIN.decode(DIALECTS["plain"].frame("bob", 'a "b" ü').decode())
    assert (frame.recipient, frame.content) == ("bob", 'a "b" ü')


def test_a_plain_message_is_heard_as_the_server_writes_it():
    message = Message(id=1, sender="alice", recipient="bob", content="hi ü", timestamp="2026-01-01T00:00:00.000Z")
    assert DIALECTS["plain"].content(PLAIN.encode(MessageSent(message), 1)) == "hi ü"


def test_a_refusal_is_raised_with_its_code():
    with pytest.raises(Refused, match="too_many_requests: slow down"):
        DIALECTS["plain"].content(PLAIN.error("too_many_requests", "slow down"))


def test_the_relay_says_what_it_was_told():
    relay = DIALECTS["relay"]
    assert relay.content(relay.frame("bob", "hi")) == "hi"


def test_a_token_is_shown_in_a_header_and_never_in_the_url():
    person = Person("alice", "bob", "secret")
    assert DIALECTS["plain"].headers(person) == {"Authorization": "Bearer secret"}
    assert "secret" not in DIALECTS["plain"].path(person)


def test_the_relay_learns_names_from_the_url():
    assert DIALECTS["relay"].path(Person("a&b", "c")) == "/ws/chat/?name=a%26b&peer=c"


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_frame_is_one_json_object(name):
    said = json.loads(DIALECTS[name].frame("bob", "x" * 16_000))
    assert (said["recipient"], said["content"]) == ("bob", "x" * 16_000)


def test_v1_is_spoken_as_the_server_reads_it_and_heard_as_it_writes():
    v1 = DIALECTS["v1"]
    assert V1_DIALECT.decode(v1.opening.decode()) == Hello()
    frame = V1_DIALECT.decode(v1.frame("bob", "hi").decode())
    assert (frame.recipient, frame.content) == ("bob", "hi")
    message = Message(id=1, sender="alice", recipient="bob", content="hi", timestamp="2026-01-01T00:00:00.000Z")
    assert v1.content(V1_DIALECT.encode(MessageSent(message), 1)) == "hi"
    assert v1.content(V1_DIALECT.answer(Sent(str(frame.client_id), message, 1, False))) == "hi"
    assert v1.content(V1_DIALECT.heartbeat(1)) is None
    with pytest.raises(Refused, match="not_found"):
        v1.content(V1_DIALECT.error("not_found", "nobody"))
