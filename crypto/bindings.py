"""What binds a second factor's rows and one-time texts to their owner: keyed MACs, one name for each use.

Whoever can write to the database cannot make one, nor move one to another person.
"""

import hmac
import secrets

from crypto.canonical import canonical, to_text
from crypto.keyring import Key, Ring

CHALLENGE_BYTES = 32  # of which 16 would do (WebAuthn §13.4.3)
PENDING_PREFIX = "mfa1_"

_MOST_TEXT = 2048
_FAKE_BYTES = 32


def make_challenge() -> bytes:
    """What an authenticator signs, once."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def first_handle(token: Ring, user_id: int, challenge: bytes) -> bytes:
    """A stand-in for a person that tells nothing of them (WebAuthn §14.6.1): 64 bytes, other ones each time."""
    return hmac.digest(token.current.secret, canonical(b"handle", 1, user_id, challenge), "sha512")


def make_pending(user_id: int) -> str:
    """The token of a sign-in that waits for its second factor; it names whom it is for."""
    return f"{PENDING_PREFIX}{user_id}.{to_text(secrets.token_bytes(32))}"


def pending_is_of(text: str, user_id: int) -> bool:
    """Whether the token was made for this person: its fingerprint covers that."""
    return text.startswith(f"{PENDING_PREFIX}{user_id}.")


def pending_fingerprint(token: Ring, text: str) -> bytes:
    """What the database holds of such a token: 32 bytes."""
    return _mac(token.current, b"pending", _text(text))


def challenge_fingerprint(token: Ring, ceremony: str, owner: int, holder: bytes, challenge: bytes) -> bytes:
    """What the database holds of a challenge: good for one ceremony, of one person (0: whoever), for one holder."""
    return _mac(token.current, b"challenge", ceremony.encode(), owner, holder, challenge)


def passkey_mac(key: Key, user_id: int, *fields: int | bytes) -> bytes:
    """What a passkey's row must carry: it covers the owner and all that never changes."""
    return _mac(key, b"passkey", user_id, *fields)


def pending_stamp(token: Ring, user_id: int, password_version: int) -> bytes:
    """With which password, of those that this person has had, a sign-in began."""
    return _mac(token.current, b"stamp", user_id, password_version)


def same(one: bytes, other: bytes) -> bool:
    """Whether two MACs are equal, in constant time."""
    return hmac.compare_digest(one, other)


def fake_credentials(token: Ring, name: str) -> list[bytes]:
    """The credential ids of somebody who has none: the same at each question, one or (one time in four) two."""
    first = _mac(token.current, b"nobody", _text(name), 1)
    second = _mac(token.current, b"nobody", _text(name), 2)
    return [first[:_FAKE_BYTES], second[:_FAKE_BYTES]][: 2 if second[-1] % 4 == 0 else 1]


def _mac(key: Key, name: bytes, *fields: int | bytes) -> bytes:
    return hmac.digest(key.secret, canonical(name, 1, *fields), "sha256")


def _text(text: str) -> bytes:
    # Whatever somebody sent: cut, because a canonical field has a bound.
    return text[:_MOST_TEXT].encode("utf-8", "replace")
