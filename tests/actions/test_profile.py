"""One's own profile, on both engines: text that shows something, a language, two switches; all or nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import profile
from actions.errors import Invalid, TooMany
from actions.profile import LONGEST_NAME, Profile, parse_display_name, parse_language
from tests.rooms import join, running_app


async def test_a_profile_begins_empty_and_changes_field_by_field(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "Alice"), await join(app, "bob")
        created = app.clock()
        steps: list[tuple[dict[str, Any], Profile]] = [
            ({}, Profile("Alice", None, None, True, True, created)),
            ({"display_name": "  Ana\u0301 "}, Profile("Alice", "An\xe1", None, True, True, created)),
            ({"language": "PT-br", "receipts": False}, Profile("Alice", "An\xe1", "pt-BR", False, True, created)),
            ({"presence": False}, Profile("Alice", "An\xe1", "pt-BR", False, False, created)),
            ({"display_name": None, "receipts": True}, Profile("Alice", None, "pt-BR", True, False, created)),
            ({"language": None}, Profile("Alice", None, None, True, False, created)),
        ]
        for changes, becomes in steps:
            assert await profile.change(app, alice, changes) == becomes
            assert await profile.own(app, alice) == becomes
        assert await profile.own(app, bob) == Profile("bob", None, None, True, True, created)


async def test_with_one_bad_field_nothing_changes_and_each_is_named(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        before = await profile.own(app, alice)
        with pytest.raises(Invalid) as refused:
            await profile.change(app, alice, {"receipts": False, "display_name": " ", "language": "klingon"})
        assert {fault.field: fault.code for fault in refused.value.faults} == {
            "display_name": "empty",
            "language": "invalid",
        }
        assert await profile.own(app, alice) == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ana Souza", "Ana Souza"),
        ("\u2003Ana\xa0", "Ana"),
        ("<b>Ana</b>", "<b>Ana</b>"),  # text: whoever shows it escapes it
        ("𝓐𝓷𝓪 😀", "𝓐𝓷𝓪 😀"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("นี้นี้", "นี้นี้"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
        ("a\u0308" * LONGEST_NAME, "ä" * LONGEST_NAME),
    ],
)
def test_a_display_name_is_what_people_write(text: str, shown: str) -> None:
    assert parse_display_name(text) == shown


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \u2003", "empty"),
        ("\u200d\u200c", "empty"),
        ("\u0301", "empty"),
        ("\u3164", "invalid"),
        ("\u2800", "invalid"),
        ("x" * (LONGEST_NAME + 1), "too_long"),
        ("x" * 1_000_000, "too_long"),
        ("Ana\0", "invalid"),
        ("Ana\nSouza", "invalid"),
        ("Ana\x1b[31m", "invalid"),
        ("Ana\u2028Souza", "invalid"),
        ("Ana\ue000", "invalid"),
        ("A" + "\u0301" * 6, "invalid"),
        *(
            (f"A{chr(mark)}na", "invalid")
            for mark in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, 0x200B)
        ),
    ],
)
def test_what_shows_nothing_or_turns_the_text_around_is_no_display_name(text: str, code: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_display_name(text)
    assert refused.value.args[0] == code


@given(st.text())
def test_a_display_name_that_was_accepted_is_accepted_again_as_it_is(text: str) -> None:
    try:
        shown = parse_display_name(text)
    except ValueError:
        return
    assert parse_display_name(shown) == shown
    assert 1 <= len(shown) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("pt-BR", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("gsw", "gsw"),
    ],
)
def test_a_language_is_a_tag_in_its_usual_case(text: str, tag: str) -> None:
    assert parse_language(text) == tag


@pytest.mark.parametrize(
    "text", ["", "e", "english", "en_US", "en-", "-en", "en-USA", "en-US-x", "en US", "en\n", "é" * 2]
)
def test_anything_else_is_no_language(text: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        parse_language(text)


async def test_the_switches_cannot_be_played_with(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice = await join(app, "alice")
        for number in range(20):
            await profile.change(app, alice, {"presence": bool(number % 2)})
        with pytest.raises(TooMany):
            await profile.change(app, alice, {"presence": False})
