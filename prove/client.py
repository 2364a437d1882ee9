"""One device as a state machine: what it has, what it wants, what it says to what it hears. No sockets, no clock.

It does what the contract asks of a client and no more. A hole in its log is the server's to fill, unasked: the device
waits, and never reconnects because of one, so that nothing is healed here that is broken there.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from prove import wire
from prove.cursor import Cursor
from prove.history import (
    Acked,
    Answered,
    Closed,
    Dismissed,
    Fulfilled,
    Heard,
    Opened,
    Record,
    Refused,
    Reloaded,
    Strange,
    Welcomed,
    person_of,
)
from prove.jobs import FINAL_CODES, intent, problem
from prove.outbox import Job, Kind, Outbox
from prove.wire import JSON, Frame, Message, Standing

RETRY_SECONDS = 0.5
MOST_OWN = 32


class Device:
    """See the module. Names: `p017/2` is the second device of `p017`.

    One that `polls` has no socket: it begins with the whole log, and asks for everything by calls.
    """

    def __init__(
        self,
        name: str,
        record: Record,
        *,
        polls: bool = False,
        resumes_from: Callable[[Cursor], int] | None = None,
    ) -> None:
        self.name = name
        self.person = person_of(name)
        self.polls = polls
        self.cursor: Cursor | None = Cursor(0) if polls else None
        self.epoch: str | None = None
        self.head = 0
        self.outbox = Outbox()
        self.welcomed = False
        self.reload_upto: int | None = None  # after a reset, until the history is loaded again
        self.asked_ms = 0  # what a bye asked for, until it was waited for
        self.hello_refused = False
        self.own: deque[int] = deque(maxlen=MOST_OWN)
        self.unread: dict[str, int] = {}
        self._acked = -1  # on this connection
        self._count = 0
        self._record = record
        self._resumes_from = resumes_from or (lambda cursor: cursor.upto)

    # --- The connection ---

    def hello(self, token: str | None = None) -> JSON:
        """The first frame of a connection."""
        self.welcomed, self._acked = False, -1
        self.hello_refused = False
        device = {"device": self.name, "ref": "hello"}
        return {"type": "hello", "token": token, "position": self._open("v1"), "epoch": self.epoch, **device}

    def listen(self) -> dict[str, str]:
        """The query of a long poll."""
        query = {"after": str(self._open("poll") or 0)}
        return query if self.epoch is None else query | {"epoch": self.epoch}

    def listened(self, body: bytes) -> None:
        """What the long poll has brought."""
        try:
            page = wire.decode_page(body)
        except msgspec.DecodeError as error:
            self.note(f"{error}: {body[:400]!r}")
            return
        self._begin(page)
        for told in page.events:
            self._told(told)

    def lost(self, code: int | None = None, reason: str = "") -> None:
        """The connection is gone; what it owed an answer for is open again."""
        self.welcomed = False
        self.outbox.lose("v1")
        self._record(Closed(device=self.name, code=code, reason=reason))

    def hear(self, raw: bytes | str, now: float) -> None:
        """One frame of the server."""
        try:
            frame = wire.decode_frame(raw)
        except msgspec.DecodeError as error:
            text = raw if isinstance(raw, str) else raw.decode(errors="replace")
            self.note(f"{error}: {text[:400]}")
            return
        self.take(frame, now)

    def take(self, frame: Frame, now: float) -> None:
        """The same, decoded."""
        match frame:
            case wire.Welcome():
                self._begin(frame, frame.heartbeat_seconds)
            case wire.Sent():
                self._answered("v1", frame)
            case wire.Error():
                self.hello_refused = self.hello_refused or frame.ref == "hello"
                self._refused(frame, now + (frame.retry_after or RETRY_SECONDS))
            case wire.Pong():
                self._ponged(frame)
            case wire.Heartbeat():
                self.head = max(self.head, frame.position)
            case wire.Bye():
                self.asked_ms = frame.resume_after_ms
                self._record(Dismissed(device=self.name, bye=frame))
            case wire.Typing() | wire.Presence():
                pass
            case _:
                self._told(frame)

    def note(self, text: str) -> None:
        """Something that must not happen to a client."""
        self._record(Strange(device=self.name, text=text))

    def due(self, now: float) -> list[Job]:
        """The jobs that should be sent now."""
        return self.outbox.due(now) if self.welcomed else []

    def say(self, job: Job, via: str, now: float) -> list[JSON]:
        """Send a job, for the first time or again: its frames.

        A reading has no answer when all is well; the ping behind it, which is answered in its turn, tells.
        """
        job.via = via
        self.outbox.start(job, now)
        self._record(intent(self.name, job))
        return [job.frame(), {"type": "ping", "ref": _behind(job)}] if job.kind is Kind.READ else [job.frame()]

    @property
    def has_everything(self) -> bool:
        """Connected, without a hole up to the head that is known, and nothing left to ask for or to acknowledge."""
        if not self.welcomed or self.cursor is None or self.cursor.has_gap or self.cursor.upto < self.head:
            return False
        return not len(self.outbox) and not self._owes_ack()

    def ack(self) -> JSON | None:
        """What there is to acknowledge on this connection, if anything. Whoever asks MUST send it."""
        if self.cursor is None or not self._owes_ack():
            return None
        self._acked = self.cursor.upto
        self._record(Acked(device=self.name, position=self._acked))
        return {"type": "ack", "ref": "ack", "position": self._acked}

    def reloaded(self, messages: list[Message]) -> None:
        """The history was loaded again, after the reset."""
        assert self.reload_upto is not None  # noqa: S101 - only a reset asks for it
        self._record(Reloaded(device=self.name, position=self.reload_upto, messages=messages))
        self.reload_upto = None

    # --- Calls instead of frames ---

    def answered_call(self, job: Job, status: int, body: bytes, now: float, wait: float = RETRY_SECONDS) -> None:
        """The answer to a job that went by REST; status 0: there was none."""
        if status in (200, 201, 204):
            if job.kind is Kind.SEND:
                self._answered("rest", wire.Sent(job.ref, wire.decode_message(body), 0, duplicate=status == 200))
            else:
                self._fulfilled(job.ref, wire.decode_timer(body) if job.kind is Kind.TIMER else None)
        elif status == 0:
            self.outbox.postpone(job.ref, now + wait)
        else:
            code, detail = problem(body)
            self._refused(wire.Error(code or str(status), detail, job.ref), now + wait)

    # --- Wishes ---

    def wish_send(self, recipient: str, content: str, client_id: str, ttl: int | None = None) -> None:
        """Send a message, whatever it takes."""
        fields: JSON = {"client_id": client_id, "recipient": recipient, "content": content}
        if ttl is not None:
            fields["ttl_seconds"] = ttl
        self.outbox.add(Job(Kind.SEND, client_id, fields))

    @property
    def changeable(self) -> list[int]:
        """Own messages of which no change waits for its answer: two at a time could not be told apart."""
        waiting = {job.fields.get("id") for job in self.outbox}
        return [message_id for message_id in self.own if message_id not in waiting]

    def wish_edit(self, message_id: int, content: str) -> None:
        """Another text for an own message."""
        self.outbox.add(Job(Kind.EDIT, self._name("edit"), {"id": message_id, "content": content}))

    def wish_delete(self, message_id: int) -> None:
        """Take an own message back."""
        if message_id in self.own:
            self.own.remove(message_id)
        self.outbox.add(Job(Kind.DELETE, self._name("delete"), {"id": message_id}))

    def wish_read(self, peer: str) -> None:
        """Say that everything that has come from `peer` was read."""
        self.outbox.add(Job(Kind.READ, self._name("read"), {"peer": peer, "up_to": self.unread.pop(peer)}))

    def wish_block(self, peer: str) -> None:
        """Hear nothing more from `peer`."""
        self.outbox.add(Job(Kind.BLOCK, self._name("block"), {"peer": peer}))

    def wish_unblock(self, peer: str) -> None:
        """Hear from `peer` again."""
        self.outbox.add(Job(Kind.UNBLOCK, self._name("unblock"), {"peer": peer}))

    def wish_timer(self, peer: str, seconds: int | None) -> None:
        """So long what is written in the talk with `peer` is to last; None: for ever."""
        self.outbox.add(Job(Kind.TIMER, self._name("timer"), {"peer": peer, "ttl_seconds": seconds}))

    # --- Within ---

    def _owes_ack(self) -> bool:
        if self.cursor is None or not self.welcomed or self.reload_upto is not None:
            return False
        return not self.polls and self.cursor.upto > self._acked  # no call acknowledges

    def _open(self, via: str) -> int | None:
        position = None if self.cursor is None else self._resumes_from(self.cursor)
        self._record(Opened(device=self.name, via=via, position=position))
        return position

    def _begin(self, found: Standing, heartbeat_seconds: float = 0.0) -> None:
        standing = Standing(found.position, found.epoch, found.outcome)
        self._record(Welcomed(device=self.name, standing=standing, heartbeat_seconds=heartbeat_seconds))
        self.head = max(self.head, standing.position)
        self.epoch = standing.epoch
        if self.cursor is None:
            self.cursor = Cursor(standing.position)
        elif standing.outcome == "reset":
            # What is loaded holds at least everything up to this head; what follows comes as events.
            self.cursor = Cursor(standing.position)
            self.reload_upto = standing.position
        self.welcomed = True

    def _told(self, told: wire.Told) -> None:
        self._record(Heard(device=self.name, told=told))
        self._have(told.position)
        match told:
            case wire.MessageTold(message=message) if message.recipient == self.person != message.sender:
                self.unread[message.sender] = max(message.id, self.unread.get(message.sender, 0))
            case wire.EditedTold(message=message):
                self._changed(Kind.EDIT, message.id, message.content)
            case wire.DeletedTold(id=gone) | wire.ExpiredTold(id=gone):
                self._changed(Kind.DELETE, gone)
                if gone in self.own:
                    self.own.remove(gone)

    def _changed(self, kind: Kind, message_id: int, content: str | None = None) -> None:
        """The event is the answer to whoever asked for it."""
        for job in self.outbox:
            if (
                job.kind is kind
                and job.tries
                and (job.fields["id"], job.fields.get("content")) == (message_id, content)
            ):
                self._fulfilled(job.ref)

    def _ponged(self, pong: wire.Pong) -> None:
        self.head = max(self.head, pong.position)
        for job in self.outbox:
            # Not one that was refused meanwhile.
            if job.kind is Kind.READ and job.in_flight and pong.ref == _behind(job):
                self._fulfilled(job.ref)

    def _have(self, position: int) -> None:
        if self.cursor is not None:
            self.cursor.add(position)
        self.head = max(self.head, position)

    def _answered(self, via: str, sent: wire.Sent) -> None:
        self._record(Answered(device=self.name, via=via, sent=sent))
        if sent.position:
            self._have(sent.position)
        job = self.outbox.finish(sent.client_id)
        if job is not None and "ttl_seconds" not in job.fields:
            self.own.append(sent.message.id)

    def _fulfilled(self, ref: str | None, timer: wire.Timer | None = None) -> None:
        if job := self.outbox.finish(ref):
            self._record(Fulfilled(device=self.name, ref=job.ref, timer=timer))

    def _refused(self, error: wire.Error, until: float) -> None:
        final = error.code in FINAL_CODES
        self._record(Refused(device=self.name, error=error, final=final))
        if final:
            self.outbox.finish(error.ref)
        else:
            self.outbox.postpone(error.ref, until)

    def _name(self, kind: str) -> str:
        """A `ref` that no other device uses, so that histories are easy to read."""
        self._count += 1
        return f"{kind} {self._count} {self.name}"


def _behind(job: Job) -> str:
    """The `ref` of the ping behind this very try."""
    return f"{job.ref} {job.tries}"
