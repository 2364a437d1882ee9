"""One's own profile: how a person wants to be called, in which language, and what others may see of them.

A display name is text, never markup, and no name to reach somebody by: it need not be unique, and is shown beside
the username, never in its place.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import models.users
from actions import limits, presence
from actions.app import App, Caller
from actions.errors import Fault, Invalid, NotFound
from models.users import Profile

__all__ = ["Profile", "change", "own"]

LONGEST_NAME = 64
# What normalisation may still shrink to LONGEST_NAME: a character decomposes into four at most.
_LONGEST_RAW = 4 * LONGEST_NAME
# Joiners stand within words of several languages, and within emoji; no other invisible character is a name's.
_JOINERS = "\u200c\u200d"
# Controls, other formats (those of direction among them), halves of pairs, private use, line and paragraph ends.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Letters and signs by their category that show nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MOST_MARKS = 4  # in a row: more would be drawn over what stands around
# RFC 5646 §2.1: language, script, region. Others are valid tags, and no interface is written in one.
_TAG = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?")

Value = str | bool | None


async def own(app: App, caller: Caller) -> Profile:
    """The caller's profile."""
    await limits.spend(app, limits.READ, caller.user_id)
    return _there(await models.users.profile(app.db, caller.user_id))


async def change(app: App, caller: Caller, changes: Mapping[str, Value]) -> Profile:
    """Change what is named (`display_name`, `language`, `receipts`, `presence`) and return how it stands; None clears.

    `Invalid` with a fault for each bad field; then nothing has changed.
    """
    good = _checked(changes)
    await limits.spend(app, limits.PROFILE, caller.user_id)
    before = _there(await models.users.profile(app.db, caller.user_id))
    if not good:
        return before
    after = _there(await models.users.change_profile(app.db, caller.user_id, good))
    if after.presence != before.presence:
        presence.switch(app, caller.user_id)
    return after


def parse_display_name(text: str) -> str:
    """The name as it is shown: trimmed, NFC. ValueError, with a code and a sentence, for what is none."""
    if len(text) > _LONGEST_RAW:
        raise _too_long()
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > LONGEST_NAME:
        raise _too_long()
    marks = 0
    visible = False
    for character in name:
        category = unicodedata.category(character)
        if (category in _REFUSED and character not in _JOINERS) or character in _BLANK:
            raise ValueError("invalid", "The display name has a character that shows nothing.")
        marks = marks + 1 if category[0] == "M" else 0
        if marks > _MOST_MARKS:
            raise ValueError("invalid", "The display name has too many accents on one letter.")
        visible = visible or category[0] in "LNPS"
    if not visible:
        raise ValueError("empty", "The display name shows nothing.")
    return name


def parse_language(text: str) -> str:
    """The tag in its usual case: `pt-BR`, `zh-Hant-TW` (RFC 5646 §2.1.1). ValueError as above."""
    tag = _TAG.fullmatch(text)
    if tag is None:
        raise ValueError("invalid", "The language is a tag such as en or pt-BR.")
    language, script, region = tag.groups(default="")
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


_PARSE: Mapping[str, Callable[[str], str]] = {"display_name": parse_display_name, "language": parse_language}


def _checked(changes: Mapping[str, Value]) -> dict[str, Value]:
    good: dict[str, Value] = {}
    faults: list[Fault] = []
    for field, value in changes.items():
        try:
            good[field] = _PARSE[field](value) if isinstance(value, str) else value
        except ValueError as error:
            faults.append(Fault(field, *error.args))
    if faults:
        raise Invalid("The profile is not valid.", faults=faults)
    return good


def _too_long() -> ValueError:
    return ValueError("too_long", f"A display name has at most {LONGEST_NAME} characters.")


def _there(profile: Profile | None) -> Profile:
    if profile is None:
        raise NotFound("There is no such person.")
    return profile
