"""Whatever text comes, a dialect gives a frame or a `FrameError`, and the error can be told; nothing else happens."""

import json
import math
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.dialects import Dialect, Frame, FrameError
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import FRAMES, V1_DIALECT
from realtime.strict_json import MAX_DEPTH, MAX_INTEGER, Malformed, load

BOTH = pytest.mark.parametrize("dialect", [PLAIN, V1_DIALECT])
# Also halves of surrogate pairs, which a text of Python can hold and UTF-8 cannot.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=80)
NAMES = st.sampled_from(
    ["type", "ref", "token", "position", "epoch", "client_id", "recipient", "content", "ttl_seconds", "id", "up_to"]
) | st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from([*FRAMES, 2**53, -1, 1e400])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES | TEXTS, inner), max_leaves=20)
GOOD: list[dict[str, Any]] = [
    {"type": "hello", "token": "x", "position": 1, "epoch": "e", "device": "d", "ref": "r"},
    {"type": "send", "client_id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "recipient": "bob", "content": "hi"},
    {"type": "ack", "position": 7},
    {"type": "read", "peer": "bob", "up_to": 7},
    {"type": "edit", "id": 7, "content": "\u00e9"},
    {"type": "delete", "id": 7},
    {"type": "typing", "peer": "bob"},
    {"type": "auth", "token": "x"},
    {"type": "ping", "ref": "r"},
    {"recipient": "bob", "content": "hi", "client_id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "ttl_seconds": 60},
]


def is_understood(dialect: Dialect, text: str) -> Frame | None:
    """The frame, or None when an error was told instead; anything else fails."""
    try:
        frame = dialect.decode(text)
    except FrameError as error:
        answer = dialect.error(error.code, error.detail, field=error.field, ref=error.ref)
    else:
        assert isinstance(frame, Frame)
        return frame
    assert json.loads(answer.decode())["code"] == "invalid"
    assert len(answer) < 1000
    return None


@BOTH
@given(text=TEXTS)
@example(text="\ud800")
@example(text='{"\ud800": 1}')
@example(text='{"\\ud800": 1}')
@example(text="[" * 100_000)
@example(text='{"a":' * 100_000)
@example(text="9" * 100_000)
@example(text="-" + "9" * 5000)
@example(text='{"type": "ping", "ref": ' + "[" * 500 + "]" * 500 + "}")
def test_any_text(dialect: Dialect, text: str) -> None:
    is_understood(dialect, text)


@BOTH
@given(value=VALUES)
def test_any_json(dialect: Dialect, value: Any) -> None:
    is_understood(dialect, json.dumps(value))
    is_understood(dialect, json.dumps(value, ensure_ascii=False))


@BOTH
@given(good=st.sampled_from(GOOD), name=NAMES | TEXTS, value=VALUES)
def test_a_good_frame_with_any_value_in_any_place(
    dialect: Dialect, good: dict[str, Any], name: str, value: Any
) -> None:
    is_understood(dialect, json.dumps(good | {name: value}))


@BOTH
@given(
    good=st.sampled_from(GOOD),
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 5), st.text(string.printable, max_size=5)), max_size=4),
)
def test_a_good_frame_with_any_characters_changed(
    dialect: Dialect, good: dict[str, Any], cuts: list[tuple[int, int, str]]
) -> None:
    text = json.dumps(good)
    for place, length, put in cuts:
        text = text[:place] + put + text[place + length :]
    is_understood(dialect, text)


def test_the_good_frames_are_good() -> None:
    for good in GOOD:
        assert is_understood(V1_DIALECT if "type" in good else PLAIN, json.dumps(good)) is not None


@given(raw=st.binary(max_size=200) | TEXTS | st.builds(json.dumps, VALUES))
def test_any_bytes_are_one_value_or_malformed(raw: bytes | str) -> None:
    try:
        value = load(raw)
    except Malformed as error:
        (error.field or "").encode()
        return
    assert depth_of(value) <= MAX_DEPTH
    # Whoever reads it with another program reads the same.
    assert load(json.dumps(value)) == value == json.loads(raw)


def depth_of(value: object) -> int:
    """How deep it goes; on the way, that each part is what every reader understands alike."""
    if isinstance(value, str):
        value.encode()
        assert "\0" not in value
    if isinstance(value, int):
        assert abs(value) <= MAX_INTEGER
    if isinstance(value, float):
        assert math.isfinite(value)
    if isinstance(value, dict):
        return 1 + max((depth_of(part) for pair in value.items() for part in pair), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0
