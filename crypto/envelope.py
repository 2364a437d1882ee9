"""What crosses the bus: a payload sealed with the bus ring, led by the id of its key.

Layout: length of the key id (1 byte), key id, Fernet token. A channel, when one is named, is part of what is
sealed: the envelope opens on that channel only. The empty channel binds none, for a payload that goes to
several at once.
"""

from hmac import compare_digest

from crypto.canonical import canonical, open_fernet
from crypto.errors import Tampered
from crypto.keyring import Ring

_NO_TIME = 0


def seal_envelope(bus: Ring, channel: str, payload: bytes) -> bytes:
    """Seal a payload for one channel, or for any when `channel` is empty."""
    key = bus.current
    key_id = key.id.encode()
    return bytes((len(key_id),)) + key_id + key.fernet.encrypt_at_time(_context(channel) + payload, _NO_TIME)


def open_envelope(bus: Ring, channel: str, sealed: bytes) -> bytes:
    """The payload. UnknownKey when the ring lacks its key; Tampered when changed, or for another channel."""
    start = 1 + sealed[0] if sealed else 1
    try:
        key_id = sealed[1:start].decode("ascii")
    except UnicodeDecodeError:
        raise Tampered("not an envelope") from None
    opened = open_fernet(bus.by_id(key_id).fernet, sealed[start:])
    context = _context(channel)
    if not compare_digest(opened[: len(context)], context):
        raise Tampered("sealed for another channel")
    return opened[len(context) :]


def _context(channel: str) -> bytes:
    return canonical(b"bus", 1, channel.encode()) if channel else _ANY_CHANNEL


_ANY_CHANNEL = canonical(b"bus", 1, b"")
