"""How a WebSocket speaks: one object per dialect, chosen once in the handshake, shared by its connections."""

from typing import Protocol, TypeVar

import msgspec

from realtime.events import Event
from realtime.strict_json import Malformed, fit, load


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says; each dialect derives its own frames."""


F = TypeVar("F", bound=Frame)


class FrameError(Exception):
    """A client's frame cannot be understood; `field` is the one at fault, `ref` the frame's own, if there are such."""

    def __init__(self, code: str, detail: str, field: str | None = None, ref: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.ref = ref


class Dialect(Protocol):
    """The words of one subprotocol. Holds no state: what belongs to a connection lies in the connection."""

    @property
    def name(self) -> str:
        """Its name in logs and metrics."""

    @property
    def subprotocol(self) -> str | None:
        """Its name in the handshake (RFC 6455 §1.9); None for a handshake that names none."""

    def encode(self, event: Event, position: int | None) -> bytes | None:
        """The frame that tells the event, as UTF-8; None when this dialect does not speak of it."""

    def decode(self, raw: str) -> Frame:
        """The client's frame. Raises `FrameError`, and nothing else, whatever the text."""

    def heartbeat(self, position: int) -> bytes | None:
        """The frame that tells the head of the log; None when this dialect has none."""

    def bye(self, code: int, reason: str, resume_after_ms: int) -> bytes | None:
        """The frame that says when to come back after a close; None when this dialect has none."""

    def error(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        ref: str | None = None,
        retry_after: float | None = None,
    ) -> bytes:
        """The frame that tells a mistake: a stable word, and a text for a person."""


def read(raw: str, kind: type[F]) -> F:
    """The text as a frame of that kind. Raises `FrameError`."""
    try:
        return fit(load(raw), kind)
    except Malformed as error:
        raise FrameError("invalid", error.detail, error.field) from None
