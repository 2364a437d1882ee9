"""The caller's conversations."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import conversations, receipts
from actions.messages import Message
from handlers.messages import MessageId, link_next
from handlers.operation import Answer, Call


class ConversationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page: conversations whose last message has an id below `before`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: MessageId | None = None


class Conversation(msgspec.Struct, frozen=True):
    """With whom, the last message, and how many are unread (1,000 stands for more)."""

    peer: str
    last_message: Message
    unread: int


class UpTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last message that has been read."""

    up_to: MessageId


async def read(call: Call[UpTo, None]) -> Answer:
    """Note what the caller has read."""
    await receipts.read(call.app, call.caller, peer=call.path["username"], up_to=call.body.up_to)
    return Answer(status=204)


async def list_own(call: Call[None, ConversationsQuery]) -> Answer:
    """List the caller's conversations, the one with the newest message first."""
    limit = call.query.limit
    found = await conversations.list_own(call.app, call.caller, limit=limit + 1, before=call.query.before)
    page = [Conversation(summary.peer, summary.last_message, summary.unread) for summary in found[:limit]]
    if len(found) <= limit:
        return Answer(page)
    step: dict[str, str | int] = {"limit": limit, "before": page[-1].last_message.id}
    return Answer(page, headers={"Link": link_next(call.url, step)})
