"""Redis buses for tests, each with a hub and a key, as two instances of the server would have them."""

import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio
from cryptography.fernet import Fernet

from realtime.hub import Hub
from realtime.redis_bus import RedisBus
from tests.realtime.fakes import Bell

KEY = Fernet.generate_key()
_prefixes = itertools.count()


class Instance:
    """A hub and its bus; counts what was sealed and opened."""

    def __init__(self, url: str, prefix: str, *, key: bytes = KEY, **options: Any) -> None:
        self._fernet = Fernet(key)
        self.sealed = 0
        self.opened = 0
        self.hub = Hub()
        self.origin = secrets.token_bytes(16)
        options = {"tick_seconds": 0.5, "pause": lambda _: 0.02} | options
        self.bus = RedisBus(url, self.hub, self.origin, self.seal, self.open, prefix, **options)
        self.ups = self.bus.on_up = Bell()
        self.downs = self.bus.on_down = Bell()

    def seal(self, payload: bytes) -> bytes:
        self.sealed += 1
        return self._fernet.encrypt(payload)

    def open(self, sealed: bytes) -> bytes:
        self.opened += 1
        return self._fernet.decrypt(sealed)


@contextlib.asynccontextmanager
async def instances(url: str, count: int = 2, **options: Any) -> AsyncIterator[list[Instance]]:
    """So many started instances that share a prefix of their own."""
    prefix = options.pop("prefix", None) or fresh_prefix()
    started: list[Instance] = []
    try:
        for _ in range(count):
            started.append(Instance(url, prefix, **options))
            await started[-1].bus.start()
        yield started
    finally:
        for instance in started:
            await instance.bus.stop()


def fresh_prefix() -> str:
    return f"test{next(_prefixes)}"


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """Somebody else in the same Redis."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=8)
    try:
        yield redis.asyncio.Redis(connection_pool=pool)
    finally:
        await pool.disconnect()


async def subscribers(other: redis.asyncio.Redis, *channels: str) -> list[int]:
    """How many listen to each channel."""
    return [count for _, count in await other.pubsub_numsub(*channels)]
