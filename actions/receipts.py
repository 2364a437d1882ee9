"""How far somebody has received and read: forward only, merged, told to the other person if both want it."""

import asyncio

import models.conversations
import models.receipts
import models.users
from actions import accounts, conversation_keys, events, limits
from actions.app import App, Caller
from actions.errors import Invalid, NotFound
from models.db import Unavailable
from models.receipts import BeyondHead, Receipt
from models.timelines import Entry, Kind

# A device that gets many messages acknowledges many times; one write tells the newest.
MERGE_SECONDS = 0.2


async def acknowledge(app: App, caller: Caller, position: int) -> None:
    """The caller's device holds everything up to `position`; `Invalid` when that is beyond the head."""
    try:
        entries = await models.receipts.acknowledge(
            app.db, session_id=caller.session_id, user_id=caller.user_id, position=position, now=app.clock()
        )
    except BeyondHead as error:
        raise Invalid.field("position", "out_of_range", "Nothing has this position yet.") from error
    await _tell(app, entries)


def acknowledge_soon(app: App, caller: Caller, position: int) -> None:
    """The same for a position that the device was given, merged with what it acknowledges meanwhile."""
    waiting = app.acks.get(caller.session_id)
    app.acks[caller.session_id] = (caller, max(position, waiting[1] if waiting else 0))
    if waiting is None:
        app.spawn(_acknowledge_later(app, caller.session_id))


async def _acknowledge_later(app: App, session_id: int) -> None:
    """Write the newest of what waits, again and again as long as the database is away or more has come."""
    while True:
        await asyncio.sleep(MERGE_SECONDS)
        caller, position = app.acks[session_id]
        try:
            await acknowledge(app, caller, position)
        except Unavailable:
            if not app.leaving:
                continue
        except Exception:
            del app.acks[session_id]  # else nothing of this session would ever be written again
            raise
        if app.acks[session_id][1] == position:
            del app.acks[session_id]
            return


async def read(app: App, caller: Caller, *, peer: str, up_to: int) -> None:
    """The caller has read what `peer` sent, up to this message id; what was never sent to them does not count."""
    await limits.spend(app, limits.READ, caller.user_id)
    other = await accounts.known(app, peer)
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    conversation_id = await models.conversations.id_of_pair(app.db, pair)
    if conversation_id is None:
        raise NotFound("There is no conversation with this person.")
    receipt = Receipt(conversation_id, caller.user_id, other.id, Kind.READ, up_to)
    await _tell(app, await models.receipts.read(app.db, receipt, app.clock()), pair)


async def _tell(app: App, entries: list[Entry], pair: tuple[int, int] | None = None) -> None:
    people = {user_id for entry in entries for user_id in (entry.user_id, entry.actor_id)} | set(pair or ())
    names = await models.users.names_of(app.db, sorted(people)) if entries else {}
    for entry in entries:
        events.tell(app, [entry], pair or (entry.user_id, entry.actor_id), names)
