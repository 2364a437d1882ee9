"""Envelopes open with their own key, and unchanged."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.canonical import canonical
from crypto.envelope import open_envelope, seal_envelope
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Key, Ring, make_key

BUS = Ring((make_key(), make_key()))
# What an earlier release has sealed, with a key made from a known text.
KNOWN = Key("k1", sha256(b"bus").digest())
SEALED = (
    b"\x02k1gAAAAAAAAAAAMOgIIYVaKos7GlTzBS9JonSar1_7knIh6GbJIPvfP_q3CcL7y5uIUYsUb8j8osZFmh_rOpIh8vVnZlS7KypJKBAVaTFy54O7N"
    b"feJUGRLFEk="
)


@given(st.binary(max_size=500))
def test_any_payload_comes_back(payload: bytes) -> None:
    assert open_envelope(BUS, seal_envelope(BUS, payload)) == payload


def test_instances_of_two_releases_read_one_another() -> None:
    assert open_envelope(Ring((KNOWN,)), SEALED) == b"payload"
    ours = seal_envelope(Ring((KNOWN,)), b"payload")
    assert KNOWN.fernet.decrypt(ours[3:]) == KNOWN.fernet.decrypt(SEALED[3:])


def test_what_the_key_has_sealed_for_something_else_is_refused() -> None:
    for said in (b"", b"payload", canonical(b"bus", 1, b"u:1") + b"payload"):
        with pytest.raises(Tampered):
            open_envelope(Ring((KNOWN,)), b"\x02k1" + KNOWN.fernet.encrypt(said))


def test_a_changed_byte_anywhere_is_refused() -> None:
    sealed = seal_envelope(BUS, b"payload")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises((Tampered, UnknownKey)):
                open_envelope(BUS, bytes(changed))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_never_anything_else(junk: bytes) -> None:
    for sealed in (junk, bytes((8,)) + BUS.current.id.encode() + junk):
        with pytest.raises((Tampered, UnknownKey)):
            open_envelope(BUS, sealed)


def test_the_payload_is_not_readable() -> None:
    assert b"payload" not in seal_envelope(BUS, b"payload")


def test_an_older_key_still_opens_and_a_retired_one_is_unknown() -> None:
    sealed = seal_envelope(BUS, b"payload")
    assert open_envelope(Ring((make_key(), BUS.current)), sealed) == b"payload"
    with pytest.raises(UnknownKey):
        open_envelope(Ring((make_key(),)), sealed)


def test_the_key_is_chosen_by_its_id_and_never_by_trial() -> None:
    sealed = seal_envelope(BUS, b"payload")
    renamed = sealed.replace(BUS.current.id.encode(), BUS.keys[1].id.encode(), 1)
    with pytest.raises(Tampered):
        open_envelope(BUS, renamed)
