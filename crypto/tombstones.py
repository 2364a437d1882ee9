"""What stays of a name that nobody may take again: a MAC, from which there is no way back without the key."""

import hmac
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crypto.canonical import canonical
from crypto.keyring import Key, Ring


class Mark(NamedTuple):
    """What stands for one name or one look of a name: 32 bytes, and the id of the token key that made them."""

    key_id: str
    mac: bytes


def marks(token: Ring, name: str, looks: Iterable[str]) -> list[Mark]:
    """What is kept of a name (as it is compared) and of its looks when its owner is erased."""
    return _marks(token.current, name, looks)


def known(token: Ring, name: str, looks: Iterable[str]) -> list[bytes]:
    """Under what a name or one of its looks may be kept, by any key of the ring."""
    looks = sorted(looks)
    return [mark.mac for key in token.keys for mark in _marks(key, name, looks)]


def _marks(key: Key, name: str, looks: Iterable[str]) -> list[Mark]:
    texts: Sequence[tuple[bytes, str]] = [(b"key", name), *((b"look", look) for look in sorted(looks))]
    return [Mark(key.id, hmac.digest(key.secret, _context(kind, text), "sha256")) for kind, text in texts]


def _context(kind: bytes, text: str) -> bytes:
    return canonical(b"tombstone", 1, kind, text.encode())
