"""What people did, and all that they know of it: when it may have happened, and what they were told.

A plain record, apart from the server: the truth of `truth.py` is judged from it alone.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID


@dataclass(eq=False, slots=True)
class Letter:
    """A message as its sender meant it. `ids` are those that were answered: there must be one."""

    number: int
    sender: str
    recipient: str
    text: str
    ttl: int | None
    quoted: "Letter | None" = None
    sends: list["Deed"] = field(default_factory=list)
    edits: list["Deed"] = field(default_factory=list)
    deletes: list["Deed"] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)

    @property
    def uuid(self) -> UUID:
        return UUID(int=self.number)

    @property
    def tries(self) -> list["Deed"]:
        """Those that have sent it, or may have."""
        return [deed for deed in self.sends if deed.may_have_happened]

    @property
    def reply_to(self) -> int | None:
        return None if self.quoted is None else min(self.quoted.ids)

    @property
    def client_id(self) -> str:
        return str(self.uuid)

    def __str__(self) -> str:
        return f"{self.text} from {self.sender} to {self.recipient}"


@dataclass(eq=False, slots=True)
class Deed:
    """One try of something, in the ticks from `began` to `ended` (None: it may still happen).

    `outcome` is `ok`, an error's code, or None: nobody was told.
    """

    kind: str
    by: str  # the person
    where: str  # the instance
    began: int
    times: tuple[int, int]  # the lowest and the highest that the clock said meanwhile
    value: Any = None
    ended: int | None = None
    outcome: str | None = None

    @property
    def may_have_happened(self) -> bool:
        return self.outcome in ("ok", None)

    @property
    def happened(self) -> bool:
        return self.outcome == "ok"

    def before(self, other: "Deed") -> bool:
        """Whether this was over when the other began."""
        return self.ended is not None and self.ended <= other.began


@dataclass(slots=True)
class Record:
    """Everything that was tried."""

    letters: list[Letter] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    forgot: bool = False  # something of the log
    unwilling: set[str] = field(default_factory=set)  # who had receipts off at some time
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def letter(self, sender: str, recipient: str, ttl: int | None, quoted: Letter | None = None) -> Letter:
        number = next(self._numbers)
        letter = Letter(number, sender, recipient, f"m{number}", ttl, quoted)
        self.letters.append(letter)
        return letter

    def answered(self) -> list[Letter]:
        """Those whose id is known to somebody."""
        return [letter for letter in self.letters if letter.ids]

    def blocker_of(self, person: str) -> str | None:
        """Somebody who blocks this person."""
        last = {deed.by: deed.kind for deed in self.deeds if deed.kind in ("block", "unblock") and deed.value == person}
        return next((by for by, kind in last.items() if kind == "block"), None)

    def text(self) -> str:
        """A text that was never used before."""
        return f"e{next(self._numbers)}"

    def begin(self, kind: str, by: str, where: str, tick: int, now: int, value: Any = None) -> Deed:
        deed = Deed(kind, by, where, tick, (now, now), value)
        self.deeds.append(deed)
        return deed

    def tell_time(self, now: int) -> None:
        for deed in self.deeds:
            if deed.ended is None:
                deed.times = (min(deed.times[0], now), max(deed.times[1], now))

    def all_over(self, tick: int, where: str | None = None) -> None:
        """Nothing of what was begun (there) can happen any more."""
        for deed in self.deeds:
            if deed.ended is None and where in (None, deed.where):
                deed.ended = tick

    def of(self, kind: str) -> list[Deed]:
        return [deed for deed in self.deeds if deed.kind == kind and deed.may_have_happened]
