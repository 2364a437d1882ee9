"""The caller's conversations."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from actions import conversations, receipts, timers
from actions.messages import Message
from handlers.messages import MessageId
from handlers.operation import Answer, Call
from handlers.paging import first_of

# As with `Send`, the longest is a setting, which the action asks.
Seconds = Annotated[int, Meta(extra_json_schema={"minimum": 1}, examples=[86_400])]


class ConversationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page: conversations whose last message has an id below `before`.

    `unread`: those in which something waits to be read, and no others.
    """

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: MessageId | None = None
    unread: bool = False


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """With whom, the last message, and how many are unread (1,000 stands for more).

    `online` and `last_seen` (a day, UTC) are there when both people show themselves, `ttl_seconds` when it has a timer.
    """

    peer: str
    last_message: Message
    unread: int
    display_name: str | None = None
    online: bool | None = None
    last_seen: Annotated[str, Meta(examples=["2026-11-22"])] | None = None
    ttl_seconds: Seconds | None = None


class NewTimer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what is written from now on is to last; null: for ever."""

    ttl_seconds: Seconds | None


class Timer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The timer of a conversation; without `ttl_seconds` nothing disappears."""

    peer: str
    ttl_seconds: Seconds | None = None


class UpTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last message that has been read."""

    up_to: MessageId


async def read(call: Call[UpTo, None]) -> Answer:
    """Note what the caller has read."""
    await receipts.read(call.app, call.caller, peer=call.path["username"], up_to=call.body.up_to)
    return Answer(status=204)


async def timer(call: Call[None, None]) -> Answer:
    """Show the timer of a conversation, though no message is in it."""
    return Answer(Timer(*await timers.own(call.app, call.caller, call.path["username"])))


async def set_timer(call: Call[NewTimer, None]) -> Answer:
    """Set how long what is written in a conversation is to last."""
    seconds = call.body.ttl_seconds
    peer = await timers.put(call.app, call.caller, call.path["username"], seconds)
    return Answer(Timer(peer, seconds))


async def list_own(call: Call[None, ConversationsQuery]) -> Answer:
    """List the caller's conversations, the one with the newest message first."""
    query = call.query
    found = await conversations.list_own(
        call.app, call.caller, limit=query.limit + 1, before=query.before, unread_only=query.unread
    )
    same = {"unread": "true"} if query.unread else {}

    def step(last: conversations.Summary) -> Mapping[str, str | int]:
        return {"before": last.last_message.id, **same}

    return first_of(found, query.limit, call.url, show=_shown, step=step)


def _shown(summary: conversations.Summary) -> Conversation:
    return Conversation(
        summary.peer,
        summary.last_message,
        summary.unread,
        summary.display_name,
        summary.online,
        summary.last_seen,
        summary.ttl_seconds,
    )
