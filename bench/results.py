"""What was measured, kept and shown: runs into figures, figures into RESULTS.md and results.json. Pure.

A run is one measurement of one subject in one case of a row. The figures of a subject are medians over its rounds.
Ratios to the relay are taken within a round and then the median of them, for whatever slows the machine down slows
both.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.report import markdown_table, number, spread_text
from bench.stats import Spread, spread

RELAY = "relay"
PAGE_TITLE = "The chat page (`make bench-page`)"
ADVICE = (
    "Machines differ and are shared: compare ratios within one run, never a number from another day."
    " Medians (lowest–highest) over the rounds; the subjects take turns within a round."
)


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: row `M1`, case `8 in flight`, the subject's title, the round, and the values by key."""

    row: str
    case: str
    subject: str
    round: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """A target for a subject: what is wanted of a value (`of_relay` of it, when that is set)."""

    row: str
    case: str
    subject: str
    key: str
    bound: float
    at_least: bool = False
    of_relay: bool = False
    told: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One call of `make bench`: when, where, how, and all its runs."""

    date: str
    machine: Mapping[str, str]
    remarks: Sequence[str]
    runs: Sequence[Run] = field(default_factory=tuple)


def values_of(runs: Sequence[Run], row: str, case: str, subject: str, key: str) -> dict[int, float]:
    """Round → value."""
    return {
        run.round: run.values[key]
        for run in runs
        if (run.row, run.case, run.subject) == (row, case, subject) and key in run.values
    }


def ratio(runs: Sequence[Run], row: str, case: str, subject: str, key: str) -> float | None:
    """The median over the rounds of subject ÷ relay; None when there is no round with both."""
    own, limit = values_of(runs, row, case, subject, key), values_of(runs, row, case, RELAY, key)
    both = [own[number] / limit[number] for number in own if limit.get(number)]
    return statistics.median(both) if both else None


def reached(runs: Sequence[Run], goal: Goal) -> tuple[float, bool] | None:
    """What was measured, and whether it is as wanted; None when it was not measured."""
    values = values_of(runs, goal.row, goal.case, goal.subject, goal.key)
    if not values:
        return None
    found = statistics.median(values.values())
    if goal.of_relay:
        of_relay = ratio(runs, goal.row, goal.case, goal.subject, goal.key)
        if of_relay is None:
            return None
        found = of_relay
    return found, found >= goal.bound if goal.at_least else found <= goal.bound


def markdown(
    session: Session, goals: Sequence[Goal], titles: Mapping[str, str], columns: Mapping[str, Mapping[str, str]]
) -> str:
    """RESULTS.md. `titles`: row → what it measures; `columns`: row → key → head of a column."""
    parts = [
        "# Results of `make bench`",
        f"Measured {session.date}. {ADVICE}",
        "\n".join(f"- {remark}" for remark in session.remarks),
        markdown_table(["machine", ""], [[name, value] for name, value in session.machine.items()]),
        "## Targets",
        _goal_table(session.runs, goals),
    ]
    for row, title in titles.items():
        parts += [f"## {row}: {title}", _row_table(session.runs, row, columns.get(row, {}))]
    return "\n\n".join(part for part in parts if part) + "\n"


def with_section(text: str, title: str, section: str) -> str:
    """The text with this section in the place of the one of the same title, or at its end."""
    head = f"## {title}\n"
    before, found, behind = text.partition(head)
    after = behind[behind.index("\n## ") + 1 :] if found and "\n## " in behind else ""
    parts = [before.rstrip(), f"{head}\n{section.strip()}", after.strip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def section_of(text: str, title: str) -> str:
    """What stands under this title, up to the next one; empty when there is none."""
    _, _, behind = text.partition(f"## {title}\n")
    return behind.partition("\n## ")[0].strip()


def to_json(session: Session) -> str:
    """results.json: the session, with every run."""
    return json.dumps(asdict(session), indent=1, ensure_ascii=False) + "\n"


def _goal_table(runs: Sequence[Run], goals: Sequence[Goal]) -> str:
    lines = []
    for goal in goals:
        found = reached(runs, goal)
        state = "not measured" if found is None else "reached" if found[1] else "**not reached**"
        lines.append([f"{goal.row} {goal.told}", "" if found is None else number(found[0]), state])
    return markdown_table(["target", "measured", ""], lines)


def _row_table(runs: Sequence[Run], row: str, heads: Mapping[str, str]) -> str:
    groups = list(dict.fromkeys((run.case, run.subject) for run in runs if run.row == row))
    if not groups:
        return "Not measured."
    first = next(iter(heads))
    lines = []
    for case, subject in groups:
        of_relay = ratio(runs, row, case, subject, first)
        lines.append(
            [
                f"{case}: {subject}" if case else subject,
                *(_cell(values_of(runs, row, case, subject, key)) for key in heads),
                "" if of_relay is None or subject == RELAY else number(of_relay),
            ]
        )
    return markdown_table(["", *heads.values(), "÷ relay"], lines)


def _cell(values: Mapping[int, float]) -> str:
    return spread_text(_spread(values)) if values else ""


def _spread(values: Mapping[int, float]) -> Spread:
    return spread(list(values.values()))
