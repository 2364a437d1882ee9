"""The log of one person as events: what a device has missed, in the present state.

A message that was deleted or has expired since comes as that, never with its text. What a newer version has written
comes as something unknown: a position is never left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import structs

import models.facts
import models.timelines
import models.timers
import models.told
from actions import presentation
from actions.app import App
from models.messages import StoredMessage
from models.timelines import Entry, Kind
from models.told import Told
from realtime.events import Deleted, Edited, Event, Expired, Message, MessageSent, Receipt, Timer, Unknown

Placed = tuple[int, Event]
# By number: a newer version may have written others.
RECEIPTS: dict[int, str] = {Kind.DELIVERED: "delivered", Kind.READ: "read"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person's log stands: its head, the epoch, and how a device that knows `position` goes on.

    `outcome`: `live` (it knows none), `recovered` (what it missed can be told), or `reset` (its position is of
    another epoch, beyond the head, or older than what is kept: load history again).
    """

    position: int
    epoch: str
    outcome: str


async def standing(app: App, user_id: int, *, position: int | None, epoch: str | None) -> Standing:
    """How a device goes on. MUST be asked after the bus was joined: subscribe before you read."""
    state = await models.timelines.state(app.db, user_id)
    if app.epoch is None:
        app.epoch = await models.facts.epoch(app.db)
    return Standing(state.position, app.epoch, _outcome(app.epoch, state, position, epoch))


def _outcome(own: str, state: models.timelines.State, position: int | None, epoch: str | None) -> str:
    if position is None:
        return "live"
    known = state.floor <= position <= state.position
    return "recovered" if known and epoch in (None, own) else "reset"


async def after(app: App, user_id: int, *, position: int, limit: int) -> list[Placed]:
    """The events behind `position`, each with its own, in order, at most `limit`."""
    async with app.reading:
        return await _after(app, user_id, position, limit)


async def _after(app: App, user_id: int, position: int, limit: int) -> list[Placed]:
    told = await models.told.after(app.db, user_id, position=position, limit=limit)
    now = app.clock()
    there = {
        one.shown.message.id: one.shown for one in told if one.shown and _is_there(one.shown.message, user_id, now)
    }
    shown = await presentation.show(app, user_id, list(there.values()))
    by_id = {message.id: message for message in shown}
    return [(one.entry.position, _event(one, by_id, user_id)) for one in told]


def is_forgotten(position: int, head: int, page: Sequence[Placed]) -> bool:
    """Whether what came right behind `position` is gone, as a page tells that was read after the head was `head`."""
    return page[0][0] > position + 1 if page else head > position


def tell(app: App, entries: Sequence[Entry], pair: tuple[int, int], names: dict[int, str]) -> None:
    """Publish what has been committed about a message that is gone, a receipt, or a timer."""
    for entry in entries:
        peer = names.get(_other(pair, entry.user_id), "")
        app.bus.publish([(entry.user_id, entry.position)], _plain_event(entry, peer, names.get(entry.actor_id, "")))


def tell_edited(app: App, entries: Iterable[Entry], message: Message) -> None:
    """Publish a message's new text, as its sender sees it; when it was received and read is theirs alone to know."""
    for_others = structs.replace(message, delivered_at=None, read_at=None)
    for entry in entries:
        shown = message if entry.user_id == entry.actor_id else for_others
        app.bus.publish([(entry.user_id, entry.position)], Edited(shown))


def _event(told: Told, shown: dict[int, Message], user_id: int) -> Event:
    entry = told.entry
    if entry.kind in (Kind.MESSAGE, Kind.EDITED):
        message = shown.get(entry.message_id)
        if message is not None:
            return MessageSent(message) if entry.kind == Kind.MESSAGE else Edited(message)
        deleted = told.shown is not None and _was_deleted(told.shown.message, user_id)
        entry = entry._replace(kind=Kind.DELETED if deleted else Kind.EXPIRED)
    return _plain_event(entry, _peer(told.people, user_id), told.people.get(entry.actor_id, ""))


def _plain_event(entry: Entry, peer: str, by: str) -> Event:
    if entry.kind == Kind.DELETED:
        return Deleted(entry.message_id, peer)
    if entry.kind == Kind.EXPIRED:
        return Expired(entry.message_id, peer)
    if entry.kind in RECEIPTS:
        return Receipt(RECEIPTS[entry.kind], by, peer, entry.message_id)
    if entry.kind == Kind.TIMER:
        return Timer(peer, by, models.timers.seconds_of(entry))
    return Unknown()


def _peer(people: dict[int, str], user_id: int) -> str:
    """The name of the other one; of oneself in a talk with oneself."""
    return next((name for other, name in people.items() if other != user_id), people.get(user_id, ""))


def _other(pair: tuple[int, int], user_id: int) -> int:
    return pair[1] if pair[0] == user_id else pair[0]


def _is_there(message: StoredMessage, user_id: int, now: int) -> bool:
    there = message.body is not None and (message.expires_at is None or message.expires_at > now)
    return there and not _has_left(message, user_id)


def _was_deleted(message: StoredMessage, user_id: int) -> bool:
    return message.deleted_at is not None or _has_left(message, user_id)


def _has_left(message: StoredMessage, user_id: int) -> bool:
    """Whether its recipient has deleted the conversation since, while it stays with its sender."""
    return message.recipient_position is None and user_id != message.sender_id
