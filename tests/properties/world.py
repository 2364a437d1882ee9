"""Two instances over one database, the devices before them, and what may go wrong in between.

All that is begun here goes on only by turns and by time. What devices hear is heard between the turns.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from actions import listen, repair
from actions.app import App, Caller
from actions.errors import Refused
from crypto.keyring import Keys
from realtime.codes import NO_HELLO, TOO_SLOW
from realtime.dialects.v1 import V1_DIALECT
from tests.properties.air import Air, AirBus, Flying
from tests.properties.deeds import Deed, Record
from tests.properties.device import Device
from tests.properties.door import Door
from tests.properties.instance import Errors, Instance, Poll, doorway_of
from tests.properties.loading import PAGE, load, timers_of
from tests.properties.store import SteppedDatabase, empty, heads, keeps
from tests.properties.turns import Desk, Step, TurnedLoop
from tests.properties.view import Frame, View
from tests.rooms import Clock, make_app

MOST_TURNS = 10_000
RESUMED = (TOO_SLOW.code, NO_HELLO.code)


class World:
    """See the module. `dbs` has a connection for each instance."""

    def __init__(self, dbs: Mapping[str, SteppedDatabase], keys: Keys, callers: Mapping[str, Caller]) -> None:
        self.loop = TurnedLoop()
        self.desk = Desk(self.loop)
        self.air = Air()
        self.order: tuple[int, ...] = (0,)  # of turns: again and again the step that has so many older ones
        self.clock = Clock()
        self.latest = self.clock.now
        self.record = Record()
        self.devices = {name: Device(name) for name in callers}
        self.people = sorted({device.person for device in self.devices.values()})
        self.instances: dict[str, Instance] = {}
        self.errors = Errors()
        self._dbs, self._keys, self.callers = dbs, keys, callers
        self._refs = count(1)
        self._sends: dict[str, Deed] = {}  # by ref
        logging.getLogger().addHandler(self.errors)
        asyncio.set_event_loop(self.loop)
        self._any_db().now(empty)
        for name in dbs:
            self.boot(name)

    def close(self) -> None:
        logging.getLogger().removeHandler(self.errors)
        self.loop.end_all()
        asyncio.set_event_loop(None)

    # --- Instances ---

    def boot(self, name: str) -> None:
        """Start an instance, which knows nothing yet."""
        db = self._dbs[name]
        db.desk = self.desk
        app = make_app(db, self._keys, self.clock)
        app.bus = bus = AirBus(name, app.hub, self.air, self.desk)
        instance = self.instances[name] = Instance(name, app, bus, doorway_of(app))
        bus.on_up = lambda: app.spawn(self._repaired(instance))
        self.air.buses.append(bus)
        self.loop.call(name, app.writer.start)

    def crash(self, name: str) -> None:
        """End an instance in the middle of everything, and start another in its place."""
        instance = self.instances[name]
        self.desk.drop(name)
        self.air.forget(instance.bus, {caller.user_id for caller in self.callers.values()})
        for door in instance.doors.values():
            door.wire.cut = True
        self.loop.end(name)
        self.record.all_over(self.desk.ticks, name)
        self.boot(name)

    async def _repaired(self, instance: Instance) -> None:
        """What the server does when its bus has come up; from then on nothing of before is missing."""
        began = self.desk.ticks
        await repair.repair(instance.app)
        instance.bus.found(began)

    def do(self, name: str, act: Callable[[App], Coroutine[Any, Any, Any]]) -> None:
        """Begin what an instance does by itself."""
        self.loop.start(name, act(self.instances[name].app))
        self.loop.settle()

    # --- Connections ---

    def where(self, device: str) -> Instance | None:
        """The instance that a device is connected to, or that it asks."""
        return next((one for one in self.instances.values() if device in one.doors or device in one.polls), None)

    def door(self, device: str) -> Door | None:
        return next((one.doors[device] for one in self.instances.values() if device in one.doors), None)

    def connect(self, device: str, name: str) -> None:
        """Open a connection, and say hello from where the device left off."""
        instance = self.instances[name]
        instance.doors[device] = door = Door(instance.doorway, self.callers[device])
        instance.since[device] = self.desk.ticks
        self.loop.start(name, door.serve_all())
        self.say(device, self.devices[device].hello())

    def hang_up(self, device: str, heard: int) -> None:
        """The connection is cut; of what waited to be read so many frames still come through."""
        instance = self.where(device)
        assert instance is not None
        door = instance.doors[device]
        door.wire.arrived += door.wire.waiting[:heard]
        self.listen()
        if instance.doors.pop(device, None) is not None:
            self.loop.call(instance.name, door.leave)

    def poll(self, device: str, name: str, wait: float) -> None:
        """Ask for the events behind the device's cursor."""
        instance, one = self.instances[name], self.devices[device]
        # Whoever has loaded nothing yet asks for the head, and does not wait for more.
        wait, position = (0.0, 0) if one.cursor is None else (wait, one.cursor)
        asked = listen.events_after(
            instance.app, self.callers[device], position=position, epoch=one.epoch, limit=PAGE, wait=wait
        )
        instance.since[device] = self.desk.ticks
        instance.polls[device] = Poll(one.cursor, self.loop.start(name, asked))
        self.loop.settle()

    def give_up(self, device: str) -> None:
        """A poll that nobody waits for any more."""
        instance = self.where(device)
        assert instance is not None
        instance.polls.pop(device).task.cancel()
        self.loop.settle()

    # --- What people do ---

    def say(self, device: str, frame: Frame, value: Any = None) -> Deed:
        """One frame over the device's connection. A send is over when it is answered, all else when it is handled."""
        instance, ref = self.where(device), str(next(self._refs))
        assert instance is not None
        door = instance.doors[device]
        deed = self._begin(frame["type"], device, instance.name, value)
        if deed.kind == "send":
            self._sends[ref] = deed
        handled = self.loop.create_future()
        handled.add_done_callback(lambda _: self._handled(deed, door, ref))
        door.said.put_nowait((json.dumps(frame | {"ref": ref}), handled))
        self.loop.settle()
        return deed

    def _handled(self, deed: Deed, door: Door, ref: str) -> None:
        if deed.kind == "send":
            return
        deed.ended = self.desk.ticks
        if door.wire.is_open:
            deed.outcome = door.wire.refused.get(ref, "ok")

    def call(self, device: str, name: str, kind: str, work: Coroutine[Any, Any, Any], value: Any = None) -> Deed:
        """One request over HTTP."""
        deed = self._begin(kind, device, name, value)

        async def answered() -> None:
            try:
                answer = await work
                deed.outcome = "ok"
                if kind == "send":
                    value.ids.add(answer.message.id)
            except Refused as refused:
                deed.outcome = refused.code
            deed.ended = self.desk.ticks

        self.loop.start(name, answered())
        self.loop.settle()
        return deed

    def _begin(self, kind: str, device: str, name: str, value: Any) -> Deed:
        person = self.devices[device].person
        return self.record.begin(kind, person, name, self.desk.ticks, self.clock.now, value)

    # --- Time and turns ---

    def turn(self, index: int = 0) -> None:
        self.desk.turn(index)
        self.listen()

    def turn_next(self) -> None:
        """The turn of whoever is next in this world's order."""
        self.turn(self.order[self.desk.turns % len(self.order)])

    def arrive(self, one: Flying, *, keep: bool = False) -> None:
        """Something that flies arrives, whatever its fate."""
        self.loop.call(one.to.name, partial(self.air.deliver, one, keep=keep))
        self.listen()

    def settle(self, *, air: bool) -> None:
        """Let everything go on to its end; with `air`, what flies meets its fate."""
        self.listen()
        for _ in range(MOST_TURNS):
            if self.desk.steps:
                self.turn_next()
            elif air and (one := self.air.due()) is not None:
                self.loop.call(one.to.name, partial(self.air.blow, one))
                self.listen()
            else:
                return
        raise AssertionError(f"it never ends: {', '.join(map(str, self.desk.steps))}")

    def overtake(self, waiting: Sequence[Step]) -> None:
        """Let what was begun lately go on to its end, and what flies meet its fate, while these wait."""
        self.listen()
        for _ in range(MOST_TURNS):
            lately = [number for number, step in enumerate(self.desk.steps) if step not in waiting]
            if lately:
                self.turn(lately[0])
            elif (one := self.air.due()) is not None:
                self.loop.call(one.to.name, partial(self.air.blow, one))
                self.listen()
            else:
                return
        raise AssertionError(f"it never ends: {', '.join(map(str, self.desk.steps))}")

    def pass_time(self, seconds: float) -> None:
        """Time passes, for loops and on the wall."""
        self.turn_clock(seconds)
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Time passes for loops alone."""
        self.loop.seconds += seconds
        self.loop.settle()
        self.listen()

    def turn_clock(self, seconds: float) -> None:
        """The clock on the wall alone goes on, or back."""
        self.clock.turn(seconds=seconds)
        self.latest = max(self.latest, self.clock.now)
        self.record.tell_time(self.clock.now)

    # --- Hearing ---

    def listen(self) -> None:
        """Every device hears what has arrived, and does what follows."""
        for instance in self.instances.values():
            for name, door in list(instance.doors.items()):
                self._hear(self.devices[name], instance, door)
            for name, poll in list(instance.polls.items()):
                if poll.task.done():
                    del instance.polls[name]
                    self._polled(self.devices[name], instance, poll)
        assert not self.loop.faults, self.loop.faults
        assert not self.errors.told, self.errors.told

    def _hear(self, device: Device, instance: Instance, door: Door) -> None:
        arrived, door.wire.arrived = door.wire.arrived, []
        for raw in arrived:
            device.hear(raw)
        for ref in device.answers.keys() & self._sends.keys():
            self._answered(self._sends.pop(ref), device.answers[ref])
        device.answers.clear()
        if door.wire.closed is not None:
            # A hello is not answered in time when the database takes its time.
            assert door.wire.closed[0] in RESUMED, f"{device.name}: closed with {door.wire.closed}"
            del instance.doors[device.name]
            self.loop.call(instance.name, door.leave)
        elif device.must_load:
            self._load_soon(device, instance, door)
        self._check_resets(device)

    def _answered(self, deed: Deed, frame: Frame) -> None:
        deed.ended, deed.outcome = self.desk.ticks, frame.get("code", "ok")
        if deed.happened:
            deed.value.ids.add(frame["message"]["id"])

    def _polled(self, device: Device, instance: Instance, poll: Poll) -> None:
        standing, found = poll.task.result()
        if poll.cursor != device.cursor:
            return  # it has loaded everything meanwhile, and asks from there
        told = [json.loads(V1_DIALECT.encode(event, position) or b"") for position, event in found]
        device.polled(standing.outcome, standing.position, standing.epoch, told)
        if device.must_load:
            self._load_soon(device, instance, None)
        self._check_resets(device)

    def _check_resets(self, device: Device) -> None:
        """Nobody must begin anew who could have been told everything."""
        for cursor in device.reset_from:
            kept = self._any_db().now(keeps, self.callers[device.name].user_id, cursor)
            assert not kept, f"{device.name}: reset from {cursor}, behind which everything is kept"
        device.reset_from.clear()

    def _load_soon(self, device: Device, instance: Instance, door: Door | None) -> None:
        device.must_load = False
        self.loop.start(instance.name, self._load(device, instance, door))
        self.loop.settle()

    async def _load(self, device: Device, instance: Instance, door: Door | None) -> None:
        head, view = await load(instance.app, self.callers[device.name], self.people)
        # What came behind the head is heard on the same connection: if that has ended, it was in vain.
        if device.cursor is None and instance.doors.get(device.name) is door:
            device.loaded(head, view)

    # --- The truth of the database ---

    def heads(self) -> dict[str, int]:
        """How far each person's log goes."""
        found = self._any_db().now(heads)
        return {self.devices[name].person: found[caller.user_id] for name, caller in self.callers.items()}

    def fresh(self, device: str, name: str) -> View:
        """What the device's person would be shown if it loaded everything now."""
        task = self.loop.start(name, self._fresh(self.instances[name].app, self.callers[device]))
        self.loop.settle()
        while not task.done():
            self.turn()
        return task.result()

    async def _fresh(self, app: App, caller: Caller) -> View:
        _, view = await load(app, caller, self.people)
        listed = {view.peer_of(message) for message in view.messages.values()}
        by_name = await timers_of(app, caller, sorted(listed))
        in_list = {peer: seconds for peer, seconds in view.timers.items() if peer in listed}
        assert by_name == in_list, f"{caller.username}: timers by name {by_name}, in the list {in_list}"
        return view

    def _any_db(self) -> SteppedDatabase:
        return next(iter(self._dbs.values()))
