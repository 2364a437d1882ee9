"""Conversations: the caller's own, newest first, each with its last message."""

from dataclasses import dataclass

import models.conversations
import models.messages
import models.receipts
from actions import limits, messages
from actions.app import App, Caller
from realtime.events import Message


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list."""

    peer: str
    last_message: Message
    unread: int


async def list_own(app: App, caller: Caller, *, limit: int, before: int | None) -> list[Summary]:
    """The caller's conversations whose last message has an id below `before`, newest first."""
    await limits.spend_here(app, limits.READ, caller.user_id)
    newest = await models.conversations.newest_of(app.db, caller.user_id, limit=limit, before=before, now=app.clock())
    stored = await models.messages.by_ids(app.db, newest)
    shown = await messages.present(app, caller.user_id, sorted(stored, key=lambda message: -message.id))
    conversation_of = {message.id: message.conversation_id for message in stored}
    unread = await models.receipts.unread(app.db, caller.user_id, sorted(conversation_of.values()), app.clock())
    return [Summary(_peer(message, caller), message, unread.get(conversation_of[message.id], 0)) for message in shown]


def _peer(message: Message, caller: Caller) -> str:
    return message.recipient if message.sender == caller.username else message.sender
