"""For whoever runs it: alive, ready, and the description of the API."""

import asyncio
from typing import Any

import msgspec

from actions import readiness
from handlers.operation import Answer, Call


class Alive(msgspec.Struct, frozen=True):
    """The process answers; nothing else was asked."""

    alive: bool = True


class Readiness(msgspec.Struct, frozen=True):
    """Whether traffic should come here, and what each part says."""

    ready: bool
    database: str
    migrations: str
    bus: str


async def livez(call: Call[None, None]) -> Answer:
    """Say that the loop turns."""
    return Answer(Alive())


async def readyz(call: Call[None, None]) -> Answer:
    """Ask the database, the migrations and the bus."""
    parts = await readiness.ask(call.app)
    body = Readiness(parts.ready, parts.database, parts.migrations, parts.bus)
    return Answer(body, status=200 if parts.ready else 503)


async def openapi(call: Call[None, None]) -> Answer:
    """The OpenAPI document of this API."""
    return Answer(await asyncio.to_thread(_openapi))


async def asyncapi(call: Call[None, None]) -> Answer:
    """The AsyncAPI document of the WebSocket."""
    return Answer(await asyncio.to_thread(_asyncapi))


# Made when they are first asked for, beside the loop: a start is quick, and nobody waits meanwhile.


def _openapi() -> dict[str, Any]:
    # Made from the route table, which imports this module.
    from handlers.openapi import document  # noqa: PLC0415

    return document()


def _asyncapi() -> dict[str, Any]:
    from handlers.asyncapi import document  # noqa: PLC0415

    return document()
