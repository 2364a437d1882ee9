"""What must hold of time: whoever is connected hears without asking, and whoever is sent away comes back spread.

The only rules that look at seconds. A busy machine has a margin, and as much again as answers took meanwhile.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from prove import history as h
from prove.facts import Facts
from prove.faults import BY_NAME, Excuse
from prove.history import Entry, person_of
from prove.violation import Fault
from prove.wire import MessageTold

PROMISED_SECONDS = 2.0
MARGIN_SECONDS = 3.0
# How often an instance compares heads although it believes that all is well.
SWEEP_SECONDS = 5.0
# A message is published a moment after it was stored.
MOMENT_SECONDS = 0.5
RESTART = 1012
FEWEST_DISMISSED = 20
SLOT_SECONDS = 0.1
LEAST_SPREAD_SECONDS = 1.0
# Goodbyes that come closer together than this belong to one instance's end.
TOGETHER_SECONDS = 1.0
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Known:
    """A message at its place in somebody's log: when it was first asked for, and when its storing was first told."""

    at: float
    position: int
    line: int
    tried: float


def heard(facts: Facts) -> Iterator[Fault]:
    """A message reaches whoever stays connected within the promised time of its first answer."""
    known = {person: _known(facts, person) for person in facts.logs}
    mended, sweep, answers = _spans(facts, Excuse.MENDED), _spans(facts, Excuse.SWEEP), _answers(facts)
    for device, steps in facts.steps.items():
        of_person = known.get(person_of(device), [])
        times, heard_at = [each.at for each in of_person], _heard_at(steps)
        for began, ended in _presences(facts, steps):
            for each in of_person[bisect_left(times, began) : bisect_left(times, ended)]:
                until = min(heard_at.get(each.position, ended), ended)
                waited, most = _outside((each.at, until), mended), PROMISED_SECONDS + MARGIN_SECONDS
                if waited > most and _touches((each.tried - MOMENT_SECONDS, until), sweep):
                    most += SWEEP_SECONDS
                if waited > most and waited > most + _slowest(answers, (each.at, until)):
                    text = f"{device} was connected, and had not heard position {each.position} of {person_of(device)}"
                    after = f"{until - each.at:.1f} s after it was acknowledged: {most:g} s are allowed"
                    yield f"{text} {after}", (each.line, facts.line_at(began), facts.line_at(until))


def spread(facts: Facts) -> Iterator[Fault]:
    """Those whom an instance sends away are told to come back at different times, and do."""
    for group in _dismissals(facts):
        waits = [step.bye.resume_after_ms / 1000 for _, step in group]
        slots = max(LEAST_SPREAD_SECONDS, *waits) / SLOT_SECONDS
        mean = len(group) / slots
        told = _fullest([step.at + wait for (_, step), wait in zip(group, waits, strict=True)])
        lines = (group[0][0], group[-1][0])
        if told > mean + 5 * mean**0.5 + 4:
            yield f"of {len(group)} sent away {told} were told to come back within {SLOT_SECONDS} s", lines
        back = [at for line, step in group if (at := _next_opened(facts, step.device, line)) is not None]
        came = _fullest(back) if back else 0
        # They were spread by the server, then by whatever held them up.
        if came > 2 * mean + 8 * mean**0.5 + 8:
            yield f"of {len(group)} sent away {came} came back within {SLOT_SECONDS} s", lines


def _known(facts: Facts, person: str) -> list[Known]:
    """The messages of somebody's log, in the order in which their storing was first told."""
    found = []
    for told in facts.logs[person][1].events:
        life = facts.by_id.get(told.message.id) if isinstance(told, MessageTold) else None
        if life is not None:
            line = life.answers[0][0]
            found.append(Known(facts.at(line), told.position, line, facts.at(life.tries[0])))
    return sorted(found, key=lambda each: each.at)


def _answers(facts: Facts) -> list[Interval]:
    """When each message was first answered, and how long its last try had waited for that."""
    found = []
    for life in facts.lives.values():
        for line, _ in life.answers[:1]:
            tried = max(each for each in life.tries if each < line)
            found.append((facts.at(line), facts.at(line) - facts.at(tried)))
    return sorted(found)


def _slowest(answers: list[Interval], interval: Interval) -> float:
    """How long the slowest of the answers took that came within the interval."""
    first, last = (bisect_left(answers, (at, 0.0)) for at in interval)
    return max((took for _, took in answers[first:last]), default=0.0)


def _presences(facts: Facts, steps: list[tuple[int, Entry]]) -> Iterator[Interval]:
    """Each time between a welcome and the end; of a long poll, between question and answer."""
    began: float | None = None
    for _, step in steps:
        match step:
            case h.Opened() | h.Closed() | h.Dismissed():
                if began is not None:
                    yield began, step.at
                polls = isinstance(step, h.Opened) and step.via == "poll"
                began = step.at if polls else None
            case h.Welcomed() if began is None:
                began = step.at
    if began is not None and facts.drained is not None:
        yield began, facts.drained[1].at


def _heard_at(steps: list[tuple[int, Entry]]) -> dict[int, float]:
    """When a device first heard each position."""
    first: dict[int, float] = {}
    for _, step in steps:
        if isinstance(step, h.Heard):
            first.setdefault(step.told.position, step.at)
        elif isinstance(step, h.Answered) and step.sent.position:
            first.setdefault(step.sent.position, step.at)
    return first


def _spans(facts: Facts, excuse: Excuse) -> list[Interval]:
    """When faults were on that excuse so much; those that overlap are one."""
    began: dict[tuple[str, str], float] = {}
    spans: list[Interval] = []
    for step in facts.faults:
        if step.fault not in BY_NAME or BY_NAME[step.fault].excuse is not excuse:
            continue
        if step.phase == "begin":
            began[step.fault, step.target] = step.at
        else:
            spans.append((began.pop((step.fault, step.target), step.at), step.at))
    spans += [(at, facts.times[-1]) for at in began.values()]
    merged: list[Interval] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _outside(interval: Interval, spans: list[Interval]) -> float:
    """How much of the interval lies in none of the spans, which do not overlap."""
    begin, end = interval
    inside = sum(max(0.0, min(end, last) - max(begin, first)) for first, last in spans)
    return end - begin - inside


def _touches(interval: Interval, spans: list[Interval]) -> bool:
    return any(first <= interval[1] and last >= interval[0] for first, last in spans)


def _dismissals(facts: Facts) -> Iterator[list[tuple[int, h.Dismissed]]]:
    """Goodbyes by instances that restart, those of one instance together, where there are enough to tell."""
    byes = [
        (line, step)
        for steps in facts.steps.values()
        for line, step in steps
        if isinstance(step, h.Dismissed) and step.bye.code == RESTART
    ]
    group: list[tuple[int, h.Dismissed]] = []
    for line, step in sorted(byes, key=lambda each: each[0]):
        if group and step.at - group[-1][1].at > TOGETHER_SECONDS:
            if len(group) >= FEWEST_DISMISSED:
                yield group
            group = []
        group.append((line, step))
    if len(group) >= FEWEST_DISMISSED:
        yield group


def _next_opened(facts: Facts, device: str, line: int) -> float | None:
    return next((step.at for n, step in facts.steps[device] if n > line and isinstance(step, h.Opened)), None)


def _fullest(times: list[float]) -> int:
    """How many of them fall into one slot at most."""
    return max(Counter(int(at / SLOT_SECONDS) for at in times).values())
