"""Names: which are allowed, when two are the same, and when two only look the same.

RFC 8265 UsernameCaseMapped, narrowed to 3 to 32 letters, marks and digits of one script (UTS 39 §5.1) and
`.`, `_`, `-`. A name starts with a letter or a digit and does not end with a full stop. Only `BadName` leaves
`parse_name`, whatever the text; a long one is refused before anything else looks at it.

The tables of scripts and look-alikes are those of the package confusable-homoglyphs, read as data with the
first name that is not plain ASCII (some 20 ms, once).
"""

import importlib.resources
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from precis_i18n.profile import Profile

SHORTEST = 3
LONGEST = 32
SEPARATORS = "._-"

# What normalisation may still shrink to LONGEST: a character of a name decomposes into four at most.
_LONGEST_RAW = 4 * LONGEST
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,30}[A-Za-z0-9_-]")
# The rows of UTS 39 that touch plain names in lower case; a capital I looks like l, an i does not.
_PLAIN_LOOKS = str.maketrans({"0": "o", "1": "l", "m": "rn"})
_LETTERS_AND_DIGITS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
_MARKS = frozenset({"Mn", "Mc"})
_ALLOWED = "A name is made of letters and digits, '.', '_' and '-'."
_MOST_MARKS = 4  # in a row, as UTS 39 §5.4 advises

# UTS 39 §5.1: what is written together counts as one script.
_WRITTEN_TOGETHER = {
    "HAN": frozenset({"HAN", "chinese", "japanese", "korean"}),
    "HIRAGANA": frozenset({"HIRAGANA", "japanese"}),
    "KATAKANA": frozenset({"KATAKANA", "japanese"}),
    "HANGUL": frozenset({"HANGUL", "korean"}),
    "BOPOMOFO": frozenset({"BOPOMOFO", "chinese"}),
}
# Letters of the script Common that belong to few (ScriptExtensions); any other letter of Common is refused.
_EXTENSIONS = {
    "ー": frozenset({"HIRAGANA", "KATAKANA", "japanese"}),
    "〆": frozenset({"HAN", "chinese", "japanese", "korean"}),
}


@dataclass(frozen=True, slots=True)
class Name:
    """`shown` as typed (NFC), `key` to compare by, `looks`: two names that share one look alike.

    There are two looks at most: of the name as it is shown, and as it is compared, without case. With one
    alone, either `paypaI` would pass beside `paypal`, or `nell` not beside `neil`.
    """

    shown: str
    key: str
    looks: frozenset[str]


class BadName(ValueError):
    """Not a name. `code` is for a program (too_short, too_long, bad_start, bad_end, bad_character,
    mixed_scripts), `detail` for a person; it never repeats what was typed.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_name(text: str) -> Name:
    """The name that was typed, or `BadName`."""
    if _PLAIN.fullmatch(text):
        key = text.lower()
        shown = text.replace("I", "l").lower()
        return Name(text, key, frozenset({shown.translate(_PLAIN_LOOKS), key.translate(_PLAIN_LOOKS)}))
    return _parse_any(text)


def _parse_any(text: str) -> Name:
    """`parse_name` for all of Unicode; for plain names the same, only slower."""
    if len(text) > _LONGEST_RAW:
        raise _too_long()
    if not text:
        raise _too_short()
    preserved, mapped = _profiles()
    try:
        shown = preserved.enforce(text)
        _refuse_strangers(shown)
        key = mapped.enforce(shown)
    except UnicodeError as error:
        raise BadName("bad_character", _ALLOWED) from error
    if min(len(shown), len(key)) < SHORTEST:
        raise _too_short()
    if max(len(shown), len(key)) > LONGEST:
        raise _too_long()
    _refuse_shape(shown)
    _refuse_shape(key)  # what is typed to reach its owner: lower case can add a mark
    _refuse_mixture(shown)
    return Name(shown, key, frozenset({_skeleton(shown), _skeleton(key)}))


def _too_short() -> BadName:
    return BadName("too_short", f"A name has at least {SHORTEST} characters.")


def _too_long() -> BadName:
    return BadName("too_long", f"A name has at most {LONGEST} characters.")


def _refuse_strangers(shown: str) -> None:
    for character in shown:
        category = unicodedata.category(character)
        if category not in _LETTERS_AND_DIGITS and category not in _MARKS and character not in SEPARATORS:
            raise BadName("bad_character", _ALLOWED)


def _refuse_shape(shown: str) -> None:
    if unicodedata.category(shown[0]) not in _LETTERS_AND_DIGITS:
        raise BadName("bad_start", "A name starts with a letter or a digit.")
    if shown.endswith("."):
        # In a sentence, and for what makes links of text, the name would end before it.
        raise BadName("bad_end", "A name does not end with a full stop.")
    marks = 0
    for before, character in zip(" " + shown, shown, strict=False):
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        if marks and (before in SEPARATORS or before == character or marks > _MOST_MARKS):
            raise BadName("bad_character", "Accents belong to a letter, a few at most, each once.")


def _refuse_mixture(shown: str) -> None:
    """One script, and digits of one kind (UTS 39 §5.1 to §5.3)."""
    common: frozenset[str] | None = None
    zeros = set()
    for character in shown:
        scripts = _scripts_of(character)
        if scripts is not None:
            common = scripts if common is None else common & scripts
        if unicodedata.category(character) == "Nd":
            zeros.add(ord(character) - unicodedata.decimal(character))
    if (common is not None and not common) or len(zeros) > 1:
        raise BadName("mixed_scripts", "A name keeps to the letters and digits of one script.")


def _scripts_of(character: str) -> frozenset[str] | None:
    """The scripts the character is used in; None: in all."""
    if character.isascii() and not character.isalpha():
        return None
    starts, ends = _script_table()
    last, script = ends[bisect_right(starts, ord(character)) - 1]
    if script == "INHERITED":
        return None
    if script == "COMMON" or ord(character) > last:
        if character in _EXTENSIONS:
            return _EXTENSIONS[character]
        raise BadName("bad_character", _ALLOWED)
    return _WRITTEN_TOGETHER.get(script) or frozenset({script})


def _skeleton(shown: str) -> str:
    """The UTS 39 §4 skeleton of the name, as it looks and compared without case.

    Taken of what is shown, not of the key: Greek ΝΙΚΟ looks like Latin NIKO, νικο does not look like niko.
    """
    looks = _look_alikes()
    text = shown
    while True:
        # The dot of an i is no accent: Turkish İ in lower case is i and a dot.
        plain = re.sub("(?<=[Iij])\u0307", "", unicodedata.normalize("NFD", text))
        mapped = "".join(looks.get(character, character) for character in plain)
        folded = unicodedata.normalize("NFD", mapped).casefold()
        if folded == text:
            return text
        text = folded


class _Scripts(msgspec.Struct):
    """categories.json: the names of the scripts, and rows of (first, last, which script, which category)."""

    iso_15924_aliases: list[str]
    code_points_ranges: list[tuple[int, int, int, int]]


@cache
def _profiles() -> "tuple[Profile, Profile]":
    from precis_i18n import get_profile  # noqa: PLC0415  # most names never need it

    return get_profile("UsernameCasePreserved"), get_profile("UsernameCaseMapped")


@cache
def _script_table() -> tuple[list[int], list[tuple[int, str]]]:
    """The first code point of each range, rising; its last one and its script."""
    table = msgspec.json.decode(_read("categories.json"), type=_Scripts)
    names, ranges = table.iso_15924_aliases, table.code_points_ranges
    return [first for first, *_ in ranges], [(last, names[script]) for _, last, script, _ in ranges]


@cache
def _look_alikes() -> dict[str, str]:
    """Each character of confusables.txt → what it looks like.

    The package keeps both directions of each line. A source has one line, so one entry; its target, where
    that is the target of this line only, was met later. Marks of direction stand around what is written
    leftwards.
    """
    looks: dict[str, str] = {}
    table = msgspec.json.decode(_read("confusables.json"), type=dict[str, list[dict[str, str]]])
    met = set()
    for character, pairs in table.items():
        met.add(character)
        target = pairs[0]["c"]
        if len(pairs) == 1 and not (len(table[target]) == 1 and target in met):
            looks[character.strip("\u200e")] = target.strip("\u200e")
    return looks


def _read(file: str) -> bytes:
    return (importlib.resources.files("confusable_homoglyphs") / file).read_bytes()
