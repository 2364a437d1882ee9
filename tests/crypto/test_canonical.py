"""The canonical form is injective and prefix-free; base64url and Fernet tokens have one spelling each."""

import os
from base64 import urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from crypto.canonical import canonical, from_text, is_spelled_as_fernet, open_fernet, to_text
from crypto.errors import Tampered

FERNET = Fernet(Fernet.generate_key())
NUMBERS = st.integers(0, 2**64 - 1)
# Short bytes, and bytes that look like encoded numbers, so that collisions would be found if there were any.
BYTES = st.one_of(st.binary(max_size=4), NUMBERS.map(lambda number: number.to_bytes(8, "big")))
CONTEXTS = st.tuples(st.binary(max_size=3), st.integers(0, 255), st.lists(NUMBERS | BYTES, max_size=4))


@given(CONTEXTS, CONTEXTS)
def test_different_contexts_never_encode_alike_nor_as_each_others_beginning(
    one: tuple[bytes, int, list[int | bytes]], other: tuple[bytes, int, list[int | bytes]]
) -> None:
    if one == other:
        return
    first, second = (canonical(name, version, *parts) for name, version, parts in (one, other))
    assert not first.startswith(second)
    assert not second.startswith(first)


@given(st.lists(st.binary(max_size=3), max_size=5), st.lists(st.binary(max_size=3), max_size=5))
def test_the_border_between_fields_cannot_be_moved(one: list[bytes], other: list[bytes]) -> None:
    assert (canonical(b"x", 1, *one) == canonical(b"x", 1, *other)) == (one == other)


def test_a_number_and_its_bytes_are_different_fields() -> None:
    assert canonical(b"x", 1, 5) != canonical(b"x", 1, (5).to_bytes(8, "big"))


def test_the_form_is_fixed_because_stored_data_depends_on_it() -> None:
    assert canonical(b"msg", 1, 2, b"ab").hex() == "01000200036d73678000000000000000000200026162"


@pytest.mark.parametrize("field", [True, 1.0, "1", None, [1], bytearray(b"1")])
def test_what_is_neither_int_nor_bytes_is_refused(field: object) -> None:
    with pytest.raises(TypeError):
        canonical(b"x", 1, field)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", [-1, 2**64, bytes(0x8000), bytes(0x18000)])
def test_what_does_not_fit_is_refused(field: int | bytes) -> None:
    with pytest.raises(ValueError, match="canonical form"):
        canonical(b"x", 1, field)


@given(st.binary(max_size=100))
def test_base64url_comes_back(raw: bytes) -> None:
    assert from_text(to_text(raw)) == raw


@given(st.text(max_size=12) | st.text("AQgwBC-_+/=\n ", max_size=9))
def test_every_text_that_is_read_is_the_one_that_would_be_written(text: str) -> None:
    try:
        raw = from_text(text)
    except ValueError:
        return
    assert to_text(raw) == text


@pytest.mark.parametrize("text", ["QQ==", "QQ=", "QR", "Q", "+_", "Q Q", "QQ\n", "Qé", "\ud800"])
def test_other_spellings_of_base64url_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_text(text)


@pytest.mark.parametrize("length", [0, 15, 16, 31, 32])
def test_a_fernet_token_opens_in_its_one_spelling_and_in_no_other(length: int) -> None:
    plain = os.urandom(length)
    token = FERNET.encrypt(plain)
    assert open_fernet(FERNET, token) == plain
    for position in range(len(token)):
        for byte in b"AQgw-_+/=\n !z\x00\xff":
            changed = token[:position] + bytes((byte,)) + token[position + 1 :]
            if changed != token:
                with pytest.raises(Tampered):
                    open_fernet(FERNET, changed)


def test_nothing_can_be_added_to_a_fernet_token_or_taken_away() -> None:
    token = FERNET.encrypt(b"text")
    others = [
        token + b"=",
        token + b"\n",
        b" " + token,
        token.rstrip(b"="),
        token[:50] + b"!" + token[50:],
        b"",
        b"=",
    ]
    for other in others:
        with pytest.raises(Tampered):
            open_fernet(FERNET, other)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_never_anything_else(junk: bytes) -> None:
    for token in (junk, urlsafe_b64encode(b"\x80" + junk)):
        with pytest.raises(Tampered):
            open_fernet(FERNET, token)


@pytest.mark.parametrize("last", b"AQgw")
def test_a_token_with_more_padding_than_it_needs_is_spelled_wrong(last: int) -> None:
    token = b"A" * 98 + bytes((last,)) + b"="
    assert is_spelled_as_fernet(token)
    assert not is_spelled_as_fernet(token + b"=")
