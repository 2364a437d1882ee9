"""The caller's own security events."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import audit
from handlers.messages import MessageId
from handlers.operation import Answer, Call
from handlers.paging import first_of

MOST_IN_PAGE = 200


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page: events with ids below `before`, newest first."""

    limit: Annotated[int, Meta(ge=1, le=MOST_IN_PAGE)] = 50
    before: MessageId | None = None


async def list_own(call: Call[None, AuditQuery]) -> Answer:
    """List what was done in the caller's name."""
    limit = call.query.limit
    found = await audit.list_own(call.app, call.caller, before=call.query.before, limit=limit + 1)
    return first_of(found, limit, call.url, show=lambda event: event, step=lambda last: {"before": last.id})
