"""The audit log's mathematics: records linked by hash, vouched for by a key that moves on, sealed for a person.

A record's link is SHA-256 over its canonical form, which holds the link before it: from a link that is known to be
right all earlier records can be checked without any secret. Its MAC is HMAC-SHA-256 over the link with the key of
its epoch. Each epoch's key is derived from the one before, which is then erased: who takes today's key cannot make
yesterday's MACs (Schneier and Kelsey, 1998). The first key of all, kept elsewhere, checks every MAC there is.
"""

import hmac
import secrets
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from crypto.canonical import canonical, from_text, open_fernet, to_text
from crypto.errors import Tampered
from crypto.keyring import KEY_BYTES, Ring

# What stands where there is no link before.
NO_LINK = bytes(32)

_NO_TIME = 0
_FIRST_KEY = "recado-audit-1"


class Entry(msgspec.Struct, frozen=True):
    """What a link covers. `log` names the whole log (hex), `id` counts from 1, `personal` is sealed."""

    log: str
    id: int
    at: int
    actor_id: int | None
    personal: bytes
    action: str
    outcome: str
    reason: str
    request_id: str
    instance: str
    epoch: int
    prev: bytes


def make_log() -> str:
    """The name of a new log."""
    return secrets.token_hex(8)


def make_key() -> bytes:
    """The first key of a log, or a person's key: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def next_key(key: bytes) -> bytes:
    """The key of the next epoch; there is no way back."""
    return HKDFExpand(SHA256(), KEY_BYTES, b"audit-next").derive(key)


def link(entry: Entry) -> bytes:
    """The link of a record. ValueError or TypeError for what no record can hold."""
    return sha256(
        canonical(
            b"audit",
            1,
            entry.log.encode(),
            entry.id,
            entry.at,
            b"" if entry.actor_id is None else entry.actor_id,
            entry.personal,
            *(text.encode() for text in (entry.action, entry.outcome, entry.reason, entry.request_id, entry.instance)),
            entry.epoch,
            entry.prev,
        )
    ).digest()


def mac(key: bytes, link: bytes) -> bytes:
    """What vouches for a record, made with the key of its epoch."""
    return hmac.digest(key, canonical(b"audit-record", 1, link), "sha256")


def head_mac(key: bytes, log: str, record_id: int, link: bytes, epoch: int) -> bytes:
    """What vouches for the end of the log: nobody without the key can move it back."""
    return hmac.digest(key, canonical(b"audit-head", 1, log.encode(), record_id, link, epoch), "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Whether two MACs are equal, in constant time."""
    return hmac.compare_digest(one, other)


def seal_key(ring: Ring, name: str, key: bytes) -> bytes:
    """A key for the store: length and id of the ring's current key, then a Fernet token bound to `name`."""
    return seal_key_id(ring) + ring.current.fernet.encrypt_at_time(_named(name) + key, _NO_TIME)


def open_key(ring: Ring, name: str, sealed: bytes) -> bytes:
    """The key. UnknownKey when the ring lacks its key; Tampered when changed, or sealed under another name."""
    key_id, token = split_key_id(sealed)
    opened = open_fernet(ring.by_id(key_id).fernet, token)
    context = _named(name)
    if not hmac.compare_digest(opened[: len(context)], context) or len(opened) != len(context) + KEY_BYTES:
        raise Tampered("sealed under another name")
    return opened[len(context) :]


def seal_personal(key: bytes, log: str, record_id: int, text: bytes) -> bytes:
    """What a record says of a person, under that person's key, for this record only."""
    return _fernet(key).encrypt_at_time(_record(log, record_id) + text, _NO_TIME)


def open_personal(key: bytes, log: str, record_id: int, sealed: bytes) -> bytes:
    """What was sealed; Tampered when the key, the record or the bytes are other ones."""
    opened = open_fernet(_fernet(key), sealed)
    context = _record(log, record_id)
    if not hmac.compare_digest(opened[: len(context)], context):
        raise Tampered("sealed for another record")
    return opened[len(context) :]


def seal_key_id(ring: Ring) -> bytes:
    """What goes before bytes that were made with the ring's current key: the length of its id, and the id."""
    key_id = ring.current.id.encode()
    return bytes((len(key_id),)) + key_id


def split_key_id(led: bytes) -> tuple[str, bytes]:
    """The id that `seal_key_id` put before the bytes, and the bytes; Tampered when there is none."""
    try:
        end = 1 + led[0]
        return led[1:end].decode("ascii"), led[end:]
    except (IndexError, UnicodeDecodeError):
        raise Tampered("led by no key's id") from None


def derived_key(secret: bytes, name: str) -> bytes:
    """A key for one use, from a ring's secret."""
    return HKDFExpand(SHA256(), KEY_BYTES, b"audit-" + name.encode()).derive(secret)


def format_first_key(log: str, key: bytes) -> str:
    """The first key as it is kept elsewhere: one line."""
    return f"{_FIRST_KEY} {log} {to_text(key)}"


def parse_first_key(text: str) -> tuple[str, bytes]:
    """The log's name and its first key; ValueError for any other text."""
    words = text.split()
    if len(words) != 3 or words[0] != _FIRST_KEY:
        raise ValueError("not the first key of an audit log")
    key = from_text(words[2])
    if len(key) != KEY_BYTES:
        raise ValueError("the first key of an audit log has 32 bytes")
    return words[1], key


def fingerprint(text: str) -> str:
    """16 hex digits that change with the text, and tell nothing of it that cannot be guessed."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _named(name: str) -> bytes:
    return canonical(b"audit-key", 1, name.encode())


def _record(log: str, record_id: int) -> bytes:
    return canonical(b"audit-person", 1, log.encode(), record_id)


def _fernet(key: bytes) -> Fernet:
    return Fernet(to_text(key) + "=")
