"""The history, sorted for the checker: messages by their `client_id` and id, logs by person, lines by device.

`line` is always the number of a line of the history, counted from 1: the moment, and the evidence. What one thread has
written in order needs no clock; seconds are looked at only where a promise speaks of them.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from prove import history as h
from prove import wire
from prove.history import Entry, person_of
from prove.wire import Message, Page, Sent, Told

NEVER = 2**62
Span: TypeAlias = tuple[int, int]
Subject: TypeAlias = tuple[str, int] | tuple[str, str, str, int]
Asked: TypeAlias = h.Changing | h.Reading | h.Blocking | h.Timing


@dataclass(slots=True)
class Life:
    """One message that somebody wanted to send: what it said, each try, each answer."""

    client_id: str
    sender: str
    recipient: str
    content: str
    ttl: int | None
    tries: list[int] = field(default_factory=list)
    answers: list[tuple[int, Sent]] = field(default_factory=list)

    @property
    def people(self) -> set[str]:
        return {self.sender, self.recipient}

    @property
    def span(self) -> Span:
        """Between which lines it was stored, if it was."""
        return self.tries[0], self.answers[0][0] if self.answers else NEVER


@dataclass(slots=True)
class Wish:
    """A change of a message (`content` None: delete it), a reading, a block (`content` None: its end), or a timer.

    `target` is a message's id, or the seconds of a timer (0: off), which is what `said` tells in the answer.
    """

    ref: str
    person: str
    target: int
    content: str | None = None
    peer: str = ""
    tries: list[int] = field(default_factory=list)
    done: int | None = None
    said: wire.Timer | None = None

    @property
    def first(self) -> int:
        return self.tries[0]

    @property
    def span(self) -> Span:
        """Between which lines it takes effect, if it does."""
        return self.first, self.end

    @property
    def end(self) -> int:
        """After this line it cannot take effect any more; of several tries one may still be on its way."""
        return self.done if self.done is not None and len(self.tries) == 1 else NEVER


@dataclass(slots=True)
class Sight:
    """A message whose text somebody was shown, and where."""

    line: int
    person: str
    device: str | None  # None: in the log or the list at the end
    message: Message
    where: str


class Tide:
    """A number that only grows, over the lines of the history."""

    def __init__(self) -> None:
        self._lines: list[int] = []
        self._values: list[int] = []

    def rise(self, line: int, value: int) -> None:
        if not self._values or value > self._values[-1]:
            self._lines.append(line)
            self._values.append(value)

    def before(self, line: int) -> int:
        """The highest value before this line; -1 when there was none."""
        at = bisect_left(self._lines, line)
        return self._values[at - 1] if at else -1


@dataclass(slots=True)
class Facts:
    """See the module."""

    seed: int = 0
    devices: dict[str, list[str]] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    by_id: dict[int, Life] = field(default_factory=dict)
    changes: dict[int, list[Wish]] = field(default_factory=lambda: defaultdict(list))
    readings: list[Wish] = field(default_factory=list)
    # (who blocks, whom) → the blocks and their ends, in order.
    blocks: dict[tuple[str, str], list[Wish]] = field(default_factory=lambda: defaultdict(list))
    # (who sets it, with whom) → the timers, in order.
    timers: dict[tuple[str, str], list[Wish]] = field(default_factory=lambda: defaultdict(list))
    sights: list[Sight] = field(default_factory=list)
    logs: dict[str, tuple[int, Page]] = field(default_factory=dict)
    lists: dict[str, tuple[int, h.Listed]] = field(default_factory=dict)
    steps: dict[str, list[tuple[int, Entry]]] = field(default_factory=lambda: defaultdict(list))
    acked: dict[str, Tide] = field(default_factory=lambda: defaultdict(Tide))
    read: dict[tuple[str, str], Tide] = field(default_factory=lambda: defaultdict(Tide))
    refusals: list[tuple[int, h.Refused]] = field(default_factory=list)
    strange: list[tuple[int, h.Strange]] = field(default_factory=list)
    unfinished: list[tuple[int, h.Unfinished]] = field(default_factory=list)
    drained: tuple[int, h.Drained] | None = None
    faults: list[h.Fault] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each line was written, in seconds
    # Of each person: position → what the final log tells there; message id → the position where it came.
    told: dict[str, dict[int, Told]] = field(default_factory=dict)
    places: dict[str, dict[int, int]] = field(default_factory=dict)
    mentions: dict[tuple[str, int], list[Told]] = field(default_factory=lambda: defaultdict(list))

    def at(self, line: int) -> float:
        """When this line was written, in seconds since the beginning."""
        return self.times[line - 1]

    def line_at(self, at: float) -> int:
        """The first line that was written at this time or later."""
        return min(bisect_left(self.times, at) + 1, len(self.times))

    def wishes_of(self, message_id: int) -> list[Wish]:
        """The changes of this message that somebody asked for."""
        return self.changes.get(message_id, [])

    def deletions(self, message_id: int) -> list[Wish]:
        """The wishes to take it back."""
        return [wish for wish in self.wishes_of(message_id) if wish.content is None]

    def edits(self, message_id: int) -> list[Wish]:
        """The wishes for another text."""
        return [wish for wish in self.wishes_of(message_id) if wish.content is not None]

    def is_gone(self, person: str, message_id: int) -> bool:
        """Whether this person's final log says that the message was deleted or has expired."""
        return any(isinstance(told, GONE) for told in self.mentions.get((person, message_id), ()))

    def concerned(self, message_id: int, life: Life) -> list[str]:
        """The people who know of a message, by their final logs; from whoever blocked its sender it was withheld."""
        return sorted(person for person in life.people if message_id in self.places.get(person, {}))

    def may_block(self, blocker: str, blocked: str, span: Span) -> bool:
        """Whether what `blocked` did to `blocker` at an unknown moment of this span may have met a block."""
        first, last = span
        wishes = self.blocks.get((blocker, blocked), [])
        blocks = [wish for wish in wishes if wish.content is not None and wish.first < last]
        return any(not _is_over(block, wishes, first) for block in blocks)

    def must_block(self, blocker: str, blocked: str, span: Span) -> bool:
        """Whether it has certainly met one, at whatever moment it was done."""
        first, last = span
        wishes = self.blocks.get((blocker, blocked), [])
        blocks = [wish for wish in wishes if wish.content is not None and wish.done is not None and wish.done < first]
        ends = [wish for wish in wishes if wish.content is None and wish.first < last]
        return any(all(end.end < block.first for end in ends) for block in blocks)


def _is_over(block: Wish, wishes: list[Wish], line: int) -> bool:
    """Whether a block has certainly ended before this line, and cannot come late."""
    return any(
        wish.content is None and wish.first > block.end and wish.done is not None and wish.done < line
        for wish in wishes
    )


GONE = (wire.DeletedTold, wire.ExpiredTold)


def subject(told: Told) -> Subject:
    """What a position is about: it stays the same whoever reads it when, though a deleted message loses its text."""
    match told:
        case wire.MessageTold(message=message) | wire.EditedTold(message=message):
            return ("message", message.id)
        case wire.ReceiptTold(kind=kind, by=by, peer=peer, up_to=up_to):
            return (kind, by, peer, up_to)
        case wire.TimerTold(peer=peer, by=by, ttl_seconds=seconds):
            return ("timer", by, peer, seconds or 0)
        case wire.DeletedTold(id=gone) | wire.ExpiredTold(id=gone):
            return ("message", gone)


def gather(entries: Iterable[Entry]) -> Facts:
    """Sort a history."""
    facts = Facts()
    wishes: dict[str, Wish] = {}
    for line, entry in enumerate(entries, 1):
        facts.times.append(entry.at)
        device = getattr(entry, "device", None)
        if device is not None:
            facts.steps[device].append((line, entry))
        _take(facts, wishes, line, entry)
    return facts


def _take(facts: Facts, wishes: dict[str, Wish], line: int, entry: Entry) -> None:
    match entry:
        case h.Began(seed=seed, people=people):
            facts.seed, facts.devices = seed, people
        case h.Tried() | h.Answered():
            _take_send(facts, line, entry)
        case h.Changing() | h.Reading() | h.Blocking() | h.Timing():
            _take_wish(facts, wishes, line, entry)
        case h.Fulfilled(ref=ref, timer=timer):
            if ref in wishes and wishes[ref].done is None:
                wishes[ref].done, wishes[ref].said = line, timer
        case h.Acked(device=device, position=position):
            facts.acked[person_of(device)].rise(line, position)
        case h.Heard(device=device, told=wire.MessageTold(message=message) | wire.EditedTold(message=message)):
            facts.sights.append(Sight(line, person_of(device), device, message, "event"))
        case h.Reloaded(device=device, messages=messages):
            facts.sights += [Sight(line, person_of(device), device, message, "reload") for message in messages]
        case _:
            _take_end(facts, line, entry)


def _take_end(facts: Facts, line: int, entry: Entry) -> None:
    match entry:
        case h.Fault():
            facts.faults.append(entry)
        case h.Refused():
            facts.refusals.append((line, entry))
        case h.Strange():
            facts.strange.append((line, entry))
        case h.Unfinished():
            facts.unfinished.append((line, entry))
        case h.Drained():
            facts.drained = (line, entry)
        case h.Logged():
            _take_log(facts, line, entry)
        case h.Listed(person=person, messages=messages):
            facts.lists[person] = (line, entry)
            facts.sights += [Sight(line, person, None, message, "list") for message in messages]


def _take_send(facts: Facts, line: int, entry: h.Tried | h.Answered) -> None:
    if isinstance(entry, h.Tried):
        sender = person_of(entry.device)
        fresh = Life(entry.client_id, sender, entry.recipient, entry.content, entry.ttl)
        facts.lives.setdefault(entry.client_id, fresh).tries.append(line)
        return
    sent = entry.sent
    facts.sights.append(Sight(line, person_of(entry.device), entry.device, sent.message, "answer"))
    if life := facts.lives.get(sent.client_id):
        life.answers.append((line, sent))
        facts.by_id.setdefault(sent.message.id, life)


def _take_wish(facts: Facts, wishes: dict[str, Wish], line: int, entry: Asked) -> None:
    person = person_of(entry.device)
    if entry.ref not in wishes:
        wishes[entry.ref] = _new_wish(facts, person, entry)
    wishes[entry.ref].tries.append(line)
    if isinstance(entry, h.Reading):
        facts.read[person, entry.peer].rise(line, entry.up_to)


def _new_wish(facts: Facts, person: str, entry: Asked) -> Wish:
    if isinstance(entry, h.Changing):
        wish, among = Wish(entry.ref, person, entry.id, entry.content), facts.changes[entry.id]
    elif isinstance(entry, h.Reading):
        wish, among = Wish(entry.ref, person, entry.up_to, peer=entry.peer), facts.readings
    elif isinstance(entry, h.Timing):
        wish, among = Wish(entry.ref, person, entry.ttl or 0, peer=entry.peer), facts.timers[person, entry.peer]
    else:
        content = None if entry.ends else ""
        wish, among = Wish(entry.ref, person, 0, content, entry.peer), facts.blocks[person, entry.peer]
    among.append(wish)
    return wish


def _take_log(facts: Facts, line: int, entry: h.Logged) -> None:
    person = entry.person
    facts.logs[person] = (line, entry.page)
    facts.told[person] = {told.position: told for told in entry.page.events}
    for told in entry.page.events:
        about = subject(told)
        if len(about) == 2:
            facts.mentions[person, about[1]].append(told)
            facts.places.setdefault(person, {}).setdefault(about[1], told.position)
        if isinstance(told, wire.MessageTold | wire.EditedTold):
            facts.sights.append(Sight(line, person, None, told.message, "log"))
