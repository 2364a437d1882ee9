"""Signing in with a second factor: after the password there is a token, and with it nothing but this.

The token is opaque, good for five minutes and five tries, and known to the database by fingerprint only; it
names whom it is for. It is over when the password changes.
"""

from collections.abc import Mapping
from typing import Any

import models.audit
import models.pending
import models.users
from actions import assertions, audit, factors, notices, sessions
from actions.app import App, Origin
from actions.assertions import Request
from actions.ceremonies import Site
from actions.errors import SecondFactorRequired, Unauthenticated
from actions.sessions import Tokens
from crypto import bindings
from models.pending import Pending
from models.users import User

PENDING_SECONDS = 300
MOST_TRIES = 5
MOST_DEVICE_NAME = 100

OVER = "This sign-in is over. Begin again with name and password."


async def ask(app: App, user: User, origin: Origin, *, device: str) -> SecondFactorRequired:
    """What to answer somebody whose password was right, and who has a second factor."""
    token, now = bindings.make_pending(user.id), app.clock()
    stamp = bindings.pending_stamp(app.keys.token, user.id, user.password_version)
    await models.pending.add(
        app.db,
        Pending(user.id, stamp, device[:MOST_DEVICE_NAME]),
        mac=bindings.pending_fingerprint(app.keys.token, token),
        expires_at=now + PENDING_SECONDS * 1000,
        now=now,
    )
    record = audit.record(app, origin, "login", user_id=user.id, outcome="pending", reason="second_factor")
    await models.audit.append(app.db, record)
    return SecondFactorRequired(token, await factors.methods(app, user.id))


async def ask_passkey(app: App, site: Site | None, *, token: str) -> Request:
    """Begin the use of a passkey as the second factor of this sign-in."""
    mac = bindings.pending_fingerprint(app.keys.token, token)
    pending = await models.pending.find(app.db, mac, most_tries=MOST_TRIES, now=app.clock())
    await _owner(app, token, pending)
    assert pending is not None  # noqa: S101 - it has an owner
    return await assertions.ask_second(app, site, user_id=pending.user_id, holder=mac)


async def complete(
    app: App,
    origin: Origin,
    site: Site | None,
    *,
    token: str,
    otp: str | None = None,
    recovery_code: str | None = None,
    credential: Mapping[str, Any] | None = None,
) -> Tokens:
    """Sign in with the token and one of the three; a passkey's answer is to `ask_passkey`.

    `Unauthenticated` when the sign-in is over, or (`wrong_code`, and it may be tried again) when it does not fit.
    """
    factors.refuse_when_off(app)
    mac = bindings.pending_fingerprint(app.keys.token, token)
    pending = await models.pending.take_try(app.db, mac, most_tries=MOST_TRIES, now=app.clock())
    user = await _owner(app, token, pending)
    assert pending is not None  # noqa: S101 - it has an owner
    if credential is not None:
        fits = await assertions.verify_second(app, origin, site, user_id=user.id, holder=mac, credential=credential)
    else:
        fits = await factors.verify(app, user.id, origin, otp=otp, recovery_code=recovery_code) is not None
    if not fits:
        notices.tell(app, user.id, "second_factor_refused", except_session=None)
        raise Unauthenticated("The second factor does not fit.", code="wrong_code")
    if not await models.pending.take(app.db, mac):
        raise Unauthenticated(OVER)
    return await sessions.begin(app, user, origin, device=pending.device)


async def _owner(app: App, token: str, pending: Pending | None) -> User:
    """Whose sign-in it is, as long as it stands; `Unauthenticated` when it does not."""
    user = await models.users.by_id(app.db, pending.user_id) if pending else None
    if (
        pending is None
        or user is None
        or user.disabled_at is not None
        or not bindings.pending_is_of(token, user.id)
        or not bindings.same(pending.stamp, bindings.pending_stamp(app.keys.token, user.id, user.password_version))
    ):
        raise Unauthenticated(OVER)
    return user
