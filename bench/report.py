"""Tables for people, in text and in Markdown. Pure."""

from collections.abc import Sequence

from bench.stats import Spread

Cells = Sequence[Sequence[str]]


def text_table(head: Sequence[str], rows: Cells) -> str:
    """Columns of equal width; the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in lines)


def markdown_table(head: Sequence[str], rows: Cells) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows))


def number(value: float) -> str:
    """Three digits that count, and thousands divided: 7,412 · 105 · 6.41 · 0.32 · 0."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}"


def spread_text(spread: Spread) -> str:
    """`7,412 (7,105–7,690)`: the median, and between what; the median alone when there is one value."""
    if spread.count < 2:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)}–{number(spread.high)})"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
