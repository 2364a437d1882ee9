"""What the plays of this room share: people who sign in, a bus that notes, a look behind our own back."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import models.audit
import models.writer
from actions import accounts, events, messages, sessions
from actions.app import App, Caller, Origin
from actions.audit import keeper_of
from actions.audit_keeper import Personal
from actions.messages import Outgoing
from actions.sessions import Tokens
from models.db import Row, as_bytes, execute, fetch
from realtime.bus import LocalBus
from realtime.connection import Connection
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT
from realtime.events import Event, MessageSent, Notice, Receiver, SessionEnded
from tests.realtime.fakes import Listening
from tests.rooms import ORIGIN, PASSWORD

TABLES = ("facts", "canaries", "users", "heads", "sessions", "tickets", "conversations", "members")
TABLES += ("conversation_keys", "messages", "timelines", "audit", "audit_people", "receipts", "blocks", "resets")
TABLES += ("totps", "recovery_codes", "passkeys", "challenges", "pending_logins", "push_subscriptions", "mutes")


class NotingBus(LocalBus):
    """Delivers, notes what was published, and may hold up whoever joins."""

    def __init__(self, app: App) -> None:
        super().__init__(app.hub)
        self.published: list[tuple[Sequence[Receiver], Event]] = []
        self.notices: list[tuple[int, Notice]] = []
        self.joins: list[int] = []
        self.leaves: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.someone = asyncio.Event()
        self.watch: Callable[[Event], None] = lambda event: None
        self._changed = asyncio.Event()
        app.bus = self

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        if isinstance(event, Notice):  # of the sign-ins that set a scene
            self.notices.append((receivers[0][0], event))
            super().publish(receivers, event)
            return
        self.watch(event)
        self.published.append((receivers, event))
        self._changed.set()
        super().publish(receivers, event)

    async def join(self, user_id: int) -> bool:
        self.joins.append(user_id)
        self.someone.set()
        await self.open.wait()
        return await super().join(user_id)

    async def leave(self, user_id: int) -> None:
        self.leaves.append(user_id)

    async def until(self, count: int) -> list[str]:
        """The contents of the messages published, when there are so many."""
        while len(self.contents) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.contents

    @property
    def contents(self) -> list[str]:
        return [event.message.content for _, event in self.published if isinstance(event, MessageSent)]

    @property
    def endings(self) -> list[tuple[int, int | None, str]]:
        return [
            (receivers[0][0], event.session_id, event.reason)
            for receivers, event in self.published
            if isinstance(event, SessionEnded)
        ]


class DeafBus(LocalBus):
    """Loses every event."""

    def __init__(self, app: App) -> None:
        super().__init__(app.hub)
        app.bus = self

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        pass


class Gate:
    """A place in a thread where whatever comes waits until the test lets it pass."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = threading.Event()
        self._loop = asyncio.get_running_loop()

    def wait(self) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self._open.wait(30)

    def open(self) -> None:
        self._open.set()


@contextmanager
def held_writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """The next batches wait before their transaction does anything."""
    gate, write = Gate(), models.writer.write

    def waiting(*args: Any, **kwargs: Any) -> Any:
        gate.wait()
        return write(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(models.writer, "write", waiting)
        try:
            yield gate
        finally:
            gate.open()


async def register(app: App, *names: str) -> None:
    for name in names:
        await accounts.register(app, ORIGIN, username=name, password=PASSWORD)


async def sign_in(app: App, name: str, password: str = PASSWORD, origin: Origin = ORIGIN) -> Tokens:
    return await accounts.login(app, origin, username=name, password=password)


async def caller_of(app: App, tokens: Tokens) -> Caller:
    return await sessions.authenticate(app, tokens.access, ORIGIN)


def connection_of(caller: Caller, transport: Listening | None = None) -> Connection:
    return Connection(caller.user_id, caller.session_id, PLAIN, transport or Listening(), 1 << 20)


def v1_of(caller: Caller, transport: Listening | None = None) -> Connection:
    return Connection(caller.user_id, caller.session_id, V1_DIALECT, transport or Listening(), 1 << 20)


def frames(connection: Connection) -> list[dict[str, Any]]:
    """What was written to a connection of the second dialect."""
    assert isinstance(connection.transport, Listening)
    return [json.loads(frame) for frame in connection.transport.frames]


async def say(app: App, caller: Caller, to: str, content: str, ttl: int | None = None) -> int:
    """Send, and the message's id."""
    return (await messages.send(app, caller, Outgoing(to, content, None, ttl))).message.id


async def log_of(app: App, caller: Caller, after: int = 0) -> list[Event]:
    """A person's log from there on, as events; their positions have no gap."""
    placed = await events.after(app, caller.user_id, position=after, limit=1000)
    assert [position for position, _ in placed] == list(range(after + 1, after + 1 + len(placed)))
    return [event for _, event in placed]


async def settled(app: App) -> None:
    """Whatever was begun beside everything else has ended."""
    while app.background:
        await asyncio.gather(*app.background)


async def change(app: App, text: str, *params: object) -> int:
    """Write to the database behind the server's back; how many rows were changed."""
    return await app.db.write(execute, text, params)


async def rows(app: App, text: str, *params: object) -> list[Row]:
    return await app.db.read(fetch, text, params)


async def said(app: App, action: str) -> list[tuple[int | None, Personal]]:
    """Who has done this, and what else the audit log says of them, sealed as it is."""
    people = {
        user_id: as_bytes(sealed) for user_id, sealed in await rows(app, "SELECT user_id, sealed FROM audit_people")
    }
    ((log,),) = await rows(app, "SELECT log FROM audit_head")
    found = await rows(app, f"SELECT {models.audit.COLUMNS} FROM audit WHERE action = %s ORDER BY id", action)
    records = [models.audit.stored(row) for row in found]
    return [(row.actor_id, keeper_of(app.db).open(log, row, people.get(row.actor_id))) for row in records]


async def everything(app: App) -> bytes:
    """All that the database holds, in one piece."""
    parts = []
    for table in TABLES:
        for row in await rows(app, f"SELECT * FROM {table}"):
            parts += [
                value
                if isinstance(value, bytes)
                else bytes(value)
                if isinstance(value, memoryview)
                else str(value).encode()
                for value in row
            ]
    return b"\n".join(parts)
