"""What every ceremony of WebAuthn begins with: the place that it is for, and a challenge.

A challenge is good once, for five minutes, for that ceremony and that person alone, and is used up before anything
else is looked at. The ceremonies themselves are in passkeys.py (registration) and assertions.py (authentication).
"""

from collections.abc import Mapping
from typing import Any

import models.passkeys
from actions import factors
from actions.app import App, Caller
from actions.errors import Forbidden
from crypto import bindings
from crypto.passkeys import Site, challenge_of, text_of

__all__ = ["Site", "text_of"]

CHALLENGE_SECONDS = 300
# A challenge of one is nothing to another.
CREATE, FIRST, SECOND, STEP_UP = "create", "first", "second", "step_up"


def placed(app: App, site: Site | None) -> Site:
    """The place, where there is one and second factors are on; else `Forbidden`."""
    factors.refuse_when_off(app)
    if site is None:
        detail = "Passkeys need a name that the server knows as its own: the operator sets [server] public_url."
        raise Forbidden(detail, code="passkeys_unavailable")
    return site


def holder(caller: Caller) -> bytes:
    """For whom a challenge is that a session has asked for."""
    return b"%d" % caller.session_id


async def begin(app: App, ceremony: str, owner: int, holder: bytes) -> bytes:
    """A challenge for this ceremony of this person, for whoever `holder` stands for."""
    challenge, now = bindings.make_challenge(), app.clock()
    mac = bindings.challenge_fingerprint(app.keys.token, ceremony, owner, holder, challenge)
    await models.passkeys.add_challenge(app.db, mac=mac, expires_at=now + CHALLENGE_SECONDS * 1000, now=now)
    return challenge


async def take(app: App, challenge: bytes, *ceremonies: tuple[str, int, bytes]) -> bool:
    """Use the challenge up, if it is of one of these ceremonies (which, of which person, for which holder)."""
    macs = [bindings.challenge_fingerprint(app.keys.token, *each, challenge) for each in ceremonies]
    return await models.passkeys.take_challenge(app.db, macs, app.clock())


def challenge_in(credential: Mapping[str, Any]) -> bytes:
    """The challenge that it says it has signed; `BadToken` when it says none."""
    return challenge_of(str(credential["response"]["clientDataJSON"]))
