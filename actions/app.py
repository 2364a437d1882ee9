"""What an action may reach, and who asks. Built once by `server.py` and passed to every action."""

import asyncio
import functools
import secrets
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from actions.errors import TryLater
from actions.lru import Lru
from crypto.at_rest import ConversationKey
from crypto.keyring import Keys
from models.db import Database
from models.sessions import Session
from models.users import User
from models.writer import Writer
from realtime.buckets import Buckets
from realtime.bus import Bus
from realtime.connection import Connection
from realtime.hub import Hub

P = ParamSpec("P")
T = TypeVar("T")

MOST_REMEMBERED = 10_000
REMEMBER_KEYS = 600_000
REMEMBER_PEOPLE = 60_000
# How long an instance that the bus does not reach may go on believing that a session lives.
REMEMBER_SESSIONS = 5_000
# Longer than any query takes: one that was under way when a session ended must not bring it back.
REMEMBER_ENDED = 600_000
LARGEST_ID = 2**53 - 1


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
    limits_enabled: bool
    sockets_per_user: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: its id, the client's address, its truncated network, its program."""

    request_id: str
    address: str
    network: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which session."""

    user_id: int
    username: str
    session_id: int
    origin: Origin


class Hashing:
    """The threads that hash passwords, apart from all others; a bound on how many may wait."""

    def __init__(self, *, threads: int, most_waiting: int) -> None:
        self._pool: Executor = ThreadPoolExecutor(threads, thread_name_prefix="recado-hash")
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
    leaving: bool = False  # set when the process has been told to stop
    attached: set[Connection] = field(default_factory=set)
    background: set[asyncio.Future[None]] = field(default_factory=set)
    people: Lru[str, User] = field(init=False)
    sessions: Lru[int, Session] = field(init=False)
    ended: Lru[int, bool] = field(init=False)  # sessions, which never come back
    current_keys: Lru[tuple[int, int], ConversationKey] = field(init=False)
    conversation_keys: Lru[tuple[int, int, int, int], ConversationKey] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing remembered."""
        self.people = Lru(most=MOST_REMEMBERED, keep=REMEMBER_PEOPLE, clock=self.clock)
        self.sessions = Lru(most=MOST_REMEMBERED, keep=REMEMBER_SESSIONS, clock=self.clock)
        self.ended = Lru(most=MOST_REMEMBERED, keep=REMEMBER_ENDED, clock=self.clock)
        self.current_keys = Lru(most=MOST_REMEMBERED, keep=REMEMBER_KEYS, clock=self.clock)
        self.conversation_keys = Lru(most=MOST_REMEMBERED, keep=REMEMBER_KEYS, clock=self.clock)


def new_id() -> int:
    """A random id for a person, a conversation or a session: 1 … 2^53-1."""
    return secrets.randbelow(LARGEST_ID) + 1
