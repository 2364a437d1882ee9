"""What a run was: the counts, and how long messages took, for whoever reads the output."""

from collections import Counter
from collections.abc import Iterable

from prove import history as h
from prove import wire
from prove.history import Entry, person_of


def figures(entries: Iterable[Entry]) -> list[str]:
    """Lines for people. A lag counts from the first acknowledgement to each connected device of the recipient."""
    kinds: Counter[str] = Counter()
    acked: dict[int, float] = {}
    since: dict[str, float] = {}
    lags: list[float] = []
    lines: list[str] = []
    for entry in entries:
        kinds[_kind(entry)] += 1
        match entry:
            case h.Began(seed=seed, people=people):
                devices = sum(map(len, people.values()))
                lines.append(f"Seed {seed}: {len(people)} people, {devices} devices, {entry.seconds:g} s")
            case h.Welcomed(device=device):
                since[device] = entry.at
            case h.Closed(device=device):
                since.pop(device, None)
            case h.Answered(message=message):
                acked.setdefault(message.id, entry.at)
            case h.Heard(device=device, told=wire.MessageTold(message=message)):
                at = acked.get(message.id)
                if person_of(device) == message.recipient and at is not None and since.get(device, at) < at:
                    lags.append(entry.at - at)
            case h.Drained():
                lines.append(f"drained: {'all whole' if entry.whole else 'NOT WHOLE'} after {entry.seconds:g} s")
    lines += [f"{count:9,} {name}" for name, count in sorted(kinds.items())]
    if lags:
        lags.sort()
        p50, p99 = (lags[int(len(lags) * share)] * 1000 for share in (0.5, 0.99))
        lines.append(
            f"from the acknowledgement to a connected recipient: p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
            f"longest {lags[-1] * 1000:.0f} ms, faults and all"
        )
    return lines


def _kind(entry: Entry) -> str:
    name = type(entry).__name__.lower()
    match entry:
        case h.Heard(told=told):
            return f"heard: {type(told).__name__.removesuffix('Told').lower()}"
        case h.Tried(via=via) | h.Changing(via=via) | h.Reading(via=via):
            return f"{name} by {via}"
        case h.Answered(via=via, duplicate=duplicate):
            return f"{name} by {via}{', duplicate' if duplicate else ''}"
        case h.Welcomed(outcome=outcome):
            return f"{name}: {outcome}"
        case h.Closed(code=code):
            return f"{name}: {code or 'cut'}"
        case h.Refused(code=code):
            return f"{name}: {code}"
        case h.Fault(fault=fault, phase="begin"):
            return f"{name}: {fault}"
        case h.Fault(fault=fault):
            return f"{name}: {fault}, mended"
    return name
