"""A socket comes and goes: hold live frames, join the bus, read what was missed, go live.

Subscribe before you read: what is published from the moment of joining on is held for the connection
and given when it goes live, less what was read from the log meanwhile, so nothing falls in between.
"""

import models.sessions
import models.timelines
from actions import events, presence, repair
from actions.app import App, Caller
from actions.errors import TooMany, Unauthenticated
from actions.events import Standing
from realtime.connection import Connection

ROOM_AGAIN_SECONDS = 30.0


async def attach(app: App, caller: Caller, connection: Connection) -> None:
    """Make a held connection one of its user's; events are kept for it from now on.

    Raises `TooMany` when the person has as many sockets here as they may, `Unauthenticated` when the
    session has ended meanwhile. Whatever happens, `detach` MUST follow.
    """
    async with app.coming:
        await _attach(app, caller, connection)


async def _attach(app: App, caller: Caller, connection: Connection) -> None:
    connection.hold()
    # Read before joining: what a connection without a position of its own may count as known.
    state = await models.timelines.state(app.db, caller.user_id)
    # From the count to the joining nothing waits, so that many who come at once keep to the bound.
    if len(app.hub.connections_of(caller.user_id)) >= app.policy.sockets_per_user:
        raise TooMany("Too many connections of one person.", retry_after=ROOM_AGAIN_SECONDS)
    connection.head = state.position
    app.attached.add(connection)
    app.hub.join(connection)
    await app.bus.join(caller.user_id)
    # An ending that was told before we could hear it: from now on we hear, so one look is enough.
    session = await models.sessions.by_id(app.db, caller.session_id)
    if session is None or not session.is_alive(app.clock()):
        raise Unauthenticated("Sign in again.")
    if connection in app.attached:  # else it has gone meanwhile
        presence.come(app, connection)


def go_live(app: App, connection: Connection) -> None:
    """Begin without a position of one's own: everything since the attaching is new, and all before it is known."""
    connection.given.begin(connection.head)
    connection.release()
    # What was published after the head was read and before the bus was joined is in the log alone.
    app.spawn(repair.fill(app, connection))


async def resume(app: App, caller: Caller, *, position: int | None, epoch: str | None) -> Standing:
    """Where the caller's log stands, asked after the attaching; tell the client, then call `recover`."""
    standing = await events.standing(app, caller.user_id, position=position, epoch=epoch)
    app.resumes[standing.outcome] += 1
    return standing


async def recover(app: App, connection: Connection, standing: Standing, position: int | None) -> None:
    """Give what was missed behind `position` if it can be told, then go live."""
    connection.head = max(connection.head, standing.position)
    if standing.outcome == "recovered" and position is not None:
        connection.given.begin(position)
        await repair.fill(app, connection)
    else:
        connection.given.begin(standing.position)
    connection.release()
    presence.greet(app, connection)


def detach(app: App, connection: Connection) -> None:
    """Undo `attach`; harmless when it was undone before, or never done."""
    if connection not in app.attached:
        return
    app.attached.discard(connection)
    presence.go(app, connection, is_last=app.hub.leave(connection))
    app.spawn(app.bus.leave(connection.user_id))
