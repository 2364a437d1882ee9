"""Enrolment: one-time passwords and recovery codes, had, confirmed, renewed and given up.

Each of these asks who is there, is recorded, ends the person's other sessions and tells their devices.
"""

from dataclasses import dataclass

import models.factors
from actions import audit, factors, limits, notices, sessions, step_up
from actions.app import App, Caller, new_id
from actions.errors import Conflict, Invalid
from crypto import totp
from models.factors import Counts, Totp

ISSUER = "Recado"
LAST = "A second factor is required here: add another one first."


@dataclass(frozen=True, slots=True)
class Offer:
    """A seed to be kept in an app: as text, and as the URI of a QR code. It is shown this once."""

    secret: str
    uri: str


async def standing(app: App, caller: Caller) -> Counts:
    """What the caller has."""
    factors.refuse_when_off(app)
    await limits.spend(app, limits.READ, caller.user_id)
    return await factors.counts(app, caller.user_id)


async def offer_totp(app: App, caller: Caller) -> Offer:
    """Make a seed; it counts when a code of it has been shown. An earlier one that was not confirmed is void.

    `Forbidden` (`step_up_required`) unless they have just proved who they are; `Conflict` when there is one.
    """
    factors.refuse_when_off(app)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    await step_up.require_recent(app, caller)
    seed, credential_id = totp.make_seed(), new_id()
    master_id, sealed = totp.seal_seed(app.keys.master, caller.user_id, credential_id, seed)
    offered = Totp(caller.user_id, credential_id, master_id, sealed, app.clock())
    if not await models.factors.offer(app.db, offered):
        raise Conflict("There are one-time passwords already: remove them first.")
    return Offer(totp.to_base32(seed), totp.uri(seed, account=caller.username, issuer=ISSUER))


async def confirm_totp(app: App, caller: Caller, *, otp: str) -> list[str]:
    """The first code of the offered seed: from now on it counts. Returns the recovery codes, shown this once.

    `Invalid` when it does not fit, `Conflict` when nothing waits to be confirmed.
    """
    factors.refuse_when_off(app)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    await step_up.require_recent(app, caller)
    row = await models.factors.totp_of(app.db, caller.user_id)
    if row is None or row.confirmed_at is not None:
        raise Conflict("No one-time passwords wait to be confirmed.")
    await factors.spend(app, caller.user_id, caller.origin)
    seed = factors.opened(app, row)
    step = None if seed is None else totp.step_of(seed, otp, app.clock())
    if step is None:
        await factors.note_refusal(app, caller.user_id, caller.origin)
        raise Invalid.field("otp", "invalid", "The code does not fit. Is the clock of your device right?")
    shown, codes = factors.fresh_codes(app, caller.user_id)
    record = audit.record(app, caller.origin, "totp_added", user_id=caller.user_id)
    if not await models.factors.confirm(app.db, row, step=step, now=app.clock(), codes=codes, record=record):
        raise Conflict("No one-time passwords wait to be confirmed.")
    await changed(app, caller)
    return shown


async def remove_totp(
    app: App, caller: Caller, *, password: str, otp: str | None = None, recovery_code: str | None = None
) -> None:
    """Give up one-time passwords. Errors of `step_up.prove`; `Conflict` when there are none, or they must stay."""
    factors.refuse_when_off(app)
    await step_up.prove(app, caller, password=password, otp=otp, recovery_code=recovery_code)
    record = audit.record(app, caller.origin, "totp_removed", user_id=caller.user_id)
    may_be_last = app.policy.second_factor != factors.REQUIRED
    try:
        gone = await models.factors.remove_totp(app.db, caller.user_id, may_be_last=may_be_last, record=record)
    except models.factors.LastFactor:
        raise Conflict(LAST) from None
    if not gone:
        raise Conflict("There are no one-time passwords.")
    await changed(app, caller)


async def renew_codes(
    app: App, caller: Caller, *, password: str, otp: str | None = None, recovery_code: str | None = None
) -> list[str]:
    """Void all recovery codes and return new ones, shown this once. Errors of `step_up.prove`."""
    factors.refuse_when_off(app)
    await step_up.prove(app, caller, password=password, otp=otp, recovery_code=recovery_code)
    shown, codes = factors.fresh_codes(app, caller.user_id)
    record = audit.record(app, caller.origin, "recovery_codes_renewed", user_id=caller.user_id)
    if not await models.factors.replace_codes(app.db, caller.user_id, codes, now=app.clock(), record=record):
        raise Conflict("Recovery codes come with a second factor: enrol one first.")
    await changed(app, caller)
    return shown


async def changed(app: App, caller: Caller) -> None:
    """After a change of somebody's factors: their other sessions end, and their devices are told."""
    notices.tell(app, caller.user_id, "factor_changed", except_session=caller.session_id)
    await sessions.end_others(app, caller, reason="factor_changed")
