"""Reading the tables and the plays of docs/protocol.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Row = dict[str, str]


def tables(text: str, *heads: str) -> list[Row]:
    """The rows of every table that has these columns, each cell by the head of its column, trimmed."""
    return [row for head, row in _rows(text) if set(heads) <= set(head)]


def table(text: str, *heads: str) -> list[Row]:
    """The rows of the tables with exactly these columns."""
    return [row for head, row in _rows(text) if head == list(heads)]


def _rows(text: str) -> Iterator[tuple[list[str], Row]]:
    head: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            head = []
        elif not head:
            head = cells
        elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            yield head, dict(zip(head, cells, strict=True))


@dataclass(slots=True)
class Play:
    """A story of the document, which begins on a fresh server: its blocks in order, language and text."""

    name: str
    blocks: list[tuple[str, str]] = field(default_factory=list)


def plays(text: str) -> list[Play]:
    """What stands between `<!-- play: name -->` and `<!-- play: end -->`."""
    found = []
    for name, inside in re.findall(r"<!-- play: (\w+) -->\n(.*?)<!-- play: end -->", text, re.DOTALL):
        found.append(Play(name, re.findall(r"^```(\w+)\n(.*?)^```", inside, re.DOTALL | re.MULTILINE)))
    return found
