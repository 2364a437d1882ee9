"""Every frame of `recado.v1`, wrong in every way: one answer with its `ref`, and nothing has changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from handlers.framing import FAR
from realtime.dialects.v1 import FRAMES
from tests.handlers import corpus
from tests.handlers.raw import BINARY, Person, RawSocket, raw_socket, rows
from tests.instances import Instance

V1 = [("Sec-WebSocket-Protocol", "recado.v1")]
Frame = dict[str, Any]


@dataclass
class Stage:
    """Alice at her socket, who has written to Bob; Eve, who has nothing to do with them; ids and tokens of each."""

    server: Instance
    line: RawSocket
    names: dict[str, str]
    ids: dict[str, int]
    tokens: dict[str, str]

    def filled(self, frame: Any) -> Any:
        """`<bob>`, `<of bob>` and `<token of bob>` as what they stand for."""
        if isinstance(frame, dict):
            return {name: self.filled(value) for name, value in frame.items()}
        if not isinstance(frame, str) or not frame.startswith("<"):
            return frame
        known: dict[str, Any] = {f"<{name}>": real for name, real in self.names.items()}
        known |= {f"<of {name}>": message for name, message in self.ids.items()}
        known |= {f"<token of {name}>": token for name, token in self.tokens.items()}
        return known[frame]


def opened(line: RawSocket, **hello: object) -> Frame:
    line.say({"type": "hello"} | hello)
    welcome: Frame = line.hear()
    assert welcome["type"] == "welcome"
    return welcome


@pytest.fixture(scope="module")
def stage(server: Instance) -> Iterator[Stage]:
    names = {name: f"{name}.{uuid4().hex[:6]}" for name in ("alice", "bob", "eve")}
    people = {name: Person(real, server.join(real)) for name, real in names.items()}
    ids = {}
    for who, to in (("alice", "bob"), ("bob", "alice"), ("eve", "bob")):
        said = {"recipient": names[to], "content": "hi"}
        ids[who] = server.call("POST", "/api/auth/send/", said, token=people[who].token).json["id"]
    tokens = {name: person.token for name, person in people.items()}
    tokens["alice, elsewhere"] = server.sign_in(names["alice"])
    with raw_socket(server, headers=[people["alice"].bearer, *V1]) as line:
        assert opened(line)["position"] == 2
        line.say({"type": "ack", "position": 2})
        # Acks are merged for a moment; then Bob is told.
        log = server.call("GET", "/api/events/?after=3&wait=20", token=tokens["bob"]).json
        assert [event["type"] for event in log["events"]] == ["receipt"]
        yield Stage(server, line, names, ids, tokens)


# A good frame of each type.
GOOD: dict[str, Frame] = {
    "hello": {"type": "hello"},
    "send": {"type": "send", "client_id": str(uuid4()), "recipient": "<bob>", "content": "hi"},
    "ack": {"type": "ack", "position": 2},
    "read": {"type": "read", "peer": "<bob>", "up_to": 1},
    "edit": {"type": "edit", "id": "<of alice>", "content": "other"},
    "delete": {"type": "delete", "id": "<of alice>"},
    "typing": {"type": "typing", "peer": "<bob>"},
    "auth": {"type": "auth", "token": "<token of alice>"},
    "ping": {"type": "ping"},
}


def wrong_shapes() -> Iterator[tuple[str, Frame, str, str | None]]:
    """Every frame with a value of a wrong type, without a field, with a field too many; the field that is named."""
    for kind, shape in FRAMES.items():
        good = GOOD[kind]
        for field, frame in (*corpus.wrong_values(good, shape), *corpus.missing_fields(good, shape)):
            yield f"{kind}: {json.dumps(frame.get(field, 'no'))} {field}", frame, "invalid", field
        for extra in ("message", "sender", "id2", "", "Type"):
            yield f"{kind}: {extra!r} too many", good | {extra: 1}, "invalid", extra


LARGEST = 2**53 - 1
WRONG: list[tuple[str, Any, str, str | None]] = [
    *wrong_shapes(),
    # Its type.
    ("no type", {}, "invalid", "type"),
    *((f"type {value!r}", {"type": value}, "invalid", "type") for value in (None, 1, True, [], {}, "", "Send", "sent")),
    *((f"type {value!r}", {"type": value}, "invalid", "type") for value in ("message", "error", "bye", "x" * 10_000)),
    *((f"{value!r} in its place", value, "invalid", None) for value in ([], [{}], 1, "ping", None, True)),
    # Its order.
    ("a second hello", {"type": "hello"}, "invalid", "type"),
    ("a second hello with a token", {"type": "hello", "token": "<token of alice>"}, "invalid", "type"),
    ("a second hello as another", {"type": "hello", "token": "<token of eve>"}, "invalid", "type"),
    # Positions.
    ("an ack beyond the head", {"type": "ack", "position": 3}, "invalid", "position"),
    ("an ack far beyond the head", {"type": "ack", "position": LARGEST}, "invalid", "position"),
    ("an ack that goes back", {"type": "ack", "position": 1}, "invalid", "position"),
    ("an ack of nothing", {"type": "ack", "position": 0}, "invalid", "position"),
    # What is not one's own.
    ("a person who is not there", {"type": "read", "peer": "nobody.here", "up_to": 1}, "not_found", None),
    ("no conversation", {"type": "read", "peer": "<eve>", "up_to": "<of eve>"}, "not_found", None),
    ("a conversation with oneself", {"type": "read", "peer": "<alice>", "up_to": 1}, "not_found", None),
    *(
        (f"{kind} {whose}", {"type": kind, "id": number, **more}, "not_found", None)
        for kind, more in (("edit", {"content": "mine now"}), ("delete", {}))
        for whose, number in (("of the peer", "<of bob>"), ("of strangers", "<of eve>"), ("of none", LARGEST), ("0", 0))
    ),
    *(
        (f"a reply to {what}", GOOD["send"] | {"reply_to": number}, "invalid", "reply_to")
        for what, number in (("strangers", "<of eve>"), ("none", LARGEST), ("0", 0), ("-1", -1))
    ),
    ("a reply elsewhere", GOOD["send"] | {"recipient": "<eve>", "reply_to": "<of alice>"}, "invalid", "reply_to"),
    ("typing to nobody", {"type": "typing", "peer": "nobody.here"}, "not_found", None),
    *(
        (f"a send to {name[:20]!r}", GOOD["send"] | {"recipient": name}, "not_found", None)
        for name in ("nobody.here", "", "x" * 10_000, "\u202e", "*[\n", "%s{0.__class__}", "' OR 1=1 --")
    ),
    # Tokens.
    *(
        (f"auth with {token[:20]!r}", {"type": "auth", "token": token}, "unauthenticated", None)
        for token in ("", "x", "x" * 3000, "<token of eve>", "<token of alice, elsewhere>", "\u00e9")
    ),
    # Values.
    *(
        (f"{kind} of {text[:4]!r}", GOOD[kind] | {"content": text}, "invalid", "content")
        for kind in ("send", "edit")
        for text in ("", " \n\t", "x" * 16_385)
    ),
    *(
        (f"ttl {ttl}", GOOD["send"] | {"ttl_seconds": ttl}, "invalid", "ttl_seconds")
        for ttl in (0, -1, 31_536_001, LARGEST)
    ),
    *(
        (f"client_id {value!r}", GOOD["send"] | {"client_id": value}, "invalid", "client_id")
        for value in ("", "x", "6f9619ff-8b86-d011-b42d-00c04fc964f", "{6f9619ff-8b86-d011-b42d-00c04fc964ff}")
    ),
    *((f"{kind} -1", GOOD[kind] | {name: -1}, "invalid", name) for kind, name in (("ack", "position"), ("edit", "id"))),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "code", "field"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_frame_is_answered_with_its_ref_and_changes_nothing(
    stage: Stage, frame: Any, code: str, field: str | None
) -> None:
    before = rows(stage.server)
    frame, line = stage.filled(frame), stage.line
    has_ref = isinstance(frame, dict) and field != "ref"
    line.say(json.dumps(frame | {"ref": "r"} if has_ref else frame))
    answer = line.hear()
    told = {name: answer.get(name) for name in ("type", "code", "ref", "field")}
    assert told == {"type": "error", "code": code, "ref": "r" if has_ref else None, "field": field}
    assert set(answer) <= {"type", "code", "detail", "ref", "field", "retry_after"}
    assert answer["detail"]
    # The connection stays, nothing else was said, and the log is where it was.
    line.say({"type": "ping", "ref": "p"})
    assert line.hear() == {"type": "pong", "position": 2, "ref": "p"}
    assert rows(stage.server) == before


@pytest.mark.parametrize("what", {**corpus.SPOILT, **corpus.OTHER_FORMATS})
@pytest.mark.parametrize("kind", GOOD)
def test_what_is_not_json_is_answered_whatever_the_frame(stage: Stage, what: str, kind: str) -> None:
    good = stage.filled(GOOD[kind])
    text = {**corpus.SPOILT, **corpus.OTHER_FORMATS}[what]
    for field in good:
        stage.line.send(corpus.spoilt(text, good, field))
        answer = stage.line.hear()
        assert (answer["type"], answer["code"]) == ("error", "invalid"), (what, field)
    stage.line.say({"type": "ping"})
    assert stage.line.hear() == {"type": "pong", "position": 2}


def test_a_good_frame_of_each_type_is_none_of_these() -> None:
    assert set(GOOD) == set(FRAMES)


@pytest.mark.parametrize(("ref", "told"), [("x" * 64, "x" * 64), ("", ""), ("\u00e9\U0001f600", "\u00e9\U0001f600")])
def test_a_ref_comes_back_as_it_was(stage: Stage, ref: str, told: str) -> None:
    for frame, kind in (({"type": "ping"}, "pong"), ({"type": "nothing"}, "error"), ({}, "error")):
        stage.line.say(frame | {"ref": ref})
        answer = stage.line.hear()
        assert (answer["type"], answer["ref"]) == (kind, told)


@pytest.mark.parametrize("ref", ["x" * 65, 1, None, [], {}, True, "\ud800"])
def test_a_ref_that_is_none_does_not_come_back(stage: Stage, ref: Any) -> None:
    stage.line.say({"type": "nothing", "ref": ref})
    answer = stage.line.hear()
    assert (answer["type"], answer["code"], "ref" in answer) == ("error", "invalid", False)


def test_binary_frames_are_answered(stage: Stage) -> None:
    for payload in (b"", json.dumps({"type": "ping", "ref": "r"}).encode()):
        stage.line.send(payload, BINARY)
        assert stage.line.hear() == {"type": "error", "code": "invalid", "detail": "Send text frames."}


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "hello"])
def test_before_the_hello_every_other_frame_is_told_so_and_does_nothing(stage: Stage, kind: str) -> None:
    before = rows(stage.server)
    with raw_socket(stage.server, headers=V1) as stranger:
        stranger.say(stage.filled(GOOD[kind]) | {"ref": "r"})
        answer = stranger.hear()
        assert (answer["code"], answer["ref"]) == ("no_hello", "r")
        assert rows(stage.server) == before
        assert opened(stranger, token=stage.tokens["eve"], ref="h")["ref"] == "h"


@pytest.mark.parametrize("token", [None, "", "x", "x" * 3000, "<token of eve>x"])
def test_a_hello_without_a_good_token_is_told_and_closed(stage: Stage, token: str | None) -> None:
    with raw_socket(stage.server, headers=V1) as stranger:
        told = {} if token is None else {"token": token.replace("<token of eve>", stage.tokens["eve"])}
        stranger.say({"type": "hello", "ref": "r"} | told)
        answer = stranger.hear()
        assert (answer["type"], answer["code"], answer["ref"]) == ("error", "unauthenticated", "r")
        assert stranger.close_code() == 4401


def test_a_hello_that_is_wrong_may_be_said_again(stage: Stage) -> None:
    with raw_socket(stage.server, headers=V1) as stranger:
        for wrong in ({"position": -1}, {"position": "1"}, {"epoch": 1}, {"token": 1}, {"x": 1}, {"position": 2**53}):
            stranger.say({"type": "hello", "ref": "r"} | wrong)
            answer = stranger.hear()
            assert (answer["code"], answer["field"]) == ("invalid", next(iter(wrong)))
        opened(stranger, token=stage.tokens["eve"])


def test_a_token_is_shown_once(stage: Stage) -> None:
    eve = stage.tokens["eve"]
    with raw_socket(stage.server, headers=[("Authorization", f"Bearer {eve}"), *V1]) as line:
        line.say({"type": "hello", "token": eve, "ref": "r"})
        answer = line.hear()
        assert (answer["code"], answer["field"], answer["ref"]) == ("invalid", "token", "r")
        opened(line)


def test_edits_and_deletions_after_the_deletion_find_nothing(stage: Stage) -> None:
    with raw_socket(stage.server, headers=V1) as line:
        opened(line, token=stage.tokens["eve"])
        line.say(GOOD["send"] | {"recipient": stage.names["eve"], "client_id": str(uuid4())})
        number = line.hear()["message"]["id"]
        line.say({"type": "delete", "id": number})
        assert line.hear()["type"] == "deleted"
        for kind, more in (("edit", {"content": "again"}), ("delete", {})):
            line.say({"type": kind, "id": number, "ref": kind} | more)
            answer = line.hear()
            assert (answer["code"], answer["ref"]) == ("not_found", kind)


def test_a_frame_over_the_bound_is_told_and_the_next_one_is_understood(stage: Stage, frame_limit: int) -> None:
    for size in (frame_limit + 1, frame_limit * FAR):
        stage.line.say(" " * size)
        answer = stage.line.hear()
        assert (answer["type"], answer["code"]) == ("error", "too_large")
    stage.line.say(json.dumps({"type": "ping", "ref": "p"}).ljust(frame_limit))
    assert stage.line.hear() == {"type": "pong", "position": 2, "ref": "p"}
