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
    """One way to close: the number and the reason on the wire (RFC 6455 §7.4), and the advice for the documents."""

    name: str
    code: int
    reason: str
    reconnect: Reconnect
    meaning: str
    now: str


UNAUTHENTICATED = CloseCode(
    "unauthenticated",
    4401,
    "sign in again",
    Reconnect.AFTER_NEW_TOKEN,
    "The token is missing, has ended or was revoked.",
    "Refresh the access token, connect and resume. If the refresh is refused, sign in.",
)
FORBIDDEN = CloseCode(
    "forbidden",
    4403,
    "not allowed",
    Reconnect.NO,
    "The origin or the account is not allowed.",
    "Stay away, and tell the person.",
)
NO_HELLO = CloseCode(
    "no_hello",
    4408,
    "no hello in time",
    Reconnect.YES,
    "No `hello` came within 10 s.",
    "Connect, and say `hello` at once.",
)
TOO_SLOW = CloseCode(
    "too_slow",
    4409,
    "too slow, resume",
    Reconnect.YES,
    "The client takes what is sent to it too slowly, or answers no ping.",
    "Connect and resume: what was not sent is in the log.",
)
TOO_MANY = CloseCode(
    "too_many",
    4429,
    "too many frames",
    Reconnect.YES,
    "The client sends too many frames.",
    "Wait as after a failed try, connect, resume, and send more slowly.",
)
TOO_BIG = CloseCode(
    "too_big",
    1009,
    "frame too big",
    Reconnect.NO,
    "A frame was far above `[websocket] max_frame_bytes`.",
    "Drop that frame first: it would end the next connection as well.",
)
RESTART = CloseCode(
    "restart",
    1012,
    "restarting, resume",
    Reconnect.YES,
    "The server restarts, or leaves the load balancer.",
    "Wait the `resume_after_ms` of the `bye` (in the plain dialect a random time, up to 3 s), connect and resume.",
)
VIOLATION = CloseCode(
    "violation",
    1008,
    "protocol violation",
    Reconnect.NO,
    "The client does not keep to the protocol.",
    "Stay away: the client must be mended.",
)
NOT_TEXT = CloseCode(
    "not_text",
    1007,
    "text is not UTF-8",
    Reconnect.NO,
    "A text frame was not valid UTF-8.",
    "Stay away: the client must be mended.",
)
INTERNAL = CloseCode(
    "internal",
    1011,
    "internal error, resume",
    Reconnect.YES,
    "Something failed in the server.",
    "Wait as after a failed try, connect and resume.",
)

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
            NOT_TEXT,
            INTERNAL,
        )
    }
)
