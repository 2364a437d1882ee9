"""What can happen to a person, as it travels from the action that publishes it to their connections.

An event is decided and committed before it is made; nothing here asks or checks. The text in it is
readable: an event leaves the process only inside a sealed envelope.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as its two people may see it, and as JSON the very object of the contract.

    Times are RFC 3339, UTC, milliseconds; `client_id` is a UUID; `reply_to` is the message that this one quotes.
    """

    id: int
    sender: str
    recipient: str
    content: str
    timestamp: str
    client_id: str | None = None
    expires_at: str | None = None
    edited_at: str | None = None
    delivered_at: str | None = None
    read_at: str | None = None
    reply_to: int | None = None


class MessageSent(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """A message is durable."""

    message: Message


class Edited(msgspec.Struct, frozen=True, tag_field="type", tag="edited"):
    """A message has another text."""

    message: Message


class Deleted(msgspec.Struct, frozen=True, tag_field="type", tag="deleted"):
    """A message is gone because its sender took it back; `peer` is the other person, as the receiver sees it."""

    id: int
    peer: str


class Expired(msgspec.Struct, frozen=True, tag_field="type", tag="expired"):
    """A message is gone because its time is over."""

    id: int
    peer: str


class Receipt(msgspec.Struct, frozen=True, tag_field="type", tag="receipt"):
    """`by` has received (`delivered`) or read (`read`) everything up to message `up_to` in the talk with `peer`."""

    kind: str
    by: str
    peer: str
    up_to: int


class Timer(msgspec.Struct, frozen=True, tag_field="type", tag="timer", omit_defaults=True):
    """`by` has set how long what is written in the talk with `peer` is to last; None: nothing disappears."""

    peer: str
    by: str
    ttl_seconds: int | None = None


class Unknown(msgspec.Struct, frozen=True, tag_field="type", tag="unknown"):
    """A newer version has written something into the log that this one does not understand."""


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="typing"):
    """`peer` is typing to the receiver. Not stored, no position."""

    peer: str


class Presence(msgspec.Struct, frozen=True, tag_field="type", tag="presence", omit_defaults=True):
    """`peer` has come or gone; `last_seen` is a day, as `2026-11-22`. Not stored, no position."""

    peer: str
    online: bool
    last_seen: str | None = None


class Notice(msgspec.Struct, frozen=True, tag_field="type", tag="notice", omit_defaults=True):
    """Something happened to the receiver's account; for their devices less those of session `except_id`.

    `session` is the one that it is about. Not stored, no position.
    """

    kind: str
    at: str
    session: int | None = None
    except_id: int | None = None


class SessionEnded(msgspec.Struct, frozen=True, tag_field="type", tag="session_ended"):
    """A session of the receiver has ended, or (`session_id` None) all of them, less `except_id`."""

    session_id: int | None
    except_id: int | None
    reason: str


Event: TypeAlias = (
    MessageSent | Edited | Deleted | Expired | Receipt | Timer | Unknown | Typing | Presence | Notice | SessionEnded
)

# A user and the event's position in their log; None when it has none there.
Receiver: TypeAlias = tuple[int, int | None]


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """An event on its way, as MessagePack: looked into only where one of its receivers is."""

    receivers: list[Receiver]
    event: msgspec.Raw


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """What one instance tells the others: by whom (its origin, in hex), and what, in order."""

    origin: str
    letters: list[Letter]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


def letter(receivers: Sequence[Receiver], event: Event) -> Letter:
    """The event for these receivers. Raises UnicodeEncodeError for text that is no Unicode."""
    return Letter(list(receivers), msgspec.Raw(_encoder.encode(event)))


def event_of(sent: Letter) -> Event:
    """The event again. Raises `msgspec.DecodeError` for anything else, kinds of a newer release included."""
    try:
        return _event_decoder.decode(sent.event)
    except (UnicodeDecodeError, RecursionError):
        raise msgspec.DecodeError("not an event") from None


def encode(envelope: Envelope) -> bytes:
    """The envelope as MessagePack."""
    return _encoder.encode(envelope)


def decode(encoded: bytes) -> Envelope:
    """The envelope again. Raises `msgspec.DecodeError` for anything else."""
    try:
        return _decoder.decode(encoded)
    except (UnicodeDecodeError, RecursionError):
        raise msgspec.DecodeError("not an envelope") from None


def is_passing(event: Event) -> bool:
    """Whether nothing but a moment is lost with it: the first to be dropped where much waits."""
    return isinstance(event, Typing | Presence)


def weight(event: Event) -> int:
    """About how many bytes the event takes while it waits: for bounds, not for accounts."""
    return 512 + 4 * len(event.message.content) if isinstance(event, MessageSent | Edited) else 512
