"""Text at rest: a Fernet key for each conversation, wrapped by the master ring, and messages sealed with it.

Invariants: the plaintext begins with the canonical identity of its row, so that a swapped or copied row does
not open, and its first byte tells whether the id of a quoted message stands before the text; the wrapped key
begins with its conversation, generation and members, so that it opens for nobody else. A key is chosen by its
stored id or generation, never by trial. Fernet's clear timestamp says no more than the row's own time, or
nothing. (Fernet is AES-128-CBC with HMAC-SHA-256; `alg` names it, so that another can follow.)
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hmac import compare_digest

import msgspec
from cryptography.fernet import Fernet

from crypto.canonical import canonical, open_fernet
from crypto.errors import Tampered
from crypto.keyring import KEY_BYTES, Ring, Secret
from crypto.opening import Opening

FERNET = 1

# Fernet writes a time in clear; what has no time of its own gets this one.
_NO_TIME = 0

# The first byte of a plaintext is the version of its context. What quotes no message is sealed as it was before there
# were replies, and older releases read it; in a reply the id of the quoted message stands between context and text.
_ALONE = 1
_REPLY = 2
_BEGIN_OF_REPLY = bytes((_REPLY,))
_ID_BYTES = 8
_LARGEST_ID = 2**53 - 1


class Place(msgspec.Struct, frozen=True):
    """The identity of a message row: what its ciphertext is bound to.

    `client_id` is 16 bytes, `sent_at` in milliseconds since the epoch, `revision` counts the edits.
    """

    conversation_id: int
    sender_id: int
    client_id: bytes
    sent_at: int
    revision: int


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed text: the only thing a store accepts. `body` is a Fernet token (ASCII) while `alg` is 1."""

    alg: int = FERNET
    key_generation: int
    body: bytes


class Opened(msgspec.Struct, frozen=True):
    """What was sealed: a text, and the id of the message that it quotes, if it quotes one."""

    text: str
    reply_to: int | None = None


class WrappedKey(msgspec.Struct, frozen=True):
    """A conversation key as the database holds it, sealed by the master key `master_id`."""

    generation: int
    master_id: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Parties:
    """Who a conversation key is for: the conversation and its members, in whatever order they are given."""

    conversation_id: int
    members: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a conversation has a member")
        object.__setattr__(self, "members", tuple(sorted(set(self.members))))


@dataclass(frozen=True, slots=True, eq=False)
class ConversationKey(Secret):
    """An opened conversation key. Its repr shows no key."""

    conversation_id: int
    generation: int
    fernet: Fernet = field(repr=False)
    secret: bytes = field(repr=False)


def make_conversation_key(master: Ring, parties: Parties, generation: int) -> tuple[ConversationKey, WrappedKey]:
    """A fresh random key: opened, for use, and wrapped by the current master key, for the store."""
    encoded = Fernet.generate_key()
    wrapped = _wrap(master, parties, generation, encoded)
    return _opened_key(parties, generation, encoded), wrapped


def unwrap(master: Ring, parties: Parties, wrapped: WrappedKey) -> ConversationKey:
    """Open a conversation key.

    UnknownKey when the ring lacks its master key; Tampered when it was changed, or made for another
    conversation, generation or set of members.
    """
    encoded = _unwrap(master, parties, wrapped)
    return _opened_key(parties, wrapped.generation, encoded)


def rewrap(master: Ring, parties: Parties, wrapped: WrappedKey) -> WrappedKey:
    """The same key under the current master key; `wrapped` itself when it is there. Errors of `unwrap`."""
    encoded = _unwrap(master, parties, wrapped)
    if wrapped.master_id == master.current.id:
        return wrapped
    return _wrap(master, parties, wrapped.generation, encoded)


def seal(key: ConversationKey, place: Place, text: str, reply_to: int | None = None) -> Sealed:
    """Seal a text for one row, with the id of the message that it quotes, if it quotes one.

    ValueError for a lone surrogate, for a place in another conversation, or for what is no id.
    """
    if place.conversation_id != key.conversation_id:
        raise ValueError("this key belongs to another conversation")
    content = _utf8(text)
    if content is None:
        raise ValueError("the text holds a lone surrogate")
    if reply_to is None:
        plain = _message_context(place, _ALONE) + content
    else:
        plain = _message_context(place, _REPLY) + _id_bytes(reply_to) + content
    body = key.fernet.encrypt_at_time(plain, place.sent_at // 1000)
    return Sealed(key_generation=key.generation, body=body)


class Opener:
    """Opens what was sealed with one key, message after message. For one thread; made for a page, not kept."""

    __slots__ = ("_generation", "_opening")

    def __init__(self, key: ConversationKey) -> None:
        self._generation = key.generation
        self._opening = Opening(key.secret)

    def open(self, place: Place, sealed: Sealed) -> Opened:
        """What was sealed for this row; Tampered when the row, the key or the bytes are other ones."""
        if sealed.alg != FERNET or sealed.key_generation != self._generation:
            raise Tampered("not sealed with this key")
        opened = self._opening.open(sealed.body)
        is_reply = opened.startswith(_BEGIN_OF_REPLY)
        try:
            context = _message_context(place, _REPLY if is_reply else _ALONE)
        except (TypeError, ValueError):
            raise Tampered("no message can have this identity") from None
        content = _after(context, opened)
        if is_reply and len(content) < _ID_BYTES:
            raise Tampered("sealed, but no reply")
        text = _text(content[_ID_BYTES:] if is_reply else content)
        if text is None:
            raise Tampered("sealed, but no text")
        return Opened(text, int.from_bytes(content[:_ID_BYTES]) if is_reply else None)


def make_canary(ring: Ring, purpose: str) -> tuple[str, bytes]:
    """A value to store beside the data, with the id of the key it needs: the current one of this purpose's ring."""
    key = ring.current
    return key.id, key.fernet.encrypt_at_time(_canary_context(purpose, key.id), _NO_TIME)


def check_canary(ring: Ring, purpose: str, key_id: str, canary: bytes) -> None:
    """Return when the ring is the one the data was made with; UnknownKey or Tampered when it is not."""
    opened = open_fernet(ring.by_id(key_id).fernet, canary)
    if _after(_canary_context(purpose, key_id), opened):
        raise Tampered("not a canary")


def _opened_key(parties: Parties, generation: int, encoded: bytes) -> ConversationKey:
    return ConversationKey(parties.conversation_id, generation, Fernet(encoded), urlsafe_b64decode(encoded))


def _wrap(master: Ring, parties: Parties, generation: int, encoded: bytes) -> WrappedKey:
    key = master.current
    wrapped = key.fernet.encrypt_at_time(_key_context(parties, generation) + encoded, _NO_TIME)
    return WrappedKey(generation, key.id, wrapped)


def _unwrap(master: Ring, parties: Parties, wrapped: WrappedKey) -> bytes:
    opened = open_fernet(master.by_id(wrapped.master_id).fernet, wrapped.wrapped)
    try:
        context = _key_context(parties, wrapped.generation)
    except (TypeError, ValueError):
        raise Tampered("no key can have this identity") from None
    encoded = _after(context, opened)
    if len(encoded) != len(urlsafe_b64encode(bytes(KEY_BYTES))):
        raise Tampered("sealed, but no key")
    return encoded


def _message_context(place: Place, version: int) -> bytes:
    return canonical(
        b"msg", version, place.conversation_id, place.sender_id, place.client_id, place.sent_at, place.revision
    )


def _id_bytes(message_id: int) -> bytes:
    if not 0 < message_id <= _LARGEST_ID:
        raise ValueError("no message has this id")
    return message_id.to_bytes(_ID_BYTES)


def _key_context(parties: Parties, generation: int) -> bytes:
    return canonical(b"dek", 1, parties.conversation_id, generation, *parties.members)


def _canary_context(purpose: str, key_id: str) -> bytes:
    return canonical(b"canary", 1, purpose.encode(), key_id.encode())


def _after(context: bytes, opened: bytes) -> bytes:
    if not compare_digest(opened[: len(context)], context):
        raise Tampered("sealed for another place")
    return opened[len(context) :]


# Both return None instead of raising, because a Unicode error would carry the whole text with it.
def _utf8(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
