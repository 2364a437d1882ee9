"""Passwords: normalised, peppered, bound to their owner, then bcrypt.

Stored as `p1$<pepper id>$<bcrypt>`. What bcrypt sees is base64(HMAC-SHA-384(pepper, user id ‖ 0 ‖ password)):
64 bytes without NUL, so that nothing is cut at 72 bytes, and a hash copied to another user's row opens
nothing. Both `hash_password` and `verify` take as long as bcrypt does (0.2 s at cost 12): they MUST run in a
bounded pool, not on the loop.
"""

import hmac
import re
import secrets
import unicodedata
from base64 import b64encode

import bcrypt

from crypto.errors import Tampered
from crypto.keyring import Key, Ring

MIN_COST = 4
MAX_COST = 16  # 3.5 s; a higher one, written into a row, would only hold up the pool
MAX_BYTES = 1024

_NOBODY = "."  # the pepper id of a dummy; no key can have it
_STORED = re.compile(r"p1\$([A-Za-z0-9_-]{1,32}|\.)\$(\$2b\$(\d\d)\$[./A-Za-z0-9]{53})", re.ASCII)
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def normalise(password: str) -> str:
    """The password as it is compared: OpaqueString (RFC 8265 §4.2), every space U+0020, then NFC.

    ValueError when it is empty, over 1024 bytes, or holds a control character (NUL included) or a lone
    surrogate. Unlike the RFC it takes joiners and characters newer than this Python's tables, because people
    use new emoji.
    """
    if len(password) > MAX_BYTES:
        raise ValueError("the password is too long")
    categories = [unicodedata.category(character) for character in password]
    if "Cs" in categories:
        raise ValueError("the password holds a lone surrogate")
    if "Cc" in categories:
        raise ValueError("the password holds a control character")
    spaced = "".join(" " if kind == "Zs" else char for char, kind in zip(password, categories, strict=True))
    normal = unicodedata.normalize("NFC", spaced)
    if not normal:
        raise ValueError("the password is empty")
    if len(normal.encode()) > MAX_BYTES:
        raise ValueError("the password is too long")
    return normal


def hash_password(pepper: Ring, user_id: int, password: str, cost: int) -> str:
    """What the database holds for this user. ValueError as `normalise`, or for a cost out of range."""
    _refuse_cost(cost)
    key = pepper.current
    hashed = bcrypt.hashpw(_material(key, user_id, normalise(password)), bcrypt.gensalt(cost))
    return f"p1${key.id}${hashed.decode('ascii')}"


def verify(pepper: Ring, user_id: int, password: str, stored: str) -> bool:
    """Whether this is the user's password; what `normalise` refuses is simply wrong, and takes as long.

    For an unknown user, pass `dummy(cost)`: False, after the same time. Tampered when `stored` is not a hash
    of ours, UnknownKey when the ring lacks its pepper.
    """
    key_id, hashed, _ = _parts(stored)
    key = pepper.current if key_id == _NOBODY else pepper.by_id(key_id)
    clean = _normalised(password)
    matches = bcrypt.checkpw(_material(key, user_id, clean or ""), hashed)
    return matches and clean is not None and key_id != _NOBODY


def needs_rehash(stored: str, pepper: Ring, cost: int) -> bool:
    """Whether a hash was made with another pepper or cost than is wanted now. Errors of `verify`."""
    key_id, _, used = _parts(stored)
    return key_id != pepper.current.id or used != cost


def dummy(cost: int) -> str:
    """A stored hash that nobody has, to spend the time of a real one on. Random, and cheap to make."""
    _refuse_cost(cost)
    tail = "".join(secrets.choice(_BCRYPT_ALPHABET) for _ in range(31))
    return f"p1${_NOBODY}${bcrypt.gensalt(cost).decode('ascii')}{tail}"


def _material(key: Key, user_id: int, clean: str) -> bytes:
    owned = user_id.to_bytes(8, "big") + b"\0" + clean.encode()
    return b64encode(hmac.digest(key.secret, owned, "sha384"))


def _parts(stored: str) -> tuple[str, bytes, int]:
    match = _STORED.fullmatch(stored)
    if match is None or not MIN_COST <= int(match[3]) <= MAX_COST:
        raise Tampered("not a password hash of ours")
    return match[1], match[2].encode("ascii"), int(match[3])


def _normalised(password: str) -> str | None:
    try:
        return normalise(password)
    except ValueError:
        return None


def _refuse_cost(cost: int) -> None:
    if not MIN_COST <= cost <= MAX_COST:
        raise ValueError(f"the bcrypt cost is {MIN_COST} to {MAX_COST}")
