"""Send a message, list one's own, read one."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from actions import changes, messages
from actions.errors import NotFound
from handlers.operation import Answer, Call
from handlers.paging import link_next

MOST_IN_PAGE = 500
MOST_DIGITS = 16  # of an id below 2^53
MessageId = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Send(msgspec.Struct, frozen=True):
    """A message for somebody; it quotes message `reply_to`. The same `client_id` again is the same message again."""

    recipient: Annotated[str, Meta(examples=["bob"])]
    content: Annotated[str, Meta(examples=["hi"], extra_json_schema={"minLength": 1})]
    client_id: UUID | None = None
    ttl_seconds: Annotated[int, Meta(extra_json_schema={"minimum": 1})] | None = None
    reply_to: MessageId | None = None


class NewText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another text for a message."""

    content: str


class MessagesQuery(msgspec.Struct, frozen=True, rename={"peer": "with"}):
    """Which page: ids below `before` or above `after`; `with` one person only."""

    limit: Annotated[int, Meta(ge=1, le=MOST_IN_PAGE)] = 100
    before: MessageId | None = None
    after: MessageId | None = None
    peer: str | None = None


async def send(call: Call[Send, None]) -> Answer:
    """Send a private message; answered when it is durable."""
    body = call.body
    wanted = messages.Outgoing(body.recipient, body.content, body.client_id, body.ttl_seconds, body.reply_to)
    sent = await messages.send(call.app, call.caller, wanted)
    return Answer(sent.message, status=200 if sent.duplicate else 201)


async def list_own(call: Call[None, MessagesQuery]) -> Answer:
    """List what the caller sent or received, newest first."""
    query = call.query
    # One more than asked for: is there a next page?
    found = await messages.list_own(
        call.app, call.caller, limit=query.limit + 1, before=query.before, after=query.after, peer=query.peer
    )
    if len(found) <= query.limit:
        return Answer(found)
    if query.after is not None:
        page = found[1:]
        return Answer(page, headers={"Link": _next(call.url, query, {"after": page[0].id})})
    page = found[:-1]
    return Answer(page, headers={"Link": _next(call.url, query, {"before": page[-1].id})})


async def read_one(call: Call[None, None]) -> Answer:
    """Read one message."""
    return Answer(await messages.read_one(call.app, call.caller, _id(call)))


async def edit(call: Call[NewText, None]) -> Answer:
    """Give an own message another text."""
    return Answer(await changes.edit(call.app, call.caller, _id(call), call.body.content))


async def delete(call: Call[None, None]) -> Answer:
    """Take an own message back."""
    await changes.delete(call.app, call.caller, _id(call))
    return Answer(status=204)


def _id(call: Call[Any, Any]) -> int:
    text = call.path["message_id"]
    if len(text) > MOST_DIGITS:
        raise NotFound("There is no such message.")
    return int(text)


def _next(url: str, query: MessagesQuery, step: dict[str, str | int]) -> str:
    bounds: dict[str, str | int] = {"limit": query.limit}
    if query.before is not None and query.after is not None:
        bounds["before"] = query.before
    if query.peer is not None:
        bounds["with"] = query.peer
    return link_next(url, bounds | step)
