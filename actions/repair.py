"""Filling gaps: what a connection should have been given and was not is read from the log.

The database is the truth, the bus is only a bell. This one mechanism brings what was missed before a
device came back, and repairs a lost publish, a dead Redis and whatever else swallowed an event.
"""

import asyncio

import models.timelines
from actions import events
from actions.app import App
from models.db import Unavailable
from realtime.codes import TOO_SLOW
from realtime.connection import Connection

PAGE = 200
LOOK_SECONDS = 1.0
FILL_SECONDS = 1.0
# What has been committed is told a moment later: whoever looks in between would bring it twice to its sender, once as
# an event of the log and once as the answer.
SETTLE_SECONDS = 0.2


async def fill(app: App, connection: Connection) -> int:
    """Give a connection what its user's log holds behind what it was given; how many events that was.

    One filling at a time; a reader that does not keep up is waited for, page by page.
    """
    if connection in app.filling:
        return 0
    app.filling.add(connection)
    try:
        return await _fill(app, connection)
    finally:
        app.filling.discard(connection)


async def _fill(app: App, connection: Connection) -> int:
    filled = 0
    while connection.closed is None and (upto := connection.given.upto) is not None:
        head = connection.head
        page = await events.after(app, connection.user_id, position=upto, limit=PAGE)
        if events.is_forgotten(connection.given.upto or 0, head, page):
            # At its next hello the client is told to begin anew.
            connection.close(TOO_SLOW)
            break
        for position, event in page:
            frame = connection.dialect.encode(event, position)
            if frame is None:
                connection.given.add(position)
            else:
                filled += connection.give(frame, position)
            if connection.is_crowded:
                await connection.drained()
        if len(page) < PAGE:
            break
        await connection.drained()
    return filled


async def repair(app: App) -> None:
    """Compare what each connection was given with the head of its user's log, and fill what is missing.

    A reader that does not keep up holds up nobody else: after a while it is left to be filled on.
    """
    begun = [connection for connection in app.hub.all() if connection.given.upto is not None]
    heads = await models.timelines.heads_of(app.db, sorted({connection.user_id for connection in begun}))
    missing = []
    for connection in begun:
        upto = connection.given.upto
        head = heads.get(connection.user_id, 0)
        connection.head = max(connection.head, head)
        if upto is not None and upto < head:
            missing.append(app.begin(_mend(app, connection, head)))
    if missing:
        await asyncio.wait(missing, timeout=FILL_SECONDS)


async def head_of(app: App, connection: Connection) -> int:
    """How far the log of a connection goes; what this shows to be missing is filled in beside.

    When the database does not say so in time, as far as is known here.
    """
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            connection.head = max(connection.head, await app.heads.of(connection.user_id))
    except (Unavailable, TimeoutError):
        pass
    upto = connection.given.upto
    if upto is not None and upto < connection.head:
        app.spawn(_mend(app, connection, connection.head))
    return max(connection.head, upto or 0)


async def settle() -> None:
    """Let what has just been committed be told."""
    await asyncio.sleep(SETTLE_SECONDS)


async def _mend(app: App, connection: Connection, head: int) -> None:
    """Fill what was missing up to `head`, if it is missing still when all has settled."""
    await settle()
    upto = connection.given.upto
    if upto is None or upto >= head:
        return
    filled = await fill(app, connection)
    app.repaired += filled  # in one step: others mend meanwhile


async def beat(app: App) -> None:
    """Look at everybody's head, fill what is missing, and tell each client how far its log goes."""
    await repair(app)
    await app.hub.beat()


async def while_down(app: App) -> None:
    """As long as the bus is down, the log is the only way in which another instance's events arrive."""
    if not app.bus.up:
        await repair(app)
