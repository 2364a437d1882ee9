"""How an instance leaves: step by step, each within its bound, so that the end comes whatever hangs.

Sockets are told to come back elsewhere; what waits to be stored is stored; whoever waits for an answer gets one, if
only that nothing is known; then the connections end. Nothing that was acknowledged depends on any of it.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer

from actions.app import App, alone
from handlers.base import Doorway
from realtime import codes

log = logging.getLogger("recado.server")

# Within how long the clients of a leaving instance come back to the others.
SPREAD_MILLISECONDS = 3000
# What each step may take. All of them together, and the closing of the database, stay below the ten seconds after
# which a process manager may lose its patience.
BESIDE_SECONDS = 1.0
WRITING_SECONDS = 2.0
ANSWERING_SECONDS = 1.0
RECORDING_SECONDS = 0.7
LAST_ANSWERS_SECONDS = 0.3
GOODBYE_SECONDS = 1.0
CONNECTIONS_SECONDS = 0.5
SHARED_SECONDS = 1.5
LAST_SECONDS = 9.5
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Parts:
    """What an instance consists of, to be ended."""

    app: App
    doorway: Doorway
    listeners: tuple[HTTPServer, ...]
    loops: Collection[asyncio.Task[None]]
    # What is done last of all that needs the database.
    last: Callable[[], Coroutine[Any, Any, object]] | None = None


async def leave(parts: Parts) -> None:
    """End everything, in order."""
    app, doorway, pulse = parts.app, parts.doorway, parts.doorway.pulse
    app.leaving = True
    for listener in parts.listeners:
        listener.stop()
    app.hub.dismiss(codes.RESTART, SPREAD_MILLISECONDS)
    for wire in pulse:
        wire.end(codes.RESTART)  # who has not said hello is in no hub
    for loop in parts.loops:
        loop.cancel()
    beside = asyncio.gather(*parts.loops, *app.background, return_exceptions=True)
    await within(BESIDE_SECONDS, beside, "what went on beside")
    await within(WRITING_SECONDS, app.writer.stop(), "the writer")
    await within(ANSWERING_SECONDS, _none_of(doorway.under_way.__len__), "answers")
    if parts.last is not None:
        await within(RECORDING_SECONDS, alone(parts.last()), "the audit log")
    # Whoever still waits for the database is told so now, and answers with that.
    await app.db.close()
    await within(LAST_ANSWERS_SECONDS, _none_of(doorway.under_way.__len__), "the last answers")
    for request in tuple(doorway.under_way):
        request.give_up()
    await within(GOODBYE_SECONDS, _none_of(pulse.__len__))  # who sleeps does not answer: that is no fault
    for wire in pulse:
        wire.abort()
    for listener in parts.listeners:
        await within(CONNECTIONS_SECONDS, listener.close_all_connections(), "connections")
    shared = asyncio.gather(app.bus.stop(), app.presence.aclose(), app.buckets.aclose(), return_exceptions=True)
    await within(SHARED_SECONDS, shared, "the connections to Redis")
    app.hashing.close()
    if app.push.courier is not None:
        app.push.courier.close()


async def within(seconds: float, ending: Awaitable[object], what: str | None = None) -> None:
    """Wait for the end of something; after so many seconds it is cancelled, and left behind. `what` is then logged."""
    try:
        async with asyncio.timeout(seconds):
            await ending
    except TimeoutError:
        if what is not None:
            log.warning("did not end in time", extra={"what": what})


def end_by(seconds: float) -> None:
    """Make sure that the process ends within so many seconds, even if a thread hangs for ever."""
    last = threading.Timer(seconds, os._exit, (1,))
    last.daemon = True  # it keeps nobody: a process that ends by itself never meets it
    last.start()


async def _none_of(count: Callable[[], int]) -> None:
    while count():  # noqa: ASYNC110 - bounded, and once in a life
        await asyncio.sleep(LOOK_SECONDS)
