"""Envelopes open on their own channel, with their own key, and unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.envelope import open_envelope, seal_envelope
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring, make_key

BUS = Ring((make_key(), make_key()))
CHANNELS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(CHANNELS, st.binary(max_size=500))
def test_any_payload_comes_back_on_its_channel(channel: str, payload: bytes) -> None:
    assert open_envelope(BUS, channel, seal_envelope(BUS, channel, payload)) == payload


@given(CHANNELS, CHANNELS, st.binary(max_size=40))
def test_an_envelope_opens_on_no_other_channel(one: str, other: str, payload: bytes) -> None:
    if one != other:
        with pytest.raises(Tampered):
            open_envelope(BUS, other, seal_envelope(BUS, one, payload))


def test_an_envelope_for_no_channel_is_not_one_for_a_named_channel_nor_the_reverse() -> None:
    with pytest.raises(Tampered):
        open_envelope(BUS, "u:1", seal_envelope(BUS, "", b"payload"))
    with pytest.raises(Tampered):
        open_envelope(BUS, "", seal_envelope(BUS, "u:1", b"payload"))


def test_a_changed_byte_anywhere_is_refused() -> None:
    sealed = seal_envelope(BUS, "u:1", b"payload")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises((Tampered, UnknownKey)):
                open_envelope(BUS, "u:1", bytes(changed))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_never_anything_else(junk: bytes) -> None:
    for sealed in (junk, bytes((8,)) + BUS.current.id.encode() + junk):
        with pytest.raises((Tampered, UnknownKey)):
            open_envelope(BUS, "", sealed)


def test_the_payload_is_not_readable() -> None:
    assert b"payload" not in seal_envelope(BUS, "", b"payload")


def test_an_older_key_still_opens_and_a_retired_one_is_unknown() -> None:
    sealed = seal_envelope(BUS, "", b"payload")
    assert open_envelope(Ring((make_key(), BUS.current)), "", sealed) == b"payload"
    with pytest.raises(UnknownKey):
        open_envelope(Ring((make_key(),)), "", sealed)


def test_the_key_is_chosen_by_its_id_and_never_by_trial() -> None:
    sealed = seal_envelope(BUS, "", b"payload")
    renamed = sealed.replace(BUS.current.id.encode(), BUS.keys[1].id.encode(), 1)
    with pytest.raises(Tampered):
        open_envelope(BUS, "", renamed)
