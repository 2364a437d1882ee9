"""The dialect `recado.v1`: every frame is an object with a `type`; acknowledged sends, positions, resume.

Whatever a client sends, the answer carries its `ref`, even where nothing else of the frame could be read.
"""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from realtime.dialects import Frame, FrameError
from realtime.events import (
    Deleted,
    Edited,
    Event,
    Expired,
    Message,
    MessageSent,
    Notice,
    Presence,
    Receipt,
    Timer,
    Typing,
    Unknown,
)
from realtime.strict_json import Malformed, fit, glimpse, load

SUBPROTOCOL = "recado.v1"
MOST_REF = 64

Ref = Annotated[str, Meta(max_length=MOST_REF)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame: who this is, unless the handshake has told, and from where to go on."""

    ref: Ref | None = None
    token: str | None = None
    position: Number | None = None
    epoch: str | None = None
    device: str | None = None


class Send(Frame, frozen=True, tag="send"):
    """A message; the same `client_id` again is the same message again."""

    client_id: UUID
    recipient: str
    content: str
    ttl_seconds: int | None = None
    reply_to: Number | None = None
    ref: Ref | None = None


class Ack(Frame, frozen=True, tag="ack"):
    """This device has stored everything up to and including `position`."""

    position: Number
    ref: Ref | None = None


class Read(Frame, frozen=True, tag="read"):
    """The person has read what `peer` sent, up to this message id."""

    peer: str
    up_to: Number
    ref: Ref | None = None


class Edit(Frame, frozen=True, tag="edit"):
    """Another text for one's own message."""

    id: Number
    content: str
    ref: Ref | None = None


class Delete(Frame, frozen=True, tag="delete"):
    """One's own message shall be gone."""

    id: Number
    ref: Ref | None = None


class StartedTyping(Frame, frozen=True, tag="typing"):
    """The person types to `peer`; nothing is stored."""

    peer: str
    ref: Ref | None = None


class Auth(Frame, frozen=True, tag="auth"):
    """A fresh access token of the same session, before the old one ends."""

    token: str
    ref: Ref | None = None


class Ping(Frame, frozen=True, tag="ping"):
    """Are you there? Answered with the head position."""

    ref: Ref | None = None


ClientFrame = Hello | Send | Ack | Read | Edit | Delete | StartedTyping | Auth | Ping
FRAMES: dict[str, type[Frame]] = {
    "hello": Hello,
    "send": Send,
    "ack": Ack,
    "read": Read,
    "edit": Edit,
    "delete": Delete,
    "typing": StartedTyping,
    "auth": Auth,
    "ping": Ping,
}


class Welcome(msgspec.Struct, frozen=True, tag="welcome", omit_defaults=True):
    """Who is signed in, the head position, and how the connection begins: `live`, `recovered` or `reset`."""

    username: str
    position: int
    epoch: str
    outcome: Annotated[str, Meta(extra_json_schema={"enum": ["live", "recovered", "reset"]})]
    heartbeat_seconds: int
    ref: str | None = None


class Sent(msgspec.Struct, frozen=True, tag="sent", omit_defaults=True):
    """The send is durable; on this connection it stands for the `message` event of that position."""

    client_id: str
    message: Message
    position: int
    duplicate: bool
    ref: str | None = None


class Pong(msgspec.Struct, frozen=True, tag="pong", omit_defaults=True):
    """The answer to a ping, with the head position."""

    position: int
    ref: str | None = None


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """Still here; whoever has less than `position` misses something, which is on its way."""

    position: int


class Bye(msgspec.Struct, frozen=True, tag="bye"):
    """The server is about to close; wait that long, then resume."""

    code: int
    reason: str
    resume_after_ms: int


class Mistake(msgspec.Struct, frozen=True, tag="error", omit_defaults=True):
    """A frame was refused; the connection stays open."""

    code: str
    detail: str
    ref: str | None = None
    field: str | None = None
    retry_after: float | None = None


class MessageEvent(msgspec.Struct, frozen=True, tag="message"):
    """A message for this person, or one that another of their devices has sent."""

    position: int
    message: Message


class EditedEvent(msgspec.Struct, frozen=True, tag="edited"):
    """A message has another text."""

    position: int
    message: Message


class DeletedEvent(msgspec.Struct, frozen=True, tag="deleted"):
    """The sender took message `id` back; `peer` is the other person of the conversation."""

    position: int
    id: int
    peer: str


class ExpiredEvent(msgspec.Struct, frozen=True, tag="expired"):
    """The time of message `id` is over; `peer` is the other person of the conversation."""

    position: int
    id: int
    peer: str


class ReceiptEvent(msgspec.Struct, frozen=True, tag="receipt"):
    """`by` has received or read everything up to message `up_to` in the conversation with `peer`; never goes back."""

    position: int
    kind: Annotated[str, Meta(extra_json_schema={"enum": ["delivered", "read"]})]
    by: str
    peer: str
    up_to: int


class TimerEvent(msgspec.Struct, frozen=True, tag="timer", omit_defaults=True):
    """`by` has set the timer of disappearing messages in the conversation with `peer`; off without `ttl_seconds`."""

    position: int
    peer: str
    by: str
    ttl_seconds: int | None = None


class NoticeEvent(msgspec.Struct, frozen=True, tag="notice", omit_defaults=True):
    """Something happened to this person's account, with `session` if it is about one; not stored, no position."""

    kind: str
    at: str
    session: int | None = None


class UnknownEvent(msgspec.Struct, frozen=True, tag="unknown"):
    """Something of a kind that this instance is too old to tell; its position counts all the same."""

    position: int


# What the server says, by type.
SERVER_FRAMES: dict[str, type[msgspec.Struct]] = {
    "welcome": Welcome,
    "sent": Sent,
    "pong": Pong,
    "message": MessageEvent,
    "edited": EditedEvent,
    "deleted": DeletedEvent,
    "expired": ExpiredEvent,
    "receipt": ReceiptEvent,
    "timer": TimerEvent,
    "unknown": UnknownEvent,
    "typing": Typing,
    "presence": Presence,
    "notice": NoticeEvent,
    "heartbeat": Heartbeat,
    "error": Mistake,
    "bye": Bye,
}

_encoder = msgspec.json.Encoder()


class V1:
    """See the module."""

    name: Final = "v1"
    subprotocol: Final = SUBPROTOCOL

    def encode(self, event: Event, position: int | None) -> bytes | None:
        """The event's frame; None for what is not told to clients."""
        shaped = _shape(event, position)
        return None if shaped is None else _encoder.encode(shaped)

    def answer(self, frame: msgspec.Struct) -> bytes:
        """One of the server's own frames."""
        return _encoder.encode(frame)

    def decode(self, raw: str) -> Frame:
        """The client's frame. Raises `FrameError`, with the `ref` when one could be read."""
        try:
            value = load(raw)
        except Malformed as error:
            ref = None if error.field == "ref" else glimpse(raw, "ref")
            raise FrameError("invalid", error.detail, error.field, _fitting(ref)) from None
        try:
            return fit(value, _kind_of(value))
        except Malformed as error:
            ref = value.get("ref") if isinstance(value, dict) else None
            raise FrameError("invalid", error.detail, error.field, _fitting(ref)) from None

    def heartbeat(self, position: int) -> bytes:
        """Still here, and how far the log goes."""
        return _encoder.encode(Heartbeat(position))

    def bye(self, code: int, reason: str, resume_after_ms: int) -> bytes:
        """When to come back."""
        return _encoder.encode(Bye(code, reason, resume_after_ms))

    def error(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        ref: str | None = None,
        retry_after: float | None = None,
    ) -> bytes:
        """A mistake."""
        return _encoder.encode(Mistake(code, detail, ref, field, retry_after))


def _shape(event: Event, position: int | None) -> msgspec.Struct | None:
    if isinstance(event, Typing | Presence):
        return event
    if isinstance(event, Notice):
        return NoticeEvent(event.kind, event.at, event.session)
    return None if position is None else _placed(event, position)


def _placed(event: Event, position: int) -> msgspec.Struct | None:
    """What stands in the log, with its place there."""
    match event:
        case MessageSent(message=message):
            return MessageEvent(position, message)
        case Edited(message=message):
            return EditedEvent(position, message)
        case Deleted(id=message_id, peer=peer):
            return DeletedEvent(position, message_id, peer)
        case Expired(id=message_id, peer=peer):
            return ExpiredEvent(position, message_id, peer)
        case Receipt(kind=kind, by=by, peer=peer, up_to=up_to):
            return ReceiptEvent(position, kind, by, peer, up_to)
        case Timer(peer=peer, by=by, ttl_seconds=ttl_seconds):
            return TimerEvent(position, peer, by, ttl_seconds)
        case Unknown():
            return UnknownEvent(position)
    return None


def _kind_of(value: object) -> type[Frame]:
    if not isinstance(value, dict):
        raise Malformed("expected an object")
    kind = value.get("type")
    if not isinstance(kind, str):
        raise Malformed("missing" if kind is None else "expected a string", "type")
    if kind not in FRAMES:
        raise Malformed("there is no such type of frame", "type")
    return FRAMES[kind]


def _fitting(ref: object) -> str | None:
    return ref if isinstance(ref, str) and len(ref) <= MOST_REF else None


V1_DIALECT = V1()
