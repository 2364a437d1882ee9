"""Following the audit log record by record, and naming what was done to it and where.

A record is genuine under a number when its link covers exactly what stands there, that number included, its epoch is
the one that number belongs to, and, where the epoch's key is known, its MAC was made with it. What happened is read
from the order of the numbers under which the records are genuine: a number that never comes is missing, one that
comes late was reordered, a record that is genuine under no number was edited if it stands in a place, inserted if
there is none for it. Where the keys are not known, the signed checkpoints say which link is right.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from actions.audit_keeper import entry_of
from crypto import chain
from crypto.checkpoints import Checkpoint
from models.audit import HEAD_CHANGED, Head, Stored

EDITED, MISSING, INSERTED, REORDERED = "edited", "missing", "inserted", "reordered"
FORKED, TRUNCATED, MISMATCH = "forked", "truncated", "checkpoint mismatch"
KINDS = (EDITED, MISSING, INSERTED, REORDERED, FORKED, TRUNCATED, MISMATCH)

MOST_FAULTS = 200
MOST_MISSING = 20_000
# How far a renumbered record is looked for from where it stands.
REACH = 8


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What was done, and where: `first` to `last` are numbers of records."""

    first: int
    kind: str
    last: int
    told: str = ""

    def line(self) -> str:
        """For a person at a terminal."""
        place = f"record {self.first}" if self.first >= self.last else f"records {self.first} to {self.last}"
        return f"{self.kind}: {place}" + (f": {self.told}" if self.told else "")


@dataclass(frozen=True, slots=True)
class Base:
    """From where on the log is followed: the last record before, and its link."""

    record: int
    link: bytes


Keys = Callable[[int], bytes | None]


@dataclass(slots=True)
class Trail:
    """The records so far. `checkpoints` are signed and in order; `keys` gives an epoch's key where it is known."""

    log: str
    base: Base
    epoch: int  # of the head: that of the records behind the last checkpoint
    checkpoints: Sequence[Checkpoint]
    keys: Keys
    faults: list[Fault] = field(default_factory=list)
    records: int = 0
    _expected: int = 0
    _link: bytes = b""
    _stood: int = 0  # where the last genuine record stood
    _shift: int = 0
    _rival: Stored | None = None  # a second record that claims to be the last one
    _suspects: list[Stored] = field(default_factory=list)
    _strays: dict[int, Stored] = field(default_factory=dict)  # edited or inserted: perhaps only moved
    _missing: set[int] = field(default_factory=set)
    _reached: list[int] = field(default_factory=list)  # where each checkpoint ends
    _sound_since: int = 0  # the first fault of a segment hides that its checkpoint does not fit

    def __post_init__(self) -> None:
        """Stand before the first record."""
        self._expected = self.base.record + 1
        self._link = self.base.link
        self._sound_since = self.base.record
        self._reached = [each.record for each in self.checkpoints]

    def follow(self, rows: Iterable[Stored]) -> None:
        """Go on along these records, in the order of their numbers."""
        for row in rows:
            self.records += 1
            self._step(row)

    def end(self, head: Head, behind: Sequence[Stored], *, sound: bool = True) -> list[Fault]:
        """There are no more records up to the head; `behind` stands behind it. All faults, in order.

        `sound`: the head is our own, or nobody can tell. Who moved it has put something between, or cut something off.
        """
        for row in behind:
            number = self._number_of(row)
            if number is not None and number <= head.id:
                self._step(row)
            else:
                self._add(INSERTED, row.id, told="behind the head of the log")
        if self._rival is not None:
            self._add(FORKED, self._expected - 1, told="two records claim to be this one")
        covered = self._reached[-1] if self._reached else 0
        for row in self._suspects:
            known = sound or row.id <= covered or not self._is_linked(row, row.id)
            in_place = known and self._expected <= row.id <= head.id
            self._stray(EDITED if in_place else INSERTED, row)
        held = {row.id for row in self._suspects}
        gone = next((number for number in range(self._expected, head.id + 1) if number not in held), None)
        if gone is not None:
            self._add(TRUNCATED, gone, head.id, told="the head of the log is beyond the last record")
        elif not self._suspects and not self.faults and self._link != head.link:
            self._add(EDITED, head.id, told="it is not the record that the head names")
        self._find_moved()
        for first, last in _runs(sorted(self._missing)):
            self._add(MISSING, first, last)
        return sorted(set(self.faults))

    def _step(self, row: Stored) -> None:
        number = self._number_of(row)
        if number is None:
            self._suspects.append(row)
            if len(self._suspects) > MOST_FAULTS:
                self._settle(row.id + 1)
            return
        if number < self._expected:
            self._late(row, number)
            return
        if number == self._expected:
            self._join(number, row.prev)
        self._settle(number, row.id)
        if (row.action, row.reason) == HEAD_CHANGED:
            self._add(TRUNCATED, number, told="the head of the log had been changed when this was recorded")
        self._expected, self._link, self._stood = number + 1, row.link, row.id
        self._compare(number, row.link)

    def _join(self, number: int, link: bytes) -> None:
        """The record before is the one that this one was chained to, by this link."""
        rival, self._rival = self._rival, None
        if link == self._link:
            if rival is not None:
                self._add(INSERTED, rival.id)
        elif rival is not None and link == rival.link:
            self._add(INSERTED, self._stood)
        else:
            # Both are consistent by themselves: what stood before has got a link of its own.
            self._add(EDITED, number - 1, told="it is not what the next record was chained to")

    def _settle(self, number: int, stands: int = 0) -> None:
        """The next genuine record is `number`, and stands where it `stands`: what became of those between?"""
        free = set(range(self._expected, min(number, self._expected + MOST_MISSING)))
        for suspect in self._suspects:
            places = [place for place in (suspect.id + self._shift, suspect.id) if place in free]
            if places:
                free.discard(places[0])
                self._stray(EDITED, suspect, places[0])
            elif suspect.id in (stands, self._stood) and self._is_linked(suspect, suspect.id):
                self._add(FORKED, suspect.id, told="two records have this number")
            else:
                self._stray(INSERTED, suspect)
        self._suspects = []
        if number - self._expected > MOST_MISSING or len(self._missing) > MOST_MISSING:
            self._add(MISSING, self._expected, number - 1)
        else:
            self._missing |= free
        self._expected = max(self._expected, number)

    def _late(self, row: Stored, number: int) -> None:
        if number in self._missing:
            self._missing.discard(number)
            self._add(REORDERED, number, told=f"it stands at {row.id}")
        elif number == self._expected - 1 and row.link != self._link and row.id != self._stood:
            self._rival = row  # the next record tells which of the two is ours
        elif row.id == number:
            self._add(FORKED, number, told="two records have this number")
        else:
            self._add(INSERTED, row.id, told=f"a copy of record {number}")

    def _compare(self, number: int, link: bytes) -> None:
        place = bisect_left(self._reached, number)
        if place == len(self._reached) or self._reached[place] != number:
            return
        reached = self.checkpoints[place]
        # Several checkpoints may end at one record.
        while place < len(self._reached) and self._reached[place] == number:
            if self.checkpoints[place].link != link and not self._has_fault_since(self._sound_since):
                told = f"checkpoint {reached.number} has signed another log"
                self._add(MISMATCH, self._sound_since + 1, number, told=told)
            place += 1
        self._sound_since = number
        self._link = reached.link

    def _has_fault_since(self, number: int) -> bool:
        return any(fault.last > number for fault in self.faults) or any(gone > number for gone in self._missing)

    def _number_of(self, row: Stored) -> int | None:
        """The number under which this record is genuine, looked for where it stands and near it."""
        near = (row.id + step for distance in range(REACH + 1) for step in (distance, -distance))
        for number in (row.id + self._shift, *near):
            if self._is_genuine(row, number):
                if number >= self._expected:
                    self._shift = number - row.id
                return number
        return None

    def _is_genuine(self, row: Stored, number: int) -> bool:
        if not self._is_linked(row, number):
            return False
        key = self.keys(row.epoch)
        return key is None or chain.same(row.mac, chain.mac(key, row.link))

    def _is_linked(self, row: Stored, number: int) -> bool:
        """Whether its link covers it, at this number and in the epoch of that number; needs no key."""
        if number <= 0 or not self._may_be_of(row.epoch, number):
            return False
        try:
            return chain.link(entry_of(self.log, row, number)) == row.link
        except (ValueError, TypeError):  # what no record can hold
            return False

    def _may_be_of(self, epoch: int, number: int) -> bool:
        """Each checkpoint begins an epoch; where one is missing, it is not known which."""
        place = bisect_left(self._reached, number)
        lowest = self.checkpoints[place - 1].number if place else 0
        highest = self.epoch if place == len(self._reached) else self.checkpoints[place].number - 1
        return lowest <= epoch <= highest

    def _find_moved(self) -> None:
        """A record that is genuine under the number of another fault was not edited but moved."""
        numbers = sorted({fault.first for fault in self.faults} | set(sorted(self._missing)[:MOST_FAULTS]))
        for fault in [fault for fault in self.faults if fault.kind in (EDITED, INSERTED)]:
            stray = self._strays.get(fault.first)
            fits = [] if stray is None else [number for number in numbers if self._is_genuine(stray, number)]
            if stray is not None and fits:
                self.faults.remove(fault)
                self._missing.discard(fits[0])
                self._add(REORDERED, fits[0], told=f"it stands at {stray.id}")

    def _stray(self, kind: str, row: Stored, number: int | None = None) -> None:
        place = row.id if number is None else number
        self._strays.setdefault(place, row)
        self._add(kind, place)

    def _add(self, kind: str, first: int, last: int | None = None, *, told: str = "") -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(first, kind, first if last is None else last, told))


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """`[3, 4, 5, 9]` → `[(3, 5), (9, 9)]`."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
