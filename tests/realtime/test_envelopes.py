"""An envelope is believed only after it was opened."""

from collections.abc import Callable

import msgspec
import pytest

from realtime.envelopes import MAX_BYTES, Envelopes
from realtime.events import Envelope, encode, event_of, letter
from tests.realtime.fakes import said

ORIGIN, OTHER = b"a" * 16, b"b" * 16


def _seal(payload: bytes) -> bytes:
    return b"sealed:" + payload


def _open(sealed: bytes) -> bytes:
    if not sealed.startswith(b"sealed:"):
        raise ValueError("tampered")
    return sealed[7:]


def _inner(origin: bytes, content: str = "hi") -> bytes:
    return encode(Envelope(origin.hex(), [letter([(1, 5), (2, None)], said(content))]))


def test_what_one_sealed_another_opens_in_order() -> None:
    letters = [letter([(1, 5), (2, None)], said("hi")), letter([(1, 6)], said("ho"))]
    opened = Envelopes(OTHER, _seal, _open).opened(Envelopes(ORIGIN, _seal, _open).sealed(letters))
    assert opened == letters
    assert [event_of(sent) for sent in opened] == [said("hi"), said("ho")]


def test_an_echo_is_known_without_opening() -> None:
    payload = Envelopes(ORIGIN, _seal, _open).sealed([letter([(1, 5)], said("hi"))])
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
        Envelopes(ORIGIN, _seal, _open).opened(make())


def test_an_origin_has_its_length() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Envelopes(b"short", _seal, _open)
