"""What the operator does with people at the command line: accounts, who may come in, sessions, one-time tokens.

The operator chooses nobody's password and reads nobody's messages. Each act is recorded in the audit log of the
person concerned. Running instances learn of it from the database.
"""

from dataclasses import dataclass, field

import models.sessions
import models.users
from actions import accounts, audit, passwords, sessions
from actions.app import App, Origin, new_id
from actions.errors import Conflict, Invalid, NotFound
from actions.names import BadName, parse_name
from crypto.passwords import dummy
from models.audit import Record
from models.sessions import Session
from models.users import User

OPERATOR = Origin(request_id="", address="", network="", agent="command line")


@dataclass(frozen=True, slots=True)
class Made:
    """A person's name as it is shown, and a one-time token with which they set their password."""

    name: str
    token: str = field(repr=False)


async def create(app: App, username: str) -> Made:
    """Make an account without a password; `Invalid` for a bad name, `Conflict` for one that is taken."""
    try:
        name = parse_name(username)
    except BadName as error:
        raise Invalid(error.detail) from error
    password = dummy(app.policy.bcrypt_rounds)  # nobody's, until it is set
    await accounts.create(app, OPERATOR, name, user_id=new_id(), password=password, reason="operator")
    return await reset_password(app, name.shown)


async def reset_password(app: App, username: str) -> Made:
    """Give out a one-time token. The old password stays good until it is used."""
    user = await _person(app, username)
    if user.disabled_at is not None:
        raise Conflict(f"{user.name} is disabled: enable them first.")
    return Made(user.name, await passwords.make_reset(app, user, _record(app, user.id, "password_reset_offer")))


async def disable(app: App, username: str) -> tuple[str, int | None]:
    """Let somebody in no more: their name, and how many sessions this ended; None when they were disabled before."""
    user = await _person(app, username)
    record = _record(app, user.id, "disable")
    ended = await models.users.disable(app.db, user.id, now=record.at, record=record)
    sessions.tell_ended(app, user.id, ended or (), "disabled")
    return user.name, None if ended is None else len(ended)


async def enable(app: App, username: str) -> tuple[str, bool]:
    """Let somebody in again: their name, and whether they were disabled. Their sessions do not come back."""
    user = await _person(app, username)
    return user.name, await models.users.enable(app.db, user.id, _record(app, user.id, "enable"))


async def sessions_of(app: App, username: str) -> tuple[str, list[Session]]:
    """Somebody's name, and the sessions in which they are signed in."""
    user = await _person(app, username)
    return user.name, await models.sessions.of_user(app.db, user.id, app.clock())


async def end_sessions(app: App, username: str) -> tuple[str, int]:
    """End all of somebody's sessions: their name, and how many these were."""
    user = await _person(app, username)
    record = _record(app, user.id, "sessions_end")
    return user.name, await sessions.end_all(app, user.id, reason="operator", record=record)


async def _person(app: App, username: str) -> User:
    try:
        user = await models.users.by_key(app.db, parse_name(username).key)
    except BadName:
        user = None
    if user is None:
        raise NotFound("There is nobody of this name.")
    return user


def _record(app: App, user_id: int, action: str) -> Record:
    return audit.record(app, OPERATOR, action, user_id=user_id, reason="operator")
