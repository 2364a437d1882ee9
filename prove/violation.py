"""What the checker reports: the rule that was broken, how, and the lines of the history that show it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from prove.facts import Facts


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    rule: str
    text: str
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


Fault: TypeAlias = tuple[str, tuple[int, ...]]
# A rule finds faults: the text, and the lines that show it.
Rule: TypeAlias = Callable[[Facts], Iterator[Fault]]
