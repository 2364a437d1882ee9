"""Time-based one-time passwords (RFC 6238): seeds, sealed for one person, and which step a code is of.

SHA-1, six digits, thirty seconds: what every authenticator app knows. A sealed seed begins with the canonical
identity of its row, so that a row copied to another person does not open. The time is an argument.
"""

import hmac
import secrets
from base64 import b32encode

import pyotp

from crypto.canonical import canonical, open_fernet
from crypto.errors import Tampered
from crypto.keyring import Ring

STEP_SECONDS = 30
# How long the code before is still taken: clocks differ, and people type.
LATE_SECONDS = 15
DIGITS = 6
SEED_BYTES = 20  # RFC 4226 §4, R6: 160 bits

_NO_TIME = 0


def make_seed() -> bytes:
    """A fresh random seed."""
    return secrets.token_bytes(SEED_BYTES)


def to_base32(seed: bytes) -> str:
    """The seed as an app takes it, typed by hand or from the URI."""
    return b32encode(seed).decode("ascii")


def uri(seed: bytes, *, account: str, issuer: str) -> str:
    """The `otpauth://` URI that an app reads from the QR code."""
    return _totp(seed).provisioning_uri(name=account, issuer_name=issuer)


def seal_seed(master: Ring, user_id: int, credential_id: int, seed: bytes) -> tuple[str, bytes]:
    """The id of the master key, and the seed sealed with it for this credential of this person."""
    key = master.current
    return key.id, key.fernet.encrypt_at_time(_context(user_id, credential_id) + seed, _NO_TIME)


def open_seed(master: Ring, user_id: int, credential_id: int, key_id: str, sealed: bytes) -> bytes:
    """The seed. UnknownKey when the ring lacks its key; Tampered when changed, or another person's or credential's."""
    opened = open_fernet(master.by_id(key_id).fernet, sealed)
    context = _context(user_id, credential_id)
    if not hmac.compare_digest(opened[: len(context)], context):
        raise Tampered("sealed for another place")
    seed = opened[len(context) :]
    if len(seed) != SEED_BYTES:
        raise Tampered("sealed, but no seed")
    return seed


def code_at(seed: bytes, step: int) -> str:
    """The code of a time step."""
    return _totp(seed).generate_otp(step)


def step_of(seed: bytes, typed: str, now: int) -> int | None:
    """Which step a typed code is of, at `now` in milliseconds: this one, or shortly after its end the one before.

    None when it is of neither. Spaces do not count. A code of a step to come is never taken.
    """
    digits = "".join(typed.split())
    if not (len(digits) == DIGITS and digits.isascii() and digits.isdecimal()):
        return None
    step, into = divmod(now, STEP_SECONDS * 1000)
    steps = (step, step - 1) if into < LATE_SECONDS * 1000 else (step,)
    fitting = [each for each in steps if hmac.compare_digest(code_at(seed, each), digits)]
    return fitting[0] if fitting else None


def _totp(seed: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(to_base32(seed), digits=DIGITS, interval=STEP_SECONDS)


def _context(user_id: int, credential_id: int) -> bytes:
    return canonical(b"totp", 1, user_id, credential_id)
