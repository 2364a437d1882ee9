"""Tokens: access (a JWT, short) and refresh (opaque, rotating); and the seal of the session behind them.

An access token is made with PyJWT and its MAC checked with PyJWT's HS256; its form, header, claims and times
are checked here, because PyJWT ignores `typ`, knows only the system's clock and takes an int for a float or a
true. An access token proves that it was issued; whether its session still lives is asked elsewhere, on every
request.

A refresh token carries a MAC, so that a forged one is told from one that was genuine once: only the second is
reuse.
"""

import hmac
import re
import secrets
import struct
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from jwt import PyJWS
from jwt.algorithms import HMACAlgorithm

from crypto.canonical import canonical, from_text, to_text
from crypto.errors import BadToken, UnknownKey
from crypto.keyring import Key, Ring

MAX_ACCESS_CHARACTERS = 2048
LEEWAY_SECONDS = 5

_JWS = PyJWS(["HS256"], {"verify_signature": True, "enforce_minimum_key_length": True})
_HS256 = HMACAlgorithm(HMACAlgorithm.SHA256)
# RFC 7515 §7.1; the MAC is 43 characters, of which the last carries two bits that must be zero.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])")

_REFRESH_PREFIX = "rt1_"
_REFRESH_CHARACTERS = 200
_REFRESH_NUMBERS = struct.Struct(">QQ")
_REFRESH_SECRET = 32
_REFRESH_TAG = 32

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Subject = Annotated[str, msgspec.Meta(pattern=r"\A[1-9][0-9]{0,15}\Z")]
_TokenId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Access(msgspec.Struct, frozen=True):
    """What an access token says. Times in seconds; `generation` is that of the session's refresh token."""

    user_id: int
    session_id: int
    generation: int
    issued_at: int
    expires_at: int
    auth_time: int
    token_id: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a refresh token says. `key_id` is the token key that made it and that keys its fingerprint."""

    session_id: int
    generation: int
    secret: bytes = field(repr=False)
    key_id: str


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # Unknown fields are refused: no `crit`, no `jwk`, no `jku`, no `x5u` (RFC 8725 §3.1, §3.10).
    alg: Literal["HS256"]
    kid: str
    typ: Literal["at+jwt"]


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: Literal["recado"]
    aud: Literal["recado"]
    sub: _Subject
    sid: _Number
    gen: _Number
    iat: _Number
    nbf: _Number
    exp: _Number
    auth_time: _Number
    jti: _TokenId
    token_type: Literal["access"]  # COMPAT: clients of SimpleJWT look for it


_HEADERS = msgspec.json.Decoder(_Header)
_CLAIMS = msgspec.json.Decoder(_Claims)


def issue_access(access: Ring, claims: Access) -> str:
    """Sign an access token with the current key. ValueError when `read_access` would refuse these claims."""
    payload = msgspec.json.encode(
        _Claims(
            iss="recado",
            aud="recado",
            sub=str(claims.user_id),
            sid=claims.session_id,
            gen=claims.generation,
            iat=claims.issued_at,
            nbf=claims.issued_at,
            exp=claims.expires_at,
            auth_time=claims.auth_time,
            jti=claims.token_id,
            token_type="access",  # noqa: S106 - a kind, no secret
        )
    )
    _access_of(payload)
    key = access.current
    return _JWS.encode(payload, key.secret, "HS256", {"typ": "at+jwt", "kid": key.id})


def read_access(access: Ring, token: str, now: int) -> Access:
    """Check an access token at `now`, in seconds, and return what it says; BadToken with the reason."""
    if len(token) > MAX_ACCESS_CHARACTERS:
        raise BadToken("oversized")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise BadToken("malformed")
    key = _signer(access, parts[1])
    if not _HS256.verify(token[: parts.end(2)].encode("ascii"), key.secret, from_text(parts[3])):
        raise BadToken("not signed by us")
    try:
        claims, not_before = _access_of(from_text(parts[2]))
    except ValueError:
        raise BadToken("not the claims of an access token") from None
    if now - LEEWAY_SECONDS >= claims.expires_at:
        raise BadToken("expired")
    if max(claims.issued_at, not_before) > now + LEEWAY_SECONDS:
        raise BadToken("not valid yet")
    return claims


def make_refresh(token: Ring, session_id: int, generation: int) -> str:
    """A fresh refresh token, as the client keeps it: `rt1_` and base64url. `read_refresh` gives its parts."""
    key = token.current
    refresh = Refresh(session_id, generation, secrets.token_bytes(_REFRESH_SECRET), key.id)
    key_id = key.id.encode("ascii")
    numbers = _REFRESH_NUMBERS.pack(session_id, generation)
    body = bytes((len(key_id),)) + key_id + numbers + refresh.secret
    return _REFRESH_PREFIX + to_text(body + _tag(key, refresh))


def read_refresh(token: Ring, text: str) -> Refresh:
    """The parts of a refresh token of ours, current or long used; BadToken when we did not make it."""
    if len(text) > _REFRESH_CHARACTERS or not text.startswith(_REFRESH_PREFIX):
        raise BadToken("not a refresh token")
    try:
        raw = from_text(text.removeprefix(_REFRESH_PREFIX))
        numbers_at = 1 + raw[0]
        secret_at = numbers_at + _REFRESH_NUMBERS.size
        tag_at = secret_at + _REFRESH_SECRET
        session_id, generation = _REFRESH_NUMBERS.unpack(raw[numbers_at:secret_at])
        key = token.by_id(raw[1:numbers_at].decode("ascii"))
    except (ValueError, IndexError, struct.error):
        raise BadToken("malformed") from None
    except UnknownKey:
        raise BadToken("unknown key") from None
    refresh = Refresh(session_id, generation, raw[secret_at:tag_at], key.id)
    if len(raw) != tag_at + _REFRESH_TAG or not hmac.compare_digest(raw[tag_at:], _tag(key, refresh)):
        raise BadToken("not made by us")
    return refresh


def fingerprint(token: Ring, user_id: int, refresh: Refresh) -> bytes:
    """What the database holds of a refresh token: 32 bytes, bound to user, session and generation.

    UnknownKey when the ring lacks the key that made the token.
    """
    key = token.by_id(refresh.key_id)
    owned = canonical(b"refresh-owner", 1, user_id, refresh.session_id, refresh.generation, refresh.secret)
    return hmac.digest(key.secret, owned, "sha256")


def ticket_fingerprint(token: Ring, ticket: str) -> bytes:
    """What the database holds of a one-time ticket: 32 bytes."""
    return hmac.digest(token.current.secret, canonical(b"ticket", 1, _shown(ticket)), "sha256")


def reset_fingerprint(token: Ring, text: str) -> bytes:
    """What the database holds of a one-time token that sets a password: 32 bytes."""
    return hmac.digest(token.current.secret, canonical(b"reset", 1, _shown(text)), "sha256")


def seal_session(token: Ring, *facts: int) -> bytes:
    """What a session's row must carry: the id of the key, and a MAC over what only we may say of the session."""
    key = token.current
    key_id = key.id.encode("ascii")
    return bytes((len(key_id),)) + key_id + _session_mac(key, facts)


def is_session_seal(token: Ring, seal: bytes, *facts: int) -> bool:
    """Whether `seal_session` has made it for these facts, with any key of the ring."""
    try:
        mac_at = 1 + seal[0]
        key = token.by_id(seal[1:mac_at].decode("ascii"))
        made = _session_mac(key, facts)
    except (IndexError, ValueError, UnknownKey):
        return False
    return hmac.compare_digest(seal[mac_at:], made)


def keyed_name(token: Ring, text: str) -> str:
    """A stand-in for a name that may be a mistyped password: the same for the same text, and no way back."""
    return hmac.digest(token.current.secret, canonical(b"name", 1, _shown(text)), "sha256")[:16].hex()


def _shown(text: str) -> bytes:
    # Whatever somebody typed: cut, because a canonical field has a bound, and never an error that quotes it.
    return text[:MAX_ACCESS_CHARACTERS].encode("utf-8", "replace")


def _signer(access: Ring, segment: str) -> Key:
    try:
        return access.by_id(_HEADERS.decode(from_text(segment)).kid)
    except ValueError:
        raise BadToken("not the header of an access token") from None
    except UnknownKey:
        raise BadToken("unknown key") from None


def _access_of(payload: bytes) -> tuple[Access, int]:
    claims = _CLAIMS.decode(payload)
    user_id = int(claims.sub)
    if user_id >= 2**53 or claims.exp <= claims.iat:
        raise ValueError("claims out of range")
    access = Access(user_id, claims.sid, claims.gen, claims.iat, claims.exp, claims.auth_time, claims.jti)
    return access, claims.nbf


def _session_mac(key: Key, facts: tuple[int, ...]) -> bytes:
    return hmac.digest(key.secret, canonical(b"session", 1, *facts), "sha256")


def _tag(key: Key, refresh: Refresh) -> bytes:
    made = canonical(b"refresh", 1, refresh.key_id.encode(), refresh.session_id, refresh.generation, refresh.secret)
    return hmac.digest(key.secret, made, "sha256")
