"""Names: what is allowed, what is the same, what only looks the same."""

import string
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions import names
from actions.names import BadName, Name, parse_name

CODES = {"too_short", "too_long", "bad_start", "bad_end", "bad_character", "mixed_scripts"}
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
NEAR_NAMES = st.text(
    st.sampled_from("abIl1iO0omrn.-_éüßσςΣİıáàжЖцאבئ٣५ハー東김ʼ\u0301\u0307\u200d\u202e\ud800 @"), max_size=36
)


def code_of(text: str) -> str:
    with pytest.raises(BadName) as caught:
        parse_name(text)
    assert caught.value.detail.endswith(".")
    return caught.value.code


def alike(one: str, other: str) -> bool:
    return not parse_name(one).looks.isdisjoint(parse_name(other).looks)


def test_a_name_is_shown_as_typed_and_compared_without_case() -> None:
    assert parse_name("Alice.Smith-2_x") == Name("Alice.Smith-2_x", "alice.smith-2_x", frozenset({"alice.srnith-2_x"}))
    assert parse_name("ÉLODIE").key == parse_name("e\u0301lodie").key == "élodie"
    assert parse_name("e\u0301lodie").shown == "élodie"
    assert parse_name("ｂｏｂ").key == "bob"


ALLOWED = """bob 12345 bob_ bob- a..b жанна ΝΙΚΟΣ ユーザー 東京タワー 山田_太郎 金〆切り 김철수 हिन्दी कि५५ ไทย
tiếng_việt שָׁלוֹם أحمد123 ᏣᎳᎩ"""


@pytest.mark.parametrize("text", [*ALLOWED.split(), "a" * 32, "e\u0301" * 32])
def test_names_of_any_one_script_are_taken(text: str) -> None:
    assert parse_name(text).shown == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "too_short"),
        ("ab", "too_short"),
        ("e\u0301a\u0301", "too_short"),
        ("a" * 33, "too_long"),
        ("e\u0301" * 33, "too_long"),
        ("İ" * 17, "too_long"),  # each is two characters in lower case
        ("_bob", "bad_start"),
        (".bob", "bad_start"),
        ("-bob", "bad_start"),
        ("\u0301bob", "bad_start"),
        ("\u0301\u0302\u0303", "bad_start"),
        ("bob.", "bad_end"),
        ("аlice", "mixed_scripts"),
        ("ユーザーbob", "mixed_scripts"),
        ("한국日本ー", "mixed_scripts"),
        ("कि5५", "mixed_scripts"),
        ("a b", "bad_character"),
        ("bob@home", "bad_character"),
        ("bo\u200db", "bad_character"),
        ("bo\u200bb", "bad_character"),
        ("क्\u200dष", "bad_character"),
        ("bo\u202eb", "bad_character"),
        ("bo\u2066b", "bad_character"),
        ("bo\ufe0fb", "bad_character"),
        ("bo\u00adb", "bad_character"),
        ("bo\u034fb", "bad_character"),
        ("bo\0b", "bad_character"),
        ("bob\n", "bad_character"),
        ("bo\ud800b", "bad_character"),
        ("bo\u0378b", "bad_character"),
        ("bo\ue000b", "bad_character"),
        ("bo\u0085b", "bad_character"),
        ("bo😀b", "bad_character"),
        ("bo·b", "bad_character"),
        ("boʼb", "bad_character"),
        ("ﬁnn", "bad_character"),
        ("1אבג", "bad_character"),
        ("אבגabc", "bad_character"),
        ("a_\u0301b", "bad_character"),
        ("q\u0301\u0301b", "bad_character"),
        ("aq\u0323\u0324\u0325\u0326\u0331", "bad_character"),
    ],
)
def test_what_is_no_name_says_why(text: str, code: str) -> None:
    assert code_of(text) == code


def test_a_megabyte_is_refused_before_anything_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "unicodedata", None)
    monkeypatch.setattr(names, "_profiles", None)
    for text in ("a" * 1_000_000, "é" * 1_000_000, "\ud800" * 1_000_000, "a\u0301" * 65):
        assert code_of(text) == "too_long"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "paypa1"),
        ("paypal", "paypaI"),
        ("PAYPAL", "PAYPA1"),
        ("bob", "b0b"),
        ("BOB", "B0B"),
        ("admin", "adrnin"),
        ("ceo", "сео"),  # Cyrillic
        ("BOB", "ВОВ"),  # Cyrillic
        ("SIS", "ѕіѕ"),  # Cyrillic, in another case
        ("NIKO", "ΝΙΚΟ"),  # Greek
        ("lan", "Ian"),
        ("ian", "İan"),
        ("ian", "ıan"),
        ("straße", "strasse"),
        ("οδος", "οδοσ"),
        ("東京タワー", "東京夕ワー"),
        ("ace", "асе"),  # Cyrillic
    ],
)
def test_look_alikes_share_a_look(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "rob"),
        ("a.b", "a-b"),
        ("a_b", "a-b"),
        ("a.b", "a_b"),
        ("ab1", "a.b1"),
        ("elodie", "élodie"),
        ("nan", "van"),
        ("neil", "nell"),
        ("Neil", "Nell"),
    ],
)
def test_what_can_be_told_apart_shares_no_look(one: str, other: str) -> None:
    assert not alike(one, other)


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT | NEAR_NAMES)
@example("\ud800")
@example("İ\u0307ab")
def test_any_text_is_a_name_or_a_bad_name(text: str) -> None:
    try:
        name = parse_name(text)
    except BadName:
        assert code_of(text) in CODES
        return
    assert name.shown == unicodedata.normalize("NFC", name.shown)
    assert 3 <= len(name.shown) <= 32
    assert 3 <= len(name.key) <= 32
    # Whoever types the key, or what is shown, means the same person.
    assert parse_name(name.key).key == name.key
    assert parse_name(name.shown) == name
    name.shown.encode()


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from(string.printable), max_size=36) | st.from_regex(names._PLAIN, fullmatch=True))
@example("Il1Oo0mMrn")
def test_the_short_way_for_plain_names_gives_what_the_long_one_gives(text: str) -> None:
    def outcome(parse):
        try:
            return parse(text)
        except BadName as error:
            return error.code

    assert outcome(parse_name) == outcome(names._parse_any)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("aAlLiI1oO0mMrn._-z9"), min_size=3, max_size=12), st.data())
def test_case_never_tells_plain_names_apart(text: str, data: st.DataObject) -> None:
    other = "".join(data.draw(st.sampled_from([mark.lower(), mark.upper()])) for mark in text)
    try:
        name = parse_name(text)
    except BadName:
        return
    again = parse_name(other)
    assert again.key == name.key
    assert not again.looks.isdisjoint(name.looks)


def test_every_skeleton_settles() -> None:
    for point in range(0x110000):
        if unicodedata.category(chr(point))[0] in "LMN":
            found = names._skeleton(unicodedata.normalize("NFC", chr(point)))
            assert names._skeleton(found) == found


def test_the_look_alikes_are_those_of_the_unicode_file() -> None:
    looks = names._look_alikes()
    # Rows of confusables.txt: plain, to several characters, leftwards, and the two ends of lone pairs.
    rows = {
        "0": "O",
        "1": "l",
        "I": "l",
        "m": "rn",
        "а": "a",
        "ν": "v",
        "١": "l",
        "߀": "O",
        "א": "א",
        "ב": "ב",
    }
    assert {source: looks.get(source, source) for source in rows} == rows
    assert len(looks) > 6000
    # What is looked like is never itself mapped: so no pair stands the wrong way round.
    assert not set("".join(looks.values())) & set(looks)


def test_the_tables_cost_nothing_until_they_are_needed() -> None:
    program = (
        "import sys; from actions.names import parse_name; parse_name('alice');"
        "print([name for name in sys.modules if name.startswith(('precis', 'confusable'))])"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
