"""Passkeys: what an authenticator has signed is checked here (WebAuthn Level 3 §7.1, §7.2), by py_webauthn.

Bytes in, verdict out. What the library leaves to its caller is done here: no other origin's frame around the
page, the algorithms that are taken, the flags of a backup. The counter, which can be behind for an honest
reason as well, is judged by whoever knows the row. Both `verify_` functions take a while at first, as the
library loads, and then some hundred microseconds: they belong on a thread of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from crypto.canonical import from_text, to_text
from crypto.errors import BadToken

# COSE: Ed25519, P-256, RSA with PKCS #1 v1.5, all with SHA-256.
ALGORITHMS = (-8, -7, -257)
MOST_ID = 1023  # WebAuthn §4, credential id
MOST_KEY = 2048

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the page is: the relying party's id, and the origin that the browser must tell."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A new credential: its id, its public key (COSE), and what the authenticator says of itself."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """A good assertion: how often the key was used, and what the authenticator says of itself."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool


class _ClientData(msgspec.Struct, frozen=True):
    challenge: str
    crossOrigin: bool = False  # noqa: N815 - the browser's name
    topOrigin: str | None = None  # noqa: N815


_CLIENT_DATA = msgspec.json.Decoder(_ClientData)


def challenge_of(client_data: str) -> bytes:
    """The challenge that a browser says it has signed (`clientDataJSON`); BadToken when it says none.

    Also BadToken when the page stood in the frame of another origin.
    """
    try:
        told = _CLIENT_DATA.decode(from_text(client_data))
        challenge = from_text(told.challenge)
    except (ValueError, RecursionError):
        raise BadToken("not the data of a client") from None
    if told.crossOrigin or told.topOrigin is not None:
        raise BadToken("another site's frame")
    return challenge


def credential_id_of(text: str) -> bytes:
    """A credential's id from its text; BadToken when it is none."""
    try:
        raw = from_text(text)
    except ValueError:
        raise BadToken("not a credential id") from None
    if not 0 < len(raw) <= MOST_ID:
        raise BadToken("not a credential id")
    return raw


def verify_registration(site: Site, challenge: bytes, credential: Mapping[str, Any]) -> Registered:
    """Check the answer of `navigator.credentials.create()`, given as JSON; BadToken with a reason.

    The user must have been verified: each passkey can stand for password and second factor.
    """
    from webauthn import verify_registration_response  # noqa: PLC0415 - takes long to load, and few use it
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415

    verified = _judged(
        lambda: verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in ALGORITHMS],
        )
    )
    if len(verified.credential_id) > MOST_ID or len(verified.credential_public_key) > MOST_KEY:
        raise BadToken("oversized")
    return Registered(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_device_type == "multi_device",
        verified.credential_backed_up,
    )


def verify_assertion(
    site: Site, challenge: bytes, credential: Mapping[str, Any], public_key: bytes, *, verified_user: bool
) -> Asserted:
    """Check the answer of `navigator.credentials.get()`, given as JSON; BadToken with a reason.

    With `verified_user`, the authenticator must have asked for a PIN, a finger or a face.
    """
    from webauthn import verify_authentication_response  # noqa: PLC0415

    verified = _judged(
        lambda: verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=verified_user,
        )
    )
    return Asserted(
        verified.new_sign_count,
        verified.credential_device_type == "multi_device",
        verified.credential_backed_up,
    )


def text_of(raw: bytes) -> str:
    """Bytes as WebAuthn's JSON has them."""
    return to_text(raw)


def _judged(verify: Callable[[], T]) -> T:
    try:
        return verify()
    except Exception as error:  # noqa: BLE001 - the library raises whatever its parsers raise
        raise BadToken(f"refused: {type(error).__name__}") from None
