"""Keys, rings, and the text they are kept in."""

import copy
import hashlib
import pickle
from base64 import urlsafe_b64encode
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import UnknownKey, WeakKey
from crypto.keyring import PURPOSES, Key, Keys, Ring, format_ring, make_key, parse_ring

GOOD = hashlib.sha256(b"a good key").digest()
IDS = st.text("abcXYZ019_-", min_size=1, max_size=32)
KEYS = st.builds(lambda key_id, seed: Key(key_id, hashlib.sha256(seed).digest()), IDS, st.binary(max_size=9))
RINGS = st.lists(KEYS, min_size=1, max_size=5, unique_by=(lambda key: key.id, lambda key: key.secret)).map(
    lambda keys: Ring(tuple(keys))
)


@given(RINGS)
def test_a_ring_comes_back_from_its_text_in_the_same_order(ring: Ring) -> None:
    assert parse_ring(format_ring(ring)) == ring


@given(st.text(max_size=120))
def test_any_text_is_a_ring_or_a_wrong_value_and_never_anything_else(text: str) -> None:
    try:
        ring = parse_ring(text)
    except ValueError:
        return
    assert parse_ring(format_ring(ring)) == ring


def test_comments_and_empty_lines_and_padding_are_read_over() -> None:
    padded = urlsafe_b64encode(GOOD).decode()
    ring = parse_ring(f"# the ring\r\n\r\n  k1\t{padded}  # current\n")
    assert ring == Ring((Key("k1", GOOD),))


@pytest.mark.parametrize(
    "line",
    [
        "k1",
        "k1 two words",
        "k1 not+base64/url",
        f"k1 {urlsafe_b64encode(GOOD).decode()[:-2]}_",  # bits left over
        f"k1 {urlsafe_b64encode(GOOD).decode()}=",
        f"{urlsafe_b64encode(GOOD).decode()} k1",
        f"k/1 {urlsafe_b64encode(GOOD).decode()}",
        f"é {urlsafe_b64encode(GOOD).decode()}",
    ],
)
def test_a_malformed_line_is_named_by_its_number_and_never_repeated(line: str) -> None:
    with pytest.raises(ValueError, match=r"line 2") as caught:
        parse_ring(f"# comment\n{line}")
    assert all(len(word) < 4 or word not in str(caught.value) for word in line.split())


@pytest.mark.parametrize(
    "secret",
    [
        b"",
        GOOD[:31],
        GOOD + b"x",
        bytes(32),
        b"\xff" * 32,
        b"change-me-change-me-change-me-12",
        b"0123456789abcdefghijklmnopqrstuv",
        "senha secreta, não é aleatória".encode(),
        GOOD[:16] * 2,
        bytes(range(32)),
        bytes(range(255, 223, -1)),
        bytes(7 * number % 256 for number in range(32)),
    ],
)
def test_a_key_that_is_not_random_is_refused_without_being_shown(secret: bytes) -> None:
    with pytest.raises(WeakKey) as caught:
        Key("k1", secret)
    assert "k1" in str(caught.value)
    assert not secret or repr(secret)[2:-1] not in str(caught.value)


@pytest.mark.parametrize("key_id", ["", "a" * 33, "a b", "a$b", ".", "../x", "a\n", "ä"])
def test_a_badly_named_key_is_refused(key_id: str) -> None:
    with pytest.raises(WeakKey):
        Key(key_id, GOOD)


def test_fresh_keys_are_accepted_and_different() -> None:
    keys = [make_key() for _ in range(200)]
    assert len({key.secret for key in keys}) == 200
    assert all(len(key.id) == 8 and int(key.id, 16) >= 0 for key in keys)


def test_a_ring_finds_each_key_by_its_id_and_seals_with_the_first() -> None:
    first, second = make_key(), make_key()
    ring = Ring((first, second))
    assert ring.current is first
    assert ring.by_id(second.id) is second
    with pytest.raises(UnknownKey):
        ring.by_id("elsewhere")


def test_a_ring_without_keys_or_with_a_doubled_one_is_refused() -> None:
    other = make_key()
    for keys in ((), (other, Key(other.id, GOOD)), (other, Key("twin", other.secret))):
        with pytest.raises(WeakKey):
            Ring(keys)


def test_there_is_a_ring_for_each_purpose_and_no_secret_serves_two() -> None:
    assert tuple(purpose.name for purpose in fields(Keys)) == PURPOSES
    rings = [Ring((make_key(),)) for _ in PURPOSES]
    assert Keys(*rings).bus is rings[4]
    shared = Ring((make_key(), Key("again", rings[0].current.secret)))
    with pytest.raises(WeakKey, match="again"):
        Keys(*rings[:6], shared)


def test_a_key_shows_in_no_repr_and_leaves_by_no_pickle_or_copy() -> None:
    ring = Ring((Key("k1", GOOD),))
    assert repr(ring.current) == "Key(id='k1')"
    assert repr(ring) == "Ring(keys=(Key(id='k1'),))"
    for holder in (ring.current, ring):
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                leave(holder)
