"""Whom the caller does not want to hear from."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import blocks
from handlers.messages import MessageId
from handlers.operation import Answer, Call
from handlers.paging import first_of


class BlocksQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; `after` is what the `Link` of the page before says."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    after: MessageId = 0


class Blocked(msgspec.Struct, frozen=True):
    """Somebody who is blocked."""

    username: str


async def put(call: Call[None, None]) -> Answer:
    """Block a person."""
    await blocks.add(call.app, call.caller, call.path["username"])
    return Answer(status=204)


async def delete(call: Call[None, None]) -> Answer:
    """Take a block back."""
    await blocks.remove(call.app, call.caller, call.path["username"])
    return Answer(status=204)


async def list_own(call: Call[None, BlocksQuery]) -> Answer:
    """List whom the caller blocks."""
    limit = call.query.limit
    found = await blocks.list_own(call.app, call.caller, after=call.query.after, limit=limit + 1)
    return first_of(found, limit, call.url, show=lambda each: Blocked(each[0]), step=lambda last: {"after": last[1]})
