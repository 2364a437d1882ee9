"""The devices on which a person is signed in, a session each: seen by them alone, and signed out one or all.

Whoever ends another session than their own must have proved lately who they are (ASVS 7.5.2): a stolen token signs
nobody out.
"""

import models.sessions
from actions import audit, limits, sessions, step_up
from actions.app import App, Caller
from actions.errors import NotFound
from models.sessions import Session

NO_SESSION = "There is no such session of yours."


async def list_own(app: App, caller: Caller) -> list[Session]:
    """The caller's sessions, the last used first."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.sessions.of_user(app.db, caller.user_id, app.clock())


async def end_one(app: App, caller: Caller, session_id: int) -> None:
    """End one of the caller's sessions; `NotFound` for anybody else's, and for one that has ended."""
    await limits.spend(app, limits.SESSIONS, caller.user_id)
    if session_id == caller.session_id:
        await sessions.end(app, caller)
        return
    session = await models.sessions.by_id(app.db, session_id)
    if session is None or session.user_id != caller.user_id or not session.is_alive(app.clock()):
        raise NotFound(NO_SESSION)
    await step_up.require_recent(app, caller)
    record = audit.act(app, caller, "session_end", target=str(session_id))
    if not await models.sessions.end(app.db, session_id, now=record.at, reason="revoked", record=record):
        raise NotFound(NO_SESSION)
    sessions.tell_ended(app, caller.user_id, [session_id], "revoked")


async def end_others(app: App, caller: Caller) -> None:
    """End all of the caller's sessions but the one that asks."""
    await limits.spend(app, limits.SESSIONS, caller.user_id)
    await step_up.require_recent(app, caller)
    await sessions.end_others(app, caller, reason="revoked")


async def end_everywhere(app: App, caller: Caller) -> None:
    """Sign out everywhere: end all of the caller's sessions, the one that asks as well."""
    await limits.spend(app, limits.SESSIONS, caller.user_id)
    await step_up.require_recent(app, caller)
    record = audit.act(app, caller, "sessions_end", reason="everywhere")
    await sessions.end_all(app, caller.user_id, reason="logout", record=record)
