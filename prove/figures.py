"""What a run was: the counts, and how long messages took, as tables for whoever reads the output or the docs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prove import history as h
from prove import wire
from prove.history import Entry, person_of

NOTHING, SEVERAL = "nothing", "several at once"
# What was broken holds up messages for a moment after it was mended: so long a link waits until it tries again.
AFTERMATH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a heading; the first column is text, the others are figures."""

    heading: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def lines(self) -> list[str]:
        """For a terminal."""
        everything = [self.heading, *self.rows]
        widths = [max(len(row[column]) for row in everything) for column in range(len(self.heading))]
        return ["  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in everything]

    def markdown(self) -> list[str]:
        """For a page."""
        rule = ("---", *["---:"] * (len(self.heading) - 1))
        return [f"| {' | '.join(row)} |" for row in (self.heading, rule, *self.rows)]


def figures(entries: Iterable[Entry]) -> list[Table]:
    """The run, the faults, what devices did and heard, and how long they waited for a message.

    A wait is from the first acknowledgement to each connected device of the recipient, counted under what was broken
    meanwhile.
    """
    entries = tuple(entries)
    counts = Counter(_kind(entry) for entry in entries)
    faults = [("fault", "times", "seconds"), *_faults(entries)]
    waits = [("broken meanwhile", "messages", "p50 ms", "p99 ms", "longest ms"), *_waits(entries)]
    run = [("run", ""), *_run(entries)]
    heard = [("what happened", "times"), *((name, f"{count:,}") for name, count in sorted(counts.items()))]
    return [Table(rows[0], rows[1:]) for rows in (run, faults, heard, waits) if rows[1:]]


def _run(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for entry in entries:
        match entry:
            case h.Began(seed=seed, people=people, seconds=seconds):
                rows += [("seed", str(seed)), ("seconds of load", f"{seconds:g}"), ("people", str(len(people)))]
                rows.append(("devices", str(sum(map(len, people.values())))))
            case h.Drained():
                whole = "all whole" if entry.whole else "NOT WHOLE"
                rows.append(("after everything was mended", f"{whole} after {entry.seconds:g} s"))
    polls = {entry.device for entry in entries if isinstance(entry, h.Opened) and entry.via == "poll"}
    return [*rows, ("devices with long polls", str(len(polls)))] if rows else []


def _broken(entries: Iterable[Entry]) -> list[tuple[str, float, float]]:
    """Each fault: its kind, when it began and when it was mended."""
    began: dict[tuple[str, str], float] = {}
    found: list[tuple[str, float, float]] = []
    for entry in entries:
        if isinstance(entry, h.Fault) and entry.phase == "begin":
            began[entry.fault, entry.target] = entry.at
        elif isinstance(entry, h.Fault):
            found.append((entry.fault, began.pop((entry.fault, entry.target), entry.at), entry.at))
    return found


def _faults(entries: Iterable[Entry]) -> list[tuple[str, str, str]]:
    lasted: dict[str, list[float]] = defaultdict(list)
    for kind, begin, end in _broken(entries):
        lasted[kind].append(end - begin)
    return [(kind, str(len(each)), f"{sum(each):.1f}") for kind, each in sorted(lasted.items())]


def _waits(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    broken = _broken(entries)
    waits: dict[str, list[float]] = defaultdict(list)
    for begin, end in _intervals(entries):
        kinds = {kind for kind, first, last in broken if first <= end and last + AFTERMATH_SECONDS >= begin}
        cause = SEVERAL if len(kinds) > 1 else next(iter(kinds), NOTHING)
        waits[cause].append((end - begin) * 1000)
    order = sorted(waits, key=lambda cause: (cause != NOTHING, cause == SEVERAL, cause))
    rows = [_row(cause, waits[cause]) for cause in order]
    return [*rows, _row("all together", [wait for each in waits.values() for wait in each])] if rows else []


def _row(cause: str, waits: list[float]) -> tuple[str, ...]:
    waits.sort()
    return (cause, f"{len(waits):,}", *(f"{waits[int((len(waits) - 1) * share)]:.0f}" for share in (0.5, 0.99, 1)))


def _intervals(entries: Iterable[Entry]) -> list[tuple[float, float]]:
    """Of each message that came to a device that was connected: when it was acknowledged, and when it came."""
    acked: dict[int, float] = {}
    since: dict[str, float] = {}
    found = []
    for entry in entries:
        match entry:
            case h.Welcomed(device=device):
                since.setdefault(device, entry.at)
            case h.Closed(device=device):
                since.pop(device, None)
            case h.Answered(sent=sent):
                acked.setdefault(sent.message.id, entry.at)
            case h.Heard(device=device, told=wire.MessageTold(message=message)):
                at = acked.get(message.id)
                if person_of(device) == message.recipient and at is not None and since.get(device, at) < at:
                    found.append((at, entry.at))
    return found


def _kind(entry: Entry) -> str:
    name = type(entry).__name__.lower()
    match entry:
        case h.Heard(told=told):
            return f"heard: {type(told).__name__.removesuffix('Told').lower()}"
        case h.Opened(via=via) | h.Tried(via=via) | h.Changing(via=via) | h.Reading(via=via):
            return f"{name} by {via}"
        case h.Blocking(via=via) | h.Timing(via=via):
            return f"{name} by {via}"
        case h.Answered(via=via, sent=sent):
            return f"{name} by {via}{', duplicate' if sent.duplicate else ''}"
        case h.Welcomed(standing=standing):
            return f"{name}: {standing.outcome}"
        case h.Closed(code=code):
            return f"{name}: {code or 'cut'}"
        case h.Refused(error=error):
            return f"{name}: {error.code}"
        case h.Fault(phase=phase):
            return f"{name}: {phase}"
    return name
