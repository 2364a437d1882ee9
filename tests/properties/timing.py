"""What must be true of timers when all is quiet, judged from what people set.

A timer is for both people. What somebody sets while the other blocks them is theirs alone, and then each has their own.
"""

from collections.abc import Iterable, Mapping

from tests.properties.deeds import Deed, Record
from tests.properties.device import Device
from tests.properties.truth import withheld
from tests.properties.view import View


def judge_timers(record: Record, fresh: Mapping[str, View], devices: Iterable[Device]) -> None:
    """Compare what each person sees, and what their devices were told on the way, with what was set."""
    for person, view in fresh.items():
        for peer, theirs in fresh.items():
            deeds = _deeds(record, person, peer)
            own, last = view.timers.get(peer), _last(deeds)
            assert own in last, f"{person} sees the timer {own} with {peer}, and not one of {last}"
            if all(hidden == {False} for _, hidden in deeds + _deeds(record, peer, person)):
                assert own == theirs.timers.get(person), f"{person} sees {own}, {peer} {theirs.timers.get(person)}"
    for device in devices:
        asked = {(deed.by, *deed.value) for deed in record.of("timer")}
        for by, peer, seconds in device.timed:
            there = (by, peer if by == device.person else device.person, seconds)
            assert by in (device.person, peer), f"{device.name}: a timer with {peer} by {by}"
            assert there in asked, f"{device.name}: {by} has set {seconds} with {peer}, and never asked for it"


def _deeds(record: Record, person: str, peer: str) -> list[tuple[Deed, set[bool]]]:
    """Who set the timer that `person` sees with `peer`, and whether that was withheld from them."""
    own = [(deed, {False}) for deed in record.of("timer") if (deed.by, deed.value[0]) == (person, peer)]
    theirs = [deed for deed in record.of("timer") if (deed.by, deed.value[0]) == (peer, person) != (person, peer)]
    return own + [(deed, withheld(record, person, peer, [deed])) for deed in theirs]


def _last(deeds: list[tuple[Deed, set[bool]]]) -> set[int | None]:
    """What may hold: whatever was not replaced for certain."""
    possible = [deed for deed, hidden in deeds if hidden != {True}]
    certain = [deed for deed, hidden in deeds if deed.happened and hidden == {False}]
    last = {one.value[1] for one in possible if not any(one.before(other) for other in certain)}
    return last if certain else last | {None}
