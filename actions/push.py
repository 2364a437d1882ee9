"""Web Push, as people use it: a device asks to be told when something is new, and asks no more.

A subscription belongs to the session in which it was made and ends with it. What it is told says nothing of anybody:
only how many messages there are that the device does not know.
"""

import logging
from dataclasses import dataclass

import models.push
from actions import limits
from actions.app import App, Caller
from actions.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from actions.push_policy import MOST_ENDPOINT, Barred, host_of
from crypto import webpush
from crypto.keyring import Key
from crypto.webpush import Subscription
from models.push import Device, Stored

log = logging.getLogger("recado.push")

MOST_DEVICES = 10
NO_SUBSCRIPTION = "There is no such subscription."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a browser gives out; `public_key` is the server's key that it was made for, if it says so."""

    endpoint: str
    p256dh: str
    auth: str
    public_key: str | None = None


def refuse_when_off(app: App) -> None:
    """`Forbidden` (`push_off`) where pushing is switched off."""
    if app.push.courier is None:
        raise Forbidden("Push messages are switched off on this server.", code="push_off")


async def public_key(app: App, caller: Caller) -> str:
    """The key that a browser is to subscribe with (`applicationServerKey`), in base64url."""
    await limits.spend(app, limits.READ, caller.user_id)
    refuse_when_off(app)
    return webpush.signer(app.keys.push.current).public


async def subscribe(app: App, caller: Caller, wanted: Wanted) -> None:
    """Tell the caller's device from now on, by this subscription, which takes the place of one it had.

    `Invalid` when it is not one, or not of a push service that is known; `Conflict` when it was made for another key.
    """
    await limits.spend(app, limits.PUSH, caller.user_id)
    refuse_when_off(app)
    subscription = _checked(app, wanted)
    key = _key_of(app, wanted.public_key)
    master_id, sealed = webpush.seal_subscription(app.keys.master, caller.user_id, caller.session_id, subscription)
    stored = Stored(
        session_id=caller.session_id,
        user_id=caller.user_id,
        marks=tuple(webpush.endpoint_marks(app.keys.token, subscription.endpoint)),
        master_id=master_id,
        sealed=sealed,
        signer_id=key.id,
        created_at=app.clock(),
    )
    if not await models.push.put(app.db, stored, most=MOST_DEVICES):
        raise Unauthenticated("Sign in again.")


async def list_own(app: App, caller: Caller) -> list[Device]:
    """The caller's devices that have asked to be told."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await models.push.of_user(app.db, caller.user_id)


async def remove(app: App, caller: Caller, session_id: int) -> None:
    """Tell one of the caller's devices no more; `NotFound` when it was not told anyway."""
    await limits.spend(app, limits.PUSH, caller.user_id)
    if not await models.push.remove(app.db, caller.user_id, session_id):
        raise NotFound(NO_SUBSCRIPTION)


def _checked(app: App, wanted: Wanted) -> Subscription:
    faults = []
    p256dh = auth = b""
    if len(wanted.endpoint) > MOST_ENDPOINT:
        faults.append(Fault("endpoint", "too_long", f"At most {MOST_ENDPOINT} characters."))
    else:
        try:
            host_of(wanted.endpoint, app.push.extra_hosts)
        except Barred as error:
            faults.append(Fault("endpoint", "invalid", f"It is {error}."))
    try:
        p256dh = webpush.read_p256dh(wanted.p256dh)
    except ValueError:
        faults.append(Fault("keys", "invalid", "p256dh is not a public key of a browser."))
    try:
        auth = webpush.read_auth(wanted.auth)
    except ValueError:
        faults.append(Fault("keys", "invalid", "auth is not a secret of 16 bytes."))
    if faults:
        raise Invalid("This is not a subscription that can be used.", faults=faults)
    return Subscription(wanted.endpoint, p256dh, auth)


def _key_of(app: App, public: str | None) -> Key:
    """The key that a subscription was made for: a push service takes it from no other."""
    if public is None:
        return app.keys.push.current
    for key in app.keys.push.keys:
        if webpush.signer(key).public == public:
            return key
    raise Conflict("This subscription was made for another key of this server: subscribe anew.")
