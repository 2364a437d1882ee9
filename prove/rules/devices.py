"""What must hold on each device: the same log as everywhere, all of it, and a true beginning."""

from collections.abc import Iterator

from prove import history as h
from prove.cursor import Cursor
from prove.facts import GONE, Facts, Tide, subject
from prove.history import person_of
from prove.violation import Fault
from prove.wire import Told


def nothing_strange(facts: Facts) -> Iterator[Fault]:
    """Only what the contract has."""
    for line, strange in facts.strange:
        yield f"{strange.device}: {strange.text}", (line,)


def agree(facts: Facts) -> Iterator[Fault]:
    """Whatever was ever told at a position stands there in the final log, so all devices have the same order."""
    for device, steps in facts.steps.items():
        person = person_of(device)
        log = facts.told.get(person)
        if log is None:
            continue
        line_of_log = facts.logs[person][0]
        for line, step in steps:
            if isinstance(step, h.Heard) and not _is_same(step.told, log.get(step.told.position)):
                there = log.get(step.told.position)
                text = f"{device} was told {_short(step.told)}, but the log of {person} has there {_short(there)}"
                yield text, (line, line_of_log)


def whole(facts: Facts) -> Iterator[Fault]:
    """From where a device began to the head it has everything, by what it was told."""
    for device, steps in facts.steps.items():
        person = person_of(device)
        if person not in facts.logs:
            continue
        cursor, early = _had(steps)
        head = facts.logs[person][1].position
        missing = [] if cursor is None else [n for n in range(cursor.upto + 1, head + 1) if cursor.add(n)]
        if missing:
            about = "; ".join(_short(facts.told[person].get(position)) for position in missing[:3])
            yield f"{device} never got {len(missing)} of {head} events of {person}: {about}", _around(steps, early)


def once_each(facts: Facts) -> Iterator[Fault]:
    """On one connection each position comes once; `sent` stands for its event, or follows it when it comes late."""
    for device, steps in facts.steps.items():
        given: dict[int, int] = {}
        for line, step in steps:
            position = None
            if isinstance(step, h.Opened):
                given = {}
            elif isinstance(step, h.Heard):
                position = step.told.position
            elif isinstance(step, h.Answered) and not step.sent.duplicate:
                position = step.sent.position or None
            if position is None:
                continue
            if position in given and not isinstance(step, h.Answered):
                yield f"{device} was given position {position} twice on one connection", (given[position], line)
            given[position] = line


def welcomes(facts: Facts) -> Iterator[Fault]:
    """The outcome fits what was asked for, and the head is no older than what was acknowledged before."""
    known = _acknowledged(facts)
    for device, steps in facts.steps.items():
        person = person_of(device)
        opened, position = 0, None
        for line, step in steps:
            if isinstance(step, h.Opened):
                opened, position = line, step.position
            if not isinstance(step, h.Welcomed):
                continue
            wanted, standing = "live" if position is None else "recovered", step.standing
            if standing.outcome != wanted:
                yield f"{device} asked from {position} and was welcomed as {standing.outcome}", (opened, line)
            least = known[person].before(opened) if person in known else 0
            if standing.position < least:
                text = f"the head of {person} was {standing.position} for {device}, but {least} was acknowledged before"
                yield text, (opened, line)


def _had(steps: list[tuple[int, h.Entry]]) -> tuple[Cursor | None, int]:
    """What a device had in the end; and the line after which nothing of it was missing any more or yet."""
    cursor: Cursor | None = None
    early = 0
    for line, step in steps:
        match step:
            case h.Opened(position=int(position)) if cursor is None:  # by long poll: from the beginning
                cursor, early = Cursor(position), line
            case h.Welcomed(standing=standing) if cursor is None:
                cursor, early = Cursor(standing.position), line
            case h.Reloaded(position=position) if cursor is not None:
                cursor.skip(position)
            case h.Heard(told=told) if cursor is not None:
                cursor.add(told.position)
            case h.Answered(sent=sent) if cursor is not None and sent.position:
                cursor.add(sent.position)
        if cursor is not None and not cursor.has_gap:
            early = line
    return cursor, early


def _around(steps: list[tuple[int, h.Entry]], line: int) -> tuple[int, ...]:
    """Where the hole began, and the last beginning of a connection before it."""
    opened = max((n for n, step in steps if n <= line and isinstance(step, h.Opened)), default=line)
    behind = min((n for n, _ in steps if n > line), default=line)
    return tuple(sorted({opened, line, behind}))


def _acknowledged(facts: Facts) -> dict[str, Tide]:
    """Of each person: up to which position their log was known to be durable, and when."""
    pairs = [
        (line, person, place)
        for life in facts.lives.values()
        for line, answer in life.answers[:1]
        for person in life.people
        if (place := facts.places.get(person, {}).get(answer.message.id))
    ]
    known: dict[str, Tide] = {}
    for line, person, place in sorted(pairs):
        known.setdefault(person, Tide()).rise(line, place)
    return known


def _is_same(told: Told, there: Told | None) -> bool:
    if there is None or subject(told) != subject(there):
        return False
    return type(told) is type(there) or isinstance(there, GONE)


def _short(told: Told | None) -> str:
    if told is None:
        return "nothing"
    return f"{told.position}: {type(told).__name__.removesuffix('Told').lower()} {subject(told)[-1]}"
