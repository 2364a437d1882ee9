"""Signed checkpoints of the audit log: how far it went, and by which link; Ed25519 (RFC 8032).

Each one covers the checkpoint before it. Whoever holds one that left the machine in time, and the public key, can
tell whether the log still leads there: no secret is needed for that.
"""

from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.canonical import canonical, from_text, to_text
from crypto.chain import NO_LINK, derived_key
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring

TYPE = "recado.audit.checkpoint"
# What stands where there is no checkpoint before.
NO_CHECKPOINT = NO_LINK

PublicKeys = dict[str, bytes]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, tag=TYPE, tag_field="type", forbid_unknown_fields=True):
    """The log up to record `record`, whose link is `link`; records up to `floor` are no longer kept.

    `at` in milliseconds; `previous` is the digest of the checkpoint before; `key_id` names the key of the signature.
    """

    log: str
    number: int
    at: int
    record: int
    link: bytes
    floor: int
    floor_link: bytes
    previous: bytes
    key_id: str = ""
    signature: bytes = b""


_LINES = msgspec.json.Decoder(Checkpoint)


def sign(ring: Ring, checkpoint: Checkpoint) -> Checkpoint:
    """The same, signed with the key that belongs to the ring's current one."""
    named = msgspec.structs.replace(checkpoint, key_id=ring.current.id)
    return msgspec.structs.replace(named, signature=_private(ring.current.secret).sign(_signed(named)))


def check(keys: PublicKeys, checkpoint: Checkpoint) -> None:
    """Return when the signature is good; UnknownKey when its key is not among `keys`, else Tampered."""
    key = keys.get(checkpoint.key_id)
    if key is None:
        raise UnknownKey("no public key of this id")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(checkpoint.signature, _signed(checkpoint))
    except (InvalidSignature, ValueError, TypeError):
        raise Tampered("not signed by us") from None


def digest(checkpoint: Checkpoint) -> bytes:
    """What the next checkpoint holds of this one."""
    return sha256(_signed(checkpoint) + checkpoint.signature).digest()


def to_line(checkpoint: Checkpoint) -> str:
    """One line of JSON, ASCII only: no byte in it can end the line or turn a terminal's colours."""
    text = msgspec.json.encode(checkpoint).decode()
    return "".join(mark if " " <= mark <= "~" else f"\\u{ord(mark):04x}" for mark in text)


def from_line(line: str) -> Checkpoint:
    """What `to_line` wrote; Tampered for any other line."""
    try:
        return _LINES.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Tampered("not a checkpoint") from None


def public_keys(ring: Ring) -> PublicKeys:
    """The public key of each of the ring's keys, by id: 32 bytes."""
    return {key.id: _private(key.secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for key in ring.keys}


def format_public_keys(keys: PublicKeys) -> str:
    """One line `<id> <base64url>` for each key."""
    return "".join(f"{key_id} {to_text(key)}\n" for key_id, key in keys.items())


def parse_public_keys(text: str) -> PublicKeys:
    """What `format_public_keys` wrote, `#` begins a comment; ValueError names the line that is none."""
    keys: PublicKeys = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise ValueError(f"line {number}: expected a key id and a public key")
        try:
            keys[words[0]] = from_text(words[1])
        except ValueError:
            raise ValueError(f"line {number}: the key is not base64url") from None
        if len(keys[words[0]]) != len(NO_LINK):
            raise ValueError(f"line {number}: a public key has 32 bytes")
    if not keys:
        raise ValueError("there is no public key in it")
    return keys


def _private(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(derived_key(secret, "checkpoint"))


def _signed(checkpoint: Checkpoint) -> bytes:
    return canonical(
        b"audit-checkpoint",
        1,
        checkpoint.log.encode(),
        checkpoint.number,
        checkpoint.at,
        checkpoint.record,
        checkpoint.link,
        checkpoint.floor,
        checkpoint.floor_link,
        checkpoint.previous,
        checkpoint.key_id.encode(),
    )
