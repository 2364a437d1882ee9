"""Opening many Fernet tokens of one key, each for well under half of what `Fernet.decrypt` costs.

The checks are Fernet's (https://github.com/fernet/spec): the MAC first and in constant time, then the version, AES-CBC
and the padding; and the token must be spelled in the one way in which it is written. What is kept from token to token
is the MAC that has taken its key, and one CBC decryptor. A block of CBC depends on its key and on the block before it,
no further back: so the IV is put through ahead of the text, and what comes out for it, which the token before has
tinged, is dropped.
"""

from base64 import urlsafe_b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from crypto.canonical import is_spelled_as_fernet
from crypto.errors import Tampered

_VERSION = 0x80
_IV_AT = 9
_BLOCK = 16
_MAC_BYTES = 32
_PADDING = PKCS7(8 * _BLOCK)


class Opening:
    """One go at tokens of the key with these 32 bytes. For one thread; made anew for each go, not kept."""

    __slots__ = ("_cbc", "_mac")

    def __init__(self, secret: bytes) -> None:
        self._mac = HMAC(secret[:16], SHA256())
        self._cbc = Cipher(AES(secret[16:]), CBC(bytes(_BLOCK))).decryptor()

    def open(self, token: bytes) -> bytes:
        """The plaintext; Tampered when the token is not this key's, or was changed, or is spelled in any other way."""
        if not is_spelled_as_fernet(token):
            raise Tampered("not a sealed value")
        try:
            raw = urlsafe_b64decode(token)
            signed = raw[:-_MAC_BYTES]
            mac = self._mac.copy()
            mac.update(signed)
            mac.verify(raw[-_MAC_BYTES:])
            # Only whole blocks: a part of one would stay in the decryptor, before the next token.
            if signed[0] != _VERSION or (len(signed) - _IV_AT) % _BLOCK:
                raise ValueError
            padded = self._cbc.update(signed[_IV_AT:])[_BLOCK:]
            unpadder = _PADDING.unpadder()
            return unpadder.update(padded) + unpadder.finalize()
        except (InvalidSignature, ValueError):
            raise Tampered("not sealed with this key, or changed") from None
