"""The caller's conversations."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import conversations
from actions.messages import Message
from handlers.messages import MessageId, link_next
from handlers.operation import Answer, Call


class ConversationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page: conversations whose last message has an id below `before`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: MessageId | None = None


class Conversation(msgspec.Struct, frozen=True):
    """With whom, and the last message."""

    peer: str
    last_message: Message


async def list_own(call: Call[None, ConversationsQuery]) -> Answer:
    """List the caller's conversations, the one with the newest message first."""
    limit = call.query.limit
    found = await conversations.list_own(call.app, call.caller, limit=limit + 1, before=call.query.before)
    page = [Conversation(summary.peer, summary.last_message) for summary in found[:limit]]
    if len(found) <= limit:
        return Answer(page)
    step: dict[str, str | int] = {"limit": limit, "before": page[-1].last_message.id}
    return Answer(page, headers={"Link": link_next(call.url, step)})
