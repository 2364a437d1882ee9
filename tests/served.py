"""Recado inside the test's own process: real sockets and real loops, and a hand on what is within.

Calls of its `Instance` wait for an answer: make them by `asyncio.to_thread`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from settings import load
from tests.instances import ROOT, Instance
from wiring.serve import Server


@asynccontextmanager
async def serving(
    home: Path,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Instance, Server]]:
    """An instance with the settings of `Instance`, and its insides; it leaves in order behind the block."""
    instance = Instance(home, database_url=database_url, redis_url=redis_url, settings=settings)
    environ = instance.environment | {"PORT": "0"}
    server = Server(load(environ, ROOT / "settings.toml"), environ)
    await server.start()
    instance.port = server.ports[0]
    try:
        yield instance, server
    finally:
        await server.stop()
