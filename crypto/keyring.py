"""Keys by id, in rings, one ring for each purpose.

Invariants: the current key stands first; a key is always chosen by its id, never by trying; no secret serves
twice, not under two ids and not for two purposes. A key never appears in a repr and is never pickled or
copied.
"""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Never

from cryptography.fernet import Fernet

from crypto.canonical import from_text, to_text
from crypto.errors import UnknownKey, WeakKey

PURPOSES = ("master", "access", "pepper", "token", "bus", "audit", "push")
# What came after the first version: a deployment that is older may lack it, and is given it.
ADDED = frozenset({"push"})
KEY_BYTES = 32

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
# 32 random bytes hold 30 different values on average, and 16 or fewer once in 10^13.
_FEWEST_DISTINCT = 17
# Keys that stand in specifications, from where people copy them: Fernet's, and that of AES-256 (NIST SP 800-38A).
_PUBLISHED = frozenset(
    map(
        bytes.fromhex,
        (
            "730ff4c7af3d46923e8ed451ee813c87f790b0a226bc96a92de49b5e9c05e1ee",
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        ),
    )
)


class Secret:
    """Base of what holds a key in memory: it cannot leave by pickle or copy."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a key is never pickled or copied")


@dataclass(frozen=True, slots=True)
class Key(Secret):
    """One secret of 32 random bytes and its id: 1 to 32 of `A-Z a-z 0-9 _ -`. WeakKey for any other."""

    id: str
    secret: bytes = field(repr=False)
    fernet: Fernet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise WeakKey("a key id is 1 to 32 letters, digits, - or _")
        if (fault := _weakness(self.secret)) is not None:
            raise WeakKey(f"key {self.id}: {fault}")
        object.__setattr__(self, "fernet", Fernet(urlsafe_b64encode(self.secret)))


@dataclass(frozen=True, slots=True)
class Ring(Secret):
    """The keys of one purpose, current first. WeakKey when it is empty, or an id or a secret stands twice."""

    keys: tuple[Key, ...]
    _by_id: Mapping[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise WeakKey("a ring needs a key")
        by_id: dict[str, Key] = {}
        for key in self.keys:
            if key.id in by_id:
                raise WeakKey(f"key {key.id} stands twice in the ring")
            by_id[key.id] = key
        if (twin := _twin(self.keys)) is not None:
            raise WeakKey(f"key {twin.id} has the secret of another key")
        object.__setattr__(self, "_by_id", by_id)

    @property
    def current(self) -> Key:
        """The key that seals and signs; the others only open and verify."""
        return self.keys[0]

    def by_id(self, key_id: str) -> Key:
        """The key of this id; UnknownKey when the ring does not hold it."""
        key = self._by_id.get(key_id)
        if key is None:
            raise UnknownKey("the ring holds no key of this id")
        return key


@dataclass(frozen=True, slots=True)
class Keys(Secret):
    """One ring for each of PURPOSES. WeakKey when two purposes share a secret."""

    master: Ring
    access: Ring
    pepper: Ring
    token: Ring
    bus: Ring
    audit: Ring
    push: Ring

    def __post_init__(self) -> None:
        rings: list[Ring] = [getattr(self, purpose.name) for purpose in fields(self)]
        if (twin := _twin(tuple(key for ring in rings for key in ring.keys))) is not None:
            raise WeakKey(f"key {twin.id} serves two purposes")


def make_key() -> Key:
    """A fresh random key; its id is 8 hex digits."""
    return Key(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES))


def parse_ring(text: str) -> Ring:
    """Read lines `<id> <base64url of 32 bytes>`, current first; `#` begins a comment.

    ValueError names the line that is malformed, WeakKey the key that is weak; neither repeats a secret.
    """
    keys: list[Key] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _ID.fullmatch(words[0]):
            raise ValueError(f"line {number}: expected a key id and a key")
        keys.append(Key(words[0], _secret_of(words[1], number)))
    return Ring(tuple(keys))


def format_ring(ring: Ring) -> str:
    """The text that `parse_ring` reads, one line for each key."""
    return "".join(f"{key.id} {to_text(key.secret)}\n" for key in ring.keys)


def _secret_of(word: str, number: int) -> bytes:
    # Fernet's own key generator pads; a padded key is as good.
    unpadded = word[:-1] if len(word) == 44 and word.endswith("=") else word
    try:
        return from_text(unpadded)
    except ValueError:
        raise ValueError(f"line {number}: the key is not base64url") from None


def _weakness(secret: bytes) -> str | None:
    if len(secret) != KEY_BYTES:
        return f"{KEY_BYTES} bytes are needed, not {len(secret)}"
    if len(set(secret)) < _FEWEST_DISTINCT:
        return "too few different bytes to be random"
    if len({(after - before) % 256 for before, after in pairwise(secret)}) == 1:
        return "a sequence is not random"
    if _is_text(secret):
        return "readable text is not random"
    if secret in _PUBLISHED:
        return "everybody can read this key in a specification"
    return None


def _is_text(secret: bytes) -> bool:
    try:
        return secret.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _twin(keys: tuple[Key, ...]) -> Key | None:
    seen: set[bytes] = set()
    for key in keys:
        if key.secret in seen:
            return key
        seen.add(key.secret)
    return None
