"""Changing a password: by its owner, or with a one-time token that the operator has given out.

Whatever an old password has begun ends with it. Two changes at once: one wins, and the other is told.
"""

import re
import secrets

import models.passwords
import models.users
from actions import audit, credentials, notices, sessions, step_up
from actions.app import App, Caller, Origin
from actions.errors import Conflict, Unauthenticated
from crypto import tokens
from models.audit import Record
from models.users import User

RESET_PREFIX = "pr1_"
RESET_HOURS = 24
_HOUR = 3_600_000
# Whom it is for, until when, and what nobody can guess.
_RESET = re.compile(r"pr1_([1-9][0-9]{0,15})\.([0-9]{1,16})\.[A-Za-z0-9_-]{43}")

OVERTAKEN = "The password was changed meanwhile, or the session has ended. Sign in and try again."
NO_RESET = "The token is not valid: it is unknown, was used, or is too old."


async def change(
    app: App, caller: Caller, *, current: str, new: str, otp: str | None = None, recovery_code: str | None = None
) -> None:
    """Change the caller's password and end all their other sessions; errors of `step_up.prove`.

    `Invalid` for a password that cannot be had; `Conflict` when another change came first.
    """
    credentials.refuse_bad(app, "new", new, name_key=caller.username)
    user = await step_up.prove(app, caller, password=current, otp=otp, recovery_code=recovery_code)
    hashed = await credentials.hashed(app, user.id, new)
    record = audit.act(app, caller, "password_change")
    ended = await models.passwords.change(
        app.db,
        user.id,
        version=user.password_version,
        password=hashed,
        session_id=caller.session_id,
        now=record.at,
        record=record,
    )
    if ended is None:
        raise Conflict(OVERTAKEN)
    notices.tell(app, user.id, "password_changed", except_session=caller.session_id, session=caller.session_id)
    sessions.tell_ended(app, user.id, ended, "password_changed")


async def make_reset(app: App, user: User, record: Record) -> str:
    """A one-time token with which this person sets a password within a day; an older one of theirs is void.

    It names whom it is for and until when, and its fingerprint covers that: a row that is moved or changed gives
    nothing.
    """
    now = app.clock()
    expires_at = now + RESET_HOURS * _HOUR
    text = f"{RESET_PREFIX}{user.id}.{expires_at}.{secrets.token_urlsafe(32)}"
    await models.passwords.add_reset(
        app.db, user.id, mac=_mac(app, text), expires_at=expires_at, now=now, record=record
    )
    return text


async def reset(app: App, origin: Origin, *, token: str, new: str) -> None:
    """Set the password for which this token was given out, and end all sessions. Nobody is signed in by it.

    `Unauthenticated` for a token that is none; `Invalid` for a password that cannot be had: the token stays good.
    """
    now = app.clock()
    user = await _for_whom(app, token, now)
    credentials.refuse_bad(app, "new", new, name_key=user.key)
    hashed = await credentials.hashed(app, user.id, new)
    record = audit.record(app, origin, "password_reset", user_id=user.id)
    ended = await models.passwords.reset(app.db, user.id, mac=_mac(app, token), password=hashed, now=now, record=record)
    if ended is None:
        raise Unauthenticated(NO_RESET)
    notices.tell(app, user.id, "password_reset", except_session=None)
    sessions.tell_ended(app, user.id, ended, "password_reset")


async def _for_whom(app: App, token: str, now: int) -> User:
    parts = _RESET.fullmatch(token)
    # What the token says of its time counts, for it cannot be changed; the row may be anybody's work.
    user_id = await models.passwords.for_whom(app.db, _mac(app, token), now) if parts and now < int(parts[2]) else None
    user = await models.users.by_id(app.db, user_id) if parts and user_id == int(parts[1]) else None
    if user is None:
        raise Unauthenticated(NO_RESET)
    return user


def _mac(app: App, token: str) -> bytes:
    return tokens.reset_fingerprint(app.keys.token, token)
