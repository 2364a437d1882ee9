"""Accounts: sign up, sign in, does a name exist."""

import contextlib
import dataclasses
import logging

import models.audit
import models.familiar
import models.users
from actions import limits, sessions
from actions.app import App, Origin, new_id
from actions.errors import Conflict, Fault, Forbidden, Invalid, TryLater, Unauthenticated
from actions.names import BadName, Name, parse_name
from actions.password_policy import BadPassword, check_password
from actions.sessions import Tokens
from crypto import passwords, tokens
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring
from models.audit import Record
from models.users import User

log = logging.getLogger("recado.accounts")

# The same words for a wrong name and a wrong password: which one it was is nobody's business.
WRONG = "The name or the password is wrong."


async def register(app: App, origin: Origin, *, username: str, password: str) -> str:
    """Make an account and return its name as it will be shown.

    `Invalid` with a fault for each bad field; `Conflict` when the name or a look-alike is taken.
    """
    if not app.policy.registration:
        raise Forbidden("Registration is closed on this server.")
    name, text = _parse(app, username, password)
    user_id = new_id()
    hashed = await app.hashing.run(passwords.hash_password, app.keys.pepper, user_id, text, app.policy.bcrypt_rounds)
    now = app.clock()
    try:
        await models.users.create(
            app.db,
            user_id=user_id,
            name=name.shown,
            key=name.key,
            looks=name.looks,
            password=hashed,
            now=now,
            record=_record(app, origin, "register", actor_id=user_id),
        )
    except models.users.NameTaken as error:
        fault = Fault("username", "taken", "This name, or one that looks like it, is taken.")
        raise Conflict(fault.detail, faults=[fault]) from error
    return name.shown


async def login(app: App, origin: Origin, *, username: str, password: str, device: str = "") -> Tokens:
    """Sign in with name and password: a session of its own for this device.

    Takes the same time and gives the same answer whether the name or the password is wrong.
    """
    name = _name_or_none(username)
    key = name.key if name else "?" + username[:64]
    await limits.spend(app, limits.LOGIN_PAIR, f"{_keyed(app, key)} {origin.network}")
    user = await models.users.by_key(app.db, name.key) if name else None
    # Where they are signed in already, nobody elsewhere can keep them out by spending this.
    if not await models.familiar.is_signed_in_from(app.db, user.id if user else 0, origin.network, app.clock()):
        await limits.spend(app, limits.LOGIN_NAME, _keyed(app, key))
    if not await _password_fits(app, user, password):
        record = _record(app, origin, "login", outcome="refused", target="" if user else _keyed(app, key))
        await models.audit.append(app.db, dataclasses.replace(record, actor_id=user.id if user else None))
        raise Unauthenticated(WRONG)
    assert user is not None  # noqa: S101 (nobody's password fits nobody)
    await _rehash_if_old(app, user, password)
    return await sessions.begin(app, user, origin, device=device)


async def exists(app: App, username: str) -> bool:
    """Whether somebody has this name; False for what cannot be a name."""
    return await person(app, username) is not None


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


def _parse(app: App, username: str, password: str) -> tuple[Name, str]:
    faults: list[Fault] = []
    name, text = None, _normalised(password)
    try:
        name = parse_name(username)
    except BadName as error:
        faults.append(Fault("username", error.code, error.detail))
    try:
        # What cannot be normalised may also be too short or too long, which is then what is told.
        shown = password if text is None else text
        check_password(shown, name_key=name.key if name else "", minimum=app.policy.password_min_length)
        if text is None:
            faults.append(Fault("password", "invalid", "The password has characters that cannot be used."))
    except BadPassword as error:
        faults.append(Fault("password", error.code, error.detail))
    if name is None or text is None or faults:
        raise Invalid("Check the name and the password.", faults=faults)
    return name, text


async def _password_fits(app: App, user: User | None, password: str) -> bool:
    usable, nobody = _normalised(password), passwords.dummy(app.policy.bcrypt_rounds)
    user_id, stored = (user.id, user.password) if user else (0, nobody)
    fits = await app.hashing.run(_verify, app.keys.pepper, user_id, usable or "", stored, nobody)
    return fits and user is not None and usable is not None and user.disabled_at is None


def _verify(pepper: Ring, user_id: int, password: str, stored: str, nobody: str) -> bool:
    try:
        return passwords.verify(pepper, user_id, password, stored)
    except (Tampered, UnknownKey) as error:
        log.error("password hash is not usable", extra={"user": user_id, "reason": type(error).__name__})
        return passwords.verify(pepper, user_id, password, nobody)  # takes its time all the same


def _normalised(password: str) -> str | None:
    try:
        return passwords.normalise(password)
    except ValueError:
        return None


async def _rehash_if_old(app: App, user: User, password: str) -> None:
    if passwords.needs_rehash(user.password, app.keys.pepper, app.policy.bcrypt_rounds):
        text, rounds = passwords.normalise(password), app.policy.bcrypt_rounds
        with contextlib.suppress(TryLater):  # too busy now: at the next sign-in
            hashed = await app.hashing.run(passwords.hash_password, app.keys.pepper, user.id, text, rounds)
            await models.users.set_password(app.db, user.id, hashed)


def _name_or_none(username: str) -> Name | None:
    try:
        return parse_name(username)
    except BadName:
        return None


def _keyed(app: App, text: str) -> str:
    # People type passwords where their name belongs: neither a limiter nor the log may hold it.
    return tokens.keyed_name(app.keys.token, text)


def _record(
    app: App,
    origin: Origin,
    action: str,
    *,
    outcome: str = "ok",
    actor_id: int | None = None,
    target: str = "",
) -> Record:
    return Record(
        at=app.clock(),
        action=action,
        outcome=outcome,
        actor_id=actor_id,
        target=target,
        network=origin.network,
        request_id=origin.request_id,
    )
