"""One running server of the world, and an ear for what it logs."""

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from actions.app import App
from handlers.pulse import Pulse
from tests.properties.air import AirBus
from tests.properties.door import Door

QUEUED_BYTES = 1500


class Errors(logging.Handler):
    """What the server logs as an error is a fault, whoever was told of it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        why = [str(record.__dict__[name]) for name in ("task", "reason", "error") if name in record.__dict__]
        self.told.append(" ".join([record.getMessage(), *why]))


@dataclass(eq=False, slots=True)
class Poll:
    """A question for what comes behind a cursor."""

    cursor: int | None
    task: "asyncio.Task[Any]"


@dataclass(eq=False, slots=True)
class Instance:
    """One running server, and who is connected to it."""

    name: str
    app: App
    bus: AirBus
    doorway: SimpleNamespace
    doors: dict[str, Door] = field(default_factory=dict)
    polls: dict[str, Poll] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)  # device → the tick of its coming


def doorway_of(app: App) -> SimpleNamespace:
    """What a door needs of a `Doorway`. Little may wait for a slow reader: overflows shall be common."""
    return SimpleNamespace(
        app=app,
        max_frame_bytes=65_536,
        max_queued_bytes=QUEUED_BYTES,
        heartbeat_seconds=30,
        pulse=Pulse(30, 30),
        allowance=None,
    )
