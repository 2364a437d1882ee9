"""Whom somebody does not want to hear from. To the blocked it looks like nothing at all."""

import models.blocks
from actions import accounts, limits, presence
from actions.app import App, Caller
from actions.errors import Invalid


async def add(app: App, caller: Caller, username: str) -> None:
    """Block a person; again changes nothing."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, username)
    if other.id == caller.user_id:
        raise Invalid.field("username", "invalid", "Nobody can block themselves.")
    saw = await presence.may_see(app, caller.user_id, other.id)
    if await models.blocks.add(app.db, caller.user_id, other.id, app.clock()) and saw:
        presence.part(app, caller.user_id, other.id)


async def remove(app: App, caller: Caller, username: str) -> None:
    """Take a block back; where there is none, nothing changes."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, username)
    if await models.blocks.remove(app.db, caller.user_id, other.id):
        presence.meet(app, caller.user_id, other.id)


async def list_own(app: App, caller: Caller, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of (name, cursor) of those the caller blocks."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.blocks.of_user(app.db, caller.user_id, after=after, limit=limit)
