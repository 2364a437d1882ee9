"""How long the log is kept. What is older is forgotten: whoever was away for longer loads history again.

The log tells that something happened; messages themselves, their edits and receipts stay.
"""

import asyncio

import models.timelines
from actions.app import App

DAY_MILLISECONDS = 86_400_000
# Between two steps the database is left to others.
PAUSE_SECONDS = 0.05


async def forget(app: App) -> int:
    """Forget the events that are older than the policy says, of everybody; how many those were.

    Several instances may do so at once: each event is forgotten once.
    """
    before = app.clock() - app.policy.events_days * DAY_MILLISECONDS
    total, behind = await models.timelines.forget(app.db, before=before, behind=0)
    while behind is not None:
        await asyncio.sleep(PAUSE_SECONDS)
        dropped, behind = await models.timelines.forget(app.db, before=before, behind=behind)
        total += dropped
    return total
