"""Which passwords are refused: short ones, and those that are guessed first. No rules of composition.

The words are the 42,000 of zxcvbn (passwords, names, English) that are long enough, read with the first
password that is checked (some 20 ms and 8 MB, once). Its list of passwords alone would not do: it leaves
out what stands in another of its lists or follows a pattern.
"""

import importlib.machinery
import importlib.util
from collections.abc import Iterable
from functools import cache

SHORTEST = 8  # no setting goes below (ASVS 6.2.1), so no shorter word is kept
LONGEST = 128
PRODUCT = "recado"

# A pattern this long is no longer among the first guesses: ASVS 6.2.9 wants it taken, whatever it is.
_LONG_PATTERN = 64
_LONG_UNICODE_PATTERN = 15
_LONGEST_UNIT = 6
_LONGEST_NUMBER = 10  # dates, and numbers of telephones
_SHORTEST_WORD = 3
_SHORTEST_REST = 4
# What fingers run along; digits and letters also around the end.
_RUNS = (
    "1234567890" * 14,
    "abcdefghijklmnopqrstuvwxyz" * 6,
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1234567890-=",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
)


class BadPassword(ValueError):
    """Not a password to have. `code`: too_short, too_long, common or like_name; `detail` is for a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check_password(password: str, *, name_key: str, minimum: int, context_words: Iterable[str] = ()) -> None:
    """Refuse with `BadPassword` what would be guessed early.

    `password` is normalised already; `name_key` is the key of its owner's name ("" when that is not known);
    `context_words` are further words of this place, as the host's name.
    """
    if len(password) < minimum:
        raise BadPassword("too_short", f"A password has at least {minimum} characters.")
    if len(password) > LONGEST:
        raise BadPassword("too_long", f"A password has at most {LONGEST} characters.")
    text = password.casefold().strip()
    if _leans_on(text, name_key.casefold()):
        raise BadPassword("like_name", "The password is too much like the name.")
    if any(_leans_on(text, word.casefold()) for word in (PRODUCT, *context_words)):
        raise BadPassword("common", "The password is too much like the name of this place.")
    if _is_pattern(text):
        raise BadPassword("common", "The password is a simple pattern, which is guessed at once.")
    if text in _words():
        raise BadPassword("common", "The password is a common one, which is guessed at once.")


def _leans_on(text: str, word: str) -> bool:
    """Whether the text is the word, forwards or backwards, and little more."""
    if len(word) < _SHORTEST_WORD:
        return False
    bare = _letters(word)
    if bare and _letters(text) in (bare, bare[::-1]):
        return True
    parts = {word, bare, word[::-1], bare[::-1]} - {""}
    return any(part in text and _is_little(text.replace(part, "", 1)) for part in parts)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _is_little(rest: str) -> bool:
    return len(rest) < _SHORTEST_REST or _is_pattern(rest)


def _is_pattern(text: str) -> bool:
    """One thing over and over, a run along the keyboard or the alphabet, or nothing but a short number."""
    if len(text) >= (_LONG_PATTERN if text.isascii() else _LONG_UNICODE_PATTERN):
        return False
    if text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        return True
    # A text that comes again inside its own double is a repetition of what stands before it there.
    unit = (text + text).find(text, 1)
    if unit < len(text) and unit <= _LONGEST_UNIT:
        return True
    return any(text in run or text[::-1] in run for run in _RUNS)


@cache
def _words() -> frozenset[str]:
    """Read apart from its package, which would build 14 MB of tables nobody here asks for."""
    package = importlib.util.find_spec("zxcvbn")
    locations = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec("zxcvbn.frequency_lists", locations)
    if spec is None or spec.loader is None:
        raise ImportError("zxcvbn.frequency_lists is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lists: dict[str, list[str]] = module.FREQUENCY_LISTS
    return frozenset(word for words in lists.values() for word in words if len(word) >= SHORTEST)
