"""HTML from values: every text is escaped on its way in, so that nothing which is told becomes markup."""

from collections.abc import Iterable
from html import escape
from typing import Final

VOID: Final = frozenset({"meta", "link", "br"})


class Markup(str):
    """Text that is HTML. Made here alone."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int) -> Markup:
    """An element. A child that is no `Markup` is text; `class_` and `aria_label` are written `class`, `aria-label`."""
    told = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
    )
    start = f"<{name}{told}>"
    return Markup(start if name in VOID else f"{start}{together(*children)}</{name}>")


def together(*children: str) -> Markup:
    """One behind the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child, quote=False) for child in children))


def prose(text: str) -> Markup:
    """A sentence, in which what stands between backticks is code."""
    pieces = text.split("`")
    return together(*(element("code", piece) if number % 2 else piece for number, piece in enumerate(pieces)))


def spaced(parts: Iterable[str]) -> Markup:
    """One behind the other, with a space before each."""
    return together(*(piece for part in parts for piece in (" ", part)))


def link(place: str, text: str) -> Markup:
    """A link to a place on the same page."""
    return element("a", text, href=f"#{place}")
