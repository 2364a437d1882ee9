"""Passwords: nothing is cut, nothing is moved, nobody's name is told by the time."""

import base64
import hmac
import unicodedata

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Key, Ring, make_key
from crypto.passwords import MAX_COST, dummy, hash_password, needs_rehash, normalise, verify

PEPPER = Ring((Key("pep-1", make_key().secret), make_key()))
COST = 4
USER = 2**52 + 1
# Any text a person may type: everything but controls and surrogates.
PASSWORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=80)


@settings(max_examples=40, deadline=None)
@given(PASSWORDS)
def test_any_password_is_verified(password: str) -> None:
    assert verify(PEPPER, USER, password, hash_password(PEPPER, USER, password, COST))


def test_sixty_four_emoji_are_a_password_and_the_last_one_counts() -> None:
    stored = hash_password(PEPPER, USER, "😀" * 64, COST)
    assert verify(PEPPER, USER, "😀" * 64, stored)
    assert not verify(PEPPER, USER, "😀" * 63 + "😁", stored)
    assert not verify(PEPPER, USER, "😀" * 63, stored)


@pytest.mark.parametrize("length", [71, 72, 73, 100, 1024])
def test_long_passwords_that_differ_in_the_last_byte_are_different(length: int) -> None:
    stored = hash_password(PEPPER, USER, "x" * (length - 1) + "a", COST)
    assert verify(PEPPER, USER, "x" * (length - 1) + "a", stored)
    assert not verify(PEPPER, USER, "x" * (length - 1) + "b", stored)
    assert not verify(PEPPER, USER, "x" * (length - 1), stored)


@pytest.mark.parametrize("wrong", ["Password 1", "password 1 ", " password 1", "password  1", "password", ""])
def test_a_password_is_compared_as_it_was_typed(wrong: str) -> None:
    assert not verify(PEPPER, USER, wrong, hash_password(PEPPER, USER, "password 1", COST))


@pytest.mark.parametrize(
    ("one", "other"),
    [("caf\u00e9 au lait", "cafe\u0301 au lait"), ("two words", "two\u00a0words"), ("\u212b" * 8, "Å" * 8)],
)
def test_two_keyboards_write_the_same_password(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert verify(PEPPER, USER, other, hash_password(PEPPER, USER, one, COST))


def test_letters_that_only_look_alike_stay_different() -> None:
    assert normalise("\uff41bc") != normalise("abc")  # full width: RFC 8265 §4.2.2 maps no width


@pytest.mark.parametrize("kept", ["👨\u200d👩\u200d👧", "\U0001fae8 \U0001fabf", "\u200b", "\ue000", "  "])
def test_joiners_and_new_emoji_are_kept(kept: str) -> None:
    assert normalise(kept) == kept


@given(st.text(max_size=40))
def test_normalising_is_idempotent_or_refused(password: str) -> None:
    try:
        once = normalise(password)
    except ValueError:
        return
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "pass\x00word",
        "\x00",
        "tab\there",
        "line\n",
        "del\x7f",
        "lone \ud800",
        "\udfff",
        "x" * 1025,
        "é" * 513,
    ],
)
def test_what_cannot_be_a_password_is_a_wrong_value_and_never_matches(bad: str) -> None:
    with pytest.raises(ValueError, match="the password") as caught:
        normalise(bad)
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 60
    with pytest.raises(ValueError, match="the password"):
        hash_password(PEPPER, USER, bad, COST)
    for stored in (hash_password(PEPPER, USER, "pass", COST), dummy(COST)):
        assert not verify(PEPPER, USER, bad, stored)


def test_what_cannot_be_a_password_costs_one_bcrypt_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    stored = hash_password(PEPPER, USER, "password", COST)
    check = bcrypt.checkpw

    def counted(material: bytes, hashed: bytes) -> bool:
        checked.append(hashed)
        return check(material, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    for hashed, password in (
        (stored, "\x00"),
        (stored, "x" * 5000),
        (stored, "wrong"),
        (dummy(COST), "wrong"),
    ):
        assert not verify(PEPPER, USER, password, hashed)
    assert len(checked) == 4
    assert {hashed[:7] for hashed in checked} == {b"$2b$04$"}


def test_the_empty_password_that_stands_in_for_a_refused_one_cannot_match() -> None:
    material = base64.b64encode(hmac.digest(PEPPER.current.secret, USER.to_bytes(8, "big") + b"\0", "sha384"))
    stored = f"p1${PEPPER.current.id}${bcrypt.hashpw(material, bcrypt.gensalt(COST)).decode()}"
    assert not verify(PEPPER, USER, "\x00", stored)
    assert not verify(PEPPER, USER, "", stored)


def test_a_hash_moved_to_another_user_opens_nothing() -> None:
    stored = hash_password(PEPPER, USER, "password", COST)
    assert not verify(PEPPER, USER + 1, "password", stored)


def test_the_stored_form_is_fixed_because_stored_data_depends_on_it() -> None:
    stored = hash_password(PEPPER, USER, "password", COST)
    scheme, key_id, hashed = stored.split("$", 2)
    assert (scheme, key_id) == ("p1", "pep-1")
    owned = USER.to_bytes(8, "big") + b"\0" + b"password"
    material = base64.b64encode(hmac.digest(PEPPER.current.secret, owned, "sha384"))
    assert len(material) == 64
    assert bcrypt.checkpw(material, hashed.encode())


def test_the_same_password_is_stored_differently_each_time() -> None:
    assert hash_password(PEPPER, USER, "password", COST) != hash_password(PEPPER, USER, "password", COST)


def test_an_older_pepper_still_verifies_and_asks_for_a_new_hash() -> None:
    stored = hash_password(PEPPER, USER, "password", COST)
    rotated = Ring((make_key(), *PEPPER.keys))
    assert verify(rotated, USER, "password", stored)
    assert needs_rehash(stored, rotated, COST)
    assert not needs_rehash(stored, PEPPER, COST)
    assert needs_rehash(stored, PEPPER, COST + 1)


def test_a_hash_of_a_pepper_that_is_gone_says_so() -> None:
    with pytest.raises(UnknownKey):
        verify(Ring((make_key(),)), USER, "password", hash_password(PEPPER, USER, "password", COST))


def test_a_dummy_costs_what_a_real_hash_of_that_cost_does_and_nobody_has_it() -> None:
    stored, decoy = hash_password(PEPPER, USER, "password", 5), dummy(5)
    assert decoy.split("$")[3:5] == stored.split("$")[3:5] == ["2b", "05"]
    assert len(decoy.split("$")[5]) == len(stored.split("$")[5])
    assert not verify(PEPPER, USER, "password", decoy)
    assert dummy(5) != decoy


def test_even_a_dummy_whose_password_is_known_opens_nothing() -> None:
    stored = hash_password(PEPPER, USER, "password", COST)
    assert not verify(PEPPER, USER, "password", stored.replace("$pep-1$", "$.$"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stored: "",
        lambda stored: "password",
        lambda stored: stored + "\n",
        lambda stored: stored[:-1],
        lambda stored: stored.replace("p1$", "p2$"),
        lambda stored: stored.replace("$2b$", "$2a$"),
        lambda stored: stored.replace("$04$", "$31$"),
        lambda stored: stored.replace("$04$", "$03$"),
        lambda stored: stored.replace("pep-1", "../x"),
        lambda stored: stored.partition("$$")[2],
    ],
)
def test_a_stored_value_that_is_no_hash_of_ours_is_tampered(spoil: object) -> None:
    stored = spoil(hash_password(PEPPER, USER, "password", COST))  # type: ignore[operator]
    with pytest.raises(Tampered):
        verify(PEPPER, USER, "password", stored)
    with pytest.raises(Tampered):
        needs_rehash(stored, PEPPER, COST)


@pytest.mark.parametrize("cost", [-1, 3, MAX_COST + 1, 31])
def test_a_cost_out_of_range_is_refused(cost: int) -> None:
    with pytest.raises(ValueError, match="cost"):
        hash_password(PEPPER, USER, "password", cost)
    with pytest.raises(ValueError, match="cost"):
        dummy(cost)
