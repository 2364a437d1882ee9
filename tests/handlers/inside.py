"""The door of an app that runs inside the test's own process, on a real socket: what is in memory can be looked at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from actions import accounts
from actions.app import App
from handlers.base import Doorway
from handlers.origins import Origins
from handlers.pages import Files
from handlers.pulse import Pulse
from handlers.routes import make_application
from handlers.wire import Wire
from tests.rooms import ORIGIN, PASSWORD, running_app
from wiring.build import milliseconds

PING_SECONDS, TIMEOUT_SECONDS = 5, 3


class Watched(Pulse):
    """A pulse that tells when a socket has gone."""

    def __init__(self) -> None:
        super().__init__(PING_SECONDS, TIMEOUT_SECONDS)
        self.changed = asyncio.Event()

    def discard(self, wire: Wire) -> None:
        super().discard(wire)
        self.changed.set()

    async def until(self, count: int) -> None:
        """Wait until no more than so many are open."""
        while len(self) > count:
            self.changed.clear()
            await self.changed.wait()


@dataclass(frozen=True)
class Inside:
    """A running door. Nobody turns its pulse but the test."""

    app: App
    doorway: Doorway
    pulse: Watched
    port: int

    @property
    def socket_url(self) -> str:
        return f"ws://localhost:{self.port}/ws/chat/"

    async def join(self, name: str) -> str:
        """An account and an access token for it."""
        await accounts.register(self.app, ORIGIN, username=name, password=PASSWORD)
        return (await accounts.login(self.app, ORIGIN, username=name, password=PASSWORD)).access

    async def pass_by(self, seconds: int) -> None:
        """So many turns of the pulse."""
        for _ in range(seconds):
            await self.pulse.beat()


def doorway_of(app: App, **bounds: Any) -> Doorway:
    """A doorway with the bounds that the settings have by default, but short pings; `bounds` overrides some."""
    made = Doorway(
        app=app,
        origins=Origins(),
        max_body_bytes=262_144,
        max_frame_bytes=262_144,
        max_queued_bytes=1_048_576,
        websocket_query_token=True,
        cookie_days=30,
        heartbeat_seconds=25,
        pulse=Watched(),
        allowance=None,
    )
    return replace(made, **bounds)


@asynccontextmanager
async def running_door(
    database_url: str, *, bounds: dict[str, Any] | None = None, files: Files | None = None, **policy: Any
) -> AsyncIterator[Inside]:
    """The door of a fresh app; the clock is the system's."""
    async with running_app(database_url, clock=milliseconds, **policy) as app:  # type: ignore[arg-type]
        doorway = doorway_of(app, **(bounds or {}))
        server = HTTPServer(make_application(doorway, files or Files("", {})))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        try:
            assert isinstance(doorway.pulse, Watched)
            yield Inside(app, doorway, doorway.pulse, sockets[0].getsockname()[1])
        finally:
            server.stop()
            for wire in doorway.pulse:
                wire.abort()
            await server.close_all_connections()
