"""The dialect of clients that name no subprotocol: messages out, messages in, mistakes, and nothing else.

COMPAT: clients of the first system of this kind speak it; its frames are fixed to the letter.
"""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from realtime.dialects import Frame, read
from realtime.events import Event, MessageSent


class Send(Frame, frozen=True):
    """A message for `recipient`."""

    recipient: str
    content: str
    client_id: UUID | None = None
    ttl_seconds: int | None = None
    reply_to: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None


class Shown(msgspec.Struct, frozen=True):
    """A message, the same for both people; the text is called `message`."""

    sender: str
    message: str
    id: int
    recipient: str
    timestamp: str


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frame was refused: a text for a person, and a code; the connection stays open."""

    error: str
    code: str
    field: str | None = None


# Nothing in a frame says what it is: these are names for the documents.
FRAMES: dict[str, type[Frame]] = {"send": Send}
SERVER_FRAMES: dict[str, type[msgspec.Struct]] = {"message": Shown, "error": Mistake}

_encode = msgspec.json.Encoder().encode


class Plain:
    """See the module."""

    name: Final = "plain"
    subprotocol: Final = None

    def encode(self, event: Event, position: int | None) -> bytes | None:  # noqa: ARG002 - not told
        """A message, the same for both people; None for every other event."""
        if not isinstance(event, MessageSent):
            return None
        said = event.message
        return _encode(Shown(said.sender, said.content, said.id, said.recipient, said.timestamp))

    def decode(self, raw: str) -> Send:
        """The one frame that a client may send. Raises `FrameError`."""
        return read(raw, Send)

    def heartbeat(self, position: int) -> None:
        """None: ping frames serve."""

    def bye(self, code: int, reason: str, resume_after_ms: int) -> None:
        """None: the close code says it."""

    def error(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        ref: str | None = None,  # noqa: ARG002 - no place for it
        retry_after: float | None = None,  # noqa: ARG002 - no place for it
    ) -> bytes:
        """A mistake."""
        return _encode(Mistake(detail, code, field))


PLAIN = Plain()
