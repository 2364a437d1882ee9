"""Whose messages do not ring: of these the caller's devices are told nothing by push. Nobody else learns of it."""

import models.mutes
from actions import accounts, limits
from actions.app import App, Caller
from actions.errors import NotFound
from models.users import User

NO_PERSON = "There is no such person."


async def add(app: App, caller: Caller, username: str) -> None:
    """Mute a person; again changes nothing."""
    other = await _person(app, caller, username)
    await models.mutes.add(app.db, caller.user_id, other.id, app.clock())


async def remove(app: App, caller: Caller, username: str) -> None:
    """Let a person ring again; where they were not muted, nothing changes."""
    other = await _person(app, caller, username)
    await models.mutes.remove(app.db, caller.user_id, other.id)


async def list_own(app: App, caller: Caller, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of (name, cursor) of those the caller has muted."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.mutes.of_user(app.db, caller.user_id, after=after, limit=limit)


async def _person(app: App, caller: Caller, username: str) -> User:
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.person(app, username)
    if other is None:
        raise NotFound(NO_PERSON)
    return other
