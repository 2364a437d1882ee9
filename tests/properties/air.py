"""What flies between the instances: delivered early, late, twice, in another order, or never, as the test says."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from realtime import events
from realtime.bus import nothing
from realtime.events import Envelope, Event, Receiver
from realtime.hub import Hub
from tests.properties.turns import Desk

# Arrive at once, some time, at once and once more some time, or not at all.
FATES = ("now", "late", "twice", "never")


@dataclass(eq=False, slots=True)
class Flying:
    """An event on its way to one person's connections on one instance."""

    to: "AirBus"
    user_id: int
    encoded: bytes
    fate: str


@dataclass(slots=True)
class Air:
    """Everything on its way, the oldest first. Each is dealt with as the weather says, in turn: see `FATES`."""

    buses: list["AirBus"] = field(default_factory=list)
    flying: list[Flying] = field(default_factory=list)
    weather: tuple[str, ...] = ("now",)
    sent: int = 0

    def send(self, to: "AirBus", user_id: int, encoded: bytes) -> None:
        fate = self.weather[self.sent % len(self.weather)]
        self.sent += 1
        self.flying.append(Flying(to, user_id, encoded, fate))

    def due(self) -> Flying | None:
        """The next whose time has come."""
        return next((one for one in self.flying if one.fate != "late"), None)

    def blow(self, one: Flying) -> None:
        """Its time has come."""
        if one.fate == "never":
            self.lose(one)
            return
        self.deliver(one, keep=one.fate == "twice")
        one.fate = "late"

    def clear_up(self) -> None:
        """From now on nothing is late any more, what was sent last arriving first."""
        self.flying.reverse()
        for one in self.flying:
            one.fate = "now"

    def deliver(self, one: Flying, *, keep: bool = False) -> None:
        """Let one arrive; with `keep` it will come again."""
        if not keep:
            self.flying.remove(one)
        one.to.hear(one.encoded)

    def lose(self, one: Flying) -> None:
        """It never arrives."""
        self.flying.remove(one)
        one.to.note_loss(one.user_id)

    def lose_all_to(self, bus: "AirBus") -> None:
        """What was on its way there has missed it."""
        for one in [one for one in self.flying if one.to is bus]:
            self.lose(one)

    def forget(self, bus: "AirBus", user_ids: Iterable[int]) -> None:
        """The instance behind it has died. What it had committed and not yet sent, nobody else has heard."""
        self.lose_all_to(bus)
        self.buses.remove(bus)
        for other in self.buses:
            for user_id in user_ids:
                other.note_loss(user_id)


class AirBus:
    """A `Bus` like that over Redis: one's own connections at once, others by air, and only whom one has joined."""

    def __init__(self, name: str, hub: Hub, air: Air, desk: Desk) -> None:
        self.name = name
        self.up = True
        self.on_up = nothing
        self.on_down = nothing
        self.missed: dict[int, int] = {}  # who was not told of something, and in which tick that was last
        self._hub = hub
        self._air = air
        self._desk = desk
        self._wanted: Counter[int] = Counter()
        self._joined: set[int] = set()
        self._outbox: list[tuple[Sequence[Receiver], Event]] = []

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        for user_id, position in receivers:
            self._hub.deliver(user_id, event, position)
        if self.up:
            self._send(receivers, event)
        else:
            self._outbox.append((receivers, event))

    async def join(self, user_id: int) -> bool:
        self._wanted[user_id] += 1
        if self.up and user_id not in self._joined:
            await self._desk.ask("subscribe", lambda: self._subscribe(user_id))
        return user_id in self._joined

    async def leave(self, user_id: int) -> None:
        self._wanted[user_id] -= 1
        if not self._wanted[user_id]:
            self._joined.discard(user_id)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def hear(self, encoded: bytes) -> None:
        """Something has arrived."""
        envelope = events.decode(encoded)
        for sent in envelope.letters:
            for user_id, position in sent.receivers:
                self._hub.deliver(user_id, events.event_of(sent), position)

    def hears(self, user_id: int) -> bool:
        """Whether something for this person would arrive. What happens while it is down is lost."""
        if not self.up:
            self.note_loss(user_id)
        return user_id in self._joined

    def note_loss(self, user_id: int) -> None:
        self.missed[user_id] = self._desk.ticks

    def found(self, before: int) -> None:
        """What was missed before this tick has been told after all."""
        self.missed = {user_id: tick for user_id, tick in self.missed.items() if tick > before}

    def go_down(self) -> None:
        """Nothing arrives any more, and nothing is sent."""
        self.up = False
        self._joined.clear()
        self._air.lose_all_to(self)
        self.on_down()

    def come_up(self, *, flush: bool) -> None:
        """All is heard again; what was published meanwhile is sent now, or (`flush` False) was too much to keep."""
        self.up = True
        self._joined = {user_id for user_id, count in self._wanted.items() if count}
        kept, self._outbox = self._outbox, []
        for receivers, event in kept:
            self._send(receivers, event, lost=not flush)
        self.on_up()

    def _send(self, receivers: Sequence[Receiver], event: Event, *, lost: bool = False) -> None:
        for bus in self._air.buses:
            for user_id, position in receivers:
                if bus is self or not bus.hears(user_id):
                    continue
                if lost:
                    bus.note_loss(user_id)
                else:
                    letter = events.letter([(user_id, position)], event)
                    encoded = events.encode(Envelope(self.name, [letter]))
                    self._air.send(bus, user_id, encoded)

    def _subscribe(self, user_id: int) -> None:
        if self.up and self._wanted[user_id]:
            self._joined.add(user_id)
