"""Whose messages do not ring for the caller."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import mutes
from handlers.messages import MessageId
from handlers.operation import Answer, Call
from handlers.paging import first_of


class MutesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; `after` is what the `Link` of the page before says."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    after: MessageId = 0


class Muted(msgspec.Struct, frozen=True):
    """Somebody whose messages do not ring."""

    username: str


async def put(call: Call[None, None]) -> Answer:
    """Mute a person."""
    await mutes.add(call.app, call.caller, call.path["username"])
    return Answer(status=204)


async def delete(call: Call[None, None]) -> Answer:
    """Let a person ring again."""
    await mutes.remove(call.app, call.caller, call.path["username"])
    return Answer(status=204)


async def list_own(call: Call[None, MutesQuery]) -> Answer:
    """List whom the caller has muted."""
    limit = call.query.limit
    found = await mutes.list_own(call.app, call.caller, after=call.query.after, limit=limit + 1)
    return first_of(found, limit, call.url, show=lambda each: Muted(each[0]), step=lambda last: {"after": last[1]})
