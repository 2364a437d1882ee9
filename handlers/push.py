"""Web Push over HTTP: the key to subscribe with, and the devices that have asked to be told."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import push
from actions.errors import NotFound
from actions.push import Wanted
from actions.push_policy import MOST_ENDPOINT
from actions.times import when, when_known
from handlers.operation import Answer, Call

MOST_DIGITS = 16
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB…"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"

# Its length is looked at by the action, which says what is wrong with it.
Endpoint = Annotated[str, Meta(examples=[ENDPOINT], extra_json_schema={"maxLength": MOST_ENDPOINT})]


class PublicKey(msgspec.Struct, frozen=True):
    """The server's key, as `applicationServerKey` of `PushManager.subscribe()` takes it."""

    public_key: str


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What seals for the device: a point of P-256 (65 bytes) and a secret (16 bytes), in base64url."""

    p256dh: Annotated[str, Meta(examples=[P256DH])]
    auth: Annotated[str, Meta(examples=[AUTH])]


class PushSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `PushSubscription.toJSON()` gives; `public_key`: the server's key that it was made for."""

    endpoint: Endpoint
    keys: Keys
    expirationTime: float | None = None  # noqa: N815 - as browsers spell it; nobody keeps to it
    public_key: str | None = None


class PushDevice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device that has asked to be told; `pushed_at`: when it last was."""

    session_id: int
    device: str
    created_at: str
    current: bool
    pushed_at: str | None = None


async def key(call: Call[None, None]) -> Answer:
    """Say with which key to subscribe."""
    return Answer(PublicKey(await push.public_key(call.app, call.caller)))


async def subscribe(call: Call[PushSubscription, None]) -> Answer:
    """Tell this device from now on."""
    body = call.body
    await push.subscribe(
        call.app, call.caller, Wanted(body.endpoint, body.keys.p256dh, body.keys.auth, body.public_key)
    )
    return Answer(status=204)


async def list_own(call: Call[None, None]) -> Answer:
    """List the caller's devices that have asked to be told."""
    own = call.caller.session_id
    return Answer(
        [
            PushDevice(
                device.session_id,
                device.name,
                when(device.created_at),
                device.session_id == own,
                when_known(device.pushed_at),
            )
            for device in await push.list_own(call.app, call.caller)
        ]
    )


async def remove(call: Call[None, None]) -> Answer:
    """Tell one of the caller's devices no more."""
    text = call.path["session_id"]
    if len(text) > MOST_DIGITS:
        raise NotFound(push.NO_SUBSCRIPTION)
    await push.remove(call.app, call.caller, int(text))
    return Answer(status=204)


async def remove_own(call: Call[None, None]) -> Answer:
    """Tell this device no more."""
    await push.remove(call.app, call.caller, call.caller.session_id)
    return Answer(status=204)
