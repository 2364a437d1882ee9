"""From untyped input to typed values: every fault is found and named by its field."""

import functools
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from actions.errors import Fault, Invalid

S = TypeVar("S", bound=msgspec.Struct)

MOST_PARAMETERS = 50
MOST_NAME_SHOWN = 50
DECIMAL = re.compile(r"-?[0-9]{1,16}")
TRUTHS = {"true": True, "false": False}
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# msgspec says where below the field a value is wrong; a person needs only the rest.
WHERE = re.compile(r" - at `\$[^`]*`$")


def convert(values: object, shape: type[S]) -> S:
    """`values` as a `shape`, or `Invalid` with one fault for each bad field.

    Fields that `shape` does not know are refused if it forbids them, else ignored.
    """
    if not isinstance(values, Mapping):
        raise Invalid.field("body", "invalid", "Expected a JSON object.")
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        faults = _faults(values, shape)
        raise Invalid("The request is not valid.", faults=faults or [Fault("body", "invalid", _words(error))]) from None


def convert_query(query: str, shape: type[S]) -> S:
    """A query string as a `shape`: what it wants as a number is written in decimal digits, a truth as true or false."""
    values: dict[str, object] = {**query_values(query)}
    for name in _fields_taking(shape, 1) & values.keys():
        if DECIMAL.fullmatch(text := str(values[name])):
            values[name] = int(text)
    for name in _fields_taking(shape, True) & values.keys():
        values[name] = TRUTHS.get(str(values[name]), values[name])
    return convert(values, shape)


def query_values(query: str) -> dict[str, str]:
    """The parameters of a query string; one that comes twice, or is not text, is refused."""
    if BAD_ESCAPE.search(query):
        raise Invalid.field("query", "malformed", "The query has a % that two hexadecimal digits do not follow.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Invalid.field("query", "malformed", "The query is not valid UTF-8, or has too many fields.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        shown = name[:MOST_NAME_SHOWN]
        if name in values:
            raise Invalid.field(shown, "duplicate", "The parameter is given more than once.")
        if "\0" in value or "\0" in name:
            raise Invalid.field(shown, "invalid", "NUL is not allowed.")
        values[name] = value
    return values


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(shape)


@functools.lru_cache(maxsize=None, typed=True)  # 1 is equal to True
def _fields_taking(shape: type[msgspec.Struct], value: object) -> frozenset[str]:
    return frozenset(field.encode_name for field in _fields(shape) if _takes(field.type, value))


def _takes(kind: Any, value: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _faults(values: Mapping[Any, Any], shape: type[msgspec.Struct]) -> list[Fault]:
    faults = []
    known = set()
    for field in _fields(shape):
        known.add(field.encode_name)
        if field.encode_name not in values:
            if field.required:
                faults.append(Fault(field.encode_name, "missing", "The field is missing."))
            continue
        try:
            msgspec.convert(values[field.encode_name], field.type)
        except msgspec.ValidationError as error:
            faults.append(Fault(field.encode_name, "invalid", _words(error)))
    if shape.__struct_config__.forbid_unknown_fields:
        unknown = (str(name)[:MOST_NAME_SHOWN] for name in values if name not in known)
        faults += [Fault(name, "unknown", "There is no such field.") for name in unknown]
    return faults


def _words(error: msgspec.ValidationError) -> str:
    return WHERE.sub("", str(error)).replace("`", "")
