"""A server of messages in one page: what the contract promises, and, where it is told so, one of the classic bugs.

Two instances share a log. What one commits the other hears from a bus that delays, reorders, doubles and drops; a
sweep fills the holes. Chance decides at each step what happens next, so a seed is an interleaving.
"""

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from prove import wire
from prove.client import Device
from prove.history import Began, Drained, Entry, Listed, Logged, Unfinished
from prove.outbox import Kind
from prove.wire import JSON, Message, Page, Talk, Told

PUBLISH_BEFORE_COMMIT = "publish before commit"
HIGHEST_SEEN = "cursor of highest seen"
NO_DEDUPE = "no dedupe"
READ_BEFORE_SUBSCRIBE = "read before subscribe"
LOST_SWEEP = "lost sweep"
TIMER_FOR_ONE = "a timer is set for both and told to one"
BUGS = (PUBLISH_BEFORE_COMMIT, HIGHEST_SEEN, NO_DEDUPE, READ_BEFORE_SUBSCRIBE, LOST_SWEEP, TIMER_FOR_ONE)
EPOCH = "e1"
TIMERS = (None, 60, 3600)
DONE = "done"


@dataclass
class Row:
    """A stored message; `kept` is the text that a recipient who blocks goes on seeing."""

    message: Message
    withheld: bool = False
    deleted: bool = False
    kept: Message | None = None

    @property
    def people(self) -> list[str]:
        """Who knows of it."""
        return sorted({self.message.sender} if self.withheld else {self.message.sender, self.message.recipient})

    def seen_by(self, person: str) -> Message:
        return self.message if self.kept is None or person == self.message.sender else self.kept


@dataclass
class Connection:
    """A socket: two queues, and what the server believes to have given."""

    device: Device
    instance: int
    inbox: deque[JSON] = field(default_factory=deque)
    outbox: deque[wire.Frame] = field(default_factory=deque)
    joined: bool = False
    given: set[int] = field(default_factory=set)
    upto: int = 0


class World:
    """The server, its clients, and everything between them."""

    def __init__(self, seed: int, bug: str = "", people: int = 3) -> None:
        self.random = Random(seed)
        self.bug = bug
        self.entries: list[Entry] = []
        names = {f"p{n}": [f"p{n}/1", f"p{n}/2"] if n == 0 else [f"p{n}/1"] for n in range(people)}
        self.entries.append(Began(seed=seed, seconds=0, people=names))
        self.devices = [Device(name, self.entries.append) for each in names.values() for name in each]
        self.people = list(names)
        self.logs: dict[str, list[tuple[Any, ...]]] = {person: [] for person in names}
        self.rows: dict[int, Row] = {}
        self.ids: dict[tuple[str, str], tuple[int, int]] = {}
        self.receipts: dict[tuple[str, str, str], int] = {}
        self.blocks: set[tuple[str, str]] = set()
        self.timers: dict[tuple[str, str], int] = {}
        self.bus: list[tuple[int, str, int, Told]] = []
        self.connections: dict[str, Connection] = {}
        self.next_id = 0
        self.count = 0

    # --- Chance ---

    def run(self, steps: int = 400) -> list[Entry]:
        """So many steps of trouble, then peace, then the end of the history."""
        for _ in range(steps):
            step = self.random.choices(
                (
                    self.wish,
                    self.pump,
                    self.serve,
                    self.listen,
                    self.carry,
                    self.connect,
                    self.cut,
                    self.kill,
                    self.sweep,
                ),
                (14, 25, 25, 25, 14, 8, 2, 0.5, 3),
            )[0]
            step()
        whole = any(self.settle() for _ in range(60))
        self.finish(whole)
        return self.entries

    def settle(self) -> bool:
        """A round of peace; whether nothing is left to do."""
        for device in self.devices:
            if device.name not in self.connections:
                self.connect(device)
            self.pump(device)
        for connection in list(self.connections.values()):
            while connection.inbox:
                self.serve(connection)
        while self.bus:
            self.carry()
        self.sweep()
        for connection in list(self.connections.values()):
            while connection.outbox:
                self.listen(connection)
        return all(
            device.has_everything and device.cursor.upto == len(self.logs[device.person]) for device in self.devices
        )

    def finish(self, whole: bool) -> None:
        self.entries.append(Drained(whole=whole, seconds=1.0))
        for device in self.devices:
            self.entries += [Unfinished(device=device.name, ref=job.ref, kind=job.kind.value) for job in device.outbox]
        for person, log in self.logs.items():
            events = [self.show(person, position) for position in range(1, len(log) + 1)]
            self.entries.append(Logged(person=person, page=Page(len(log), EPOCH, "recovered", events)))
            rows = [row for row in self.rows.values() if person in row.people and not row.deleted]
            listed = [row.seen_by(person) for row in rows]
            listed.sort(key=lambda message: -message.id)
            talks = {}
            for message in listed:
                talks.setdefault(message.recipient if message.sender == person else message.sender, message)
            timers = {peer: self.timers.get((person, peer)) for peer in self.people}
            shown = [Talk(peer, message, self.unread(person, peer, listed), timers[peer])
                     for peer, message in talks.items()]  # fmt: skip
            self.entries.append(Listed(person=person, messages=listed, talks=shown, timers=timers))

    def unread(self, person: str, peer: str, listed: list[Message]) -> int:
        upto = self.receipts.get(("read", person, peer), 0)
        return sum(message.sender == peer != person and message.id > upto for message in listed)

    def connected(self) -> Connection | None:
        return self.random.choice(list(self.connections.values())) if self.connections else None

    # --- Clients ---

    def wish(self) -> None:
        device = self.random.choice(self.devices)
        self.count += 1
        roll = self.random.random()
        if roll < 0.7 or not device.changeable:
            device.wish_send(self.random.choice(self.people), f"text {self.count}", f"c{self.count}")
        elif roll < 0.85:
            device.wish_edit(self.random.choice(device.changeable), f"edited {self.count}")
        elif roll < 0.95:
            device.wish_delete(self.random.choice(device.changeable))
        if device.unread and self.random.random() < 0.5:
            device.wish_read(self.random.choice(list(device.unread)))
        if self.random.random() < 0.15:
            usual = self.random.random() < 0.5
            device.wish_timer(self.random.choice(self.people), self.random.choice(TIMERS) if usual else self.count)
        if self.random.random() < 0.1 and device.name.endswith("/1"):
            self.wish_block(device)

    def wish_block(self, device: Device) -> None:
        """One thing at a time, as the crowd does it."""
        if any(job.kind in (Kind.BLOCK, Kind.UNBLOCK) for job in device.outbox):
            return
        blocked = [peer for person, peer in self.blocks if person == device.person]
        peer = blocked[0] if blocked else self.random.choice(self.people)
        if blocked:
            device.wish_unblock(peer)
        elif peer != device.person:
            device.wish_block(peer)

    def connect(self, device: Device | None = None) -> None:
        device = device or self.random.choice(self.devices)
        if device.name in self.connections:
            return
        connection = Connection(device, self.random.randrange(2))
        self.connections[device.name] = connection
        connection.inbox.append(device.hello())

    def pump(self, device: Device | None = None) -> None:
        device = device or self.random.choice(self.devices)
        connection = self.connections.get(device.name)
        for job in device.due(0):
            has_frame = job.kind not in (Kind.BLOCK, Kind.UNBLOCK, Kind.TIMER)
            if connection is not None and has_frame and self.random.random() < 0.8:
                connection.inbox.extend(device.say(job, "v1", 0))
                continue
            frame = device.say(job, "rest", 0)[0]
            answer = self.act(device.person, frame, self.random.randrange(2))
            if answer is None or self.random.random() < 0.2:
                device.answered_call(job, 0, b"", 0, 0)
            elif isinstance(answer, wire.Sent):
                status = 200 if answer.duplicate else 201
                device.answered_call(job, status, wire.encode(_json(answer.message)), 0)
            elif isinstance(answer, wire.Timer):
                device.answered_call(job, 200, msgspec.json.encode(answer), 0)
            elif answer == DONE:
                device.answered_call(job, 204, b"", 0)
            else:
                device.answered_call(job, 404, b'{"code":"not_found"}', 0)
        if connection is not None and (frame := device.ack()):
            connection.inbox.append(frame)

    def listen(self, connection: Connection | None = None) -> None:
        connection = connection or self.connected()
        if connection is not None and connection.outbox:
            connection.device.take(connection.outbox.popleft(), 0)

    # --- Trouble ---

    def cut(self, connection: Connection | None = None) -> None:
        connection = connection or self.connected()
        if connection is None:
            return
        del self.connections[connection.device.name]
        for frame in [frame for frame in connection.inbox if self.random.random() < 0.5]:
            if frame["type"] not in ("hello", "ack", "ping") and connection.joined:
                self.act(connection.device.person, frame, connection.instance)
        connection.device.lost()

    def kill(self) -> None:
        dead = self.random.randrange(2)
        for connection in [each for each in self.connections.values() if each.instance == dead]:
            self.cut(connection)
        self.bus = [item for item in self.bus if item[0] != dead]

    def carry(self) -> None:
        """The bus delivers something, or drops it, or delivers it and keeps it."""
        if not self.bus:
            return
        item = self.bus.pop(self.random.randrange(len(self.bus)))
        instance, person, position, told = item
        if self.random.random() < 0.15:
            return
        if self.random.random() < 0.1:
            self.bus.append(item)
        self.deliver(instance, person, position, told)

    # --- The server ---

    def serve(self, connection: Connection | None = None) -> None:
        """One frame of one connection."""
        connection = connection or self.connected()
        if connection is None or not connection.inbox:
            return
        frame = connection.inbox.popleft()
        person = connection.device.person
        if frame["type"] == "hello":
            self.attach(connection, frame)
        elif frame["type"] == "ack":
            self.acked(person, int(frame["position"] or 0), connection.instance)
        elif frame["type"] == "ping":
            connection.outbox.append(wire.Pong(len(self.logs[person]), str(frame["ref"])))
        elif not isinstance(answer := self.act(person, frame, connection.instance, connection), str | None):
            connection.outbox.append(answer)

    def attach(self, connection: Connection, hello: JSON) -> None:
        person = connection.device.person
        log = self.logs[person]
        start = len(log) if hello["position"] is None else int(hello["position"] or 0)
        outcome = "live" if hello["position"] is None else "recovered"
        connection.outbox.append(wire.Welcome(len(log), EPOCH, outcome, person, 5))
        connection.upto = start
        found = [self.show(person, position) for position in range(start + 1, len(log) + 1)]
        if self.bug == READ_BEFORE_SUBSCRIBE:
            for _ in range(self.random.randrange(4)):  # what happens meanwhile nobody hears
                self.serve(self.connected())
            connection.upto = len(log)
        connection.joined = True
        for told in found:
            self.give(connection, told)

    def act(
        self, person: str, frame: JSON, instance: int, connection: Connection | None = None
    ) -> wire.Sent | wire.Timer | wire.Error | str | None:
        """Do what a frame asks for. None: no answer. DONE: over a socket an event, or nothing, is the answer."""
        ref = str(frame["ref"])
        if frame["type"] == Kind.SEND:
            return self.send(person, frame, instance, connection)
        if frame["type"] == Kind.READ:
            self.receipt("read", person, str(frame["peer"]), int(frame["up_to"] or 0), instance)
            return DONE
        if frame["type"] in (Kind.BLOCK, Kind.UNBLOCK):
            change = self.blocks.add if frame["type"] == Kind.BLOCK else self.blocks.discard
            change((person, str(frame["peer"])))
            return DONE
        if frame["type"] == Kind.TIMER:
            return self.set_timer(person, str(frame["peer"]), frame["ttl_seconds"], instance)
        row = self.rows.get(int(frame["id"] or 0))
        if row is None or row.deleted or row.message.sender != person:
            return wire.Error("not_found", "There is no such message.", ref)
        if frame["type"] == Kind.EDIT:
            blocked = (row.message.recipient, person) in self.blocks
            row.kept = (row.kept or row.message) if blocked else None
            row.message = _replace(row.message, content=str(frame["content"]), edited_at="later")
            self.append(row, "edited", instance, {person} if blocked else set(row.people))
        else:
            row.deleted = True
            self.append(row, "deleted", instance, set(row.people))
        return DONE

    def send(self, person: str, frame: JSON, instance: int, connection: Connection | None) -> wire.Sent | None:
        key = (person, str(frame["client_id"]))
        if key in self.ids and self.bug != NO_DEDUPE:
            message_id, position = self.ids[key]
            row = self.rows[message_id]
            shown = _replace(row.message, content="") if row.deleted else row.message
            return wire.Sent(key[1], shown, position, True, key[1])
        self.next_id += 1
        recipient = str(frame["recipient"])
        message = Message(self.next_id, person, recipient, str(frame["content"]), f"t{self.next_id}", key[1])
        row = Row(message, withheld=(recipient, person) in self.blocks)
        if self.bug == PUBLISH_BEFORE_COMMIT and self.random.random() < 0.1:
            for each in set(row.people):  # and the commit fails
                self.publish(
                    each, len(self.logs[each]) + 1, wire.MessageTold(len(self.logs[each]) + 1, message), instance
                )
            return None
        self.rows[message.id] = row
        position = len(self.logs[person]) + 1
        self.ids[key] = (message.id, position)
        if connection is not None:
            connection.given.add(position)
        self.append(row, "message", instance, set(row.people))
        return wire.Sent(key[1], message, position, False, key[1])

    def set_timer(self, person: str, peer: str, seconds: Any, instance: int) -> wire.Timer:
        """For both, and told to whom it changes something; by whoever is blocked for themselves alone."""
        is_blocked = (peer, person) in self.blocks
        for one, other in {(person, peer): 0} if is_blocked else {(person, peer): 0, (peer, person): 0}:
            if self.timers.get((one, other)) == seconds:
                continue
            self.timers[one, other] = seconds
            if self.bug != TIMER_FOR_ONE or one == person:
                self.log(one, ("timer", other, person, seconds), instance)
        return wire.Timer(peer, seconds)

    def append(self, row: Row, kind: str, instance: int, people: set[str]) -> None:
        for person in sorted(people):
            self.log(person, (kind, row.message.id), instance)

    def log(self, person: str, what: tuple[Any, ...], instance: int) -> None:
        self.logs[person].append(what)
        position = len(self.logs[person])
        self.publish(person, position, self.show(person, position), instance)

    def publish(self, person: str, position: int, told: Told, instance: int) -> None:
        self.deliver(instance, person, position, told)
        self.bus.append((1 - instance, person, position, told))

    def acked(self, person: str, position: int, instance: int) -> None:
        newest: dict[str, int] = {}
        for kind, *rest in self.logs[person][:position]:
            if kind == "message" and self.rows[rest[0]].message.recipient == person:
                newest[self.rows[rest[0]].message.sender] = rest[0]
        for sender, message_id in newest.items():
            self.receipt("delivered", person, sender, message_id, instance)

    def receipt(self, kind: str, by: str, peer: str, up_to: int, instance: int) -> None:
        if self.receipts.get((kind, by, peer), 0) < up_to and by != peer:
            self.receipts[kind, by, peer] = up_to
            self.log(peer, ("receipt", kind, by, by, up_to), instance)

    def show(self, person: str, position: int) -> Told:
        """What stands at this position, as it is now."""
        kind, *rest = self.logs[person][position - 1]
        if kind == "receipt":
            return wire.ReceiptTold(position, *rest)
        if kind == "timer":
            return wire.TimerTold(position, *rest)
        row = self.rows[rest[0]]
        if row.deleted:
            peer = row.message.recipient if row.message.sender == person else row.message.sender
            return wire.DeletedTold(position, row.message.id, peer)
        made = wire.MessageTold if kind == "message" else wire.EditedTold
        return made(position, row.seen_by(person))

    def deliver(self, instance: int, person: str, position: int, told: Told) -> None:
        for connection in self.connections.values():
            if connection.instance == instance and connection.device.person == person and connection.joined:
                self.give(connection, told)

    def give(self, connection: Connection, told: Told) -> None:
        position = told.position
        seen = max(connection.given, default=connection.upto) if self.bug == HIGHEST_SEEN else connection.upto
        if position > seen and position not in connection.given:
            connection.given.add(position)
            connection.outbox.append(told)

    def sweep(self) -> None:
        if self.bug == LOST_SWEEP:
            return
        for connection in self.connections.values():
            if connection.joined:
                person = connection.device.person
                for position in range(connection.upto + 1, len(self.logs[person]) + 1):
                    self.give(connection, self.show(person, position))


def _replace(message: Message, **fields: str) -> Message:
    return Message(**{name: fields.get(name, getattr(message, name)) for name in message.__struct_fields__})


def _json(message: Message) -> JSON:
    return {name: getattr(message, name) for name in message.__struct_fields__}
