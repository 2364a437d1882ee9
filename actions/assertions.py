"""Assertions: what a passkey signs to get somebody in, to be their second factor, or to show that it is still they.

A passkey that signs in by itself, or stands for a password, must have verified its user; as a second factor it need
not. A counter that goes back means that there may be a copy of the key: refused, and recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import models.audit
import models.passkeys
import models.users
from actions import audit, ceremonies, factors, limits, passkeys, sessions, step_up
from actions.app import App, Caller, Origin, new_id
from actions.ceremonies import FIRST, SECOND, STEP_UP
from actions.errors import NotFound, Unauthenticated
from actions.names import BadName, parse_name
from actions.sessions import Tokens
from crypto import bindings
from crypto.errors import BadToken
from crypto.passkeys import Asserted, Site, credential_id_of, text_of, verify_assertion
from models.passkeys import Passkey

UNKNOWN = "This passkey is not known here, or it did not fit."


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser needs to use one: of those in `allow`, or with an empty one whichever it finds."""

    rp_id: str
    challenge: bytes
    allow: tuple[bytes, ...]
    verified_user: bool


async def ask(app: App, site: Site | None, *, username: str | None) -> Request:
    """Begin a sign-in by passkey, of somebody by name or of whoever has one here.

    Who has none, and who does not exist, looks like somebody who has (WebAuthn §14.6.2).
    """
    place = ceremonies.placed(app, site)
    if username is None:
        return Request(place.rp_id, await ceremonies.begin(app, FIRST, 0, b""), (), verified_user=True)
    key = _key_of(username)
    user = await models.users.by_key(app.db, key)
    own = await models.passkeys.of_user(app.db, user.id if user else 0)
    here = passkeys.credentials_at(place, own)
    allow = here or tuple(bindings.fake_credentials(app.keys.token, key))
    # For nobody, the challenge is somebody's who does not exist: it is stored all the same.
    challenge = await ceremonies.begin(app, FIRST, user.id if user and here else new_id(), b"")
    return Request(place.rp_id, challenge, allow, verified_user=True)


async def login(
    app: App, origin: Origin, site: Site | None, *, credential: Mapping[str, Any], device: str = ""
) -> Tokens:
    """Sign in with a passkey alone: it is a key, and has verified its user. `Unauthenticated` when it does not fit.

    No limit by person: a signature is not guessed, and whoever knows a credential's id could spend it.
    """
    place = ceremonies.placed(app, site)
    passkey, challenge = await _shown(app, credential)
    begun = [(FIRST, 0, b""), *([(FIRST, passkey.user_id, b"")] if passkey else [])]
    fresh = challenge is not None and await ceremonies.take(app, challenge, *begun)
    if passkey is None or challenge is None or not fresh:
        raise Unauthenticated(UNKNOWN)
    fits = await _fits(app, origin, place, passkey, challenge, credential, verified_user=True)
    user = await models.users.by_id(app.db, passkey.user_id)
    if not fits or user is None or user.disabled_at is not None:
        record = audit.record(app, origin, "login", user_id=passkey.user_id, outcome="refused", reason="passkey")
        await models.audit.append(app.db, record)
        raise Unauthenticated(UNKNOWN)
    return await sessions.begin(app, user, origin, device=device)


async def ask_second(app: App, site: Site | None, *, user_id: int, holder: bytes) -> Request:
    """Begin the use of a passkey as the second factor of this person, for the sign-in that `holder` stands for."""
    return await _ask_known(app, ceremonies.placed(app, site), SECOND, user_id, holder, verified_user=False)


async def verify_second(
    app: App, origin: Origin, site: Site | None, *, user_id: int, holder: bytes, credential: Mapping[str, Any]
) -> bool:
    """Whether this is the answer to `ask_second`. Counts as a try of the person's second factor."""
    place = ceremonies.placed(app, site)
    await factors.spend(app, user_id, origin)
    if await _answers(app, origin, place, (SECOND, user_id, holder), credential, verified_user=False):
        return True
    await factors.note_refusal(app, user_id, origin)
    return False


async def ask_step_up(app: App, caller: Caller, site: Site | None) -> Request:
    """Begin to prove by passkey that it is still the caller who asks."""
    place = ceremonies.placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    return await _ask_known(app, place, STEP_UP, caller.user_id, ceremonies.holder(caller), verified_user=True)


async def prove(app: App, caller: Caller, site: Site | None, *, credential: Mapping[str, Any]) -> None:
    """The answer to `ask_step_up`: from now on the session is fresh. `Unauthenticated` when it does not fit."""
    place = ceremonies.placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    ceremony = (STEP_UP, caller.user_id, ceremonies.holder(caller))
    if not await _answers(app, caller.origin, place, ceremony, credential, verified_user=True):
        await factors.note_refusal(app, caller.user_id, caller.origin)
        raise Unauthenticated(UNKNOWN, code="wrong_code")
    await step_up.renew(app, caller)


def _key_of(username: str) -> str:
    try:
        return parse_name(username).key
    except BadName:
        return "?" + username[:64]  # nobody's


async def _ask_known(
    app: App, place: Site, ceremony: str, user_id: int, holder: bytes, *, verified_user: bool
) -> Request:
    own = await models.passkeys.of_user(app.db, user_id)
    here = passkeys.credentials_at(place, own)
    if not here:
        raise NotFound("There is no passkey for this address.")
    return Request(place.rp_id, await ceremonies.begin(app, ceremony, user_id, holder), here, verified_user)


async def _answers(
    app: App,
    origin: Origin,
    place: Site,
    ceremony: tuple[str, int, bytes],
    credential: Mapping[str, Any],
    *,
    verified_user: bool,
) -> bool:
    """Whether a passkey of the ceremony's person has signed its challenge, which is used up."""
    passkey, challenge = await _shown(app, credential)
    if challenge is None or not await ceremonies.take(app, challenge, ceremony):
        return False
    if passkey is None or passkey.user_id != ceremony[1]:
        return False
    return await _fits(app, origin, place, passkey, challenge, credential, verified_user=verified_user)


async def _shown(app: App, credential: Mapping[str, Any]) -> tuple[Passkey | None, bytes | None]:
    """The passkey that is shown, if there is such a one, and the challenge that it says it has signed."""
    try:
        challenge = ceremonies.challenge_in(credential)
        credential_id = credential_id_of(credential["id"])
    except BadToken:
        return None, None
    return await models.passkeys.by_credential(app.db, credential_id), challenge


async def _fits(
    app: App,
    origin: Origin,
    place: Site,
    passkey: Passkey,
    challenge: bytes,
    credential: Mapping[str, Any],
    *,
    verified_user: bool,
) -> bool:
    """Whether this passkey, as it was registered, has signed the challenge at this place; then the use is noted."""
    if passkey.rp_id != place.rp_id or not passkeys.is_intact(app, passkey):
        return False
    handle = credential["response"].get("userHandle")
    # Who was not named by us is named by the authenticator (WebAuthn §7.2, step 6).
    if handle not in (None, text_of(passkey.handle)):
        return False
    try:
        said = await app.hashing.run(
            verify_assertion, place, challenge, credential, passkey.public_key, verified_user=verified_user
        )
    except BadToken:
        return False
    if said.backup_eligible != passkey.backup_eligible:
        audit.note(app, "integrity", origin=origin, user_id=passkey.user_id, reason="passkey_backup")
        return False
    if _went_back(passkey, said):
        record = audit.record(
            app,
            origin,
            "passkey_cloned",
            user_id=passkey.user_id,
            outcome="refused",
            target=str(passkey.id),
        )
        await models.passkeys.note_clone(app.db, passkey.id, now=app.clock(), record=record)
        return False
    record = audit.record(
        app, origin, "second_factor", user_id=passkey.user_id, reason="passkey", target=str(passkey.id)
    )
    return await models.passkeys.use(
        app.db, passkey, sign_count=said.sign_count, backed_up=said.backed_up, now=app.clock(), record=record
    )


def _went_back(passkey: Passkey, said: Asserted) -> bool:
    counts = said.sign_count or passkey.sign_count
    return bool(counts) and said.sign_count <= passkey.sign_count
