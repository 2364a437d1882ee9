"""docs/protocol.md is whole: every call, every frame, every number, as the code has them."""

import ast
import json
import re
import tomllib
from typing import Any

import pytest

from actions import limits
from actions.limits import Rule
from handlers.advice import ERRORS
from handlers.asyncapi import DIALECTS, Spoken, document
from handlers.operation import Operation
from handlers.routes import OPERATIONS
from tests.frames import fits
from tests.instances import ROOT
from tests.markdown import plays, table

TEXT = (ROOT / "docs" / "protocol.md").read_text()
CALLS = table(TEXT, "call", "path, query or body", "answer")
# The documents themselves are too long for an example.
LONG = {"/api/openapi.json", "/api/asyncapi.json"}
# What cannot be brought about in a play has an example in the text.
NOT_PLAYED = {("v1", "server", "unknown")}
SAID_BY = {
    "registrations, by address": limits.REGISTER,
    "sign-ins, by address": limits.LOGIN_ADDRESS,
    "sign-ins, by name and network (/24, /48)": limits.LOGIN_PAIR,
    "sign-ins, by name, from places where that person is not signed in": limits.LOGIN_NAME,
    "… when these are spent, by name and network": limits.LOGIN_FIRST,
    "… and by name": limits.LOGIN_SPARE,
    "sign-ins, by known device (the page's cookie), instead of all four": limits.LOGIN_DEVICE,
    "refreshes, by address": limits.REFRESH,
    "checks of a name, by address": limits.CHECK_USERNAME,
    "handshakes, by address": limits.CONNECT,
    "sends, edits and deletions, by person": limits.SEND,
    "reads, by person": limits.READ,
    "typing, by pair of people; more is dropped in silence": limits.TYPING,
    "push subscriptions, made or removed, by person": limits.PUSH,
    "changes of the profile, by person": limits.PROFILE,
    "timers of disappearing messages, by person": limits.TIMER,
    "ends of sessions, by person": limits.SESSIONS,
    "passwords shown again, by session": limits.PASSWORD,
    "one-time tokens of the operator, by address": limits.RESET,
    "tickets, by person": limits.TICKET,
    "tries with a second factor, by person; where they are signed in, by network (/24, /48)": limits.SECOND_FACTOR,
    "changes of second factors, by person": limits.FACTORS,
    "documents and `/readyz`, by address": limits.OPERATIONS,
    "deletions of conversations, by person": limits.ERASE,
    "exports, by person": limits.EXPORT,
}


def names(cell: str) -> set[str]:
    """The fields that a cell names, an optional one with its question mark."""
    return set(re.findall(r"`(\w+\??)`", cell))


def fields_of(schema: dict[str, Any]) -> set[str]:
    required = schema.get("required", ())
    return {name if name in required else f"{name}?" for name in schema["properties"] if name != "type"}


def test_every_call_stands_in_the_table_and_no_other() -> None:
    told = [row["call"].removesuffix(" ○") for row in CALLS]
    assert told == list(dict.fromkeys(told))
    assert set(told) == {f"`{operation.method} {operation.path}`" for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_a_call_is_told_with_its_fields_and_whether_it_needs_a_token(operation: Operation) -> None:
    (row,) = [row for row in CALLS if row["call"].startswith(f"`{operation.method} {operation.path}`")]
    expected = set(re.findall(r"{(\w+)}", operation.path))
    for shape in (operation.body, operation.query):
        for name, field in () if shape is None else zip(shape.__struct_encode_fields__, _fields(shape), strict=True):
            expected.add(name if field.required else f"{name}?")
    assert names(row["path, query or body"]) == expected
    assert row["call"].endswith(" ○") != operation.signed_in
    assert row["answer"]


def _fields(shape: Any) -> Any:
    import msgspec

    return msgspec.structs.fields(shape)


@pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.dialect.name)
@pytest.mark.parametrize("side", ["client", "server"])
def test_every_frame_is_told_with_its_fields(spoken: Spoken, side: str) -> None:
    frames = spoken.client if side == "client" else spoken.server
    if spoken.dialect.name == "plain":
        rows = {row["frame"]: row for row in table(TEXT, "frame", "fields", "meaning") if ":" in row["frame"]}
        told = {kind.split("`")[1]: row for kind, row in rows.items() if kind.startswith(side)}
    elif side == "client":
        told = {row["frame"].strip("`"): row for row in table(TEXT, "frame", "fields", "meaning", "answer")}
    else:
        found = table(TEXT, "frame", "fields", "meaning")
        told = {row["frame"].strip("`"): row for row in found if ":" not in row["frame"]}
    assert set(told) == set(frames)
    for kind, frame in frames.items():
        schema = document()["components"]["schemas"][f"{spoken.dialect.name}.{frame.__name__}"]
        assert names(told[kind]["fields"]) == fields_of(schema), kind
        assert told[kind]["meaning"]


def test_every_call_has_an_example_that_is_played() -> None:
    called = set()
    for play in plays(TEXT):
        called |= {line for language, text in play.blocks if language == "http" for line in text.splitlines()[:1]}
    for operation in OPERATIONS:
        pattern = re.sub(r"{\w+}", r"[^/ ]+", f"{operation.method} {operation.path}")
        assert operation.path in LONG or any(re.fullmatch(rf"{pattern}(\?.*)?", line) for line in called), pattern


def test_every_frame_has_an_example_that_is_played() -> None:
    spoken = set()
    for play in plays(TEXT):
        dialect = "plain" if play.name == "plain" else "v1"
        for language, text in play.blocks:
            for way, frame in re.findall(r"^\w+ *([<>]) (\{.*)$", text, re.MULTILINE) if language == "text" else ():
                side = "client" if way == ">" else "server"
                kind = re.match(r'\{"type": "(\w+)"', frame)
                plain = "send" if way == ">" else "error" if "error" in frame else "message"
                spoken.add((dialect, side, kind[1] if kind else plain))
    described = {tuple(name.split(".")) for name in document()["components"]["messages"]}
    assert described - spoken <= NOT_PLAYED
    assert spoken <= described


def test_a_frame_in_the_text_is_as_the_document_says() -> None:
    frames = [json.loads(text) for text in re.findall(r'`(\{"type": [^`]*\})`', TEXT)]
    assert {("v1", "server", frame["type"]) for frame in frames} >= NOT_PLAYED
    assert [(frame, wrong) for frame in frames if (wrong := fits("v1", "server", frame["type"], frame))] == []


def test_the_numbers_are_the_defaults_of_the_settings() -> None:
    defaults = tomllib.loads((ROOT / "settings.toml").read_text())
    rows = table(TEXT, "what", "default", "setting")
    assert len(rows) > 10
    for row in rows:
        section, key = re.fullmatch(r"`\[(\w+)\] (\w+)`", row["setting"]).groups()  # type: ignore[union-attr]
        assert str(defaults[section][key]) == row["default"], row


def test_the_limits_are_those_of_the_policy() -> None:
    rows = {row["what"]: row for row in table(TEXT, "what", "at once", "one more after")}
    rules = {rule for rule in vars(limits).values() if isinstance(rule, Rule)}
    assert set(SAID_BY.values()) == rules
    assert set(rows) == set(SAID_BY)
    for what, rule in SAID_BY.items():
        told = Rule(
            rule.name, int(rows[what]["at once"]), int(rows[what]["at once"]) * float(rows[what]["one more after"])
        )
        assert told == rule, what


def test_the_pseudo_code_can_be_read_and_knows_the_codes() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    tree = ast.parse(code)
    (for_good,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FOR_GOOD"
    ]
    assert for_good <= {advice.code for advice in ERRORS if advice.spoken}
    kinds = set(re.findall(r'"type": "(\w+)"', code))
    assert kinds == {"hello", "send", "auth"}
    heard = set(re.findall(r'kind == "(\w+)"', code)) | {"typing", "presence", "heartbeat", "pong", "bye"}
    assert heard <= set(DIALECTS[1].server)


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
