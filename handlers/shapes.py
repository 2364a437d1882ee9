"""JSON Schema in words: of which kind a field is, within which bounds, and whether it must be there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

MOST_INTEGER = 2**53 - 1
FORMATS = {"uuid": "UUID", "binary": "a file"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: a word, the name of the shape it has, if that is told elsewhere, and its bounds."""

    word: str
    shape: str | None
    bounds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    name: str
    kind: Kind
    required: bool


def fields(schema: Schema) -> list[Field]:
    """The fields of an object, in its order."""
    required = schema.get("required", ())
    return [Field(name, kind(value), name in required) for name, value in schema.get("properties", {}).items()]


def kind(schema: Schema) -> Kind:
    """What a schema asks for; null, which stands for a field that is left out, is not told."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if options:
        schema = {**schema, **options[0]}
    if "$ref" in schema:
        return Kind("", shape_of(schema), ())
    if schema.get("type") == "array":
        inner = kind(schema.get("items", {}))
        return Kind(f"array of {inner.word}".strip(), inner.shape, inner.bounds)
    return Kind(_word(schema), None, tuple(_bounds(schema)))


def shape_of(schema: Schema) -> str:
    """The name that a reference ends in."""
    return str(schema["$ref"]).rpartition("/")[2]


def sentence(schema: Schema) -> str:
    """What a schema says of itself, in one line."""
    return " ".join(str(schema.get("description", "")).split())


def _word(schema: Schema) -> str:
    if "type" not in schema:
        return "" if "const" in schema or "enum" in schema else "any value"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return FORMATS.get(schema.get("format", ""), " or ".join(kinds))


def _bounds(schema: Schema) -> Iterator[str]:
    values = [schema["const"]] if "const" in schema else schema.get("enum", ())
    if values:
        yield ("always " if len(values) == 1 else "one of ") + ", ".join(f"`{value}`" for value in values)
    yield from _between(schema.get("minimum"), schema.get("maximum"), "")
    yield from _between(schema.get("minLength"), schema.get("maxLength"), " characters")
    if schema.get("default") is not None and schema["default"] != "":
        yield f"default {schema['default']}"


def _between(least: int | None, most: int | None, unit: str) -> Iterator[str]:
    most = None if most == MOST_INTEGER else most
    if least is not None and most is not None:
        yield f"{least} to {most:,}{unit}"
    elif least is not None:
        yield f"at least {least}{unit}"
    elif most is not None:
        yield f"at most {most:,}{unit}"
