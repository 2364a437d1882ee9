"""What must hold of timers: what was set last holds for both people, and each of their devices knows it by its events.

A timer is a register that two people write. While one blocks the other, what the blocked sets is theirs alone, and
each has their own until one of them sets it again. The event with the highest position is what a client goes by.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TypeGuard

from prove import history as h
from prove.facts import Facts, Wish
from prove.history import Entry, Listed, person_of
from prove.violation import Fault
from prove.wire import TimerTold, Told


def reflected(facts: Facts) -> Iterator[Fault]:
    """In the end there is what an answer has promised and nobody has certainly replaced, the same for both people."""
    for (person, peer), wishes in facts.timers.items():
        for wish in wishes:
            if wish.said is not None and (wish.said.peer, wish.said.ttl_seconds or 0) != (peer, wish.target):
                said = f"the answer was {_short(wish.said.ttl_seconds)} with {wish.said.peer}"
                yield f"{person} asked for {_short(wish.target)} with {peer}: {said}", (wish.first, wish.done or 0)
    for person, (line, listed) in facts.lists.items():
        for peer, seconds in listed.timers.items():
            yield from _one_timer(facts, person, peer, seconds or 0, line)


def caused(facts: Facts) -> Iterator[Fault]:
    """Each event tells a change that was asked for, before, by whom it names; and no more often than it was tried."""
    for line, person, told in told_timers(facts):
        if not any(wish.first < line for wish in asked(facts, person, told)):
            yield f"{person} was told of {_told(told)}, but nobody has asked for it", (line,)
    for person, (line, log) in facts.logs.items():
        last: dict[str, int] = {}
        times: Counter[tuple[str, str, int]] = Counter()
        for each in filter(_is_timer, log.events):
            seconds = each.ttl_seconds or 0
            if last.get(each.peer, 0) == seconds:
                yield f"at {each.position} of {person} stands {_told(each)}, and it was that already", (line,)
            last[each.peer] = seconds
            times[each.by, each.peer, seconds] += 1
            tries = sum(len(wish.tries) for wish in asked(facts, person, each))
            if times[each.by, each.peer, seconds] > tries > 0:
                yield f"at {each.position} of {person} stands {_told(each)} again, tried {tries} times", (line,)


def kept(facts: Facts) -> Iterator[Fault]:
    """What a client knows by its events in the end is what the server answers, in the list and by name."""
    for person, (line, listed) in facts.lists.items():
        for talk in listed.talks:
            if talk.peer in listed.timers and talk.ttl_seconds != listed.timers[talk.peer]:
                both = f"{_short(talk.ttl_seconds)} in the list, {_short(listed.timers[talk.peer])} by name"
                yield f"the timer of {person} with {talk.peer} is {both}", (line,)
    if facts.drained is None or not facts.drained[1].whole:
        return
    for device in facts.steps:
        person = person_of(device)
        if person in facts.lists and person in facts.logs:
            yield from _as_known(facts, device, *facts.lists[person])


def asked(facts: Facts, person: str, told: TimerTold) -> list[Wish]:
    """The wishes that such an event, told to this person, may come from."""
    if told.by not in (person, told.peer):
        return []
    with_whom = told.peer if told.by == person else person
    return [wish for wish in facts.timers.get((told.by, with_whom), []) if wish.target == (told.ttl_seconds or 0)]


def told_timers(facts: Facts) -> Iterator[tuple[int, str, TimerTold]]:
    """All that were told to somebody, live or in the log at the end."""
    for device, steps in facts.steps.items():
        for line, step in steps:
            if isinstance(step, h.Heard) and _is_timer(step.told):
                yield line, person_of(device), step.told
    for person, (line, log) in facts.logs.items():
        for told in filter(_is_timer, log.events):
            yield line, person, told


def _one_timer(facts: Facts, person: str, peer: str, seconds: int, line: int) -> Iterator[Fault]:
    own = facts.timers.get((person, peer), [])
    theirs = facts.timers.get((peer, person), []) if peer != person else []
    unsure = {wish.ref for wish in theirs if facts.may_block(person, peer, wish.span)}
    wishes = own + [wish for wish in theirs if not facts.must_block(person, peer, wish.span)]
    done = [wish for wish in wishes if wish.done is not None and wish.ref not in unsure]
    if seconds not in _admissible(wishes, done):
        lines = (*(wish.first for wish in done), line)
        yield f"{person} ends with {_short(seconds)} with {peer}, which was replaced, or never set", lines
    yield from _untold(facts, person, peer, wishes, done)
    hidden = unsure or any(facts.may_block(peer, person, wish.span) for wish in own)
    if not hidden and peer in facts.lists:
        other_line, other = facts.lists[peer]
        if (there := other.timers.get(person) or 0) != seconds:
            both = f"{_short(seconds)} for {person}, {_short(there)} for {peer}"
            yield f"the timer of the two is {both}", (line, other_line)


def _untold(facts: Facts, person: str, peer: str, wishes: list[Wish], done: list[Wish]) -> Iterator[Fault]:
    """A time that nobody else has set was another one than before: somebody must have been told."""
    if person not in facts.logs:
        return
    log = filter(_is_timer, facts.logs[person][1].events)
    told = {(each.by, each.ttl_seconds) for each in log if each.peer == peer}
    values = Counter(wish.target for wish in wishes)
    for wish in done:
        if wish.target and values[wish.target] == 1 and (wish.person, wish.target) not in told:
            text = f"the log of {person} has no timer of {wish.target} s with {peer}, set by {wish.person}"
            yield text, (wish.first, wish.done or 0)


def _admissible(wishes: list[Wish], done: list[Wish]) -> set[int]:
    """What may be the last: a register whose writes overlap."""
    last = {wish.target for wish in wishes if not any(other.first > wish.end for other in done)}
    return last if done else {*last, 0}


def _as_known(facts: Facts, device: str, line: int, listed: Listed) -> Iterator[Fault]:
    """By what it loaded when it began, or after a reset, and by what it was told, in whatever order that came."""
    log, steps = facts.logs[person_of(device)][1], facts.steps[device]
    since = _since(steps)
    known = [(line, each) for each in filter(_is_timer, log.events) if each.position <= since]
    known += [(at, step.told) for at, step in steps if isinstance(step, h.Heard) and _is_timer(step.told)]
    last = {told.peer: (at, told.ttl_seconds) for at, told in sorted(known, key=lambda each: each[1].position)}
    for peer, seconds in listed.timers.items():
        at, held = last.get(peer, (line, None))
        if held != seconds:
            yield f"{device} goes by {_short(held)} with {peer}, but {_short(seconds)} is answered", (at, line)


def _since(steps: list[tuple[int, Entry]]) -> int:
    """Up to which position a device has loaded what there was. By long poll it begins with the whole log."""
    polls = any(isinstance(step, h.Opened) and step.via == "poll" for _, step in steps)
    begun = [step.standing.position for _, step in steps if isinstance(step, h.Welcomed)]
    loaded = [step.position for _, step in steps if isinstance(step, h.Reloaded)]
    return max([*(() if polls else begun[:1]), *loaded], default=0)


def _is_timer(told: Told) -> TypeGuard[TimerTold]:
    return isinstance(told, TimerTold)


def _told(told: TimerTold) -> str:
    return f"{_short(told.ttl_seconds)} with {told.peer} by {told.by}"


def _short(seconds: int | None) -> str:
    return f"a timer of {seconds} s" if seconds else "no timer"
