"""Sealed messages open in their own row only; wrapped keys open for their own parties only."""

import copy
import pickle

import msgspec
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from crypto.at_rest import (
    ConversationKey,
    Opened,
    Opener,
    Parties,
    Place,
    Sealed,
    WrappedKey,
    check_canary,
    make_canary,
    make_conversation_key,
    rewrap,
    seal,
    unwrap,
)
from crypto.canonical import canonical
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring, make_key

MASTER = Ring((make_key(), make_key()))
PARTIES = Parties(7, (30, 4))
KEY, WRAPPED = make_conversation_key(MASTER, PARTIES, 1)
PLACE = Place(conversation_id=7, sender_id=30, client_id=b"0123456789abcdef", sent_at=1_700_000_000_123, revision=0)
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
IDS = st.integers(0, 2**53 - 1)
MESSAGES = st.integers(1, 2**53 - 1)
PLACES = st.builds(Place, st.just(7), IDS, st.binary(min_size=16, max_size=16), IDS, IDS)


def open_sealed(key: ConversationKey, place: Place, sealed: Sealed) -> str:
    return Opener(key).open(place, sealed).text


@given(PLACES, TEXT)
def test_any_text_comes_back_from_its_own_row(place: Place, text: str) -> None:
    assert open_sealed(KEY, place, seal(KEY, place, text)) == text


@given(PLACES, PLACES)
def test_a_row_swapped_with_any_other_does_not_open(one: Place, other: Place) -> None:
    if one != other:
        with pytest.raises(Tampered):
            open_sealed(KEY, other, seal(KEY, one, "hello"))


@pytest.mark.parametrize(
    "moved",
    [
        {"conversation_id": 8},
        {"sender_id": 4},
        {"client_id": b"0123456789abcdeF"},
        {"client_id": b"0123456789abcde"},
        {"sent_at": 1_700_000_000_124},
        {"revision": 1},
        {"sender_id": -1},
        {"sent_at": 2**64},
        {"client_id": None},
        {"sender_id": "30"},
        {"revision": False},
    ],
)
def test_each_part_of_the_identity_is_bound(moved: dict[str, object]) -> None:
    with pytest.raises(Tampered):
        open_sealed(KEY, msgspec.structs.replace(PLACE, **moved), seal(KEY, PLACE, "hello"))


def test_a_changed_byte_anywhere_in_the_body_is_refused() -> None:
    sealed = seal(KEY, PLACE, "hello")
    for position in range(len(sealed.body)):
        for bit in range(8):
            body = bytearray(sealed.body)
            body[position] ^= 1 << bit
            with pytest.raises(Tampered):
                open_sealed(KEY, PLACE, msgspec.structs.replace(sealed, body=bytes(body)))


@given(st.binary(max_size=300))
def test_foreign_bytes_are_tampered_and_never_anything_else(body: bytes) -> None:
    with pytest.raises(Tampered):
        open_sealed(KEY, PLACE, Sealed(key_generation=1, body=body))


@pytest.mark.parametrize("change", [{"alg": 2}, {"alg": 0}, {"key_generation": 2}])
def test_another_algorithm_or_generation_does_not_open(change: dict[str, int]) -> None:
    with pytest.raises(Tampered):
        open_sealed(KEY, PLACE, msgspec.structs.replace(seal(KEY, PLACE, "hello"), **change))


def test_the_key_of_another_conversation_neither_seals_nor_opens() -> None:
    elsewhere, _ = make_conversation_key(MASTER, Parties(8, (30, 4)), 1)
    with pytest.raises(Tampered):
        open_sealed(elsewhere, PLACE, seal(KEY, PLACE, "hello"))
    with pytest.raises(ValueError, match="another conversation"):
        seal(elsewhere, PLACE, "hello")


def test_a_text_with_a_lone_surrogate_is_refused_and_does_not_travel_in_the_error() -> None:
    with pytest.raises(ValueError, match="surrogate") as caught:
        seal(KEY, PLACE, "secret \ud800")
    assert caught.value.__context__ is None


def test_what_was_sealed_but_is_no_text_is_tampered_and_does_not_travel_in_the_error() -> None:
    context = canonical(b"msg", 1, 7, 30, PLACE.client_id, PLACE.sent_at, 0)
    sealed = Sealed(key_generation=1, body=KEY.fernet.encrypt(context + b"secret \xff"))
    with pytest.raises(Tampered) as caught:
        open_sealed(KEY, PLACE, sealed)
    assert caught.value.__context__ is None


# Replies


@given(PLACES, TEXT, st.none() | MESSAGES)
def test_what_is_quoted_comes_back_with_the_text(place: Place, text: str, reply_to: int | None) -> None:
    assert Opener(KEY).open(place, seal(KEY, place, text, reply_to)) == Opened(text, reply_to)


@given(PLACES, PLACES, MESSAGES)
def test_a_reply_in_a_row_swapped_with_any_other_does_not_open(one: Place, other: Place, reply_to: int) -> None:
    if one != other:
        with pytest.raises(Tampered):
            open_sealed(KEY, other, seal(KEY, one, "hello", reply_to))


def test_what_quotes_nothing_is_sealed_as_older_releases_read_it_and_a_reply_is_nothing_to_them() -> None:
    context = canonical(b"msg", 1, 7, 30, PLACE.client_id, PLACE.sent_at, 0)
    assert KEY.fernet.decrypt(seal(KEY, PLACE, "hello").body) == context + b"hello"
    assert not KEY.fernet.decrypt(seal(KEY, PLACE, "hello", 5).body).startswith(context)


@given(TEXT, MESSAGES)
def test_no_text_is_taken_for_a_reply_and_no_reply_for_a_text(text: str, reply_to: int) -> None:
    replying = KEY.fernet.decrypt(seal(KEY, PLACE, text, reply_to).body)
    for beginning in (replying[:60], reply_to.to_bytes(8), b"\2", b"\1"):
        spoken = beginning.decode("latin-1") + text
        assert Opener(KEY).open(PLACE, seal(KEY, PLACE, spoken)) == Opened(spoken)
        assert Opener(KEY).open(PLACE, seal(KEY, PLACE, spoken, reply_to)) == Opened(spoken, reply_to)


@pytest.mark.parametrize("version", [0, 2, 3, 255])
@pytest.mark.parametrize("rest", [b"", b"\0\0\0\0\0\0\5", b"\0\0\0\0\0\0\0\5secret \xff"])
def test_what_is_no_reply_of_this_version_is_tampered(version: int, rest: bytes) -> None:
    context = canonical(b"msg", version, 7, 30, PLACE.client_id, PLACE.sent_at, 0)
    with pytest.raises(Tampered) as caught:
        open_sealed(KEY, PLACE, Sealed(key_generation=1, body=KEY.fernet.encrypt(context + rest)))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("reply_to", [0, -1, 2**53, 2**64])
def test_what_is_no_id_cannot_be_quoted(reply_to: int) -> None:
    with pytest.raises(ValueError, match="id"):
        seal(KEY, PLACE, "hello", reply_to)


def test_sealing_twice_gives_two_bodies_and_tells_no_time_but_that_of_the_row() -> None:
    one, other = seal(KEY, PLACE, "hello"), seal(KEY, PLACE, "hello")
    assert one.body != other.body
    assert KEY.fernet.extract_timestamp(one.body) == 1_700_000_000
    assert b"hello" not in one.body


def test_the_body_is_a_fernet_token() -> None:
    assert KEY.fernet.decrypt(seal(KEY, PLACE, "hello").body).endswith(b"hello")


@given(st.permutations([30, 4, 4, 9]))
def test_the_order_of_the_members_does_not_matter(members: list[int]) -> None:
    assert Parties(7, tuple(members)) == Parties(7, (4, 9, 30))


def test_a_conversation_has_a_member() -> None:
    with pytest.raises(ValueError, match="member"):
        Parties(7, ())


def test_a_wrapped_key_opens_for_its_parties_to_the_same_key() -> None:
    again = unwrap(MASTER, Parties(7, (4, 30)), WRAPPED)
    assert (again.conversation_id, again.generation) == (7, 1)
    assert open_sealed(again, PLACE, seal(KEY, PLACE, "hello")) == "hello"


@pytest.mark.parametrize(
    "parties", [Parties(8, (4, 30)), Parties(7, (4, 31)), Parties(7, (4,)), Parties(7, (4, 30, 5))]
)
def test_a_wrapped_key_does_not_open_for_other_parties(parties: Parties) -> None:
    for action in (unwrap, rewrap):
        with pytest.raises(Tampered):
            action(MASTER, parties, WRAPPED)


@pytest.mark.parametrize("generation", [0, 2, -1, None, True])
def test_a_wrapped_key_does_not_open_as_another_generation(generation: int) -> None:
    with pytest.raises(Tampered):
        unwrap(MASTER, PARTIES, WrappedKey(generation, WRAPPED.master_id, WRAPPED.wrapped))


def test_a_changed_byte_anywhere_in_a_wrapped_key_is_refused() -> None:
    for position in range(len(WRAPPED.wrapped)):
        changed = bytearray(WRAPPED.wrapped)
        changed[position] ^= 1
        with pytest.raises(Tampered):
            unwrap(MASTER, PARTIES, WrappedKey(1, WRAPPED.master_id, bytes(changed)))


def test_the_master_key_is_chosen_by_its_id_and_never_by_trial() -> None:
    other = MASTER.keys[1].id
    with pytest.raises(Tampered):
        unwrap(MASTER, PARTIES, WrappedKey(1, other, WRAPPED.wrapped))
    with pytest.raises(UnknownKey):
        unwrap(MASTER, PARTIES, WrappedKey(1, "elsewhere", WRAPPED.wrapped))


def test_what_a_master_key_sealed_for_another_use_is_no_conversation_key() -> None:
    context = canonical(b"dek", 1, 7, 1, 4, 30)
    for plain in (context, context + b"short", context + Fernet.generate_key() + b"x", Fernet.generate_key()):
        with pytest.raises(Tampered):
            unwrap(MASTER, PARTIES, WrappedKey(1, MASTER.current.id, MASTER.current.fernet.encrypt(plain)))


def test_rotation_rewraps_the_key_and_keeps_every_message_readable() -> None:
    sealed = seal(KEY, PLACE, "hello")
    rotated = Ring((make_key(), *MASTER.keys))
    moved = rewrap(rotated, PARTIES, WRAPPED)
    assert moved.master_id == rotated.current.id
    alone = Ring((rotated.current,))
    assert open_sealed(unwrap(alone, PARTIES, moved), PLACE, sealed) == "hello"
    assert rewrap(rotated, PARTIES, moved) is moved


def test_a_canary_tells_a_ring_that_opens_the_data_from_one_that_does_not() -> None:
    key_id, canary = make_canary(MASTER, "master")
    assert key_id == MASTER.current.id
    check_canary(MASTER, "master", key_id, canary)
    check_canary(Ring((make_key(), MASTER.current)), "master", key_id, canary)
    with pytest.raises(UnknownKey):
        check_canary(Ring((make_key(),)), "master", key_id, canary)
    with pytest.raises(Tampered):
        check_canary(MASTER, "master", MASTER.keys[1].id, canary)
    with pytest.raises(Tampered):
        check_canary(MASTER, "pepper", key_id, canary)
    with pytest.raises(Tampered):
        check_canary(MASTER, "master", key_id, WRAPPED.wrapped)


def test_a_canary_of_the_right_id_and_another_secret_is_noticed() -> None:
    key_id, canary = make_canary(MASTER, "master")
    impostor = Ring((type(MASTER.current)(key_id, make_key().secret),))
    with pytest.raises(Tampered):
        check_canary(impostor, "master", key_id, canary)


def test_a_conversation_key_shows_in_no_repr_and_leaves_by_no_pickle_or_copy() -> None:
    assert repr(KEY) == "ConversationKey(conversation_id=7, generation=1)"
    assert isinstance(KEY, ConversationKey)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(KEY)
