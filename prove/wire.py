"""The frames of `recado.v1` as a client reads the contract. Not the server's own: a judge has his own eyes.

Fields that are not known are ignored, as the contract asks of clients; a type that is not known is a fault. The history
keeps what was heard in these very shapes.
"""

from typing import TypeAlias

import msgspec

JSON: TypeAlias = dict[str, str | int | None]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as one of its two people sees it."""

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


class Standing(msgspec.Struct, frozen=True):
    """Where a person's log stands, and how a device goes on that has named its position."""

    position: int
    epoch: str
    outcome: str


class _Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    pass


class MessageTold(_Frame, frozen=True, tag="message"):
    """A message for this person, or by one of their other devices."""

    position: int
    message: Message


class EditedTold(_Frame, frozen=True, tag="edited"):
    """A message has another text."""

    position: int
    message: Message


class DeletedTold(_Frame, frozen=True, tag="deleted"):
    """A message was taken back."""

    position: int
    id: int
    peer: str


class ExpiredTold(_Frame, frozen=True, tag="expired"):
    """A message's time is over."""

    position: int
    id: int
    peer: str


class ReceiptTold(_Frame, frozen=True, tag="receipt"):
    """`by` has everything of the talk with `peer` up to this message, or has read it."""

    position: int
    kind: str
    by: str
    peer: str
    up_to: int


class TimerTold(_Frame, frozen=True, tag="timer"):
    """`by` wants what is written in the talk with `peer` to last so long, None: for ever."""

    position: int
    peer: str
    by: str
    ttl_seconds: int | None = None


# What has a position.
Told: TypeAlias = MessageTold | EditedTold | DeletedTold | ExpiredTold | ReceiptTold | TimerTold


class Welcome(_Frame, Standing, frozen=True):
    """The connection begins."""

    username: str
    heartbeat_seconds: float


class Sent(_Frame, frozen=True):
    """A send is durable. A call is answered by the message alone, without its position: that is 0 then."""

    client_id: str
    message: Message
    position: int
    duplicate: bool
    ref: str | None = None


class Pong(_Frame, frozen=True):
    """The answer to a ping, with the head."""

    position: int
    ref: str | None = None


class Heartbeat(_Frame, frozen=True):
    """Still here, with the head."""

    position: int


class Bye(_Frame, frozen=True):
    """The server is about to close."""

    code: int
    reason: str
    resume_after_ms: int


class Error(_Frame, frozen=True):
    """A frame was refused."""

    code: str
    detail: str
    ref: str | None = None
    retry_after: float | None = None


class Typing(_Frame, frozen=True):
    """Somebody types."""

    peer: str


class Presence(_Frame, frozen=True):
    """Somebody has come or gone."""

    peer: str
    online: bool


Frame: TypeAlias = Told | Welcome | Sent | Pong | Heartbeat | Bye | Error | Typing | Presence


class Page(Standing, frozen=True):
    """An answer of `GET /api/events/`."""

    events: list[Told]


class Talk(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of `GET /api/conversations/`; 1,000 unread stand for more."""

    peer: str
    last_message: Message
    unread: int
    ttl_seconds: int | None = None


class Timer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of `GET` and `PATCH /api/conversations/{username}/`."""

    peer: str
    ttl_seconds: int | None = None


decode_frame = msgspec.json.Decoder(Frame).decode
decode_page = msgspec.json.Decoder(Page).decode
decode_message = msgspec.json.Decoder(Message).decode
decode_messages = msgspec.json.Decoder(list[Message]).decode
decode_talks = msgspec.json.Decoder(list[Talk]).decode
decode_timer = msgspec.json.Decoder(Timer).decode


def encode(frame: JSON) -> bytes:
    """A client's frame; what is None is left out."""
    return msgspec.json.encode({key: value for key, value in frame.items() if value is not None})
