"""The caller's own security events."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import audit
from handlers.messages import MessageId, link_next
from handlers.operation import Answer, Call

MOST_IN_PAGE = 200


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page: events with ids below `before`, newest first."""

    limit: Annotated[int, Meta(ge=1, le=MOST_IN_PAGE)] = 50
    before: MessageId | None = None


async def list_own(call: Call[None, AuditQuery]) -> Answer:
    """List what was done in the caller's name."""
    limit = call.query.limit
    found = await audit.list_own(call.app, call.caller, before=call.query.before, limit=limit + 1)
    if len(found) <= limit:
        return Answer(found)
    page = found[:limit]
    return Answer(page, headers={"Link": link_next(call.url, {"limit": limit, "before": page[-1].id})})
