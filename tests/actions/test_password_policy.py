"""Passwords: what is refused is what would be guessed first, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import password_policy
from actions.password_policy import BadPassword, check_password


def code_of(password: str, name: str = "alice", **others) -> str | None:
    try:
        check_password(password, name_key=name, minimum=others.pop("minimum", 8), **others)
    except BadPassword as error:
        return error.code
    return None


def test_the_length_is_counted_in_characters() -> None:
    assert code_of("Tr7$kq9") == "too_short"
    assert code_of("Tr7$kq9w") is None
    assert code_of("Tr7$kq9w", minimum=15) == "too_short"
    assert code_of("🐎🔋📎✅7é") == "too_short"
    assert code_of("🐎🔋📎✅7éßw") is None
    assert code_of("Tr7$" * 32) is None
    assert code_of("Tr7$" * 32 + "x") == "too_long"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "a b c d e f g h",
        "😀" * 15,
        "😀" * 64,
        "a" * 64,
        "x" * 128,
        "пароль мой длинный",
        "    x    y    z",
    ],
)
def test_there_are_no_rules_of_composition(password: str) -> None:
    assert code_of(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "password1",
        " password ",
        "iloveyou",
        "trustno1",
        "qazwsxedc",
        "jennifer",
        "basketball",
    ],
)
def test_common_passwords_are_refused_whatever_their_case(password: str) -> None:
    assert code_of(password) == "common"


REPEATED = ["aaaaaaaa", "ZZZZZZZZZZZZ", "a" * 63, "😀" * 8, "abababab", "123123123", "testtest", " " * 12]
RUNS = [
    "12345678",
    "1234567890123",
    "87654321",
    "abcdefgh",
    "zyxwvuts",
    "qwertyui",
    "asdfghjk",
    "1qaz2wsx3edc",
]


@pytest.mark.parametrize("password", [*REPEATED, *RUNS, "qwertyqwerty", "19841012", "0711123456"])
def test_plain_patterns_are_refused(password: str) -> None:
    assert code_of(password) == "common"


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("alexandra", "alexandra"),
        ("Alexandra", "alexandra"),
        ("ardnaxela", "alexandra"),
        ("alice123456", "alice"),
        ("alice12345678", "alice"),
        ("123alice", "alice"),
        ("19alice84", "alice"),
        ("alice!!!!!", "alice"),
        ("bob12345", "bob"),
        ("john.doe7", "john.doe"),
        ("johndoe99", "john.doe"),
        ("eodnhoj99", "john.doe"),
        ("J.o.h.n.D.o.e", "john.doe"),
        ("элеонора1", "элеонора"),
    ],
)
def test_a_password_like_the_name_is_refused(password: str, name: str) -> None:
    assert code_of(password, name) == "like_name"


def test_a_name_within_a_longer_password_does_not_matter() -> None:
    assert code_of("alice-in-wonderland") is None
    assert code_of("bobsleigh-winter", "bob") is None
    assert code_of("Tr7$kq9w", "") is None


def test_the_name_of_this_place_is_refused() -> None:
    assert code_of("recado2026") == code_of("RECADO!!!") == code_of("odacer99") == "common"
    assert code_of("chat-example1") is None
    assert code_of("chat-example1", context_words=["chat-example"]) == "common"


@pytest.mark.parametrize("others", [{}, {"name": "zoé"}])
def test_each_listed_word_that_is_long_enough_is_refused(others: dict[str, str]) -> None:
    words = password_policy._words()
    assert len(words) > 40_000
    assert all(len(word) >= 8 for word in words)
    # Each seventh: all of them take a second.
    assert {code_of(word, **others) for word in sorted(words)[::7]} == {"common"}


@given(st.text(st.characters(exclude_categories=()), max_size=140), st.text(max_size=32))
def test_any_text_is_taken_or_refused_with_a_code(password: str, name: str) -> None:
    assert code_of(password + "\0", name) in {None, "too_short", "too_long", "common", "like_name"}
