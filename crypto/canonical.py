"""Encodings with exactly one spelling: the context that is bound into what is sealed, and base64url.

Invariants: two different lists of fields never encode alike, and no encoding is the beginning of another, so
that text may simply follow it. What is opened here has not one byte that could be written differently.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from crypto.errors import Tampered

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# RFC 4648 §3.5: what may stand before the padding when the bits left over are zero, as they must be.
_LAST_BEFORE = {b"": _ALPHABET, b"=": b"AEIMQUYcgkosw048", b"==": b"AQgw"}
_SHORTEST_FERNET = 100

_HEAD = struct.Struct(">BHH")
_INT = struct.Struct(">HQ")
_LENGTH = struct.Struct(">H")
_IS_INT = 0x8000  # where bytes have their length, which is always less


def canonical(name: bytes, version: int, *fields: int | bytes) -> bytes:
    """Version (1 byte), number of fields (2), length of the name (2), the name, then the fields.

    A field is its length (2) and its bytes, at most 32,767; or 0x8000 and an unsigned int of 8 bytes.
    ValueError when a field does not fit; TypeError for every other type, bool included.
    """
    try:
        parts = [_HEAD.pack(version, len(fields), len(name)), name]
        for field in fields:
            if type(field) is int:
                parts.append(_INT.pack(_IS_INT, field))
            elif type(field) is not bytes:
                raise TypeError("only an int and bytes have a canonical form")
            elif len(field) >= _IS_INT:
                raise ValueError("too long for the canonical form")
            else:
                parts += (_LENGTH.pack(len(field)), field)
    except struct.error:
        raise ValueError("out of the range of the canonical form") from None
    return b"".join(parts)


def to_text(raw: bytes) -> str:
    """Base64url without padding (RFC 4648 §5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_text(text: str) -> bytes:
    """The bytes of `to_text`; ValueError for every other spelling (padding, `+/`, junk, bits left over)."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_text(raw) != text:
        raise ValueError("not base64url")
    return raw


def is_spelled_as_fernet(token: bytes) -> bool:
    """Whether it is base64url of enough bytes, in the one way in which Fernet writes it."""
    padding = token.translate(None, _ALPHABET)
    last = len(token) - len(padding)
    return (
        len(token) >= _SHORTEST_FERNET
        and len(token) % 4 == 0
        and padding in _LAST_BEFORE
        and token.endswith(padding)
        and token[last - 1] in _LAST_BEFORE[padding]
    )


def open_fernet(fernet: Fernet, token: bytes) -> bytes:
    """The plaintext of a Fernet token; Tampered when it is not this key's, or spelled in any other way.

    Fernet alone skips foreign characters and ignores leftover bits, so that a changed token could still open.
    """
    if not is_spelled_as_fernet(token):
        raise Tampered("not a sealed value")
    try:
        return fernet.decrypt(token)
    except InvalidToken:
        raise Tampered("not sealed with this key, or changed") from None
