"""The devices on which the caller is signed in, and signing them out."""

import msgspec

from actions import devices
from actions.errors import NotFound
from actions.times import when_written
from handlers.operation import Answer, Call

MOST_DIGITS = 16
HOUR = 3_600_000
# The browser forgets what it keeps of this place (Clear Site Data §3.1).
CLEARED = {"Clear-Site-Data": '"cache", "storage"'}


class Session(msgspec.Struct, frozen=True):
    """One signed-in device. `used_at` is cut to the hour; `network` is the beginning of its address at sign-in."""

    id: int
    device: str
    network: str
    created_at: str
    used_at: str
    current: bool


async def list_own(call: Call[None, None]) -> Answer:
    """List where the caller is signed in."""
    own = call.caller.session_id
    return Answer(
        [
            Session(
                session.id,
                session.device,
                session.network,
                when_written(session.created_at),
                when_written(session.used_at // HOUR * HOUR),
                session.id == own,
            )
            for session in await devices.list_own(call.app, call.caller)
        ]
    )


async def end_one(call: Call[None, None]) -> Answer:
    """End one session everywhere."""
    await devices.end_one(call.app, call.caller, _id(call))
    return Answer(status=204)


async def end_others(call: Call[None, None]) -> Answer:
    """End all other sessions everywhere."""
    await devices.end_others(call.app, call.caller)
    return Answer(status=204)


async def end_everywhere(call: Call[None, None]) -> Answer:
    """End all sessions, this one as well."""
    await devices.end_everywhere(call.app, call.caller)
    if call.keeps_cookie:
        return Answer(status=204, refresh_cookie="", headers=CLEARED)
    return Answer(status=204)


def _id(call: Call[None, None]) -> int:
    text = call.path["session_id"]
    if len(text) > MOST_DIGITS:
        raise NotFound(devices.NO_SESSION)
    return int(text)
