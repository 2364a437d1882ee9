"""Who types: told at once or not at all, never stored, only to people one has a conversation with."""

import models.blocks
import models.conversations
from actions import accounts, conversation_keys, limits
from actions.app import App, Caller
from actions.errors import NotFound
from realtime.events import Typing


async def typing(app: App, caller: Caller, peer: str) -> None:
    """Tell `peer` that the caller types to them; too often, or to somebody who would not hear it: nothing."""
    other = await accounts.person(app, peer)
    if other is None:
        raise NotFound("There is no such person.")
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    if not await limits.has_room(app, limits.TYPING, f"{caller.user_id} {other.id}"):
        return
    if await models.conversations.id_of_pair(app.db, pair) is None:
        return
    if not await models.blocks.is_blocked(app.db, caller.user_id, other.id):
        app.bus.publish([(other.id, None)], Typing(caller.username))
