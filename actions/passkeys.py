"""Passkeys: registered, listed, renamed, removed; and what they sign to get somebody in.

Every ceremony begins with a challenge that is good once, for five minutes, for that ceremony and that person
alone, and is used up before anything else is looked at. A passkey that signs in by itself, or stands for a
password, must have verified its user; as a second factor it need not. A counter that goes back means that
there may be a copy of the key: refused, and recorded.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import models.audit
import models.factors
import models.passkeys
import models.users
from actions import audit, enrolment, factors, limits, sessions, step_up
from actions.app import App, Caller, Origin, new_id
from actions.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from actions.names import BadName, parse_name
from actions.sessions import Tokens
from crypto import bindings
from crypto.errors import BadToken, UnknownKey
from crypto.passkeys import (
    ALGORITHMS,
    Asserted,
    Site,
    challenge_of,
    credential_id_of,
    text_of,
    verify_assertion,
    verify_registration,
)
from models.passkeys import Passkey

__all__ = ["ALGORITHMS", "Creation", "Passkey", "Request", "Site", "text_of"]

log = logging.getLogger("recado.passkeys")

CHALLENGE_SECONDS = 300
MOST_PASSKEYS = 20
MOST_NAME = 64
# The ceremonies; a challenge of one is nothing to another.
CREATE, FIRST, SECOND, STEP_UP = "create", "first", "second", "step_up"

UNKNOWN = "This passkey is not known here, or it did not fit."
STALE = "This challenge has been used, or is too old. Begin again."


@dataclass(frozen=True, slots=True)
class Creation:
    """What a browser needs to make a passkey."""

    rp_id: str
    challenge: bytes
    handle: bytes
    username: str
    exclude: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser needs to use one: of those in `allow`, or with an empty one whichever it finds."""

    rp_id: str
    challenge: bytes
    allow: tuple[bytes, ...]
    verified_user: bool


async def offer(app: App, caller: Caller, site: Site | None) -> Creation:
    """Begin a registration. `Forbidden` (`step_up_required`) unless they have just proved who they are."""
    place = _placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    await step_up.require_recent(app, caller)
    own = await models.passkeys.of_user(app.db, caller.user_id)
    challenge = await _begin(app, CREATE, caller.user_id, _holder(caller))
    here = tuple(each.credential_id for each in own if each.rp_id == place.rp_id)
    return Creation(place.rp_id, challenge, _handle(app, caller, own, challenge), caller.username, here)


async def register(
    app: App, caller: Caller, site: Site | None, *, name: str, credential: Mapping[str, Any]
) -> tuple[Passkey, list[str]]:
    """Add a passkey; with the recovery codes, shown once, when it is the person's first factor.

    `Invalid` when it is not what was asked for, `Conflict` when somebody has it or there are too many.
    """
    place = _placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    called = _name(name)
    try:
        challenge = challenge_of(_client_data(credential))
        if not await _take(app, challenge, (CREATE, caller.user_id, _holder(caller))):
            raise Invalid.field("credential", "invalid", STALE)
        made = await app.hashing.run(verify_registration, place, challenge, credential)
    except BadToken as error:
        await _note(app, caller.origin, caller.user_id, "passkey_added", "refused", str(error))
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
    record = factors.record(app, caller.origin, "passkey_added", user_id=caller.user_id, target=str(passkey.id))
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
    record = factors.record(app, caller.origin, "passkey_removed", user_id=caller.user_id, target=str(passkey_id))
    may_be_last = app.policy.second_factor != factors.REQUIRED
    try:
        gone = await models.passkeys.remove(app.db, caller.user_id, passkey_id, may_be_last=may_be_last, record=record)
    except models.factors.LastFactor:
        raise Conflict(enrolment.LAST) from None
    if not gone:
        raise NotFound("There is no such passkey.")
    await enrolment.changed(app, caller)


async def ask(app: App, site: Site | None, *, username: str | None) -> Request:
    """Begin a sign-in by passkey, of somebody by name or of whoever has one here.

    Who has none, and who does not exist, looks like somebody who has (WebAuthn §14.6.2).
    """
    place = _placed(app, site)
    if username is None:
        return Request(place.rp_id, await _begin(app, FIRST, 0, b""), (), verified_user=True)
    key = _key_of(username)
    user = await models.users.by_key(app.db, key)
    own = await models.passkeys.of_user(app.db, user.id if user else 0)
    here = tuple(each.credential_id for each in own if each.rp_id == place.rp_id)
    allow = here or tuple(bindings.fake_credentials(app.keys.token, key))
    # For nobody, the challenge is somebody's who does not exist: it is stored all the same.
    challenge = await _begin(app, FIRST, user.id if user and here else new_id(), b"")
    return Request(place.rp_id, challenge, allow, verified_user=True)


async def login(
    app: App, origin: Origin, site: Site | None, *, credential: Mapping[str, Any], device: str = ""
) -> Tokens:
    """Sign in with a passkey alone: it is a key, and has verified its user. `Unauthenticated` when it does not fit.

    No limit by person: a signature is not guessed, and whoever knows a credential's id could spend it.
    """
    place = _placed(app, site)
    passkey, challenge = await _shown(app, credential)
    ceremonies = [(FIRST, 0, b""), *([(FIRST, passkey.user_id, b"")] if passkey else [])]
    fresh = challenge is not None and await _take(app, challenge, *ceremonies)
    if passkey is None or challenge is None or not fresh:
        raise Unauthenticated(UNKNOWN)
    fits = await _fits(app, origin, place, passkey, challenge, credential, verified_user=True)
    user = await models.users.by_id(app.db, passkey.user_id)
    if not fits or user is None or user.disabled_at is not None:
        await _note(app, origin, passkey.user_id, "login", "refused", "passkey")
        raise Unauthenticated(UNKNOWN)
    return await sessions.begin(app, user, origin, device=device)


async def ask_second(app: App, site: Site | None, *, user_id: int, holder: bytes) -> Request:
    """Begin the use of a passkey as the second factor of this person, for the sign-in that `holder` stands for."""
    return await _ask_known(app, _placed(app, site), SECOND, user_id, holder, verified_user=False)


async def verify_second(
    app: App, origin: Origin, site: Site | None, *, user_id: int, holder: bytes, credential: Mapping[str, Any]
) -> bool:
    """Whether this is the answer to `ask_second`. Counts as a try of the person's second factor."""
    place = _placed(app, site)
    await factors.spend(app, user_id, origin)
    if await _answers(app, origin, place, (SECOND, user_id, holder), credential, verified_user=False):
        return True
    await factors.note_refusal(app, user_id, origin)
    return False


async def ask_step_up(app: App, caller: Caller, site: Site | None) -> Request:
    """Begin to prove by passkey that it is still the caller who asks."""
    place = _placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    return await _ask_known(app, place, STEP_UP, caller.user_id, _holder(caller), verified_user=True)


async def prove(app: App, caller: Caller, site: Site | None, *, credential: Mapping[str, Any]) -> None:
    """The answer to `ask_step_up`: from now on the session is fresh. `Unauthenticated` when it does not fit."""
    place = _placed(app, site)
    await limits.spend(app, limits.FACTORS, caller.user_id)
    ceremony = (STEP_UP, caller.user_id, _holder(caller))
    if not await _answers(app, caller.origin, place, ceremony, credential, verified_user=True):
        await factors.note_refusal(app, caller.user_id, caller.origin)
        raise Unauthenticated(UNKNOWN, code="wrong_code")
    await step_up.renew(app, caller)


def _placed(app: App, site: Site | None) -> Site:
    factors.refuse_when_off(app)
    if site is None:
        detail = "Passkeys need a name that the server knows as its own: the operator sets [server] public_url."
        raise Forbidden(detail, code="passkeys_unavailable")
    return site


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise Invalid.field("name", "empty", "A name shows something.")
    if len(name) > MOST_NAME:
        raise Invalid.field("name", "too_long", f"A name has {MOST_NAME} characters at most.")
    if not name.isprintable():
        raise Invalid.field("name", "invalid", "A name has no characters that control.")
    return name


def _key_of(username: str) -> str:
    try:
        return parse_name(username).key
    except BadName:
        return "?" + username[:64]  # nobody's


def _holder(caller: Caller) -> bytes:
    return b"%d" % caller.session_id


def _handle(app: App, caller: Caller, own: list[Passkey], challenge: bytes) -> bytes:
    """Whom the authenticator is to note: the same for all passkeys of a person, and made up for their first."""
    return own[0].handle if own else bindings.first_handle(app.keys.token, caller.user_id, challenge)


async def _begin(app: App, ceremony: str, owner: int, holder: bytes) -> bytes:
    challenge, now = bindings.make_challenge(), app.clock()
    mac = bindings.challenge_fingerprint(app.keys.token, ceremony, owner, holder, challenge)
    await models.passkeys.add_challenge(app.db, mac=mac, expires_at=now + CHALLENGE_SECONDS * 1000, now=now)
    return challenge


async def _take(app: App, challenge: bytes, *ceremonies: tuple[str, int, bytes]) -> bool:
    """Use the challenge up, if it is of one of these ceremonies (which, of which person, for which holder)."""
    macs = [bindings.challenge_fingerprint(app.keys.token, *each, challenge) for each in ceremonies]
    return await models.passkeys.take_challenge(app.db, macs, app.clock())


async def _ask_known(
    app: App, place: Site, ceremony: str, user_id: int, holder: bytes, *, verified_user: bool
) -> Request:
    own = await models.passkeys.of_user(app.db, user_id)
    here = tuple(each.credential_id for each in own if each.rp_id == place.rp_id)
    if not here:
        raise NotFound("There is no passkey for this address.")
    return Request(place.rp_id, await _begin(app, ceremony, user_id, holder), here, verified_user)


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
    if challenge is None or not await _take(app, challenge, ceremony):
        return False
    if passkey is None or passkey.user_id != ceremony[1]:
        return False
    return await _fits(app, origin, place, passkey, challenge, credential, verified_user=verified_user)


async def _shown(app: App, credential: Mapping[str, Any]) -> tuple[Passkey | None, bytes | None]:
    """The passkey that is shown, if there is such a one, and the challenge that it says it has signed."""
    try:
        challenge = challenge_of(_client_data(credential))
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
    if passkey.rp_id != place.rp_id or not _is_intact(app, passkey):
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
        record = factors.record(
            app,
            origin,
            "passkey_cloned",
            user_id=passkey.user_id,
            outcome="refused",
            target=str(passkey.id),
        )
        await models.passkeys.note_clone(app.db, passkey.id, now=app.clock(), record=record)
        return False
    record = factors.record(
        app, origin, "second_factor", user_id=passkey.user_id, reason="passkey", target=str(passkey.id)
    )
    return await models.passkeys.use(
        app.db, passkey, sign_count=said.sign_count, backed_up=said.backed_up, now=app.clock(), record=record
    )


def _went_back(passkey: Passkey, said: Asserted) -> bool:
    counts = said.sign_count or passkey.sign_count
    return bool(counts) and said.sign_count <= passkey.sign_count


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


def _is_intact(app: App, passkey: Passkey) -> bool:
    """Whether the row is as it was stored, for this person; logged and recorded when it is not."""
    try:
        intact = bindings.same(_mac(app, passkey), passkey.mac)
    except (UnknownKey, ValueError):
        intact = False
    if not intact:
        log.error("passkey is not usable", extra={"user": passkey.user_id})
        audit.note(app, "integrity", reason="passkey")
    return intact


async def _note(app: App, origin: Origin, user_id: int, action: str, outcome: str, reason: str) -> None:
    record = factors.record(app, origin, action, user_id=user_id, outcome=outcome, reason=reason)
    await models.audit.append(app.db, record)


def _client_data(credential: Mapping[str, Any]) -> str:
    return str(credential["response"]["clientDataJSON"])
