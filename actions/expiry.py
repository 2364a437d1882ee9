"""Disappearing messages: gone from every answer the moment their time is over, destroyed by a sweep soon after."""

from collections import defaultdict
from collections.abc import Sequence

import models.changes
import models.messages
import models.users
from actions import conversation_keys, events
from actions.app import App
from models.timelines import Entry

MOST_AT_ONCE = 500


async def sweep(app: App) -> int:
    """Destroy the ciphertext of what has expired, on whichever instance comes first, and tell everybody concerned.

    Returns how many messages that were.
    """
    total = 0
    while True:
        entries = await models.changes.sweep(app.db, now=app.clock(), limit=MOST_AT_ONCE)
        await _tell(app, entries)
        gone = {entry.message_id for entry in entries}
        total += len(gone)
        if len(gone) < MOST_AT_ONCE:
            return total


async def _tell(app: App, entries: Sequence[Entry]) -> None:
    by_message: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_message[entry.message_id].append(entry)
    stored = await models.messages.by_ids(app.db, list(by_message))
    pairs = {message.id: conversation_keys.people_of(message) for message in stored}
    names = await models.users.names_of(app.db, sorted({person for pair in pairs.values() for person in pair}))
    for message_id, pair in pairs.items():
        events.tell(app, by_message[message_id], pair, names)
