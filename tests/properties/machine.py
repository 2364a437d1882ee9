"""What may happen, one rule for each: people, their devices, their networks, the bus, the instances, the clock.

`then` says how far things go before the next rule: `all` to the end, `here` to the end but for the bus, `past` what the
rule has begun to its end, overtaking all that waits, or so many turns. Whatever it is, a run ends in `calm`.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from actions import blocks, changes, expiry, messages, presence, profile, receipts, repair, timers
from actions.messages import Outgoing
from models import timelines
from tests.properties.air import FATES
from tests.properties.calm import calm
from tests.properties.deeds import Deed, Letter
from tests.properties.turns import Step
from tests.properties.view import Frame
from tests.properties.world import World

PEOPLE = {"alice": 2, "bob": 2, "carol": 1}
SOCKETS = ("alice/1", "alice/2", "bob/1", "bob/2", "carol/1")
POLLER = "carol/poll"
FOREVER = 2**53 - 1
ROUND = (("alice/1", "bob"), ("bob/1", "alice"), ("carol/1", "alice"))
TENDED = {
    "beat": repair.beat,
    "repair": repair.repair,
    "look": repair.while_down,
    "sweep": expiry.sweep,
    "presence": presence.turn,
}

sockets = st.sampled_from(SOCKETS)
devices = st.sampled_from((*SOCKETS, POLLER))
people = st.sampled_from(tuple(PEOPLE))
instances = st.sampled_from(("A", "B"))
vias = st.sampled_from(("socket", "A", "B"))
thens = st.sampled_from(("all", "all", "past", "past", "here", 0, 1, 2, 3, 4, 5, 6, 8, 10))
indexes = st.integers(0, 5)
orders = st.lists(st.integers(0, 5), max_size=5)
weathers = st.lists(st.sampled_from(FATES), max_size=4)


class Storm(RuleBasedStateMachine):
    """See the module. `make` gives the world of one run."""

    make: Callable[[], World]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make()
        self.calmed: tuple[int, ...] = ()
        self.waiting: list[Step] = []  # since before the present rule

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                calm(self.world)
        finally:
            self.world.close()

    def go(self, then: str | int) -> None:
        world = self.world
        if then == "past":
            world.overtake(self.waiting)
        elif isinstance(then, str):
            world.settle(air=then == "all")
        else:
            for _ in range(then):
                if world.desk.steps:
                    world.turn_next()
        self.waiting = list(world.desk.steps)

    @initialize(everybody=st.booleans(), letters=st.integers(0, 3), weather=weathers, order=orders)
    def begin(self, everybody: bool, letters: int, weather: list[str], order: list[int]) -> None:
        """Somewhere in the middle of things."""
        for number, device in enumerate(SOCKETS if everybody else ()):
            self.world.connect(device, "AB"[number % 2])
        for _ in range(2 * everybody):  # the first brings the head alone
            self.world.poll(POLLER, "B", 25)
            self.go("all")
        for device, to in ROUND[:letters]:
            self._send(device, self.world.record.letter(self.world.devices[device].person, to, None), "socket")
            self.go("all")
        self.world.air.weather = tuple(weather) or ("now",)
        self.world.order = tuple(order) or (0,)

    # --- Devices ---

    @rule(device=sockets, instance=instances, then=thens)
    def connect(self, device: str, instance: str, then: str | int) -> None:
        """Also from where it is connected already."""
        self._connect(device, instance)
        self.go(then)

    @rule(device=devices, instance=instances, turns=st.integers(0, 15), via=vias, then=thens)
    def connect_amid(self, device: str, instance: str, turns: int, via: str, then: str | int) -> None:
        """While it connects, a letter to its person overtakes."""
        person = self.world.devices[device].person
        sender = "bob" if person == "alice" else "alice"
        self._connect(device, instance)
        self.go(turns)
        self._send(_device(sender, second=False), self.world.record.letter(sender, person, None), via)
        self.go("past")
        self.go(then)

    @rule(device=sockets, heard=st.integers(0, 2), then=thens)
    def hang_up(self, device: str, heard: int, then: str | int) -> None:
        if self.world.door(device) is not None:
            self.world.hang_up(device, heard)
        self.go(then)

    @rule(instance=instances, wait=st.sampled_from((25, 0)), then=thens)
    def poll(self, instance: str, wait: int, then: str | int) -> None:
        """Also instead of a poll that nobody waits for any more."""
        self._poll(instance, wait)
        self.go(then)

    @rule(device=sockets, then=thens)
    def stall(self, device: str, then: str | int) -> None:
        """It reads no more, or again."""
        if (door := self.world.door(device)) is not None:
            door.wire.flow() if door.wire.stalled else door.wire.stall()
        self.go(then)

    # --- People ---

    @rule(device=devices, to=people, ttl=st.sampled_from((None, None, None, 5)), via=vias, then=thens)
    def send(self, device: str, to: str, ttl: int | None, via: str, then: str | int) -> None:
        """What somebody writes after something else of the two quotes that, whatever has become of it since."""
        person = self.world.devices[device].person
        others = [one for one in self.world.record.answered() if {one.sender, one.recipient} == {person, to}]
        self._send(device, self.world.record.letter(person, to, ttl, others[-1] if others else None), via)
        self.go(then)

    @rule(which=indexes, second=st.booleans(), via=vias, then=thens)
    def send_again(self, which: int, second: bool, via: str, then: str | int) -> None:
        """By either device of its sender."""
        if letters := self.world.record.letters:
            letter = letters[-1 - which % len(letters)]
            self._send(_device(letter.sender, second=second), letter, via)
        self.go(then)

    @rule(which=indexes, second=st.booleans(), how=st.sampled_from(("edit", "edit", "delete")), via=vias, then=thens)
    def change(self, which: int, second: bool, how: str, via: str, then: str | int) -> None:
        if letters := self.world.record.answered():
            letter = letters[-1 - which % len(letters)]
            self._change(_device(letter.sender, second=second), letter, how, via)
        self.go(then)

    @rule(which=indexes, second=st.booleans(), beyond=st.booleans(), via=vias, then=thens)
    def read(self, which: int, second: bool, beyond: bool, via: str, then: str | int) -> None:
        """Up to a letter, or everything."""
        if letters := self.world.record.answered():
            letter = letters[-1 - which % len(letters)]
            up_to = FOREVER if beyond else min(letter.ids)
            frame = {"type": "read", "peer": letter.sender, "up_to": up_to}
            value, device = (letter.sender, up_to), _device(letter.recipient, second=second)
            self._do(device, via, frame, value, receipts.read, peer=letter.sender, up_to=up_to)
        self.go(then)

    @rule(device=sockets, then=thens)
    def acknowledge(self, device: str, then: str | int) -> None:
        one = self.world.devices[device]
        if self.world.door(device) is not None and one.cursor is not None and one.cursor > (one.acked or 0):
            one.acked = one.cursor
            self.world.say(device, {"type": "ack", "position": one.cursor})
        self.go(then)

    @rule(device=sockets, peer=people, then=thens)
    def type_to(self, device: str, peer: str, then: str | int) -> None:
        if self.world.door(device) is not None:
            self.world.say(device, {"type": "typing", "peer": peer})
        self.go(then)

    @rule(device=sockets, whom=people, blocked=st.booleans(), instance=instances)
    def block(self, device: str, whom: str, blocked: bool, instance: str) -> None:
        """Done at once, whatever else waits: what follows is judged by it."""
        if self.world.devices[device].person == whom:
            return
        act, kind = (blocks.add, "block") if blocked else (blocks.remove, "unblock")
        work = act(self.world.instances[instance].app, self.world.callers[device], whom)
        deed = self.world.call(device, instance, kind, work, whom)
        while deed.ended is None:
            self.world.turn(len(self.world.desk.steps) - 1)

    @rule(device=devices, peer=people, seconds=st.sampled_from((None, 60, 3600)), instance=instances, then=thens)
    def agree_on_timer(self, device: str, peer: str, seconds: int | None, instance: str, then: str | int) -> None:
        """One sets or ends it for both, before the first message, too. Whom somebody blocks tries it with them."""
        app, caller = self.world.instances[instance].app, self.world.callers[device]
        peer = self.world.record.blocker_of(self.world.devices[device].person) or peer
        self.world.call(device, instance, "timer", timers.put(app, caller, peer, seconds), (peer, seconds))
        self.go(then)

    @rule(device=sockets, receipts_on=st.booleans(), instance=instances, then=thens)
    def switch_receipts(self, device: str, receipts_on: bool, instance: str, then: str | int) -> None:
        self.world.record.unwilling.add(self.world.devices[device].person)
        app, caller = self.world.instances[instance].app, self.world.callers[device]
        self.world.call(device, instance, "profile", profile.change(app, caller, {"receipts": receipts_on}))
        self.go(then)

    # --- What nobody asked for ---

    @precondition(lambda self: self.world.desk.steps)
    @rule(which=st.integers(0, 9), turns=st.integers(1, 4))
    def turn(self, which: int, turns: int) -> None:
        for _ in range(turns):
            if self.world.desk.steps:
                self.world.turn(which)

    @precondition(lambda self: self.world.air.flying)
    @rule(which=indexes, how=st.sampled_from(("deliver", "double", "lose")), then=thens)
    def trouble_bus(self, which: int, how: str, then: str | int) -> None:
        one = self.world.air.flying[which % len(self.world.air.flying)]
        if how == "lose":
            self.world.air.lose(one)
        else:
            self.world.arrive(one, keep=how == "double")
        self.go(then)

    @rule(instance=instances, flush=st.booleans(), then=thens)
    def switch_bus(self, instance: str, flush: bool, then: str | int) -> None:
        """Its bus goes down, or comes up again."""
        bus = self.world.instances[instance].bus
        self.world.loop.call(instance, bus.go_down if bus.up else partial(bus.come_up, flush=flush))
        self.go(then)

    @rule(instance=instances, how=st.sampled_from(("cut", "crash")), then=thens)
    def die(self, instance: str, how: str, then: str | int) -> None:
        """Its connections are cut without a goodbye, or all of it ends in the middle of everything."""
        if how == "crash":
            self.world.crash(instance)
        for device in list(self.world.instances[instance].doors):
            self.world.hang_up(device, 0)
        self.go(then)

    @rule(seconds=st.sampled_from((0.3, 2.0, 6.0, 30.0)), then=thens)
    def pass_time(self, seconds: float, then: str | int) -> None:
        self.world.pass_time(seconds)
        self.go(then)

    @rule(seconds=st.sampled_from((-60.0, -4.0, 4.0)))
    def turn_clock(self, seconds: float) -> None:
        self.world.turn_clock(seconds)

    @rule(instance=instances, what=st.sampled_from(tuple(TENDED)), then=thens)
    def tend(self, instance: str, what: str, then: str | int) -> None:
        """What the server does by itself from time to time."""
        self.world.do(instance, TENDED[what])
        self.go(then)

    @rule(instance=instances, seconds=st.sampled_from((30, 3, -1)), then=thens)
    def forget(self, instance: str, seconds: int, then: str | int) -> None:
        """What is older than so many seconds; all of it when they are fewer than none."""
        self.world.record.forgot = True
        before = self.world.clock.now - seconds * 1000
        self.world.do(instance, lambda app: timelines.forget(app.db, before=before, behind=0))
        self.go(then)

    @rule(then=thens)
    def calm(self, then: str | int) -> None:
        self.go(then)
        if self.calmed != (now := self._stand()):
            calm(self.world)
            now = self._stand()
        self.calmed = now

    # --- How it is said ---

    def _stand(self) -> tuple[int, ...]:
        """Another one when anything has happened."""
        world = self.world
        doors = [id(door) for one in world.instances.values() for door in one.doors.values()]
        ups = [one.bus.up for one in world.instances.values()]
        return (world.desk.ticks, len(world.record.deeds), world.clock.now, *ups, *doors)

    def _connect(self, device: str, instance: str) -> None:
        if device == POLLER:
            self._poll(instance, 25)
            return
        if self.world.door(device) is not None:
            self.world.hang_up(device, 0)
        self.world.connect(device, instance)

    def _poll(self, instance: str, wait: float) -> None:
        if self.world.where(POLLER) is not None:
            self.world.give_up(POLLER)
        self.world.poll(POLLER, instance, wait)

    def _change(self, device: str, letter: Letter, how: str, via: str) -> None:
        (message_id,) = letter.ids
        frame: Frame = {"type": how, "id": message_id}
        if how == "delete":
            letter.deletes.append(self._do(device, via, frame, letter, changes.delete, message_id))
            return
        frame["content"] = text = self.world.record.text()
        letter.edits.append(self._do(device, via, frame, (letter, text), changes.edit, message_id, text))

    def _send(self, device: str, letter: Letter, via: str) -> None:
        frame: Frame = {"type": "send", "client_id": letter.client_id, "recipient": letter.recipient}
        frame["content"] = letter.text
        if letter.ttl is not None:
            frame["ttl_seconds"] = letter.ttl
        if letter.reply_to is not None:
            frame["reply_to"] = letter.reply_to
        wanted = Outgoing(letter.recipient, letter.text, letter.uuid, letter.ttl, letter.reply_to)
        letter.sends.append(self._do(device, via, frame, letter, messages.send, wanted))

    def _do(self, device: str, via: str, frame: Frame, value: Any, act: Any, *args: Any, **kwargs: Any) -> Deed:
        """Over the device's socket if it has one, else by a request to an instance."""
        if via == "socket" and self.world.door(device) is not None:
            return self.world.say(device, frame, value)
        name = "A" if via == "socket" else via
        work = act(self.world.instances[name].app, self.world.callers[device], *args, **kwargs)
        return self.world.call(device, name, frame["type"], work, value)


def _device(person: str, *, second: bool) -> str:
    return (POLLER if person == "carol" else f"{person}/2") if second else f"{person}/1"
