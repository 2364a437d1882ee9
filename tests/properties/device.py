"""A device as docs/protocol.md describes it: what it shows, and how far it has the log. No sockets, no clock.

Its cursor is the highest contiguous position; what comes early is set aside. A patient device applies events in the
order of their positions. An eager one shows what comes early at once: of two events about one message, or about one
timer, that with the higher position holds, whichever came first. After a reset, and at its very first hello, a device
takes the head that it was told, loads everything, and goes on behind that head.
"""

import json

from tests.properties.view import SEEN, Frame, View

POSITIONAL = ("message", "edited", "deleted", "expired", "receipt", "timer")


class Device:
    """One device of one person, over all its connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.person, _, which = name.partition("/")
        self.eager = which == "2"
        self.polls = which == "poll"
        self.used = False
        self.cursor: int | None = None  # None: nothing was loaded yet
        self.epoch: str | None = None
        self.view = View(self.person)
        self.early: dict[int, Frame] = {}
        self.must_load = False
        self.answers: dict[str, Frame] = {}  # to sends, by ref
        self.reset_from: list[int] = []  # where it was when it was told to begin anew
        self.acked: int | None = None  # on this connection
        self._base = 0  # what this connection began behind
        self._given: set[int] = set()  # on this connection
        self._welcomed = False
        self._tops: dict[int | str, int] = {}  # by message, or peer, the highest position of what was shown of it
        # What is told may never go back, nor come again.
        self._first: dict[int, int] = {}  # by message, where it was told first
        self._newest: dict[str, int] = {}  # by peer, the newest message told
        self._marks: dict[tuple[str, str, str], int] = {}
        self._timers: dict[str, int | None] = {}  # by peer, what was told last
        self.timed: set[tuple[str, str, int | None]] = set()  # by whom, with whom, what: all that was told

    def hello(self) -> Frame:
        """A new connection begins."""
        self._given, self._welcomed, self.must_load = set(), False, False
        self.used, self.acked = True, 0
        if self.cursor is None:
            self.early.clear()
            return {"type": "hello"}
        self._base = self.cursor
        return {"type": "hello", "position": self.cursor, "epoch": self.epoch}

    def hear(self, raw: bytes) -> None:
        """One frame."""
        frame: Frame = json.loads(raw)
        match frame["type"]:
            case "welcome":
                self._begin(frame)
            case "sent":
                self.answers[frame["ref"]] = frame
                self._given.add(frame["position"])
                self._take(frame)
            case "error":
                self.answers[frame["ref"]] = frame
            case "heartbeat":
                assert self._welcomed, f"{self.name}: {frame} before the welcome"
            case "typing" | "presence":
                pass
            case kind:
                assert kind in POSITIONAL, f"{self.name}: {frame}"
                self._told(frame)

    def polled(self, outcome: str, head: int, epoch: str, told: list[Frame]) -> None:
        """The answer of a long poll behind the cursor."""
        self.epoch, self.used = epoch, True
        if outcome == "reset" or self.cursor is None:
            self._forget()
            return
        assert outcome == "recovered", f"{self.name}: {outcome}"
        found = [frame["position"] for frame in told]
        assert found == list(range(self.cursor + 1, self.cursor + 1 + len(found))), f"{self.name}: {found}"
        assert not found or found[-1] <= head, f"{self.name}: {found} beyond the head, which is {head}"
        for frame in told:
            self._take(frame)

    def loaded(self, head: int, view: View) -> None:
        """Everything up to `head` has been loaded."""
        self.view, self.cursor, self.must_load = view, head, False
        self.view.last = None  # from here on it follows from the messages
        self._tops.clear()
        self._timers = dict(view.timers)
        for position in [position for position in self.early if position <= head]:
            del self.early[position]
        if self.eager:
            for _, frame in sorted(self.early.items()):
                self._show(frame)
        self._close_up()

    def _begin(self, frame: Frame) -> None:
        assert not self._welcomed, f"{self.name}: a second welcome"
        self._welcomed, self.epoch = True, frame["epoch"]
        if frame["outcome"] == "recovered":
            assert self.cursor is not None, f"{self.name}: {frame}"
            assert frame["position"] >= self.cursor, f"{self.name}: {frame} behind {self.cursor}"
            return
        assert (frame["outcome"] == "live") == (self.cursor is None), f"{self.name}: {frame}"
        self._base = frame["position"]
        self._forget()

    def _forget(self) -> None:
        if self.cursor is not None:
            self.reset_from.append(self.cursor)
        self.cursor, self.must_load = None, True
        self.early.clear()

    def _told(self, frame: Frame) -> None:
        position = frame["position"]
        assert self._welcomed, f"{self.name}: {frame} before the welcome"
        assert position > self._base, f"{self.name}: {frame} although it began behind {self._base}"
        assert position not in self._given, f"{self.name}: {frame} given twice"
        self._given.add(position)
        self._take(frame)

    def _take(self, frame: Frame) -> None:
        position = frame["position"]
        if position in self.early or (self.cursor is not None and position <= self.cursor):
            return
        self.early[position] = frame
        if self.cursor is not None:
            if self.eager:
                self._show(frame)
            self._close_up()

    def _close_up(self) -> None:
        assert self.cursor is not None
        while (following := self.cursor + 1) in self.early:
            self.cursor = following
            frame = self.early.pop(following)
            self._check(frame)
            if not self.eager:
                self._show(frame)

    def _show(self, frame: Frame) -> None:
        if frame["type"] == "receipt":
            self.view.mark(frame["kind"], frame["by"], frame["peer"], frame["up_to"])
            return
        about = _about(frame)
        if self._knows_better(about, frame["position"]):
            return
        self._tops[about] = frame["position"]
        if isinstance(about, str):
            self.view.time(about, frame.get("ttl_seconds"))
        # In the answer to a repeat, what is gone has no text.
        elif "message" in frame and frame["message"]["content"]:
            self.view.put(frame["message"])
        else:
            self.view.drop(about)

    def _knows_better(self, about: int | str, position: int) -> bool:
        """Whether something of this message, or of this timer, was shown that came later."""
        return position < self._tops.get(about, 0)

    def _check(self, frame: Frame) -> None:
        """What must be true of each event, in the order of positions."""
        if frame["type"] == "receipt":
            mark = (frame["kind"], frame["by"], frame["peer"])
            assert frame["up_to"] > self._marks.get(mark, 0), f"{self.name}: {frame} goes back"
            self._marks[mark] = frame["up_to"]
        if frame["type"] == "timer":
            self._check_timer(frame["by"], frame["peer"], frame.get("ttl_seconds"))
        if "message" in frame and frame["message"]["content"]:
            self._check_message(frame)
        else:
            assert frame["type"] not in ("message", "edited"), f"{self.name}: {frame} without a text"

    def _check_timer(self, by: str, peer: str, seconds: int | None) -> None:
        assert seconds != self._timers.get(peer), f"{self.name}: the timer with {peer} was {seconds} already"
        self._timers[peer] = seconds
        self.timed.add((by, peer, seconds))

    def _check_message(self, frame: Frame) -> None:
        message = frame["message"]
        assert self.person in (message["sender"], message["recipient"]), f"{self.name}: {frame} of others"
        if message["sender"] != self.person:
            assert not SEEN.values() & message.keys(), f"{self.name}: {frame} tells a receipt to its recipient"
        if frame["type"] == "edited":
            return
        first = self._first.setdefault(message["id"], frame["position"])
        assert first == frame["position"], f"{self.name}: {frame} again, it was told at {first}"
        peer = self.view.peer_of(message)
        assert message["id"] > self._newest.get(peer, 0), f"{self.name}: {frame} after {self._newest[peer]}"
        self._newest[peer] = message["id"]


def _about(frame: Frame) -> int | str:
    """What an event is of: a message's id, or with whom a timer is."""
    if frame["type"] == "timer":
        return str(frame["peer"])
    return int(frame["message"]["id"] if "message" in frame else frame["id"])
