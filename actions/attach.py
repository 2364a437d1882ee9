"""A socket comes and goes: hold live frames, join the bus, look at the session once more, go live.

Subscribe before you read: what is published from the moment of joining on is held for the connection
and given when it goes live, so nothing falls between the handshake and the first frame.
"""

import asyncio

import models.sessions
from actions.app import App, Caller
from actions.errors import TooMany, Unauthenticated
from realtime.connection import Connection

ROOM_AGAIN_SECONDS = 30.0


async def attach(app: App, caller: Caller, connection: Connection) -> None:
    """Make a held connection one of its user's; events are kept for it from now on.

    Raises `TooMany` when the person has as many sockets here as they may, `Unauthenticated` when the
    session has ended meanwhile. Whatever happens, `detach` MUST follow.
    """
    if len(app.hub.connections_of(caller.user_id)) >= app.policy.sockets_per_user:
        raise TooMany("Too many connections of one person.", retry_after=ROOM_AGAIN_SECONDS)
    connection.hold()
    app.attached.add(connection)
    app.hub.join(connection)
    await app.bus.join(caller.user_id)
    # An ending that was told before we could hear it: from now on we hear, so one look is enough.
    session = await models.sessions.by_id(app.db, caller.session_id)
    if session is None or not session.is_alive(app.clock()):
        raise Unauthenticated("Sign in again.")


def detach(app: App, connection: Connection) -> None:
    """Undo `attach`; harmless when it was undone before, or never done."""
    if connection not in app.attached:
        return
    app.attached.discard(connection)
    app.hub.leave(connection)
    leaving = asyncio.ensure_future(app.bus.leave(connection.user_id))
    app.background.add(leaving)
    leaving.add_done_callback(app.background.discard)
