"""What crosses the bus: a payload sealed with the bus ring, led by the id of its key.

Layout: length of the key id (1 byte), key id, Fernet token. What is sealed begins with the words of its purpose.
"""

from hmac import compare_digest

from crypto.canonical import canonical, open_fernet
from crypto.errors import Tampered
from crypto.keyring import Ring

_NO_TIME = 0
_CONTEXT = canonical(b"bus", 1, b"")  # the empty field stands where an envelope was once bound to a channel


def seal_envelope(bus: Ring, payload: bytes) -> bytes:
    """Seal a payload with the current key."""
    key = bus.current
    key_id = key.id.encode()
    return bytes((len(key_id),)) + key_id + key.fernet.encrypt_at_time(_CONTEXT + payload, _NO_TIME)


def open_envelope(bus: Ring, sealed: bytes) -> bytes:
    """The payload. UnknownKey when the ring lacks its key; Tampered when changed, or sealed for something else."""
    start = 1 + sealed[0] if sealed else 1
    try:
        key_id = sealed[1:start].decode("ascii")
    except UnicodeDecodeError:
        raise Tampered("not an envelope") from None
    opened = open_fernet(bus.by_id(key_id).fernet, sealed[start:])
    if not compare_digest(opened[: len(_CONTEXT)], _CONTEXT):
        raise Tampered("sealed for something else")
    return opened[len(_CONTEXT) :]
