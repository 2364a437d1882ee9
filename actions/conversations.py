"""Conversations: the caller's own, newest first, each with its last message."""

from dataclasses import dataclass, replace

import models.conversations
import models.messages
import models.presence
import models.receipts
import models.timers
from actions import limits, presence, presentation
from actions.app import App, Caller
from actions.times import DAYS, date_of
from models.presence import Peer
from realtime.events import Message


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list; `online` and `last_seen` are None where the two do not see one another.

    `ttl_seconds` is its timer of disappearing messages.
    """

    peer: str
    last_message: Message
    unread: int
    display_name: str | None = None
    online: bool | None = None
    last_seen: str | None = None
    ttl_seconds: int | None = None


async def list_own(
    app: App, caller: Caller, *, limit: int, before: int | None, unread_only: bool = False
) -> list[Summary]:
    """The caller's conversations whose last message has an id below `before`, newest first."""
    await limits.spend(app, limits.READ, caller.user_id)
    newest = await models.conversations.newest_of(
        app.db, caller.user_id, limit=limit, before=before, now=app.clock(), unread=unread_only
    )
    stored = await models.messages.by_ids(app.db, newest)
    shown = await presentation.present(app, caller.user_id, sorted(stored, key=lambda message: -message.id))
    conversation_of = {message.id: message.conversation_id for message in stored}
    ids = sorted(conversation_of.values())
    unread = await models.receipts.unread(app.db, caller.user_id, ids, app.clock())
    timers = await models.timers.of_user(app.db, caller.user_id, ids)
    peers = await models.presence.peers_of(app.db, caller.user_id, ids)
    online = await presence.online_among(app, [peer.id for peer in peers.values() if peer.visible])
    summaries = []
    for message in shown:
        conversation = conversation_of[message.id]
        name, timer = _peer(message, caller), timers.get(conversation)
        summary = Summary(name, message, unread.get(conversation, 0), ttl_seconds=timer)
        summaries.append(_with_peer(app, summary, peers.get(conversation), online))
    return summaries


def _with_peer(app: App, summary: Summary, peer: Peer | None, online: set[int]) -> Summary:
    if peer is None or not (peer.visible and app.policy.presence):
        return replace(summary, display_name=None if peer is None else peer.display_name)
    last_seen = date_of(peer.seen_on) if peer.seen_on is not None and peer.seen_on in DAYS else None
    return replace(summary, display_name=peer.display_name, online=peer.id in online, last_seen=last_seen)


def _peer(message: Message, caller: Caller) -> str:
    return message.recipient if message.sender == caller.username else message.sender
