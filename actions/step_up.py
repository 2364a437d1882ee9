"""Step-up: what is dangerous asks once more who is there, and believes it for some minutes.

The proof belongs to the session: its time stands in the session's row, under the row's seal, so that nobody who
writes to the database can give it.
"""

from dataclasses import replace

import models.audit
import models.users
from actions import credentials, factors, limits, sessions
from actions.app import App, Caller
from actions.errors import Forbidden, Unauthenticated
from models.users import User

FRESH_MILLISECONDS = 300_000


async def prove(
    app: App, caller: Caller, *, password: str, otp: str | None = None, recovery_code: str | None = None
) -> None:
    """Check the caller's password, and their second factor if they have one; from now on the session is fresh.

    `Unauthenticated` with the code `wrong_password`, `second_factor_required` or `wrong_code`.
    """
    await check(app, caller, password=password, otp=otp, recovery_code=recovery_code)
    await renew(app, caller)


async def require_recent(app: App, caller: Caller) -> None:
    """`Forbidden` (`step_up_required`) unless the caller has signed in, or proved it again, within five minutes."""
    session = await sessions.own(app, caller)
    if abs(app.clock() - session.auth_time) > FRESH_MILLISECONDS:
        raise Forbidden("Prove again who you are.", code="step_up_required")


async def check(app: App, caller: Caller, *, password: str, otp: str | None, recovery_code: str | None) -> User:
    """The caller as they are stored, when all of this is theirs; errors of `prove`."""
    # By session: whoever has stolen one cannot keep the owner from proving it in another.
    await limits.spend(app, limits.PASSWORD, caller.session_id)
    user = await models.users.by_id(app.db, caller.user_id)
    if not await credentials.fits(app, user, password):
        await _refuse(app, caller, "wrong_password")
        raise Unauthenticated("The password is wrong.", code="wrong_password")
    assert user is not None  # noqa: S101 (nobody's password fits nobody)
    if await factors.has(app, user.id):
        if otp is None and recovery_code is None:
            raise Unauthenticated("A second factor is needed.", code="second_factor_required")
        if await factors.verify(app, user.id, caller.origin, otp=otp, recovery_code=recovery_code) is None:
            await _refuse(app, caller, "wrong_code")
            raise Unauthenticated("The code is wrong.", code="wrong_code")
    return user


async def renew(app: App, caller: Caller) -> None:
    """Note that the caller has proved just now who they are; for `prove`, and for whoever proves it otherwise."""
    await sessions.renew(app, caller, record=sessions.act(app, caller, "step_up"))


async def _refuse(app: App, caller: Caller, reason: str) -> None:
    record = replace(sessions.act(app, caller, "step_up", reason=reason), outcome="refused")
    await models.audit.append(app.db, record)
