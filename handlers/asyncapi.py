"""The AsyncAPI 3 document of the WebSocket, made from the very types that frames are read into and written from.

The server's view: it *receives* what a client says and *sends* what it tells.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from handlers import samples
from handlers.advice import ERRORS
from handlers.openapi import VERSION
from handlers.samples import Sample
from realtime.codes import CLOSE_CODES
from realtime.dialects import Dialect, plain, v1

ADDRESS = "/ws/chat/"
REFERENCE = "#/components/{kind}/{name}"
SECURITY: dict[str, dict[str, str]] = {
    "ticket": {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": "From `POST /api/auth/ws-ticket/`: one connection, within 30 s.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "An access token. URLs end up in logs: take a ticket instead. The operator may switch it off.",
    },
    "first_frame": {"type": "apiKey", "in": "password", "description": "An access token in `hello`, `recado.v1` only."},
}
IN_QUERY = {
    "type": "object",
    "properties": {
        "ticket": {"type": "string", "description": SECURITY["ticket"]["description"]},
        "token": {"type": "string", "description": SECURITY["query"]["description"]},
    },
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A dialect as the document tells it: its frames by name, a sample of each, and what answers what."""

    dialect: Dialect
    title: str
    client: Mapping[str, type[msgspec.Struct]]
    server: Mapping[str, type[msgspec.Struct]]
    client_samples: Mapping[str, Sample]
    server_samples: Mapping[str, Sample]
    answers: Mapping[str, tuple[str, ...]]
    security: tuple[str, ...]


DIALECTS = (
    Spoken(
        dialect=plain.PLAIN,
        title="Plain dialect: no subprotocol",
        client=plain.FRAMES,
        server=plain.SERVER_FRAMES,
        client_samples=samples.PLAIN_CLIENT,
        server_samples=samples.PLAIN_SERVER,
        answers={"send": ("message", "error")},
        security=("ticket", "bearer", "query"),
    ),
    Spoken(
        dialect=v1.V1_DIALECT,
        title="Subprotocol recado.v1",
        client=v1.FRAMES,
        server=v1.SERVER_FRAMES,
        client_samples=samples.V1_CLIENT,
        server_samples=samples.V1_SERVER,
        answers={
            "hello": ("welcome", "error"),
            "send": ("sent", "error"),
            "ack": ("error",),
            "read": ("error",),
            "edit": ("edited", "error"),
            "delete": ("deleted", "error"),
            "typing": ("error",),
            "auth": ("error",),
            "ping": ("pong", "error"),
        },
        security=("ticket", "bearer", "query", "first_frame"),
    ),
)


@functools.cache
def document() -> dict[str, Any]:
    """The whole document, as JSON values."""
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for spoken in DIALECTS:
        schemas |= _schemas(spoken)
        messages |= _messages(spoken)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Recado",
            "version": VERSION,
            "description": "Private messages in real time. What a schema cannot say is in docs/protocol.md.",
            "license": {"name": "MIT", "url": "https://spdx.org/licenses/MIT.html"},
        },
        "defaultContentType": "application/json",
        "servers": {name: _server(protocol) for name, protocol in (("local", "ws"), ("behind_tls", "wss"))},
        "channels": {spoken.dialect.name: _channel(spoken) for spoken in DIALECTS},
        "operations": {name: told for spoken in DIALECTS for name, told in _operations(spoken).items()},
        "components": {"messages": messages, "schemas": schemas, "securitySchemes": SECURITY},
    }


def _server(protocol: str) -> dict[str, Any]:
    host = {"default": "localhost:8000", "description": "Where the instance is."}
    return {"host": "{host}", "protocol": protocol, "variables": {"host": host}}


def _channel(spoken: Spoken) -> dict[str, Any]:
    name = spoken.dialect.name
    binding: dict[str, Any] = {"method": "GET", "query": IN_QUERY, "bindingVersion": "0.1.0"}
    if spoken.dialect.subprotocol is not None:
        named = {"Sec-WebSocket-Protocol": {"type": "string", "const": spoken.dialect.subprotocol}}
        binding["headers"] = {"type": "object", "required": list(named), "properties": named}
    return {
        "address": ADDRESS,
        "title": spoken.title,
        "messages": {
            f"{side}.{kind}": _reference("messages", f"{name}.{side}.{kind}")
            for side, frames in (("client", spoken.client), ("server", spoken.server))
            for kind in frames
        },
        "bindings": {"ws": binding},
        "x-errors": [
            {"code": advice.code, "meaning": advice.meaning, "now": advice.now}
            for advice in ERRORS
            if advice.spoken and (advice.status is not None or spoken.dialect is v1.V1_DIALECT)
        ],
        "x-close-codes": [
            {"code": code.code, "reason": code.reason, "meaning": code.meaning, "now": code.now}
            | {"reconnect": code.reconnect.value}
            for code in CLOSE_CODES.values()
        ],
    }


def _operations(spoken: Spoken) -> dict[str, Any]:
    name = spoken.dialect.name
    channel = {"$ref": f"#/channels/{name}"}
    security = [_reference("securitySchemes", way) for way in spoken.security]

    def in_channel(side: str, kind: str) -> dict[str, str]:
        return {"$ref": f"#/channels/{name}/messages/{side}.{kind}"}

    operations: dict[str, Any] = {
        f"{name}.{kind}": {
            "action": "receive",
            "channel": channel,
            "summary": _said(frame),
            "messages": [in_channel("client", kind)],
            "reply": {
                "channel": channel,
                "messages": [in_channel("server", answer) for answer in spoken.answers[kind]],
            },
            "security": security,
        }
        for kind, frame in spoken.client.items()
    }
    operations[f"{name}.tell"] = {
        "action": "send",
        "channel": channel,
        "summary": "What the server tells.",
        "messages": [in_channel("server", kind) for kind in spoken.server],
        "security": security,
    }
    return operations


def _messages(spoken: Spoken) -> dict[str, Any]:
    name = spoken.dialect.name
    sides = (
        ("client", spoken.client, spoken.client_samples),
        ("server", spoken.server, spoken.server_samples),
    )
    return {
        f"{name}.{side}.{kind}": {
            "name": kind,
            "title": f"{side}: {kind}",
            "summary": _said(frame),
            "payload": _reference("schemas", f"{name}.{frame.__name__}"),
            "examples": [{"payload": dict(shown[kind])}],
        }
        for side, frames, shown in sides
        for kind, frame in frames.items()
    }


def _schemas(spoken: Spoken) -> dict[str, Any]:
    """The schema of each frame; names are the dialect's own, because both have a `Send`."""
    name = spoken.dialect.name
    frames = [*spoken.client.values(), *spoken.server.values()]
    template = REFERENCE.format(kind="schemas", name=f"{name}.{{name}}")
    _, found = msgspec.json.schema_components(frames, ref_template=template)
    return {f"{name}.{key}": schema for key, schema in found.items()}


def _said(frame: type[msgspec.Struct]) -> str:
    return (frame.__doc__ or "").strip()


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(kind=kind, name=name)}
