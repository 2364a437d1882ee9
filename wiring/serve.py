"""The running server: listen, turn the loops, and leave in order."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from actions import audit, erasure, expiry, presence, push_sender, repair, retention, sessions
from actions.app import App, alone
from handlers.base import Doorway
from handlers.pages import Files, read_files
from handlers.routes import make_application
from settings import Settings
from wiring.audit import Watch
from wiring.build import WEB, build_app, build_doorway, load_keys, open_database
from wiring.leaving import LAST_SECONDS, Parts, end_by, leave
from wiring.live_keys import LOOK_SECONDS, LiveKeys
from wiring.settings_values import SettingsError

log = logging.getLogger("recado.server")

HEADER_BYTES = 16_384
# When thousands come back at once, whoever finds no room here tries again after seconds. The system may allow less.
MOST_UNACCEPTED = 4096
# How many more objects than have gone make the collector look for cycles, and how often it looks at older ones.
COLLECT_AFTER = (20_000, 20, 20)
IDLE_SECONDS = 60.0
SESSION_SECONDS = 5.0
# The bus tells of an ending at once, but it may be down, and who ends sessions at the command line has none.
ENDINGS_SECONDS = 0.5
WITHOUT_BUS_SECONDS = 1.0
# An instance that was killed, or that Redis alone cannot reach, has told nobody what it stored.
SWEEP_SECONDS = 5.0
PRESENCE_SECONDS = 1.0
PULSE_SECONDS = 1.0
# What is noted for the audit log, and how often it is asked whether a checkpoint is due.
NOTES_SECONDS = 1.0
CHECKPOINT_SECONDS = 5.0
# It looks at everybody, and what is forgotten an hour later does no harm.
RETENTION_SECONDS = 3600.0
ERASURE_SECONDS = 60.0
# Who waits to be told by push is known here; who is owed one by an instance that died is in the database.
PUSH_SECONDS = 0.25
PUSH_SWEEP_SECONDS = 30.0


class Server:
    """One instance, from its settings to its end."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self.environ = environ
        self.ports: list[int] = []
        self._loops: list[asyncio.Task[None]] = []
        self._http: HTTPServer | None = None
        self._metrics: HTTPServer | None = None
        self._app: App | None = None
        self._doorway: Doorway | None = None
        self._keys = LiveKeys(settings, environ)
        self._audit = Watch(settings)

    @property
    def app(self) -> App:
        """What was built by `start`."""
        assert self._app is not None  # noqa: S101
        return self._app

    async def start(self) -> None:
        """Build everything, then listen. `SettingsError` or `Unavailable` when it cannot be."""
        settings = self.settings
        files = _page()
        sockets = _bind(settings)
        try:
            db = await open_database(settings)
            try:
                keys = await load_keys(settings, self.environ, db)
            except BaseException:
                await db.close()
                raise
        except BaseException:
            for listening in sockets:
                listening.close()
            raise
        app = self._app = build_app(settings, db, keys)
        if settings.push.enabled:
            # Loaded only where it is used: it would slow every start.
            from wiring.push_client import PushClient  # noqa: PLC0415

            app.push.courier = PushClient()
        app.writer.start()
        # What was told while nobody heard it: the end of a session is told once, and stands in the database.
        app.bus.on_up = partial(_bus_came_up, app)
        await app.bus.start()
        await self._keys.attest(app)
        await self._audit.begin(app)
        self._loops = [
            _every(settings.messages.sweep_seconds, app, expiry.sweep),
            _every(SESSION_SECONDS, app, sessions.end_dead_sockets),
            _every(ENDINGS_SECONDS, app, sessions.hear_endings),
            _every(settings.websocket.heartbeat_seconds, app, repair.beat),
            _every(WITHOUT_BUS_SECONDS, app, repair.while_down),
            _every(SWEEP_SECONDS, app, repair.repair),
            _every(PRESENCE_SECONDS, app, presence.turn),
            _every(RETENTION_SECONDS, app, retention.forget),
            _every(LOOK_SECONDS, app, self._keys.look),
            _every(ERASURE_SECONDS, app, erasure.resume),
            _every(NOTES_SECONDS, app, audit.flush),
            _every(CHECKPOINT_SECONDS, app, self._audit.turn),
            _every(RETENTION_SECONDS, app, self._audit.hourly),
            _every(PUSH_SECONDS, app, push_sender.turn),
            _every(PUSH_SWEEP_SECONDS, app, push_sender.sweep),
        ]
        doorway = self._doorway = build_doorway(settings, app)
        self._loops.append(_every(PULSE_SECONDS, app, self._beat))
        self._http = HTTPServer(
            make_application(doorway, files),
            max_header_size=HEADER_BYTES,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=IDLE_SECONDS,
        )
        if settings.metrics.port:
            # Loaded only where it is used: it would slow every start.
            from wiring.metrics import listen  # noqa: PLC0415

            self._metrics = listen(settings, app, doorway)
        self._http.add_sockets(sockets)
        app.spawn(self._audit.check_newest(app))
        self.ports = sorted({listening.getsockname()[1] for listening in sockets})

    async def stop(self) -> None:
        """Leave in order; see wiring/leaving.py. Call it once, and only after `start`."""
        assert self._doorway is not None  # noqa: S101
        listeners = tuple(listener for listener in (self._http, self._metrics) if listener is not None)
        await leave(Parts(self.app, self._doorway, listeners, self._loops, self._record_end))

    async def _record_end(self) -> None:
        await self._audit.end(self.app)
        # What is still under way may seal something yet: then others believe that it runs, until it is forgotten.
        if self._doorway is not None and not self._doorway.under_way and not self.app.background:
            await self._keys.leave(self.app)

    def reload_keys(self) -> None:
        """Read the keys again now; a change of their files is also seen unasked, within seconds."""
        self.app.spawn(self._keys.reload(self.app))

    async def _beat(self, _: App) -> None:
        if self._doorway is not None:
            await self._doorway.pulse.beat()


async def serve(settings: Settings, environ: Mapping[str, str], told_ready: Callable[[Server], None]) -> None:
    """Run one instance until SIGTERM or SIGINT."""
    server = Server(settings, environ)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, server.reload_keys)
    collect_rarely()
    log.info("started", extra={"ports": server.ports, "pid": os.getpid(), "engine": settings.database.engine})
    told_ready(server)
    await stop.wait()
    log.info("stopping")
    end_by(LAST_SECONDS)
    await server.stop()
    log.info("stopped")


def collect_rarely() -> None:
    """Leave what the start has made to itself, and look for cycles seldom.

    An instance holds many objects for long, few in cycles: with Python's own thresholds an eighth of all CPU went
    into looking at them again while thousands of clients came back.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _page() -> Files:
    try:
        return read_files(WEB)
    except OSError as error:
        raise SettingsError(f"web: the chat page is not built ({error.strerror}): run `make web`") from error


def _bind(settings: Settings) -> list[socket.socket]:
    try:
        return bind_sockets(settings.server.port, settings.server.host, backlog=MOST_UNACCEPTED)
    except OSError as error:
        where = f"{settings.server.host}:{settings.server.port}"
        raise SettingsError(f"server: cannot listen on {where}: {error.strerror or error}") from error


def _every(seconds: float, app: App, act: Callable[[App], Coroutine[Any, Any, object]]) -> asyncio.Task[None]:
    """Do something again and again; a failure of one turn is logged, and the next turn comes."""

    async def turn() -> None:
        while True:
            await asyncio.sleep(seconds)
            await alone(act(app))

    return asyncio.create_task(turn(), name=act.__name__)


def _bus_came_up(app: App) -> None:
    app.spawn(sessions.end_dead_sockets(app))
    app.spawn(repair.repair(app))
