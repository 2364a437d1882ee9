"""What an action may reach, and who asks. Built once by `server.py` and passed to every action."""

import asyncio
import functools
import logging
import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import models.audit
import models.timelines
from actions.audit_keeper import Keeper
from actions.errors import Refused, TryLater
from actions.heads import Heads
from actions.lateness import Lateness
from actions.lru import Lru
from actions.notes import Notes
from actions.push_queue import Push
from crypto.at_rest import ConversationKey
from crypto.keyring import Keys
from models.db import Database, Unavailable
from models.sessions import Session
from models.users import User
from models.writer import Writer
from realtime.buckets import Buckets
from realtime.bus import Bus
from realtime.connection import Connection
from realtime.hub import Hub
from realtime.presence import LocalPresence, Presence

log = logging.getLogger("recado.app")

P = ParamSpec("P")
T = TypeVar("T")

MOST_REMEMBERED = 10_000
REMEMBER_KEYS = 600_000
REMEMBER_PEOPLE = 60_000
# How long an instance that the bus does not reach may go on believing that a session lives.
REMEMBER_SESSIONS = 5_000
# Longer than any query takes: one that was under way when a session ended must not bring it back.
REMEMBER_ENDED = 600_000
REMEMBER_SEEN = 86_400_000
# How many sockets are attached at a time (or sessions looked up), and how many logs are read. When thousands come
# back at once, the others wait here and not before the database's threads, where everybody would wait behind them.
MOST_AT_A_TIME = 32
LARGEST_ID = 2**53 - 1
HASHING_NICENESS = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that rules depend on."""

    bcrypt_rounds: int
    access_minutes: int
    refresh_idle_days: int
    refresh_absolute_days: int
    registration: bool
    password_min_length: int
    max_sessions: int
    max_length: int
    max_ttl_seconds: int
    events_days: int
    limits_enabled: bool
    sockets_per_user: int
    presence: bool = True
    second_factor: str = "optional"  # off, optional or required


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: its id, the client's address, its truncated network, its program.

    `mark`: by what a browser says that somebody has signed in there before; nobody has looked at it yet.
    """

    request_id: str
    address: str
    network: str
    agent: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which session."""

    user_id: int
    username: str
    session_id: int
    origin: Origin
    until: int | None = None  # seconds since the epoch: when the access token ends that was shown


class Hashing:
    """The threads that hash passwords, apart from all others; a bound on how many may wait."""

    def __init__(self, *, threads: int, most_waiting: int) -> None:
        self._pool: Executor = ThreadPoolExecutor(threads, thread_name_prefix="recado-hash", initializer=_step_back)
        self._room = threads + most_waiting

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on one of the threads; `TryLater` when too many wait already."""
        if self._room <= 0:
            raise TryLater("Too many sign-ins at once.", retry_after=2.0)
        self._room -= 1
        try:
            call = functools.partial(work, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._room += 1

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    """Let the loop go first where cores are few: on Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS)


@dataclass(slots=True)
class ToTell:
    """What is to be told of who is online; see actions/presence.py. As sets in order: no more than there are people."""

    people: dict[int, bool] = field(default_factory=dict)  # True: they began or ceased to show themselves
    pairs: dict[tuple[int, int], bool] = field(default_factory=dict)  # low id first; True: they saw one another before
    newcomers: dict[Connection, None] = field(default_factory=dict)
    # Newcomers that were shown who is on this instance alone: others could not be asked.
    unsure: dict[Connection, None] = field(default_factory=dict)
    strained: bool = False  # there is too much else to do


@dataclass(slots=True)
class App:
    """Everything an action may reach."""

    db: Database
    writer: Writer
    keys: Keys
    bus: Bus
    hub: Hub
    buckets: Buckets  # shared by all instances
    here: Buckets  # of this instance: for what must not wait for another
    hashing: Hashing
    policy: Policy
    clock: Callable[[], int]
    presence: Presence = field(default_factory=LocalPresence)
    to_tell: ToTell = field(default_factory=ToTell)
    leaving: bool = False  # set when the process has been told to stop
    epoch: str | None = None  # of the log, once it was asked for
    repaired: int = 0  # events that the log had to bring, because the bus did not
    resumes: Counter[str] = field(default_factory=Counter)  # by outcome
    lateness: Lateness = field(default_factory=Lateness)
    notes: Notes = field(default_factory=Notes)  # for the audit log
    push: Push = field(default_factory=Push)
    attached: set[Connection] = field(default_factory=set)
    filling: set[Connection] = field(default_factory=set)
    coming: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_A_TIME))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_A_TIME))
    acks: dict[int, tuple[Caller, int]] = field(default_factory=dict)  # by session: what waits to be acknowledged
    background: set[asyncio.Future[None]] = field(default_factory=set)
    people: Lru[str, User] = field(init=False)
    sessions: Lru[int, Session] = field(init=False)
    ended: Lru[int, bool] = field(init=False)  # sessions, which never come back
    enrolled: Lru[int, bool] = field(init=False)  # people who have a second factor, where all must
    heads: Heads = field(init=False)
    seen: Lru[int, int] = field(init=False)  # on which day people were noted as here
    current_keys: Lru[tuple[int, int], ConversationKey] = field(init=False)
    conversation_keys: Lru[tuple[int, int, int, int], ConversationKey] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing remembered."""
        models.audit.keep(self.db, Keeper(lambda: self.keys.audit))
        self.heads = Heads(functools.partial(models.timelines.heads_of, self.db))
        self.people = Lru(most=MOST_REMEMBERED, keep=REMEMBER_PEOPLE, clock=self.clock)
        self.sessions = Lru(most=MOST_REMEMBERED, keep=REMEMBER_SESSIONS, clock=self.clock)
        self.ended = Lru(most=MOST_REMEMBERED, keep=REMEMBER_ENDED, clock=self.clock)
        self.enrolled = Lru(most=MOST_REMEMBERED, keep=REMEMBER_PEOPLE, clock=self.clock)
        self.seen = Lru(most=MOST_REMEMBERED, keep=REMEMBER_SEEN, clock=self.clock)
        self.current_keys = Lru(most=MOST_REMEMBERED, keep=REMEMBER_KEYS, clock=self.clock)
        self.conversation_keys = Lru(most=MOST_REMEMBERED, keep=REMEMBER_KEYS, clock=self.clock)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something beside everything else; the end of the process waits for it."""
        self.begin(work)  # type: ignore[unused-awaitable]  # nobody waits for it

    def begin(self, work: Coroutine[Any, Any, object]) -> "asyncio.Future[None]":
        """The same, for somebody who may wait for it: what is returned never fails."""
        task = asyncio.ensure_future(alone(work))
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task


async def alone(work: Coroutine[Any, Any, object]) -> None:
    """Do what nobody waits for: a failure is logged, and is nobody else's."""
    name = getattr(work, "__name__", "")
    try:
        await work
    except Unavailable as error:
        log.warning("not done", extra={"task": name, "reason": str(error)})
    except Refused as error:
        log.warning("not done", extra={"task": name, "reason": error.code})
    except Exception:
        log.exception("a task failed", extra={"task": name})


def new_id() -> int:
    """A random id for a person, a conversation or a session: 1 … 2^53-1."""
    return secrets.randbelow(LARGEST_ID) + 1
