"""Whether this instance should get traffic: the truth about the database, the migrations and the bus."""

import asyncio
from dataclasses import dataclass

import models.checkup
import models.migrate
from actions.app import App
from models.db import Unavailable

SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Parts:
    """`ok`, or what is wrong, for each part. A dead bus is told, and is no reason to send people away."""

    ready: bool
    database: str
    migrations: str
    bus: str


async def ask(app: App) -> Parts:
    """Look at each part now."""
    bus = "ok" if app.bus.up else "down: other instances' messages arrive late"
    if app.leaving:
        return Parts(ready=False, database="not asked", migrations="not asked", bus=bus)
    try:
        async with asyncio.timeout(SECONDS):
            state = await models.migrate.state(app.db)
            can_write = await models.checkup.can_write(app.db)
    except (Unavailable, TimeoutError):
        return Parts(ready=False, database="cannot be reached", migrations="not known", bus=bus)
    except models.migrate.Changed as error:
        return Parts(ready=False, database="ok", migrations=str(error), bus=bus)
    migrated = "ok" if not state.pending else f"pending: {', '.join(state.pending)}"
    database = "ok" if can_write else "read-only: what is there can be read, and nothing can be stored"
    return Parts(ready=can_write and not state.pending, database=database, migrations=migrated, bus=bus)
