"""An authenticator made of software: keys, counters and flags as a test wants them, honest or not."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
Options = Mapping[str, Any]


@dataclass
class Held:
    """One key, and what the authenticator noted with it."""

    private: EllipticCurvePrivateKey
    rp_id: str
    handle: str
    count: int = 0


@dataclass
class Authenticator:
    """Answers options as they come over the API; `changes` to a call are what it lies about."""

    origin: str = "http://localhost:8000"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    keys: dict[str, Held] = field(default_factory=dict)

    def create(self, options: Options, **changes: Any) -> dict[str, Any]:
        """What `navigator.credentials.create()` gives, as JSON."""
        held = Held(generate_private_key(SECP256R1()), options["rp"]["id"], options["user"]["id"])
        credential_id = changes.get("credential_id", secrets.token_bytes(32))
        self.keys[text(credential_id)] = held
        numbers = held.private.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        cose = cbor2.dumps({1: 2, 3: changes.get("alg", -7), -1: 1, **point})
        attested = bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + cose
        data = self._data(held, ATTESTED, changes) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        told = self._told("webauthn.create", options, changes)
        return shown(credential_id, {"clientDataJSON": text(told), "attestationObject": text(made)})

    def get(self, options: Options, **changes: Any) -> dict[str, Any]:
        """What `navigator.credentials.get()` gives, as JSON, by the first key that is allowed."""
        allowed = [each["id"] for each in options["allowCredentials"]] or list(self.keys)
        name = next(each for each in allowed if each in self.keys)
        held = self.keys[name]
        if self.counts:
            held.count += 1
        data = self._data(held, 0, changes)
        told = self._told("webauthn.get", options, changes)
        signer = changes.get("signer", held.private)
        signature = signer.sign(data + hashlib.sha256(told).digest(), ECDSA(SHA256()))
        response = {"clientDataJSON": text(told), "authenticatorData": text(data), "signature": text(signature)}
        handle = changes.get("handle", held.handle)
        return shown(raw(name), response | ({} if handle is None else {"userHandle": handle}))

    def _data(self, held: Held, more: int, changes: Mapping[str, Any]) -> bytes:
        place = hashlib.sha256(changes.get("rp_id", held.rp_id).encode()).digest()
        flags = changes.get("flags", self.flags) | more
        return place + bytes((flags,)) + int(changes.get("count", held.count)).to_bytes(4, "big")

    def _told(self, kind: str, options: Options, changes: Mapping[str, Any]) -> bytes:
        told = {
            "type": changes.get("type", kind),
            "challenge": changes.get("challenge", options["challenge"]),
            "origin": changes.get("origin", self.origin),
            "crossOrigin": changes.get("cross_origin", False),
        }
        return json.dumps(told | ({"topOrigin": changes["top"]} if "top" in changes else {})).encode()


def shown(credential_id: bytes, response: Mapping[str, str]) -> dict[str, Any]:
    """A credential as `toJSON()` has it."""
    name = text(credential_id)
    return {"id": name, "rawId": name, "type": "public-key", "response": dict(response), "clientExtensionResults": {}}


def text(some: bytes) -> str:
    return urlsafe_b64encode(some).rstrip(b"=").decode()


def raw(some: str) -> bytes:
    return urlsafe_b64decode(some + "=" * (-len(some) % 4))
