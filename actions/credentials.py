"""A person's password: whether it fits, and whether it may be had. What changes it is in passwords.py."""

import contextlib
import logging

import models.users
from actions.app import App
from actions.errors import Fault, Invalid, TryLater
from actions.password_policy import BadPassword, check_password
from crypto import passwords
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring
from models.users import User

log = logging.getLogger("recado.credentials")


async def fits(app: App, user: User | None, password: str) -> bool:
    """Whether this is the password of `user`; for nobody, and for who is disabled, False after the same time."""
    usable, nobody = normalised(password), passwords.dummy(app.policy.bcrypt_rounds)
    user_id, stored = (user.id, user.password) if user else (0, nobody)
    found = await app.hashing.run(_verify, app.keys.pepper, user_id, usable or "", stored, nobody)
    return found and user is not None and usable is not None and user.disabled_at is None


def faults_of(app: App, field: str, password: str, *, name_key: str) -> list[Fault]:
    """What is wrong with a password that somebody would like to have; nothing when it may be had."""
    text = normalised(password)
    try:
        # What cannot be normalised may also be too short or too long, which is then what is told.
        check_password(password if text is None else text, name_key=name_key, minimum=app.policy.password_min_length)
    except BadPassword as error:
        return [Fault(field, error.code, error.detail)]
    if text is None:
        return [Fault(field, "invalid", "The password has characters that cannot be used.")]
    return []


async def hashed(app: App, user_id: int, password: str) -> str:
    """What the database will hold of a password of which `faults_of` found nothing."""
    text, rounds = passwords.normalise(password), app.policy.bcrypt_rounds
    return await app.hashing.run(passwords.hash_password, app.keys.pepper, user_id, text, rounds)


def refuse_bad(app: App, field: str, password: str, *, name_key: str) -> None:
    """`Invalid`, with its faults, for a password that cannot be had."""
    if faults := faults_of(app, field, password, name_key=name_key):
        raise Invalid("This password cannot be used.", faults=faults)


async def rehash_if_old(app: App, user: User, password: str) -> None:
    """Make the hash anew when the pepper or the cost has changed. `password` is known to be theirs."""
    if passwords.needs_rehash(user.password, app.keys.pepper, app.policy.bcrypt_rounds):
        with contextlib.suppress(TryLater):  # too busy now: at the next sign-in
            # Swapped only for the one that was checked: the password may have been changed meanwhile.
            await models.users.rehash(app.db, user.id, old=user.password, new=await hashed(app, user.id, password))


def normalised(password: str) -> str | None:
    """The password as it is compared; None when nobody can have it."""
    try:
        return passwords.normalise(password)
    except ValueError:
        return None


def _verify(pepper: Ring, user_id: int, password: str, stored: str, nobody: str) -> bool:
    try:
        return passwords.verify(pepper, user_id, password, stored)
    except (Tampered, UnknownKey) as error:
        log.error("password hash is not usable", extra={"user": user_id, "reason": type(error).__name__})
        return passwords.verify(pepper, user_id, password, nobody)  # takes its time all the same
