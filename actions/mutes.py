"""Whose messages do not ring: of these the caller's devices are told nothing by push. Nobody else learns of it."""

import models.mutes
from actions import accounts, limits
from actions.app import App, Caller


async def add(app: App, caller: Caller, username: str) -> None:
    """Mute a person; again changes nothing."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, username)
    await models.mutes.add(app.db, caller.user_id, other.id, app.clock())


async def remove(app: App, caller: Caller, username: str) -> None:
    """Let a person ring again; where they were not muted, nothing changes."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, username)
    await models.mutes.remove(app.db, caller.user_id, other.id)


async def list_own(app: App, caller: Caller, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of (name, cursor) of those the caller has muted."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.mutes.of_user(app.db, caller.user_id, after=after, limit=limit)
