"""What the load generator says and hears: one entry of the table for each way of speaking to a server.

`plain` is Recado's dialect of clients that name no subprotocol, `v1` is `recado.v1` with all that it promises;
`relay` is that of `bench/relay.py`, which sends what it is given, as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid4

import msgspec


class Refused(Exception):
    """The server refused a frame; the message is its code and its words."""


class _Said(msgspec.Struct):
    recipient: str
    content: str


class _Shown(msgspec.Struct):
    message: str | None = None
    error: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a socket, whom they write to, and their access token."""

    name: str
    peer: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One entry of the table.

    `needs_account`: people sign up first. `path`: that of the person's socket, with its query. `headers`: those
    of its handshake. `frame`: what sends `content` to `recipient`. `content`: that of a message heard, None for
    a frame that is none; raises `Refused`. `opening`: what is said first on a new socket.
    """

    needs_account: bool
    path: Callable[[Person], str]
    headers: Callable[[Person], Mapping[str, str]]
    frame: Callable[[str, str], bytes]
    content: Callable[[bytes], str | None]
    opening: bytes | None = None


_encode = msgspec.json.Encoder().encode
_decode_shown = msgspec.json.Decoder(_Shown).decode
_decode_said = msgspec.json.Decoder(_Said).decode


def _say(recipient: str, content: str) -> bytes:
    return _encode(_Said(recipient, content))


def _hear_shown(frame: bytes) -> str | None:
    shown = _decode_shown(frame)
    if shown.error is not None:
        raise Refused(f"{shown.code}: {shown.error}")
    return shown.message


class _Send(msgspec.Struct, tag="send"):
    client_id: str
    recipient: str
    content: str


class _Content(msgspec.Struct):
    content: str


class _Told(msgspec.Struct):
    type: str
    message: _Content | None = None
    code: str = ""
    detail: str = ""


_decode_told = msgspec.json.Decoder(_Told).decode


def _send_v1(recipient: str, content: str) -> bytes:
    return _encode(_Send(str(uuid4()), recipient, content))


def _hear_v1(frame: bytes) -> str | None:
    told = _decode_told(frame)
    if told.type == "error":
        raise Refused(f"{told.code}: {told.detail}")
    return None if told.message is None else told.message.content


def _hear_said(frame: bytes) -> str | None:
    return _decode_said(frame).content


DIALECTS: Mapping[str, Dialect] = {
    "plain": Dialect(
        needs_account=True,
        path=lambda _: "/ws/chat/",
        headers=lambda person: {"Authorization": f"Bearer {person.token}"},
        frame=_say,
        content=_hear_shown,
    ),
    "v1": Dialect(
        needs_account=True,
        path=lambda _: "/ws/chat/",
        headers=lambda person: {
            "Authorization": f"Bearer {person.token}",
            "Sec-WebSocket-Protocol": "recado.v1",
        },
        frame=_send_v1,
        content=_hear_v1,
        opening=b'{"type":"hello"}',
    ),
    "relay": Dialect(
        needs_account=False,
        path=lambda person: "/ws/chat/?" + urlencode({"name": person.name, "peer": person.peer}),
        headers=lambda _: {},
        frame=_say,
        content=_hear_said,
    ),
}
