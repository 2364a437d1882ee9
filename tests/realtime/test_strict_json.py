"""JSON from outside has one reading, or is refused."""

import json
import sys
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.strict_json import MAX_DEPTH, MAX_PARTS, Malformed, fit, glimpse, load

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"])), inner),
    max_leaves=20,
)


class Sample(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: int | None = None
    key: UUID | None = None
    inner: dict[str, int] | None = None
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("{} {}", "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": 1,}', "not valid JSON"),
        ('"a\nb"', "not valid JSON"),
        ('"a\0b"', "not valid JSON"),
        ("\ufeff{}", "not valid JSON"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": Infinity}', "Infinity is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1e999}', "a number is too large"),
        ('{"a": ' + "9" * 5000 + "}", "a number is too large"),
        ('{"a": 9007199254740992}', "a number is too large"),
        ('{"a": -9007199254740992}', "a number is too large"),
        ('{"a": "\\ud800"}', "a string holds half a surrogate pair"),
        ('{"a": "\\udc00\\ud800"}', "a string holds half a surrogate pair"),
        ('{"\\udfff": 1}', "a string holds half a surrogate pair"),
        ('{"a": ["\\u0000"]}', "a string holds NUL"),
        ('{"\\u0000": 1}', "a string holds NUL"),
        ("[" * 2900, "nested too deeply"),
        ('{"a":' * 1400, "nested too deeply"),
        ("[" * 100_000, "too many values"),
        ('{"a":' * 100_000, "too many values"),
        ('{"a": [' + "1," * 3000 + "1]}", "too many values"),
        ('{"a": [' + "{}," * 1500 + "1]}", "too many values"),
        ('["' + '","' * 1500 + '"]', "too many values"),
        ('"' + '","' * 100_000, "too many values"),
        ('"a"' * 100_000, "too many values"),
        ('{"a": "' + '\\",' * 80_000, "not valid JSON"),
        ("," * 1001 + '"' + "\\" * 200_000, "not valid JSON"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ("\ud800", "not valid UTF-8"),
    ],
)
def test_what_has_two_readings_or_none_is_refused(text: str, detail: str) -> None:
    with pytest.raises(Malformed) as refused:
        load(text)
    assert refused.value.detail == detail


@pytest.mark.parametrize("signs", [",", "[{,", '\\"', '\\"[', "\\\\", "\\\\,"])
def test_signs_within_a_text_are_no_values(signs: str) -> None:
    text = '{"a": "' + signs * 50_000 + '", "b": [' + "1," * 2000 + "1]}"
    assert load(text) == json.loads(text)


def test_as_many_values_as_a_request_may_need_are_taken() -> None:
    for value in ([1] * 2990, [{"a": 1}] * 700, {str(n): n for n in range(1400)}, ["x"] * 1490):
        assert load(json.dumps({"a": value})) == {"a": value}


def test_a_key_given_twice_is_refused_and_named() -> None:
    with pytest.raises(Malformed, match="given twice") as refused:
        load('{"b": 1, "a": {"c": 1, "c": 2}}')
    assert refused.value.field == "c"


def test_a_key_given_twice_is_found_behind_escapes() -> None:
    with pytest.raises(Malformed, match="given twice"):
        load('{"a": 1, "\\u0061": 2}')


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', '{"a": 1}'.encode("utf-16")])
def test_bytes_that_are_not_utf_8_are_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        load(raw)


def test_a_text_that_was_decoded_carelessly_is_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        load(b'{"a": "\xff"}'.decode(errors="surrogateescape"))


def test_a_surrogate_pair_is_one_character() -> None:
    assert load('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_many_braces_inside_a_string_are_no_nesting() -> None:
    assert load(json.dumps({"a": "{[" * 1000})) == {"a": "{[" * 1000}


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert json.dumps(load("[" * MAX_DEPTH + "]" * MAX_DEPTH)) == "[" * MAX_DEPTH + "]" * MAX_DEPTH


def test_nesting_is_refused_close_to_the_end_of_the_stack_as_well() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
            return
        with pytest.raises(Malformed):
            load("[" * 500 + "]" * 500)

    depth = 0
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        depth += 1
    deeper(sys.getrecursionlimit() - depth - 60)


@settings(deadline=None)
@given(VALUES)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert load(json.dumps(value)) == value
    assert load(json.dumps(value, ensure_ascii=False).encode()) == value


@settings(deadline=None)
@given(st.text() | st.binary())
def test_no_text_makes_another_error(raw: str | bytes) -> None:
    try:
        load(raw)
    except Malformed as refused:
        refused.detail.encode()


@pytest.mark.parametrize(
    ("value", "field", "detail"),
    [
        ({}, "name", "missing"),
        ({"name": 1}, "name", "expected a string, got an integer"),
        ({"name": None}, "name", "expected a string, got null"),
        ({"name": "a", "count": "1"}, "count", "expected an integer or null, got a string"),
        ({"name": "a", "count": True}, "count", "expected an integer or null, got true or false"),
        ({"name": "a", "count": 1.0}, "count", "expected an integer or null, got a number"),
        ({"name": "a", "key": "no"}, "key", "invalid UUID"),
        ({"name": "a", "more": 1}, "more", "unknown field"),
        ({"name": "a", "inner": {"x": "y"}}, "inner[...]", "expected an integer, got a string"),
        ({"name": "a", "short": "long"}, "short", "expected a string of length <= 3"),
        ([], None, "expected an object, got an array"),
        ("text", None, "expected an object, got a string"),
        (None, None, "expected an object, got null"),
    ],
)
def test_the_field_at_fault_is_named(value: object, field: str | None, detail: str) -> None:
    with pytest.raises(Malformed) as refused:
        fit(value, Sample)
    assert (refused.value.field, refused.value.detail) == (field, detail)


def test_an_unknown_field_s_name_is_cut() -> None:
    with pytest.raises(Malformed) as refused:
        fit({"name": "a", "x" * 10_000: 1}, Sample)
    assert refused.value.field == "x" * 64


def test_no_error_quotes_a_value() -> None:
    for text in ('{"name": "sesame", "count": "sesame"}', '{"name": "sesame"', '{"name": ["sesame"]}'):
        with pytest.raises(Malformed) as refused:
            fit(load(text), Sample)
        error: BaseException | None = refused.value
        assert "sesame" not in repr(error)
        assert error is not None
        assert error.__suppress_context__ or error.__context__ is None


def test_what_fits_is_given_back_as_its_kind() -> None:
    key = "5f0c6cf0-4d2c-4a4e-9d0e-4b6a3d4f1a11"
    assert fit(load(f'{{"name": "é", "count": 3, "key": "{key}"}}'), Sample) == Sample("é", 3, UUID(key))


@pytest.mark.parametrize(
    "bad",
    ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "9007199254740992", '"\\ud800"', '"\\u0000"', '[{"x": NaN}]'],
)
@pytest.mark.parametrize(
    "text", ['{"good": 1, "wrong": %s}', '{"wrong": [%s]}', '{"wrong": {"deep": %s}, "good": [1]}']
)
def test_the_member_that_holds_a_bad_value_is_named(bad: str, text: str) -> None:
    with pytest.raises(Malformed) as refused:
        load(text % bad)
    assert refused.value.field == "wrong"


def test_the_member_that_is_nested_too_deeply_is_named() -> None:
    with pytest.raises(Malformed, match="deep") as refused:
        load('{"wrong": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}")
    assert refused.value.field == "wrong"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "a", "wrong": NaN}', "a"),
        ('{"wrong": 9007199254740992, "name": "a"}', "a"),
        ('{"wrong": NaN, "name": "\\ud800"}', None),
        ('{"wrong": NaN, "name": "\\u0000"}', None),
        ('{"wrong": NaN, "name": 7}', None),
        ('{"wrong": NaN, "inner": {"name": "a"}}', None),
        ('[NaN, "name"]', None),
        ('{"name": "a", "wrong": NaN', None),
        ("[" * 100_000, None),
        ('{"name": "a", "many": [%s]}' % ("1," * MAX_PARTS + "1"), None),
    ],
)
def test_of_a_refused_text_a_string_can_be_told(text: str, found: str | None) -> None:
    with pytest.raises(Malformed):
        load(text)
    assert glimpse(text, "name") == found
