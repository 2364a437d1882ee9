"""Disappearing messages: gone from every answer the moment their time is over, destroyed by a sweep soon after."""

import models.messages
from actions.app import App

MOST_AT_ONCE = 500


async def sweep(app: App) -> int:
    """Destroy the ciphertext of what has expired, on whichever instance comes first; returns how many messages."""
    total = 0
    while True:
        entries = await models.messages.sweep(app.db, now=app.clock(), limit=MOST_AT_ONCE)
        gone = {entry.message_id for entry in entries}
        total += len(gone)
        if len(gone) < MOST_AT_ONCE:
            return total
