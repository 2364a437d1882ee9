"""Accounts: sign up, sign in, does a name exist."""

from enum import Enum
from functools import partial

import models.audit
import models.users
from actions import audit, credentials, factors, guessing, second_factor, sessions
from actions.app import App, Origin, new_id
from actions.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from actions.names import BadName, Name, parse_name
from actions.sessions import Tokens
from crypto import tokens, tombstones
from models.users import Reserved, User

# The same words for a wrong name and a wrong password: which one it was is nobody's business.
WRONG = "The name or the password is wrong."


async def register(app: App, origin: Origin, *, username: str, password: str) -> str:
    """Make an account and return its name as it will be shown.

    `Invalid` with a fault for each bad field; `Conflict` when the name or a look-alike is taken.
    """
    if not app.policy.registration:
        raise Forbidden("Registration is closed on this server.")
    name = _parse(app, username, password)
    user_id = new_id()
    hashed = await credentials.hashed(app, user_id, password)
    await create(app, origin, name, user_id=user_id, password=hashed)
    return name.shown


async def create(app: App, origin: Origin, name: Name, *, user_id: int, password: str, reason: str = "") -> None:
    """Store a new account, whose password is hashed already; `Conflict` when the name or a look-alike is taken."""
    record = audit.record(app, origin, "register", user_id=user_id, reason=reason)
    try:
        await models.users.create(
            app.db,
            user_id=user_id,
            name=name.shown,
            key=name.key,
            looks=name.looks,
            password=password,
            now=record.at,
            record=record,
            marks=tombstones.known(app.keys.token, name.key, name.looks),
        )
    except models.users.NameTaken as error:
        fault = Fault("username", "taken", "This name, or one that looks like it, is taken.")
        raise Conflict(fault.detail, faults=[fault]) from error


async def login(app: App, origin: Origin, *, username: str, password: str, device: str = "") -> Tokens:
    """Sign in with name and password: a session of its own for this device.

    Takes the same time and gives the same answer whether the name or the password is wrong. Whoever has a second
    factor gets no session yet: `SecondFactorRequired`.
    """
    name = _name_or_none(username)
    key = name.key if name else "?" + username[:64]
    user = await models.users.by_key(app.db, name.key) if name else None
    await guessing.admit(app, origin, name=_keyed(app, key), user_id=user.id if user else 0)
    if not await credentials.fits(app, user, password):
        who, typed = (user.id, "") if user else (None, _keyed(app, key))
        record = audit.record(app, origin, "login", user_id=who, outcome="refused", target=typed)
        await models.audit.append(app.db, record)
        raise Unauthenticated(WRONG)
    assert user is not None  # noqa: S101 (nobody's password fits nobody)
    await credentials.rehash_if_old(app, user, password)
    if await factors.has(app, user.id):
        raise await second_factor.ask(app, user, origin, device=device)
    return await sessions.begin(app, user, origin, device=device)


class Standing(Enum):
    """What there is of a name: somebody has or had it, nobody can take it, or nothing is known of it."""

    TAKEN = "taken"
    ALIKE = "alike"
    UNKNOWN = "unknown"


async def standing(app: App, username: str) -> Standing:
    """Whether somebody has this name, or had it and was erased; else whether it looks like such a name.

    What cannot be a name is unknown.
    """
    name = _name_or_none(username)
    if name is None:
        return Standing.UNKNOWN
    if await person(app, username) is not None:
        return Standing.TAKEN
    marks = partial(tombstones.known, app.keys.token, name.key)
    found = await models.users.reserved(app.db, marks=marks(()), looks=name.looks, marks_of_looks=marks(name.looks))
    return {Reserved.ERASED: Standing.TAKEN, Reserved.ALIKE: Standing.ALIKE}.get(found, Standing.UNKNOWN)


async def person(app: App, username: str) -> User | None:
    """The person of this name, from memory when they were looked up lately."""
    name = _name_or_none(username)
    if name is None:
        return None
    found = app.people.get(name.key)
    if found is None:
        found = await models.users.by_key(app.db, name.key)
        if found is not None:
            app.people.put(name.key, found)
    return found


async def known(app: App, username: str) -> User:
    """The same, of whom there must be one; else `NotFound`."""
    found = await person(app, username)
    if found is None:
        raise NotFound("There is no such person.")
    return found


def _parse(app: App, username: str, password: str) -> Name:
    faults: list[Fault] = []
    name = None
    try:
        name = parse_name(username)
    except BadName as error:
        faults.append(Fault("username", error.code, error.detail))
    faults += credentials.faults_of(app, "password", password, name_key=name.key if name else "")
    if name is None or faults:
        raise Invalid("Check the name and the password.", faults=faults)
    return name


def _name_or_none(username: str) -> Name | None:
    try:
        return parse_name(username)
    except BadName:
        return None


def _keyed(app: App, text: str) -> str:
    # People type passwords where their name belongs: neither a limiter nor the log may hold it.
    return tokens.keyed_name(app.keys.token, text)
