"""The frames of both dialects and every code, for the page for developers."""

import json

from handlers.advice import ERRORS, FIELD_ERRORS
from handlers.asyncapi import DIALECTS, Spoken, document
from handlers.markup import Markup, element, prose
from handlers.pieces import article, field_list, part, table
from handlers.shapes import fields, shape_of
from realtime.codes import CLOSE_CODES, Reconnect

SIDES = {"client": "What a client says", "server": "What the server tells"}
RECONNECT = {Reconnect.YES: "yes", Reconnect.AFTER_NEW_TOKEN: "after a new token", Reconnect.NO: "no"}
LEAD = (
    "`GET /ws/chat/`. Which dialect is spoken is settled by the subprotocol of the handshake. Show exactly one token:"
    " a ticket, a header, the query or, in `recado.v1`, the first frame."
)
CODES = [("errors", "Errors"), ("field-errors", "Errors of fields"), ("close-codes", "Close codes")]


def dialects() -> list[tuple[str, str]]:
    """The dialects: where each stands on the page, and its title."""
    return [(f"dialect-{spoken.dialect.name}", spoken.title) for spoken in DIALECTS]


def socket() -> Markup:
    """How to connect, and every frame of every dialect."""
    ways = document()["components"]["securitySchemes"]
    told = (
        piece
        for name, way in ways.items()
        for piece in (element("dt", element("code", name)), element("dd", prose(way["description"])))
    )
    return part("socket", "WebSocket", element("p", prose(LEAD)), element("dl", *told), *map(_dialect, DIALECTS))


def codes() -> Markup:
    """The tables of codes, each with what a client should do."""
    errors = [
        (str(advice.status or "frame"), element("code", advice.code), prose(advice.meaning), prose(advice.now))
        for advice in ERRORS
    ]
    of_fields = [(element("code", advice.code), prose(advice.meaning), prose(advice.now)) for advice in FIELD_ERRORS]
    closing = [
        (str(code.code), prose(code.meaning), RECONNECT[code.reconnect], prose(code.now))
        for code in sorted(CLOSE_CODES.values(), key=lambda code: code.code)
    ]
    heads = ("code", "meaning", "what now")
    return part(
        "codes",
        "Codes",
        table(*CODES[0], ("status", *heads), errors),
        table(*CODES[1], heads, of_fields),
        table(*CODES[2], ("code", "meaning", "reconnect?", "what now"), closing),
        element("p", "After any other close, or none: wait as after a failed try, connect and resume."),
    )


def _dialect(spoken: Spoken) -> Markup:
    name = spoken.dialect.name
    place = f"dialect-{name}"
    parts = [element("h3", spoken.title, id=place)]
    for side, title in SIDES.items():
        frames = spoken.client if side == "client" else spoken.server
        parts.append(element("h4", title))
        parts += (_frame(f"{name}.{side}.{kind}") for kind in frames)
    return element("section", *parts, aria_labelledby=place)


def _frame(name: str) -> Markup:
    message = document()["components"]["messages"][name]
    schema = document()["components"]["schemas"][shape_of(message["payload"])]
    sample = json.dumps(message["examples"][0]["payload"], ensure_ascii=False, indent=2)
    return article(
        5,
        f"frame-{name}",
        element("code", message["name"]),
        element("p", prose(message["summary"])),
        field_list(fields(schema)),
        element("pre", element("code", sample), tabindex=0, role="region", aria_label=f"A sample of {message['name']}"),
    )
