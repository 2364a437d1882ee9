"""Passkeys: registered, listed, renamed, removed. What they sign is in assertions.py.

A passkey's row carries a MAC over what it says and whose it is: one that was changed is as good as none.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import models.audit
import models.factors
import models.passkeys
from actions import audit, ceremonies, enrolment, factors, limits, step_up
from actions.app import App, Caller, new_id
from actions.ceremonies import CREATE
from actions.errors import Conflict, Invalid, NotFound
from crypto import bindings
from crypto.errors import BadToken, UnknownKey
from crypto.passkeys import ALGORITHMS, Site, verify_registration
from models.passkeys import Passkey

__all__ = ["ALGORITHMS", "Creation", "Passkey"]

log = logging.getLogger("recado.passkeys")

MOST_PASSKEYS = 20
MOST_NAME = 64

STALE = "This challenge has been used, or is too old. Begin again."


@dataclass(frozen=True, slots=True)
class Creation:
    """What a browser needs to make a passkey."""

    rp_id: str
    challenge: bytes
    handle: bytes
    username: str
    exclude: tuple[bytes, ...]


async def offer(app: App, caller: Caller, site: Site | None) -> Creation:
    """Begin a registration. `Forbidden` (`step_up_required`) unless they have just proved who they are."""
    place = ceremonies.placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    await step_up.require_recent(app, caller)
    own = await models.passkeys.of_user(app.db, caller.user_id)
    challenge = await ceremonies.begin(app, CREATE, caller.user_id, ceremonies.holder(caller))
    handle = _handle(app, caller, own, challenge)
    return Creation(place.rp_id, challenge, handle, caller.username, credentials_at(place, own))


async def register(
    app: App, caller: Caller, site: Site | None, *, name: str, credential: Mapping[str, Any]
) -> tuple[Passkey, list[str]]:
    """Add a passkey; with the recovery codes, shown once, when it is the person's first factor.

    `Invalid` when it is not what was asked for, `Conflict` when somebody has it or there are too many.
    """
    place = ceremonies.placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    called = _name(name)
    try:
        challenge = ceremonies.challenge_in(credential)
        if not await ceremonies.take(app, challenge, (CREATE, caller.user_id, ceremonies.holder(caller))):
            raise Invalid.field("credential", "invalid", STALE)
        made = await app.hashing.run(verify_registration, place, challenge, credential)
    except BadToken as error:
        who, reason = caller.user_id, str(error)
        record = audit.record(app, caller.origin, "passkey_added", user_id=who, outcome="refused", reason=reason)
        await models.audit.append(app.db, record)
        raise Invalid.field("credential", "invalid", "The authenticator's answer does not fit.") from None
    own = await models.passkeys.of_user(app.db, caller.user_id)
    key = app.keys.token.current
    passkey = Passkey(
        id=new_id(),
        user_id=caller.user_id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        handle=_handle(app, caller, own, challenge),
        rp_id=place.rp_id,
        sign_count=made.sign_count,
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
        name=called,
        created_at=app.clock(),
        used_at=None,
        cloned_at=None,
        key_id=key.id,
        mac=b"",
    )
    passkey = replace(passkey, mac=_mac(app, passkey))
    shown, codes = factors.fresh_codes(app, caller.user_id)
    record = audit.record(app, caller.origin, "passkey_added", user_id=caller.user_id, target=str(passkey.id))
    try:
        is_first = await models.passkeys.add(app.db, passkey, most=MOST_PASSKEYS, codes=codes, record=record)
    except models.passkeys.Taken:
        raise Conflict("This passkey is registered already.") from None
    except models.passkeys.TooManyPasskeys:
        raise Conflict(f"There may be {MOST_PASSKEYS} passkeys at most.") from None
    await enrolment.changed(app, caller)
    return passkey, shown if is_first else []


async def list_own(app: App, caller: Caller) -> list[Passkey]:
    """The caller's passkeys, oldest first."""
    factors.refuse_when_off(app)
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.passkeys.of_user(app.db, caller.user_id)


async def rename(app: App, caller: Caller, passkey_id: int, *, name: str) -> Passkey:
    """Call one of the caller's passkeys something else."""
    factors.refuse_when_off(app)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    renamed = await models.passkeys.rename(app.db, caller.user_id, passkey_id, _name(name))
    if renamed is None:
        raise NotFound("There is no such passkey.")
    return renamed


async def remove(app: App, caller: Caller, passkey_id: int) -> None:
    """Remove one of the caller's passkeys. Asks who is there as `offer` does; `Conflict` when it must stay."""
    factors.refuse_when_off(app)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    await step_up.require_recent(app, caller)
    record = audit.record(app, caller.origin, "passkey_removed", user_id=caller.user_id, target=str(passkey_id))
    may_be_last = app.policy.second_factor != factors.REQUIRED
    try:
        gone = await models.passkeys.remove(app.db, caller.user_id, passkey_id, may_be_last=may_be_last, record=record)
    except models.factors.LastFactor:
        raise Conflict(enrolment.LAST) from None
    if not gone:
        raise NotFound("There is no such passkey.")
    await enrolment.changed(app, caller)


def credentials_at(place: Site, own: list[Passkey]) -> tuple[bytes, ...]:
    """The ids of those that are for this place."""
    return tuple(each.credential_id for each in own if each.rp_id == place.rp_id)


def is_intact(app: App, passkey: Passkey) -> bool:
    """Whether the row is as it was stored, for this person; logged and recorded when it is not."""
    try:
        intact = bindings.same(_mac(app, passkey), passkey.mac)
    except (UnknownKey, ValueError):
        intact = False
    if not intact:
        log.error("passkey is not usable", extra={"user": passkey.user_id})
        audit.note(app, "integrity", reason="passkey")
    return intact


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise Invalid.field("name", "empty", "A name shows something.")
    if len(name) > MOST_NAME:
        raise Invalid.field("name", "too_long", f"A name has {MOST_NAME} characters at most.")
    if not name.isprintable():
        raise Invalid.field("name", "invalid", "A name has no characters that control.")
    return name


def _handle(app: App, caller: Caller, own: list[Passkey], challenge: bytes) -> bytes:
    """Whom the authenticator is to note: the same for all passkeys of a person, and made up for their first."""
    return own[0].handle if own else bindings.first_handle(app.keys.token, caller.user_id, challenge)


def _mac(app: App, passkey: Passkey) -> bytes:
    return bindings.passkey_mac(
        app.keys.token.by_id(passkey.key_id),
        passkey.user_id,
        passkey.id,
        passkey.credential_id,
        passkey.public_key,
        passkey.handle,
        passkey.rp_id.encode(),
        int(passkey.backup_eligible),
        passkey.created_at,
    )
