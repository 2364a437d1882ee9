"""An opening gives what Fernet gives, refuses what Fernet refuses, and no token has a part in the next one."""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import Tampered
from crypto.opening import Opening

KEY = Fernet.generate_key()
SECRET = urlsafe_b64decode(KEY)
FERNET = Fernet(KEY)
# One for all tests: whatever a token left behind, the next one would show.
OPENING = Opening(SECRET)


def fernets(token: bytes) -> bytes | None:
    try:
        return FERNET.decrypt(token)
    except InvalidToken:
        return None


def ours(token: bytes) -> bytes | None:
    try:
        return OPENING.open(token)
    except Tampered:
        return None
    finally:
        assert OPENING.open(FERNET.encrypt(b"the next one")) == b"the next one"


def made(padded: bytes, *, version: int = 0x80, iv: bytes = bytes(range(16))) -> bytes:
    """A token with a good MAC over whatever is encrypted; of a last block that is not whole, the bytes as they are."""
    whole = len(padded) // 16 * 16
    encryptor = Cipher(AES(SECRET[16:]), CBC(iv)).encryptor()
    text = encryptor.update(padded[:whole]) + encryptor.finalize() + padded[whole:]
    signed = bytes((version,)) + bytes(8) + iv + text
    return urlsafe_b64encode(signed + hmac.digest(SECRET[:16], signed, "sha256"))


def test_the_example_of_the_specification_opens() -> None:
    """`verify.json` of https://github.com/fernet/spec."""
    token = b"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
    assert Opening(urlsafe_b64decode(b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")).open(token) == b"hello"


@given(st.lists(st.binary(max_size=100), max_size=6))
def test_one_opening_gives_what_fernet_gives_token_after_token(plains: list[bytes]) -> None:
    opening = Opening(SECRET)
    tokens = [FERNET.encrypt(plain) for plain in plains]
    assert [opening.open(token) for token in tokens] == [FERNET.decrypt(token) for token in tokens] == plains


def test_every_changed_bit_is_refused_and_spoils_nothing_after_it() -> None:
    raw = urlsafe_b64decode(FERNET.encrypt(b"a text of more than one block"))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert ours(urlsafe_b64encode(changed)) is None


def test_every_cut_is_refused_and_spoils_nothing_after_it() -> None:
    raw = urlsafe_b64decode(FERNET.encrypt(b"a text of more than one block"))
    for length in range(len(raw)):
        assert ours(urlsafe_b64encode(raw[:length])) is None
        assert ours(urlsafe_b64encode(raw)[:length]) is None


def test_every_other_spelling_is_refused() -> None:
    token = FERNET.encrypt(b"a text of more than one block")
    for position in range(len(token)):
        for byte in b"-_+/=\n !":
            changed = token[:position] + bytes((byte,)) + token[position + 1 :]
            assert changed == token or ours(changed) is None
        assert ours(token[:position] + b"\n" + token[position:]) is None
    assert ours(token + b"=") is ours(token + b"\n") is ours(b"") is None


def test_another_key_opens_nothing() -> None:
    token = FERNET.encrypt(b"hi")
    for other in (os.urandom(32), os.urandom(16) + SECRET[16:]):
        with pytest.raises(Tampered):
            Opening(other).open(token)


@pytest.mark.parametrize(
    "padded",
    [
        *(b"fifteen letters" + bytes((last,)) for last in (0, 2, 16, 17, 255)),
        *(b"eleven byte\x05\x05\x04\x05\x05", b"\x11" * 16, b"\x00" * 32),
    ],
)
def test_bad_padding_is_refused_although_the_mac_is_good(padded: bytes) -> None:
    assert fernets(made(padded)) is None
    assert ours(made(padded)) is None


@pytest.mark.parametrize("length", [16 * blocks + rest for blocks in (1, 2) for rest in (1, 8, 15)])
def test_a_part_of_a_block_is_refused_although_the_mac_is_good_and_spoils_nothing_after_it(length: int) -> None:
    token = made((b"\x10" * 48)[-length:])
    assert fernets(token) is None
    assert ours(token) is None


def test_a_token_made_by_hand_opens_and_one_of_another_version_does_not() -> None:
    padded = b"fifteen letters\x01"
    assert fernets(made(padded)) == ours(made(padded)) == b"fifteen letters"
    for version in (0x00, 0x7F, 0x81, 0xFF):
        assert fernets(made(padded, version=version)) is None
        assert ours(made(padded, version=version)) is None


@given(st.binary(max_size=200))
def test_junk_is_refused_and_never_anything_else(junk: bytes) -> None:
    assert ours(junk) is None
    assert ours(urlsafe_b64encode(b"\x80" + junk)) is None
