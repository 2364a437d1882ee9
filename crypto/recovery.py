"""Recovery codes: random, shown once, known afterwards by fingerprint only.

128 bits each, so that a plain keyed hash is enough (ASVS 6.5.2); the fingerprint covers the owner, so that a
row copied to another person opens nothing.
"""

import hmac
import secrets
from base64 import b32decode, b32encode

from crypto.canonical import canonical
from crypto.keyring import Key

COUNT = 10
BYTES = 16

_GROUP = 5
_CHARACTERS = 26  # of base32, without padding
_PADDING = "=" * 6
# What people read for what stands there; base32 has no such digits (RFC 4648 §6).
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None})


def make_codes() -> list[str]:
    """A fresh set, each as it is shown: 26 characters of base32 in groups."""
    return [_shown(secrets.token_bytes(BYTES)) for _ in range(COUNT)]


def read_code(typed: str) -> bytes | None:
    """The bytes of a typed code, in whatever case and grouping; None when it cannot be one."""
    text = typed.upper().translate(_MISREAD)
    if len(text) != _CHARACTERS or not text.isascii():
        return None
    try:
        raw = b32decode(text + _PADDING)
    except ValueError:
        return None
    return raw if _bare(raw) == text else None


def fingerprint(key: Key, user_id: int, code: bytes) -> bytes:
    """What the database holds of a code of this person: 32 bytes."""
    return hmac.digest(key.secret, canonical(b"recovery", 1, user_id, code), "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Whether two fingerprints are equal, in constant time."""
    return hmac.compare_digest(one, other)


def _shown(raw: bytes) -> str:
    text = _bare(raw)
    # 26 characters in five groups: the last one has one more.
    return "-".join([*(text[at : at + _GROUP] for at in range(0, 20, _GROUP)), text[20:]])


def _bare(raw: bytes) -> str:
    return b32encode(raw).decode("ascii").rstrip("=")
