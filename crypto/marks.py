"""Marks of known devices: by them a browser shows that somebody signed in there, in which session.

A mark proves nothing but that: it opens nothing, and whose session it was is asked of the database. It carries a MAC,
so that nobody can make one up.
"""

import hmac
import struct

from crypto.canonical import canonical, from_text, to_text
from crypto.errors import BadToken, UnknownKey
from crypto.keyring import Key, Ring

_PREFIX = "dm1_"
_MOST_CHARACTERS = 120
_NUMBER = struct.Struct(">Q")
_TAG = 32


def make_mark(token: Ring, session_id: int) -> str:
    """The mark of the device that this session began on: `dm1_` and base64url."""
    key = token.current
    key_id = key.id.encode("ascii")
    body = bytes((len(key_id),)) + key_id + _NUMBER.pack(session_id)
    return _PREFIX + to_text(body + _tag(key, session_id))


def read_mark(token: Ring, text: str) -> int:
    """The session that a mark names; BadToken when we did not make it, or with a key that is gone."""
    if len(text) > _MOST_CHARACTERS or not text.startswith(_PREFIX):
        raise BadToken("not a mark")
    try:
        raw = from_text(text.removeprefix(_PREFIX))
        number_at = 1 + raw[0]
        tag_at = number_at + _NUMBER.size
        (session_id,) = _NUMBER.unpack(raw[number_at:tag_at])
        key = token.by_id(raw[1:number_at].decode("ascii"))
    except (ValueError, IndexError, struct.error):
        raise BadToken("malformed") from None
    except UnknownKey:
        raise BadToken("unknown key") from None
    if len(raw) != tag_at + _TAG or not hmac.compare_digest(raw[tag_at:], _tag(key, session_id)):
        raise BadToken("not made by us")
    return int(session_id)


def _tag(key: Key, session_id: int) -> bytes:
    return hmac.digest(key.secret, canonical(b"device-mark", 1, key.id.encode(), session_id), "sha256")
