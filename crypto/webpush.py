"""Web Push: a payload that only one device can read (RFC 8291), and the word for it that we sent it (RFC 8292).

A subscription is what a browser gives out: where to send, its public key, and a secret. It is kept sealed for one
session of one person, so that a row copied to another does not open. Time and chance are arguments.
"""

import hmac
import secrets
import struct
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.canonical import canonical, from_text, open_fernet, to_text
from crypto.errors import Tampered
from crypto.keyring import Key, Ring, Secret

POINT_BYTES = 65  # uncompressed (SEC 1 §2.3.3), as browsers give it
AUTH_BYTES = 16
SALT_BYTES = 16
# RFC 8291 §4: one record, so its size only must not be less than what is in it.
RECORD_SIZE = 4096
# Whatever is told, all payloads have this many bytes: their length tells nothing.
PADDED_BYTES = 128

_CURVE = ec.SECP256R1()
# The order of P-256 (SP 800-186 §3.2.1.3): private keys are 1 … n-1.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_WIDE_BYTES = 48  # SP 800-56A A.2.1: 128 bits more than the order, or the lowest keys would be more likely
_HEAD = struct.Struct(">16sIB")
_NO_TIME = 0


@dataclass(frozen=True, slots=True)
class Subscription(Secret):
    """Where one device is reached, and what seals for it."""

    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signer(Secret):
    """The key pair that push services know us by: made from a key of the ring `push`, always the same one."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: str

    def header(self, *, origin: str, contact: str, expires_at: int) -> str:
        """The value of `Authorization` for a push service (RFC 8292 §2, §3); the time in seconds, ≤ 24 h from now."""
        claims: dict[str, object] = {"aud": origin, "exp": expires_at}
        if contact:
            claims["sub"] = contact
        token = jwt.encode(claims, self.private, algorithm="ES256")
        return f"vapid t={token}, k={self.public}"


def signer(key: Key) -> Signer:
    """The pair that belongs to a key."""
    wide = HKDF(SHA256(), _WIDE_BYTES, None, canonical(b"vapid", 1)).derive(key.secret)
    private = ec.derive_private_key(int.from_bytes(wide) % (_ORDER - 1) + 1, _CURVE)
    return Signer(private, to_text(_point(private.public_key())))


def read_p256dh(text: str) -> bytes:
    """A browser's public key; ValueError when it is not a point of the curve, as 65 bytes of base64url."""
    point = from_text(text)
    if len(point) != POINT_BYTES:
        raise ValueError("not an uncompressed point")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    return point


def read_auth(text: str) -> bytes:
    """A browser's secret; ValueError when it is not 16 bytes of base64url."""
    auth = from_text(text)
    if len(auth) != AUTH_BYTES:
        raise ValueError("not 16 bytes")
    return auth


def encrypt(
    subscription: Subscription,
    payload: bytes,
    *,
    padded: int = PADDED_BYTES,
    salt: bytes | None = None,
    private: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of a push message (`Content-Encoding: aes128gcm`, RFC 8291 §3, RFC 8188 §2), padded to one length."""
    salt = salt or secrets.token_bytes(SALT_BYTES)
    private = private or ec.generate_private_key(_CURVE)
    device = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, subscription.p256dh)
    own = _point(private.public_key())
    shared = private.exchange(ec.ECDH(), device)
    material = _derive(subscription.auth, shared, b"WebPush: info\0" + subscription.p256dh + own, 32)
    key = _derive(salt, material, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, material, b"Content-Encoding: nonce\0", 12)
    # The delimiter of the last record; what follows it is padding.
    sealed = AESGCM(key).encrypt(nonce, payload + b"\x02" + bytes(max(0, padded - len(payload))), None)
    return _HEAD.pack(salt, RECORD_SIZE, len(own)) + own + sealed


def seal_subscription(master: Ring, user_id: int, session_id: int, subscription: Subscription) -> tuple[str, bytes]:
    """The id of the master key, and the subscription sealed with it for this session of this person."""
    key = master.current
    text = _context(user_id, session_id) + subscription.p256dh + subscription.auth + subscription.endpoint.encode()
    return key.id, key.fernet.encrypt_at_time(text, _NO_TIME)


def open_subscription(master: Ring, user_id: int, session_id: int, key_id: str, sealed: bytes) -> Subscription:
    """The subscription. UnknownKey when the ring lacks its key; Tampered when changed, or another session's."""
    opened = open_fernet(master.by_id(key_id).fernet, sealed)
    context = _context(user_id, session_id)
    if not hmac.compare_digest(opened[: len(context)], context):
        raise Tampered("sealed for another place")
    rest = opened[len(context) :]
    point, auth, endpoint = rest[:POINT_BYTES], rest[POINT_BYTES:][:AUTH_BYTES], rest[POINT_BYTES + AUTH_BYTES :]
    if not endpoint:
        raise Tampered("sealed, but no subscription")
    return Subscription(endpoint.decode(), point, auth)


def endpoint_marks(token: Ring, endpoint: str) -> list[bytes]:
    """What stands for an endpoint in the database, by each key of the ring, the current one first: 32 bytes each."""
    text = canonical(b"push endpoint", 1, endpoint.encode())
    return [hmac.digest(key.secret, text, "sha256") for key in token.keys]


def _derive(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(material)


def _point(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _context(user_id: int, session_id: int) -> bytes:
    return canonical(b"push", 1, user_id, session_id)
