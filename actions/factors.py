"""Second factors: whether somebody has one, and whether what they show fits.

One limit counts every try of a person, whatever the factor and whichever way in, and a new sign-in does not
reset it. Where they are signed in already they have a limit of their own, so that nobody elsewhere, not even
with their password, can keep them out. Enrolment and removal are in enrolment.py and passkeys.py, signing in
is in second_factor.py and assertions.py.
"""

import logging

import models.audit
import models.factors
import models.familiar
from actions import audit, limits, notices
from actions.app import App, Origin
from actions.errors import Forbidden
from crypto import recovery, totp
from crypto.errors import Tampered, UnknownKey
from models.factors import Code, Counts, Totp

log = logging.getLogger("recado.factors")

OFF, REQUIRED = "off", "required"


async def has(app: App, user_id: int) -> bool:
    """Whether this person has a second factor, and the policy asks for it."""
    return app.policy.second_factor != OFF and await models.factors.has(app.db, user_id)


async def methods(app: App, user_id: int) -> list[str]:
    """With what this person can complete a sign-in: `otp`, `passkey`, `recovery_code`."""
    found = await counts(app, user_id)
    offered = {"otp": found.totp, "passkey": found.passkeys > 0, "recovery_code": found.codes > 0}
    return [method for method, is_there in offered.items() if is_there]


async def counts(app: App, user_id: int) -> Counts:
    """What this person has."""
    return await models.factors.counts(app.db, user_id)


async def verify(
    app: App, user_id: int, origin: Origin, *, otp: str | None = None, recovery_code: str | None = None
) -> str | None:
    """Use up what is shown: the method that fitted, `otp` or `recovery`; None when it does not fit, or is none.

    Counts as a try. `TooMany` when there were too many.
    """
    if app.policy.second_factor == OFF:
        return None
    await spend(app, user_id, origin)
    if otp is not None and await _takes_otp(app, user_id, origin, otp):
        return "otp"
    if recovery_code is not None and await _takes_code(app, user_id, origin, recovery_code):
        return "recovery"
    await note_refusal(app, user_id, origin)
    return None


async def spend(app: App, user_id: int, origin: Origin) -> None:
    """Count a try of this person; `TooMany` when there were too many."""
    at_home = await models.familiar.is_signed_in_from(app.db, user_id, origin.network, app.clock())
    await limits.spend(app, limits.SECOND_FACTOR, f"{user_id} {origin.network}" if at_home else str(user_id))


async def note_refusal(app: App, user_id: int, origin: Origin) -> None:
    """Record that something was shown that did not fit."""
    await models.audit.append(app.db, audit.record(app, origin, "second_factor", user_id=user_id, outcome="refused"))


def refuse_when_off(app: App) -> None:
    """`Forbidden` when the operator wants no second factors."""
    if app.policy.second_factor == OFF:
        raise Forbidden("Second factors are switched off on this server.", code="second_factor_off")


async def require_enrolled(app: App, user_id: int) -> None:
    """`Forbidden` when everybody must have a second factor and this person has none."""
    if app.policy.second_factor != REQUIRED or app.enrolled.get(user_id):
        return
    if not await has(app, user_id):
        raise Forbidden("This server wants a second factor: enrol one first.", code="enrolment_required")
    # Under this policy the last one cannot be removed.
    app.enrolled.put(user_id, True)


def fresh_codes(app: App, user_id: int) -> tuple[list[str], list[Code]]:
    """A new set of recovery codes: to be shown once, and to be stored."""
    shown, key = recovery.make_codes(), app.keys.token.current
    raws = [raw for raw in map(recovery.read_code, shown) if raw is not None]
    return shown, [Code(key.id, recovery.fingerprint(key, user_id, raw)) for raw in raws]


def opened(app: App, row: Totp) -> bytes | None:
    """The seed of a row; None, logged and recorded, when the row is not what was stored for this person."""
    try:
        return totp.open_seed(app.keys.master, row.user_id, row.credential_id, row.master_id, row.sealed)
    except (Tampered, UnknownKey) as error:
        log.error("one-time password is not usable", extra={"user": row.user_id, "reason": type(error).__name__})
        audit.note(app, "integrity", user_id=row.user_id, reason="totp")
        return None


async def _takes_otp(app: App, user_id: int, origin: Origin, typed: str) -> bool:
    row = await models.factors.totp_of(app.db, user_id)
    if row is None or row.confirmed_at is None:
        return False
    seed = opened(app, row)
    step = None if seed is None else totp.step_of(seed, typed, app.clock())
    if step is None:
        return False
    used = audit.record(app, origin, "second_factor", user_id=user_id, reason="otp")
    return await models.factors.use_step(app.db, row, step=step, record=used)


async def _takes_code(app: App, user_id: int, origin: Origin, typed: str) -> bool:
    raw = recovery.read_code(typed)
    if raw is None:
        return False
    for code in await models.factors.codes_of(app.db, user_id):
        if _is_of(app, code, user_id, raw):
            used = audit.record(app, origin, "second_factor", user_id=user_id, reason="recovery")
            if await models.factors.use_code(app.db, user_id, code, record=used):
                notices.tell(app, user_id, "recovery_used", except_session=None)
                return True
    return False


def _is_of(app: App, code: Code, user_id: int, raw: bytes) -> bool:
    try:
        key = app.keys.token.by_id(code.key_id)
    except UnknownKey:
        return False
    return recovery.same(recovery.fingerprint(key, user_id, raw), code.mac)
