"""Everybody is told of a message while its transaction is still open, on a slow disk."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from actions import messages
from models import writer
from models.db import Engine, transaction
from models.drafts import Draft, Identity, Stored
from realtime.events import MessageSent

SLOW_DISK_SECONDS = 0.2


def plant() -> None:
    make_draft, write = messages._draft, writer.write
    waiting: dict[Identity, tuple[asyncio.AbstractEventLoop, messages._Accepted]] = {}

    def draft(app, caller, recipient, key, wanted) -> Draft:
        made = make_draft(app, caller, recipient, key, wanted)
        accepted = messages._Accepted(app, caller, recipient, wanted, made, None)
        waiting[made.identity] = (asyncio.get_running_loop(), accepted)
        return made

    def publish(accepted: messages._Accepted, stored: Stored) -> None:
        accepted.app.bus.publish(stored.positions, MessageSent(messages._shown(accepted, stored.message_id)))

    def write_and_publish(engine: Engine, drafts: Sequence[Draft], *, careful: bool):
        with transaction(engine):
            outcomes = write(engine, drafts, careful=careful)
            for each, outcome in zip(drafts, outcomes, strict=True):
                if isinstance(outcome, Stored) and outcome.duplicate is None:
                    loop, accepted = waiting[each.identity]
                    loop.call_soon_threadsafe(partial(publish, accepted, outcome))
            time.sleep(SLOW_DISK_SECONDS)
        return outcomes

    messages._draft, writer.write = draft, write_and_publish
