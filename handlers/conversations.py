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


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """With whom, the last message, and how many are unread (1,000 stands for more).

    `online` and `last_seen` (a day, UTC) are there when both people show themselves.
    """

    peer: str
    last_message: Message
    unread: int
    display_name: str | None = None
    online: bool | None = None
    last_seen: Annotated[str, Meta(examples=["2026-11-22"])] | None = None


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
    page = [_shown(summary) for summary in found[:limit]]
    if len(found) <= limit:
        return Answer(page)
    step: dict[str, str | int] = {"limit": limit, "before": page[-1].last_message.id}
    return Answer(page, headers={"Link": link_next(call.url, step)})


def _shown(summary: conversations.Summary) -> Conversation:
    return Conversation(
        summary.peer,
        summary.last_message,
        summary.unread,
        summary.display_name,
        summary.online,
        summary.last_seen,
    )
