"""What the page for developers is put together from: parts, lists of fields, kinds, tables."""

import re
from collections.abc import Iterable, Sequence

from handlers.markup import Markup, element, link, prose, spaced
from handlers.shapes import Field, Kind


def part(place: str, title: str, *children: str) -> Markup:
    """One of the large parts of the page."""
    return element("section", element("h2", title, id=place), *children, aria_labelledby=place)


def article(level: int, place: str, title: str, *children: str) -> Markup:
    """One thing that is told, under a heading of this level, which others can link to."""
    return element("article", element(f"h{level}", title, id=place), *children, aria_labelledby=place)


def named(title: str, asked: Sequence[Field]) -> list[Markup]:
    """A list of fields under its heading; nothing when there are none."""
    return [element("h5", title), field_list(asked)] if asked else []


def field_list(told: Sequence[Field]) -> Markup:
    """Fields: name, kind, bounds, and which may be left out."""
    return element("dl", *(piece for field in told for piece in _field(field)))


def kind(told: Kind) -> Markup:
    """What a value is, with a link to its shape."""
    words = [told.word, shape_link(told.shape) if told.shape else "", *(prose(bound) for bound in told.bounds)]
    return element("span", spaced(element("span", word) for word in words if word), class_="kind")


def shape_link(name: str) -> Markup:
    """A link to a shape of the calls; a frame calls it by its dialect as well."""
    plain = re.sub(r"^\w+\.", "", name)
    return link(f"shape-{plain}", plain)


def table(place: str, title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table that a narrow screen shows as blocks: the roles keep it a table for those who hear it."""
    top = element("tr", *(element("th", head, scope="col", role="columnheader") for head in heads), role="row")
    body = (
        element(
            "tr",
            *(element("td", cell, role="cell", data_head=head) for head, cell in zip(heads, row, strict=True)),
            role="row",
        )
        for row in rows
    )
    return element(
        "section",
        element("h3", title, id=place),
        element(
            "table",
            element("thead", top, role="rowgroup"),
            element("tbody", *body, role="rowgroup"),
            role="table",
            aria_labelledby=place,
        ),
        aria_labelledby=place,
    )


def _field(field: Field) -> tuple[Markup, Markup]:
    name = element("dt", element("code", field.name))
    return name, element("dd", kind(field.kind), "" if field.required else element("i", "optional"))
