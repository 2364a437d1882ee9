"""Step-up: what is dangerous asks once more who is there, and believes it for some minutes.

The proof belongs to the session: its time stands in the session's row, under the row's seal, so that nobody who
writes to the database can give it.
"""

import models.audit
import models.users
from actions import audit, credentials, factors, limits, sessions
from actions.app import App, Caller
from actions.errors import Forbidden, Unauthenticated
from models.users import User

FRESH_MILLISECONDS = 300_000


async def prove(
    app: App, caller: Caller, *, password: str, otp: str | None = None, recovery_code: str | None = None
) -> User:
    """Check the caller's password, and their second factor if they have one; from now on the session is fresh.

    Returns them as they are stored. `Unauthenticated` with the code `wrong_password`, `second_factor_required` or
    `wrong_code`.
    """
    user = await _check_password(app, caller, password)
    if not await factors.has(app, user.id):
        await renew(app, caller)
    elif otp is not None or recovery_code is not None:
        await _check_code(app, caller, otp, recovery_code)
        await renew(app, caller)
    elif not await _has_shown_passkey(app, caller):  # which has made it fresh, and only another makes it fresher
        raise Unauthenticated("A second factor is needed.", code="second_factor_required")
    return user


async def require_recent(app: App, caller: Caller) -> None:
    """`Forbidden` (`step_up_required`) unless the caller has signed in, or proved it again, within five minutes."""
    if not await _is_fresh(app, caller):
        raise Forbidden("Prove again who you are.", code="step_up_required")


async def _check_password(app: App, caller: Caller, password: str) -> User:
    # By session: whoever has stolen one cannot keep the owner from proving it in another.
    await limits.spend(app, limits.PASSWORD, caller.session_id)
    user = await models.users.by_id(app.db, caller.user_id)
    if not await credentials.fits(app, user, password):
        await _refuse(app, caller, "wrong_password")
        raise Unauthenticated("The password is wrong.", code="wrong_password")
    assert user is not None  # noqa: S101 (nobody's password fits nobody)
    return user


async def _check_code(app: App, caller: Caller, otp: str | None, recovery_code: str | None) -> None:
    if await factors.verify(app, caller.user_id, caller.origin, otp=otp, recovery_code=recovery_code) is None:
        await _refuse(app, caller, "wrong_code")
        raise Unauthenticated("The code is wrong.", code="wrong_code")


async def _has_shown_passkey(app: App, caller: Caller) -> bool:
    """Whether it is by a passkey that the session is fresh: whoever has no other factor cannot type a code."""
    methods = await factors.methods(app, caller.user_id)
    return "passkey" in methods and "otp" not in methods and await _is_fresh(app, caller)


async def _is_fresh(app: App, caller: Caller) -> bool:
    session = await sessions.own(app, caller)
    return abs(app.clock() - session.auth_time) <= FRESH_MILLISECONDS


async def renew(app: App, caller: Caller) -> None:
    """Note that the caller has proved just now who they are; for `prove`, and for whoever proves it otherwise."""
    await sessions.renew(app, caller, record=audit.act(app, caller, "step_up"))


async def _refuse(app: App, caller: Caller, reason: str) -> None:
    await models.audit.append(app.db, audit.act(app, caller, "step_up", outcome="refused", reason=reason))
