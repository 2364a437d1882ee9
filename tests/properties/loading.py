"""Loading the present state by REST, as a device does after a reset, and as the proof does to compare."""

import json

from actions import conversations, events, messages
from actions.app import App, Caller
from realtime.dialects.v1 import V1_DIALECT
from tests.properties.view import View

PAGE = 5


async def load(app: App, caller: Caller) -> tuple[int, View]:
    """The head, and everything up to it: loaded again for as long as something has happened meanwhile."""
    head, view = -1, View(caller.username)
    while True:
        standing = await events.standing(app, caller.user_id, position=None, epoch=None)
        if standing.position == head:
            return head, view
        head, view = standing.position, View(caller.username)
        await _load_messages(app, caller, view)
        await _load_unread(app, caller, view)


async def _load_messages(app: App, caller: Caller, view: View) -> None:
    before: int | None = None
    while page := await messages.list_own(app, caller, limit=PAGE, before=before):
        ids = [message.id for message in page]
        assert ids == sorted(set(ids), reverse=True), f"{caller.username}: {ids}"
        assert before is None or ids[0] < before, f"{caller.username}: {ids} before {before}"
        for message in page:
            view.put(json.loads(V1_DIALECT.answer(message)))
        before = ids[-1]


async def _load_unread(app: App, caller: Caller, view: View) -> None:
    """How many are unread is asked after the messages were loaded. Reading goes forward: they are the newest."""
    now, before = app.clock(), None
    order: list[int] = []
    while page := await conversations.list_own(app, caller, limit=PAGE, before=before):
        for summary in page:
            there = view.received_from(summary.peer, now)
            read = there[: max(0, len(there) - summary.unread)]
            view.mark("read", caller.username, summary.peer, read[-1] if read else 0)
            order.append(summary.last_message.id)
        before = order[-1]
    assert order == sorted(set(order), reverse=True), f"{caller.username}: {order}"
    view.last = order
