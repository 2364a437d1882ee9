"""The AsyncAPI document is whole and true: every frame, every code, and schemas that agree with the decoder."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest

from handlers.advice import ERRORS
from handlers.asyncapi import DIALECTS, Spoken, document
from handlers.commands import COMMANDS
from realtime.codes import CLOSE_CODES
from realtime.dialects import FrameError
from realtime.dialects.v1 import V1_DIALECT
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
from tests.frames import fits, schema_of
from tests.instances import Instance

MESSAGE = Message(
    *(7, "alice", "bob", "hi", "2026-11-22T09:11:53.373Z", "8d8ac610-566d-4ef0-9c22-186b2a5ed793"),
    *("2026-11-22T10:11:53.373Z",) * 4,
)
# One of each kind of event; the test below says that none was forgotten.
EVENTS: tuple[Event, ...] = (
    MessageSent(MESSAGE),
    Edited(MESSAGE),
    Deleted(7, "bob"),
    Expired(7, "bob"),
    Receipt("read", "bob", "bob", 7),
    Timer("bob", "alice", 60),
    Typing("bob"),
    Unknown(),
    Presence("bob", online=True),
    Notice("login", "2026-11-22T09:14:00.250Z", 7, 8),
    SessionEnded(None, None, "logout"),
)
FRAMES = [
    (spoken, side, kind) for spoken in DIALECTS for side in ("client", "server") for kind in getattr(spoken, side)
]
OTHERS: tuple[Any, ...] = (None, True, 0, -1, 2**53, 1.5, "x" * 65, "", [], {})


def named(case: Any) -> str:
    return case.dialect.name if isinstance(case, Spoken) else str(case)


def told_of(spoken: Spoken, frame: Mapping[str, Any]) -> str:
    """What the document calls a frame of the server."""
    if spoken.dialect is V1_DIALECT:
        return str(frame["type"])
    return "error" if "error" in frame else "message"


def test_every_frame_that_a_command_takes_is_in_the_document() -> None:
    described = {frame for spoken in DIALECTS for frame in spoken.client.values()}
    assert described == set(COMMANDS)
    for spoken in DIALECTS:
        for kind in spoken.client:
            assert f"{spoken.dialect.name}.client.{kind}" in document()["components"]["messages"]
            assert document()["operations"][f"{spoken.dialect.name}.{kind}"]["action"] == "receive"


def test_no_kind_of_event_was_forgotten_here() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize("spoken", DIALECTS, ids=named)
def test_every_frame_that_a_dialect_can_say_is_in_the_document(spoken: Spoken) -> None:
    dialect = spoken.dialect
    encoded = [dialect.encode(event, 3) for event in EVENTS]
    encoded += [dialect.heartbeat(3), dialect.bye(1012, "restarting", 5)]
    encoded += [dialect.error("invalid", "x"), dialect.error("invalid", "x", field="a", ref="r", retry_after=1.5)]
    for text in encoded:
        if text is not None:
            frame = json.loads(text)
            assert fits(dialect.name, "server", told_of(spoken, frame), frame) == []


@pytest.mark.parametrize(("spoken", "side", "kind"), FRAMES, ids=named)
def test_a_frame_is_told_with_its_sentence_its_schema_and_a_sample_that_fits(
    spoken: Spoken, side: str, kind: str
) -> None:
    name = f"{spoken.dialect.name}.{side}.{kind}"
    message = document()["components"]["messages"][name]
    assert message["summary"].endswith(".")
    jsonschema.Draft202012Validator.check_schema(schema_of(spoken.dialect.name, side, kind))
    (sample,) = message["examples"]
    assert fits(spoken.dialect.name, side, kind, sample["payload"]) == []
    assert document()["channels"][spoken.dialect.name]["messages"][f"{side}.{kind}"]["$ref"].endswith(f"/{name}")


@pytest.mark.parametrize(("spoken", "side", "kind"), [case for case in FRAMES if case[1] == "client"], ids=named)
def test_the_schema_refuses_what_the_decoder_refuses(spoken: Spoken, side: str, kind: str) -> None:
    sample = spoken.client_samples[kind]
    assert spoken.dialect.decode(json.dumps(sample)) is not None
    for frame in changed(sample):
        assert bool(fits(spoken.dialect.name, side, kind, frame)) == refused(spoken, frame), frame


def changed(sample: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frame without a field, with one too many, with another value in a field."""
    yield {**sample, "further": 1}
    for name in sample:
        yield {field: value for field, value in sample.items() if field != name}
        if name != "type":
            yield from ({**sample, name: value} for value in OTHERS)


def refused(spoken: Spoken, frame: Mapping[str, Any]) -> bool:
    try:
        spoken.dialect.decode(json.dumps(frame))
    except FrameError:
        return True
    return False


@pytest.mark.parametrize("spoken", DIALECTS, ids=named)
def test_the_codes_are_those_of_the_tables_each_with_what_now(spoken: Spoken) -> None:
    channel = document()["channels"][spoken.dialect.name]
    told = {entry["code"]: entry for entry in channel["x-errors"]}
    expected = {advice.code for advice in ERRORS if advice.spoken}
    assert set(told) == (expected if spoken.dialect is V1_DIALECT else expected - {"no_hello"})
    closing = {entry["code"]: entry for entry in channel["x-close-codes"]}
    assert set(closing) == {code.code for code in CLOSE_CODES.values()}
    assert all(entry["meaning"] and entry["now"] for entry in (*told.values(), *closing.values()))
    assert {entry["reconnect"] for entry in closing.values()} == {"yes", "after_new_token", "no"}


@pytest.mark.parametrize("spoken", DIALECTS, ids=named)
def test_a_channel_names_its_subprotocol_and_the_ways_to_show_a_token(spoken: Spoken) -> None:
    channel = document()["channels"][spoken.dialect.name]
    binding = channel["bindings"]["ws"]
    assert (channel["address"], binding["method"]) == ("/ws/chat/", "GET")
    assert set(binding["query"]["properties"]) == {"ticket", "token"}
    asked = binding.get("headers", {}).get("properties", {}).get("Sec-WebSocket-Protocol", {}).get("const")
    assert asked == spoken.dialect.subprotocol
    schemes = document()["components"]["securitySchemes"]
    assert set(spoken.security) == (set(schemes) if spoken.dialect is V1_DIALECT else set(schemes) - {"first_frame"})


def test_every_reference_leads_somewhere() -> None:
    references = {part.split('"')[0] for part in json.dumps(document()).split('"$ref": "')[1:]}
    assert len(references) > 50
    for reference in references:
        place: Any = document()
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]


def test_a_running_server_serves_the_document(server: Instance) -> None:
    reply = server.call("GET", "/api/asyncapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert reply.json == json.loads(json.dumps(document()))
