"""An envelope is believed only after it was opened, and only by those it is for."""

from collections.abc import Callable

import msgspec
import pytest

from realtime.envelopes import MAX_BYTES, Envelopes
from realtime.events import Envelope, encode
from tests.realtime.fakes import said

ORIGIN, OTHER = b"a" * 16, b"b" * 16


def _seal(payload: bytes) -> bytes:
    return b"sealed:" + payload


def _open(sealed: bytes) -> bytes:
    if not sealed.startswith(b"sealed:"):
        raise ValueError("tampered")
    return sealed[7:]


def _inner(origin: bytes, content: str = "hi") -> bytes:
    return encode(Envelope(origin.hex(), [(1, 5), (2, None)], said(content)))


def test_each_receiver_finds_their_own_position() -> None:
    payload = Envelopes(ORIGIN, _seal, _open).sealed([(1, 5), (2, None)], said("hi"))
    other = Envelopes(OTHER, _seal, _open)
    assert other.opened(payload, 1) == (said("hi"), 5)
    assert other.opened(payload, 2) == (said("hi"), None)


def test_an_echo_is_known_without_opening() -> None:
    payload = Envelopes(ORIGIN, _seal, _open).sealed([(1, 5)], said("hi"))
    assert Envelopes(ORIGIN, _seal, _open).is_own(payload)
    assert not Envelopes(OTHER, _seal, _open).is_own(payload)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: OTHER,
        lambda: OTHER + _inner(OTHER),
        lambda: OTHER + _seal(b"\xc1"),
        lambda: OTHER + _seal(_inner(ORIGIN)),
        lambda: OTHER + _seal(_inner(OTHER, "x" * MAX_BYTES)),
    ],
)
def test_what_is_not_an_envelope_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises((ValueError, msgspec.DecodeError)):
        Envelopes(ORIGIN, _seal, _open).opened(make(), 1)


def test_an_envelope_for_others_is_refused() -> None:
    with pytest.raises(ValueError, match="not for this user"):
        Envelopes(ORIGIN, _seal, _open).opened(OTHER + _seal(_inner(OTHER)), 3)


def test_an_origin_has_its_length() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Envelopes(b"short", _seal, _open)
