"""Which messages were sent and which arrived, so that at the end it is known that each came exactly once, intact."""

from dataclasses import dataclass

SIDES = ("recipient", "sender")
RECIPIENT, SENDER = range(len(SIDES))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, over all pairs and both sides; everything 0 is what is wanted."""

    lost: int = 0
    doubled: int = 0
    strange: int = 0  # of no message of this run, or with another content
    disordered: int = 0  # after one that was sent later in the same pair

    @property
    def is_good(self) -> bool:
        """Whether each message arrived exactly once, intact and in order, on both sides."""
        return self == Verdict()


class Texts:
    """Contents of `length` characters: `<run> <pair> <number> ` and filling. Exact when the length has room."""

    def __init__(self, run: str, length: int) -> None:
        self._run = run
        self._filling = "lorem ipsum dolor sit amet " * (length // 27 + 1)
        self._length = length

    def make(self, pair: int, number: int) -> str:
        """The content of one message."""
        head = f"{self._run} {pair} {number} "
        return head + self._filling[: max(0, self._length - len(head))]

    def number(self, pair: int, content: str) -> int | None:
        """Which message of the pair this is; None if it is none, or not what was sent."""
        parts = content.split(" ", 3)
        if len(parts) < 4 or not parts[2].isdecimal():
            return None
        number = int(parts[2])
        return number if self.make(pair, number) == content else None


class Ledger:
    """Numbers given to messages, from 0 in each pair, and marks of where they have arrived."""

    def __init__(self, pairs: int, texts: Texts) -> None:
        self.texts = texts
        self.sent = [0] * pairs
        self.strange = 0
        self.doubled = 0
        self.disordered = 0
        self._arrived = [[bytearray() for _ in range(pairs)] for _ in SIDES]
        self._last = [[-1] * pairs for _ in SIDES]
        self._missing = 0

    @property
    def is_complete(self) -> bool:
        """Whether everything sent has arrived on both sides."""
        return self._missing == 0

    def send(self, pair: int) -> int:
        """The number of the next message of this pair."""
        number = self.sent[pair]
        self.sent[pair] = number + 1
        self._missing += len(SIDES)
        for side in range(len(SIDES)):
            self._arrived[side][pair].append(0)
        return number

    def arrive(self, side: int, pair: int, content: str) -> int | None:
        """The number of the message, the first time it arrives on this side; else None, and it is counted."""
        number = self.texts.number(pair, content)
        if number is None or number >= self.sent[pair]:
            self.strange += 1
            return None
        marks = self._arrived[side][pair]
        if marks[number]:
            self.doubled += 1
            return None
        marks[number] = 1
        self._missing -= 1
        last = self._last[side]
        if number < last[pair]:
            self.disordered += 1
        last[pair] = number
        return number

    def verdict(self) -> Verdict:
        """What is wrong, as of now."""
        return Verdict(self._missing, self.doubled, self.strange, self.disordered)
