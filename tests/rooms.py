"""The rooms of one instance inside the test's own process: everything real, but the clock, which the test turns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import models.migrate
from actions.app import App, Caller, Hashing, Origin, Policy
from crypto.keyring import PURPOSES, Keys, Ring, make_key
from models.db import Database
from models.writer import Writer
from realtime.buckets import MemoryBuckets
from realtime.bus import LocalBus
from realtime.hub import Hub

POLICY = Policy(
    bcrypt_rounds=4,
    access_minutes=10,
    refresh_idle_days=14,
    refresh_absolute_days=30,
    registration=True,
    password_min_length=8,
    max_sessions=20,
    max_length=16_384,
    max_ttl_seconds=31_536_000,
    events_days=90,
    limits_enabled=False,
    sockets_per_user=20,
)
ORIGIN = Origin(request_id="0" * 16, address="127.0.0.1/32", network="127.0.0.0/24", agent="test")
PASSWORD = "correct horse battery"


class Clock:
    """Milliseconds, as far as the test has turned them."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def turn(self, *, seconds: float = 0, days: float = 0) -> None:
        """Let time pass (or jump back)."""
        self.now += int((seconds + days * 86_400) * 1000)


def make_keys() -> Keys:
    """Fresh rings with one key each."""
    return Keys(**{purpose: Ring((make_key(),)) for purpose in PURPOSES})


def make_app(db: Database, keys: Keys, clock: Clock, **policy: Any) -> App:
    """An `App` on this database, with the in-process bus, not yet started; `policy` overrides single rules."""
    hub = Hub()
    return App(
        db=db,
        writer=Writer(db),
        keys=keys,
        bus=LocalBus(hub),
        hub=hub,
        buckets=MemoryBuckets(),
        here=MemoryBuckets(),
        hashing=Hashing(threads=1, most_waiting=16),
        policy=replace(POLICY, **policy),
        clock=clock,
    )


@asynccontextmanager
async def running_app(
    database_url: str, keys: Keys | None = None, clock: Clock | None = None, **policy: Any
) -> AsyncIterator[App]:
    """An `App` on a migrated database, with the in-process bus; `policy` overrides single rules."""
    db = Database(database_url, threads=2)
    await models.migrate.up(db)
    app = make_app(db, keys or make_keys(), clock or Clock(), **policy)
    app.writer.start()
    try:
        yield app
    finally:
        await app.writer.stop()
        app.hashing.close()
        await db.close()


async def join(app: App, name: str) -> Caller:
    """A signed-in person of this name, account and session made by the actions themselves."""
    from actions import accounts, sessions

    await accounts.register(app, ORIGIN, username=name, password=PASSWORD)
    tokens = await accounts.login(app, ORIGIN, username=name, password=PASSWORD)
    return await sessions.authenticate(app, tokens.access, ORIGIN)
