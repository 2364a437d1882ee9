"""A schema in words: kind, bounds, what may be left out."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from handlers.shapes import Field, Kind, fields, kind, sentence


class Inner(msgspec.Struct):
    """What is inside."""


class Example(msgspec.Struct, tag="example"):
    """One of each.

    And so on.
    """

    text: Annotated[str, Meta(min_length=3, max_length=32)]
    number: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    inner: Inner
    many: list[Inner]
    words: list[str] | None = None
    client_id: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=1500)] = 100
    free: Any = None


_, SCHEMAS = msgspec.json.schema_components([Example], ref_template="#/components/schemas/v1.{name}")


def test_each_field_is_told_with_its_kind_and_its_bounds() -> None:
    assert fields(SCHEMAS["Example"]) == [
        Field("type", Kind("", None, ("always `example`",)), required=True),
        Field("text", Kind("string", None, ("3 to 32 characters",)), required=True),
        Field("number", Kind("integer", None, ("at least 0",)), required=True),
        Field("inner", Kind("", "v1.Inner", ()), required=True),
        Field("many", Kind("array of", "v1.Inner", ()), required=True),
        Field("words", Kind("array of string", None, ()), required=False),
        Field("client_id", Kind("UUID", None, ()), required=False),
        Field("limit", Kind("integer", None, ("1 to 1,500", "default 100")), required=False),
        Field("free", Kind("any value", None, ()), required=False),
    ]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "enum": ["a", "b"]}, Kind("string", None, ("one of `a`, `b`",))),
        ({"const": 1}, Kind("", None, ("always `1`",))),
        ({"type": "string", "maxLength": 64}, Kind("string", None, ("at most 64 characters",))),
        ({"type": "string", "default": ""}, Kind("string", None, ())),
        ({"type": ["string", "integer"]}, Kind("string or integer", None, ())),
    ],
)
def test_a_kind_is_told_in_words(schema: dict[str, Any], expected: Kind) -> None:
    assert kind(schema) == expected


def test_what_a_schema_says_of_itself_is_one_line() -> None:
    assert sentence(SCHEMAS["Example"]) == "One of each. And so on."
    assert sentence({}) == ""
