"""A conversation's timer of disappearing messages: one for its two people, set by either.

It is what they want of each other and no more: who writes puts it on the message, as its `ttl_seconds`.
"""

import models.conversations
import models.timers
from actions import accounts, conversation_keys, events, limits, messages
from actions.app import App, Caller
from models.timers import Timer


async def put(app: App, caller: Caller, peer: str, seconds: int | None) -> str:
    """Set the timer of the caller's conversation with somebody, before its first message as well; their name.

    Both are told, on every device; of one that is set already nobody is. To somebody who is blocked it looks the
    same, and is theirs alone. `NotFound` when there is no such person, `Invalid` for a time that no message can last.
    """
    messages.check_ttl(app, seconds)
    await limits.spend(app, limits.TIMER, caller.user_id)
    other = await accounts.known(app, peer)
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    key = await conversation_keys.current(app, pair)
    timer = Timer(key.conversation_id, caller.user_id, other.id, seconds)
    entries = await models.timers.put(app.db, timer, app.clock())
    events.tell(app, entries, pair, {other.id: other.name, caller.user_id: caller.username})
    return other.name


async def own(app: App, caller: Caller, peer: str) -> tuple[str, int | None]:
    """Somebody's name, and the timer of the caller's conversation with them, though no message is in it yet."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, peer)
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    conversation_id = await models.conversations.id_of_pair(app.db, pair)
    if conversation_id is None:
        return other.name, None
    timers = await models.timers.of_user(app.db, caller.user_id, [conversation_id])
    return other.name, timers.get(conversation_id)
