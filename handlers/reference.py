"""The page for developers, made from both documents and the tables of codes: HTML that needs no script.

Whatever comes from a document is text; see `markup`.
"""

import functools
from collections.abc import Iterable

from handlers.markup import Markup, element, link, prose
from handlers.openapi import VERSION
from handlers.reference_calls import calls, groups, shapes
from handlers.reference_socket import CODES, codes, dialects, socket

TITLE = "Recado: the contract"
LEAD = (
    "Everything that a client may rely on, made from the code of this very server. What a table cannot say (positions,"
    " resume, how to write a client) is in `docs/protocol.md` of the source."
)
LINKS = (("/api/openapi.json", "OpenAPI document"), ("/api/asyncapi.json", "AsyncAPI document"), ("/", "Chat page"))


@functools.cache
def page(*, style: str, icon: str, nonce: str) -> str:
    """The whole page; `style` and `icon` are addresses, `nonce` is the mark that each answer replaces."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", TITLE),
        element("link", rel="icon", type="image/svg+xml", href=icon),
        element("link", rel="stylesheet", href=style, nonce=nonce),
    )
    contract = element("main", calls(), shapes(), socket(), codes(), id="contract", tabindex=-1)
    body = element(
        "body",
        element("a", "Skip to the contract", class_="skip", href="#contract"),
        _top(),
        element("div", _contents(), contract, class_="columns"),
        element("footer", element("p", f"Recado, contract {VERSION}")),
    )
    return "<!doctype html>" + element("html", head, body, lang="en")


def _top() -> Markup:
    links = (element("li", element("a", text, href=address)) for address, text in LINKS)
    return element("header", element("h1", TITLE), element("p", prose(LEAD)), element("ul", *links))


def _contents() -> Markup:
    items = (
        element("li", link("calls", "HTTP calls"), _links(groups())),
        element("li", link("shapes", "Shapes")),
        element("li", link("socket", "WebSocket"), _links(dialects())),
        element("li", link("codes", "Codes"), _links(CODES)),
    )
    return element("nav", element("h2", "Contents", id="contents"), element("ul", *items), aria_labelledby="contents")


def _links(places: Iterable[tuple[str, str]]) -> Markup:
    return element("ul", *(element("li", link(place, title)) for place, title in places))
