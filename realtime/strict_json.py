"""JSON as this server accepts it from outside, for every door: one reading, or none at all.

Refused are texts that two readers could understand differently (RFC 8259 §4 and §6, I-JSON, RFC 7493):
a key given twice, NaN and Infinity, numbers that no double holds, lone surrogates; further NUL, which
PostgreSQL cannot store, and nesting and numbers of values that no request needs: reading a hundred thousand
of them would hold up everybody else. Whatever is wrong, the error is `Malformed`; it never quotes a value,
which may be a password.
"""

import json
import re
from math import isfinite
from typing import TypeVar

import msgspec

MAX_DEPTH = 32
MAX_PARTS = 3000  # strings, commas and opening brackets
MAX_INTEGER = 2**53 - 1  # RFC 7493 §2.2

T = TypeVar("T")

_MAX_DIGITS = len(str(-MAX_INTEGER))
_MAX_NAME = 64
_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "uuid": "a UUID",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_PLACE = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`$")
# One part more than there may be. It stops there, and looks at each character once, whatever the text.
_TOO_MANY = re.compile(rf'(?:[^",\[{{]*+(?:"(?:[^"\\]++|\\.?+)*+"?+|[,\[{{])){{{MAX_PARTS + 1}}}', re.DOTALL)
_KINDS = re.compile(r"`([a-z| ]+)`")


class Malformed(ValueError):
    """The text is not JSON as accepted here, or has not the shape asked for; `field` when one is at fault."""

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class _TooMany(Malformed):
    """Nobody looks for the place."""


def load(raw: bytes | str) -> object:
    """The value that the JSON text stands for (UTF-8 when bytes). Raises `Malformed`."""
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        if not text.isascii():
            text.encode()  # a text may have been decoded carelessly before it came here
        if len(text) > MAX_PARTS:
            _check_parts(text)
        value: object = _DECODER.decode(text)
    except _TooMany:
        raise
    except Malformed as refused:
        raise _placed(refused, str(raw, "utf-8") if isinstance(raw, bytes) else raw) from None
    except UnicodeError:
        raise Malformed("not valid UTF-8") from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError:
        raise Malformed("not valid JSON") from None  # the decoder's error holds the whole text
    escaped = "\\u" in text
    if escaped or text.count("[") + text.count("{") > MAX_DEPTH:
        _check_members(value, escaped)
    return value


def glimpse(raw: str, name: str) -> str | None:
    """A string of the outermost object in a text that `load` has refused, for whoever must answer it.

    None when the text cannot be read at all, and when there is no such string, or one that cannot be passed on.
    """
    try:
        if len(raw) > MAX_PARTS:
            _check_parts(raw)
        value = _LENIENT.decode(raw)
        text = value.get(name) if isinstance(value, dict) else None
        if isinstance(text, str):
            _check_text(text)
            return text
    except (ValueError, RecursionError):
        pass
    return None


def fit(value: object, kind: type[T]) -> T:
    """The loaded value as a `kind` (a msgspec Struct). Raises `Malformed`, which names the field at fault."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None


def _check_parts(text: str) -> None:
    """Refuse what holds too many values, before it is read."""
    # Within a string these signs are none; but most texts have too few of them anyway.
    if sum(map(text.count, '",[{')) > MAX_PARTS and _TOO_MANY.match(text):
        raise _TooMany("too many values")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise Malformed("given twice", _printable(twice))
    return members


def _constant(name: str) -> object:
    raise Malformed(f"{name} is not JSON")


def _integer(digits: str) -> int:
    # Counted before it is read: reading a long number takes quadratic time.
    if len(digits) > _MAX_DIGITS or abs(number := int(digits)) > MAX_INTEGER:
        raise Malformed("a number is too large")
    return number


def _fraction(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise Malformed("a number is too large")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer, parse_float=_fraction
)


_BAD = object()
_LENIENT = json.JSONDecoder(
    parse_constant=lambda _: _BAD,
    parse_int=lambda digits: _BAD if len(digits) > _MAX_DIGITS or abs(int(digits)) > MAX_INTEGER else 0,
    parse_float=lambda digits: 0.0 if isfinite(float(digits)) else _BAD,
)


def _placed(refused: Malformed, text: str) -> Malformed:
    """The same refusal with the member of the outermost object that is at fault.

    The strict reading stops at a bad number without knowing where it is; so it is read once more.
    """
    if refused.field is not None:
        return refused
    try:
        value = _LENIENT.decode(text)
    except (ValueError, RecursionError):
        return refused
    members = value.items() if isinstance(value, dict) else ()
    name = next((name for name, inner in members if _holds_bad(inner)), None)
    return refused if name is None else Malformed(refused.detail, _printable(name))


def _holds_bad(value: object) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if item is _BAD:
            return True
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return False


def _check_members(value: object, escaped: bool) -> None:
    """`_check`, naming the member of the outermost object that is at fault."""
    if not isinstance(value, dict):
        _check(value, escaped)
        return
    for name, inner in value.items():
        try:
            _check(name, escaped)
            _check(inner, escaped, depth=2)
        except Malformed as refused:
            raise Malformed(refused.detail, _printable(name)) from None


def _check(value: object, escaped: bool, depth: int = 1) -> None:
    """Refuse what only escapes can bring in, and deep nesting. No recursion: the depth is the caller's."""
    waiting = [(value, depth)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if escaped:
                _check_text(item)
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise Malformed("nested too deeply")
            waiting += ((inner, depth + 1) for inner in item)
            if isinstance(item, dict):
                waiting += ((inner, depth + 1) for inner in item.values())


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Malformed("a string holds NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("a string holds half a surrogate pair") from None


def _explained(message: str) -> Malformed:
    """msgspec's sentence in the words of JSON, and the field it speaks of."""
    path = ""
    if place := _PLACE.search(message):
        path, message = place[1], message[: place.start()]
    for pattern, detail in ((_UNKNOWN, "unknown field"), (_MISSING, "missing")):
        if match := pattern.search(message):
            return Malformed(detail, _printable(f"{path}.{match[1]}" if path else match[1]))
    sentence = _KINDS.sub(_worded, message)
    return Malformed(sentence[:1].lower() + sentence[1:], _printable(path) or None)


def _worded(match: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in match[1].split(" | "))


def _printable(name: str) -> str:
    # A name may come from the text itself: half a surrogate pair in it must not break the answer.
    return name[:_MAX_NAME].encode(errors="replace").decode()
