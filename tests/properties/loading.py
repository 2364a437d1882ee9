"""Loading the present state by REST, as a device does after a reset, and as the proof does to compare."""

import json
from collections.abc import Iterable

from actions import conversations, events, messages, timers
from actions.app import App, Caller
from realtime.dialects.v1 import V1_DIALECT
from tests.properties.view import View

PAGE = 5


async def load(app: App, caller: Caller, people: Iterable[str]) -> tuple[int, View]:
    """The head, and everything up to it: loaded again for as long as something has happened meanwhile.

    Timers are in the list of conversations; that with somebody of `people` who is not in it is asked for by name.
    """
    head, view = -1, View(caller.username)
    while True:
        standing = await events.standing(app, caller.user_id, position=None, epoch=None)
        if standing.position == head:
            return head, view
        head, view = standing.position, View(caller.username)
        await _load_messages(app, caller, view)
        listed = await _load_conversations(app, caller, view)
        view.timers |= await timers_of(app, caller, [peer for peer in people if peer not in listed])


async def timers_of(app: App, caller: Caller, peers: Iterable[str]) -> dict[str, int]:
    """The timers of the conversations with these people, asked for by name, where there are some."""
    found = {peer: (await timers.own(app, caller, peer))[1] for peer in peers}
    return {peer: seconds for peer, seconds in found.items() if seconds is not None}


async def _load_messages(app: App, caller: Caller, view: View) -> None:
    before: int | None = None
    while page := await messages.list_own(app, caller, limit=PAGE, before=before):
        ids = [message.id for message in page]
        assert ids == sorted(set(ids), reverse=True), f"{caller.username}: {ids}"
        assert before is None or ids[0] < before, f"{caller.username}: {ids} before {before}"
        for message in page:
            view.put(json.loads(V1_DIALECT.answer(message)))
        before = ids[-1]


async def _load_conversations(app: App, caller: Caller, view: View) -> set[str]:
    """With whom. How many are unread is asked after the messages were loaded. Reading goes on: they are the newest."""
    now, before = app.clock(), None
    listed: set[str] = set()
    order: list[int] = []
    while page := await conversations.list_own(app, caller, limit=PAGE, before=before):
        for summary in page:
            there = view.received_from(summary.peer, now)
            read = there[: max(0, len(there) - summary.unread)]
            view.mark("read", caller.username, summary.peer, read[-1] if read else 0)
            view.time(summary.peer, summary.ttl_seconds)
            listed.add(summary.peer)
            order.append(summary.last_message.id)
        before = order[-1]
    assert order == sorted(set(order), reverse=True), f"{caller.username}: {order}"
    view.last = order
    return listed
