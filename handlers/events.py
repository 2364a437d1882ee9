"""The caller's log by long poll."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import listen
from handlers.operation import Answer, Call
from realtime.dialects.v1 import V1_DIALECT

MOST_WAIT_SECONDS = 30
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The events behind `after`; `wait` so many seconds for one when there is none."""

    after: Number
    epoch: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    wait: Annotated[int, Meta(ge=0, le=MOST_WAIT_SECONDS)] = 0


class Events(msgspec.Struct, frozen=True):
    """Events in order, as the frames of `recado.v1`; `position` is the head of the log."""

    events: list[msgspec.Raw]
    position: int
    epoch: str
    outcome: str


async def list_own(call: Call[None, EventsQuery]) -> Answer:
    """List what has happened behind a position."""
    query = call.query
    standing, found = await listen.events_after(
        call.app, call.caller, position=query.after, epoch=query.epoch, limit=query.limit, wait=query.wait
    )
    frames = [V1_DIALECT.encode(event, position) for position, event in found]
    told = [msgspec.Raw(frame) for frame in frames if frame is not None]
    return Answer(Events(told, standing.position, standing.epoch, standing.outcome))
