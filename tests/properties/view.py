"""What a person is shown: messages, how far others have them, what is unread, timers, which conversation is first."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Frame = dict[str, Any]
SEEN = {"delivered": "delivered_at", "read": "read_at"}


@dataclass(slots=True)
class View:
    """Messages by id. Of receipts only marks are kept: everything up to a message id was delivered, or read."""

    me: str
    messages: dict[int, Frame] = field(default_factory=dict)
    marks: dict[tuple[str, str, str], int] = field(default_factory=dict)  # kind, by whom, with whom
    timers: dict[str, int] = field(default_factory=dict)  # by peer, in seconds
    last: list[int] | None = None  # the last message of each conversation, as the server lists them

    def put(self, message: Frame) -> None:
        """A message as it is now."""
        self.messages[message["id"]] = message

    def drop(self, message_id: int) -> None:
        self.messages.pop(message_id, None)

    def mark(self, kind: str, by: str, peer: str, up_to: int) -> None:
        """A receipt: it never goes back."""
        mark = (kind, by, peer)
        self.marks[mark] = max(up_to, self.marks.get(mark, 0))

    def time(self, peer: str, seconds: int | None) -> None:
        """How long what is written in the conversation with `peer` is to last."""
        if seconds is None:
            self.timers.pop(peer, None)
        else:
            self.timers[peer] = seconds

    def peer_of(self, message: Frame) -> str:
        return str(message["recipient"] if message["sender"] == self.me else message["sender"])

    def received_from(self, peer: str, now: int = 0) -> list[int]:
        """The ids of what the peer sent, in order, less what is over by `now`."""
        return sorted(
            message["id"]
            for message in self.messages.values()
            if message["sender"] == peer != self.me and not _is_over(message, now)
        )

    def unread_of(self, peer: str) -> set[int]:
        return {each for each in self.received_from(peer) if each > self.marks.get(("read", self.me, peer), 0)}

    def shown(self) -> dict[str, Any]:
        """All of it, to be compared."""
        newest: dict[str, int] = {}
        for message_id, message in sorted(self.messages.items()):
            newest[self.peer_of(message)] = message_id
        return {
            "messages": [self._with_marks(message) for _, message in sorted(self.messages.items())],
            "last": sorted(newest.values(), reverse=True) if self.last is None else self.last,
            "unread": {peer: count for peer in sorted(newest) if (count := len(self.unread_of(peer)))},
            "timers": self.timers,
        }

    def is_seen(self, message: Frame, kind: str) -> bool:
        """Whether the message, sent by whose view this is, is known to be `delivered`, or `read`."""
        peer = self.peer_of(message)
        if message["sender"] != self.me or peer == self.me:
            return False
        # Whoever reads has received.
        kinds = ("delivered", "read") if kind == "delivered" else ("read",)
        return any(SEEN[each] in message or message["id"] <= self.marks.get((each, peer, peer), 0) for each in kinds)

    def _with_marks(self, message: Frame) -> Frame:
        bare = {name: value for name, value in message.items() if name not in SEEN.values()}
        return bare | {name: True for kind, name in SEEN.items() if self.is_seen(message, kind)}


def _is_over(message: Frame, now: int) -> bool:
    until = message.get("expires_at")
    return until is not None and datetime.fromisoformat(until).timestamp() * 1000 <= now
