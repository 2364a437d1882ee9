"""Why the server closes a WebSocket, and whether the client should come back: the whole table."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Reconnect(enum.StrEnum):
    """What a client should do after a close."""

    YES = "yes"
    AFTER_NEW_TOKEN = "after_new_token"  # noqa: S105 - advice, not a secret
    NO = "no"


@dataclass(frozen=True, slots=True)
class CloseCode:
    """One way to close: the number and the reason on the wire (RFC 6455 §7.4), and the advice."""

    name: str
    code: int
    reason: str
    reconnect: Reconnect


UNAUTHENTICATED = CloseCode("unauthenticated", 4401, "sign in again", Reconnect.AFTER_NEW_TOKEN)
FORBIDDEN = CloseCode("forbidden", 4403, "not allowed", Reconnect.NO)
NO_HELLO = CloseCode("no_hello", 4408, "no hello in time", Reconnect.YES)
TOO_SLOW = CloseCode("too_slow", 4409, "too slow, resume", Reconnect.YES)
TOO_MANY = CloseCode("too_many", 4429, "too many frames", Reconnect.YES)
TOO_BIG = CloseCode("too_big", 1009, "frame too big", Reconnect.NO)
RESTART = CloseCode("restart", 1012, "restarting, resume", Reconnect.YES)
VIOLATION = CloseCode("violation", 1008, "protocol violation", Reconnect.NO)
INTERNAL = CloseCode("internal", 1011, "internal error, resume", Reconnect.YES)

CLOSE_CODES: Mapping[str, CloseCode] = MappingProxyType(
    {
        code.name: code
        for code in (
            UNAUTHENTICATED,
            FORBIDDEN,
            NO_HELLO,
            TOO_SLOW,
            TOO_MANY,
            TOO_BIG,
            RESTART,
            VIOLATION,
            INTERNAL,
        )
    }
)
