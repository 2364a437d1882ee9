"""The running server: listen, turn the loops, and leave in order."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from actions import expiry, repair, sessions
from actions.app import App
from handlers.logs import told
from handlers.pages import Files, read_files
from handlers.routes import make_application
from models.db import Unavailable
from realtime import codes
from settings import Settings
from wiring.build import WEB, build_app, build_doorway, load_keys, open_database
from wiring.settings_values import SettingsError

log = logging.getLogger("recado.server")

HEADER_BYTES = 16_384
IDLE_SECONDS = 60.0
SESSION_SECONDS = 5.0
WITHOUT_BUS_SECONDS = 1.0
# Within how long the clients of a leaving instance come back to the others.
SPREAD_MILLISECONDS = 3000
LEAVING_SECONDS = 8.0


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
        app.writer.start()
        # What was told while nobody heard it: the end of a session is told once, and stands in the database.
        app.bus.on_up = partial(_bus_came_up, app)
        await app.bus.start()
        self._loops = [
            _every(settings.messages.sweep_seconds, app, expiry.sweep),
            _every(SESSION_SECONDS, app, sessions.end_dead_sockets),
            _every(settings.websocket.heartbeat_seconds, app, repair.beat),
            _every(WITHOUT_BUS_SECONDS, app, repair.while_down),
        ]
        doorway = build_doorway(settings, app)
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
        self.ports = sorted({listening.getsockname()[1] for listening in sockets})

    async def stop(self) -> None:
        """Leave in order: not ready, no new connections, sockets told to come back, what waits written."""
        app = self.app
        app.leaving = True
        for listener in (self._http, self._metrics):
            if listener is not None:
                listener.stop()
        app.hub.dismiss(codes.RESTART, SPREAD_MILLISECONDS)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, *app.background, return_exceptions=True)
        await app.writer.stop()
        if self._http is not None:
            await _within(LEAVING_SECONDS, self._http.close_all_connections())
        await _within(LEAVING_SECONDS, app.bus.stop())
        await app.buckets.aclose()
        app.hashing.close()
        await app.db.close()


async def serve(settings: Settings, environ: Mapping[str, str], told_ready: Callable[[Server], None]) -> None:
    """Run one instance until SIGTERM or SIGINT."""
    server = Server(settings, environ)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    log.info("started", extra={"ports": server.ports, "pid": os.getpid(), "engine": settings.database.engine})
    told_ready(server)
    await stop.wait()
    log.info("stopping")
    await server.stop()
    log.info("stopped")


def _page() -> Files:
    try:
        return read_files(WEB)
    except OSError as error:
        raise SettingsError(f"web: the chat page is not built ({error.strerror}): run `make web`") from error


def _bind(settings: Settings) -> list[socket.socket]:
    try:
        return bind_sockets(settings.server.port, settings.server.host)
    except OSError as error:
        where = f"{settings.server.host}:{settings.server.port}"
        raise SettingsError(f"server: cannot listen on {where}: {error.strerror or error}") from error


def _every(seconds: float, app: App, act: Callable[[App], Awaitable[object]]) -> asyncio.Task[None]:
    """Do something again and again; one failure is logged, and the next turn comes."""

    async def turn() -> None:
        while True:
            await asyncio.sleep(seconds)
            await _once(app, act)

    return asyncio.create_task(turn(), name=act.__name__)


async def _once(app: App, act: Callable[[App], Awaitable[object]]) -> None:
    try:
        await act(app)
    except Unavailable as error:
        log.warning("not done this time", extra={"task": act.__name__, "reason": str(error)})
    except Exception as error:  # noqa: BLE001 - a loop must not end because one turn failed
        log.error("a task failed", extra={"task": act.__name__, **told(error)})


def _bus_came_up(app: App) -> None:
    app.spawn(_once(app, sessions.end_dead_sockets))
    app.spawn(_once(app, repair.repair))


async def _within(seconds: float, ending: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await ending
    except TimeoutError:
        log.warning("something did not end in time")
