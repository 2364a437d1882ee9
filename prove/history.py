"""What happened, as the clients saw it: entries in the order in which they happened, one JSON object on each line.

An intent is recorded before it is sent, an answer when it is heard; all by one thread. So the number of a line is a
moment: what stands later cannot have caused what stands earlier. The checker needs nothing but this file.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

import msgspec

from prove.wire import Bye, Error, Message, Page, Sent, Standing, Talk, Timer, Told

FILE = "history.jsonl"


class _Entry(msgspec.Struct, frozen=True, tag_field="what", tag=str.lower, omit_defaults=True, kw_only=True):
    at: float = 0.0  # seconds since the beginning


class Began(_Entry, frozen=True):
    """The run: its seed, and the devices of each person."""

    seed: int
    seconds: float
    people: dict[str, list[str]]


class Opened(_Entry, frozen=True):
    """A device says from where it goes on, None: it begins; over a socket, or by a long poll."""

    device: str
    via: str
    position: int | None = None


class Welcomed(_Entry, frozen=True):
    """The server's answer to that."""

    device: str
    standing: Standing
    heartbeat_seconds: float = 0.0


class Dismissed(_Entry, frozen=True):
    """The server is about to close, and says when to come back."""

    device: str
    bye: Bye


class Closed(_Entry, frozen=True):
    """The connection is gone."""

    device: str
    code: int | None = None
    reason: str = ""


class Tried(_Entry, frozen=True):
    """A device sends a message, for the first time or again."""

    device: str
    client_id: str
    recipient: str
    content: str
    via: str
    ttl: int | None = None


class Answered(_Entry, frozen=True):
    """The server says that a message is durable."""

    device: str
    via: str
    sent: Sent


class Changing(_Entry, frozen=True):
    """A device asks for another text of a message, or (None) to delete it, for the first time or again."""

    device: str
    ref: str
    id: int
    content: str | None
    via: str


class Reading(_Entry, frozen=True):
    """A device says what was read."""

    device: str
    ref: str
    peer: str
    up_to: int
    via: str


class Blocking(_Entry, frozen=True):
    """A device wants nothing more of `peer`, or (`ends`) everything again."""

    device: str
    ref: str
    peer: str
    ends: bool
    via: str


class Timing(_Entry, frozen=True):
    """A device wants what is written in the talk with `peer` to last so many seconds, or (None) for ever."""

    device: str
    ref: str
    peer: str
    ttl: int | None
    via: str


class Fulfilled(_Entry, frozen=True):
    """The server says that a change, a reading, a block or a timer is done; of a timer it says what it is now."""

    device: str
    ref: str
    timer: Timer | None = None


class Refused(_Entry, frozen=True):
    """The server refuses something; `final`: asking again is no use."""

    device: str
    error: Error
    final: bool


class Acked(_Entry, frozen=True):
    """A device says that it has stored everything up to here."""

    device: str
    position: int


class Heard(_Entry, frozen=True):
    """An event has reached a device."""

    device: str
    told: Told


class Reloaded(_Entry, frozen=True):
    """After a `reset` a device has loaded everything up to this position again."""

    device: str
    position: int
    messages: list[Message]


class Strange(_Entry, frozen=True):
    """Something came that the contract does not have."""

    device: str
    text: str


class Fault(_Entry, frozen=True):
    """Something was broken (`begin`), or mended again (`end`)."""

    fault: str
    target: str
    phase: str


class Drained(_Entry, frozen=True):
    """All is mended, and everybody has had time: whether all devices had everything and no answer was missing."""

    whole: bool
    seconds: float


class Unfinished(_Entry, frozen=True):
    """Something that a device has asked for until the end without an answer."""

    device: str
    ref: str
    kind: str


class Logged(_Entry, frozen=True):
    """A person's whole log, read by long poll at the end."""

    person: str
    page: Page


class Listed(_Entry, frozen=True):
    """A person's messages and talks, newest first, and timers by peer, read by REST at the end."""

    person: str
    messages: list[Message]
    talks: list[Talk]
    timers: dict[str, int | None] = {}


Entry: TypeAlias = (
    Began
    | Opened
    | Welcomed
    | Dismissed
    | Closed
    | Tried
    | Answered
    | Changing
    | Reading
    | Blocking
    | Timing
    | Fulfilled
    | Refused
    | Acked
    | Heard
    | Reloaded
    | Strange
    | Fault
    | Drained
    | Unfinished
    | Logged
    | Listed
)
Record: TypeAlias = Callable[[Entry], None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def person_of(device: str) -> str:
    """The owner of a device: `p017/2` is the second of `p017`."""
    return device.partition("/")[0]


class History:
    """The file being written. Append only; `counts` says how many entries there are of each kind."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._began = clock()
        self._file: IO[bytes] = self.path.open("xb")

    def record(self, entry: Entry) -> None:
        """Append one entry."""
        at = round(self._clock() - self._began, 4)
        self._file.write(_encode(msgspec.structs.replace(entry, at=at)) + b"\n")
        self.counts[type(entry).__name__] += 1

    def close(self) -> None:
        """Write everything out."""
        self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a file. Raises `msgspec.DecodeError` for a file that is no history."""
    with path.open("rb") as lines:
        yield from (_decode(line) for line in lines)


def lines_of(path: Path, numbers: Iterable[int]) -> list[str]:
    """These lines of a file, counted from 1, for evidence."""
    wanted = set(numbers)
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip("\n") for number, line in enumerate(lines, 1) if number in wanted]
