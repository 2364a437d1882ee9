"""Passkeys over HTTP, in WebAuthn's own JSON (Level 3 §5.1): what a browser parses, and what it gives back."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from actions import assertions, passkeys, second_factor
from actions.assertions import Request as Asked
from actions.ceremonies import CHALLENGE_SECONDS, text_of
from actions.errors import Invalid, NotFound
from actions.passkeys import Creation, Passkey
from actions.times import when, when_known
from handlers.auth import token_answer
from handlers.operation import Answer, Call

Bytes = Annotated[str, Meta(description="Base64url, without padding.")]
Name = Annotated[str, Meta(examples=["Alice's phone"], extra_json_schema={"minLength": 1, "maxLength": 64})]
MOST_DIGITS = 16


class RelyingParty(msgspec.Struct, frozen=True):
    """This server, as a passkey knows it."""

    id: str
    name: str


class PasskeyUser(msgspec.Struct, frozen=True, rename="camel"):
    """The person, as a passkey knows them; `id` tells nothing of them."""

    id: Bytes
    name: str
    display_name: str


class Parameters(msgspec.Struct, frozen=True):
    """An algorithm that is taken (COSE)."""

    alg: int
    type: str = "public-key"


class Descriptor(msgspec.Struct, frozen=True):
    """A passkey by its credential id."""

    id: Bytes
    type: str = "public-key"


class Selection(msgspec.Struct, frozen=True, rename="camel"):
    """What the authenticator must be able to do."""

    resident_key: str = "preferred"
    require_resident_key: bool = False
    user_verification: str = "required"


class CreationOptions(msgspec.Struct, frozen=True, rename="camel"):
    """For `PublicKeyCredential.parseCreationOptionsFromJSON`."""

    rp: RelyingParty
    user: PasskeyUser
    challenge: Bytes
    pub_key_cred_params: list[Parameters]
    timeout: int
    exclude_credentials: list[Descriptor]
    authenticator_selection: Selection
    attestation: str = "none"


class RequestOptions(msgspec.Struct, frozen=True, rename="camel"):
    """For `PublicKeyCredential.parseRequestOptionsFromJSON`."""

    challenge: Bytes
    timeout: int
    rp_id: str
    allow_credentials: list[Descriptor]
    user_verification: str


class AttestationResponse(msgspec.Struct, frozen=True, rename="camel"):
    """What the authenticator has made."""

    client_data_json: Bytes = msgspec.field(name="clientDataJSON")
    attestation_object: Bytes


class Attestation(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.create()` gave, by `toJSON()`. Further fields are ignored."""

    id: Bytes
    raw_id: Bytes
    response: AttestationResponse
    type: str


class AssertionResponse(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the authenticator has signed."""

    client_data_json: Bytes = msgspec.field(name="clientDataJSON")
    authenticator_data: Bytes
    signature: Bytes
    user_handle: Bytes | None = None


class Assertion(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.get()` gave, by `toJSON()`. Further fields are ignored."""

    id: Bytes
    raw_id: Bytes
    response: AssertionResponse
    type: str


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey, and what it is to be called."""

    name: Name
    credential: Attestation


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new name."""

    name: Name


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey that was used."""

    credential: Assertion


class Who(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose passkeys to ask for: by name, of a sign-in that waits for its second factor, or (neither) whoever's."""

    username: Annotated[str, Meta(examples=["alice"])] | None = None
    mfa_token: str | None = None


class PasskeyLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey that was used, and what this device is to be called in the list of sessions."""

    credential: Assertion
    device: str = ""


class OwnPasskey(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the caller's passkeys. `synced`: copies of it are kept by whoever made the authenticator."""

    id: int
    name: str
    created_at: str
    synced: bool
    used_at: str | None = None
    suspect: bool | UnsetType = UNSET
    recovery_codes: list[str] | UnsetType = UNSET


async def offer(call: Call[None, None]) -> Answer:
    """Begin to add a passkey."""
    return Answer(_creation(await passkeys.offer(call.app, call.caller, call.site())))


async def register(call: Call[NewPasskey, None]) -> Answer:
    """Add a passkey."""
    body = call.body
    passkey, codes = await passkeys.register(
        call.app, call.caller, call.site(), name=body.name, credential=plain(body.credential)
    )
    return Answer(_own(passkey, codes), status=201)


async def list_own(call: Call[None, None]) -> Answer:
    """List own passkeys."""
    return Answer([_own(passkey) for passkey in await passkeys.list_own(call.app, call.caller)])


async def rename(call: Call[Named, None]) -> Answer:
    """Give an own passkey another name."""
    return Answer(_own(await passkeys.rename(call.app, call.caller, _id(call), name=call.body.name)))


async def remove(call: Call[None, None]) -> Answer:
    """Remove an own passkey."""
    await passkeys.remove(call.app, call.caller, _id(call))
    return Answer(status=204)


async def ask(call: Call[Who, None]) -> Answer:
    """Begin to sign in with a passkey."""
    body = call.body
    if body.username is not None and body.mfa_token is not None:
        raise Invalid.field("username", "invalid", "Send username or mfa_token, not both.")
    if body.mfa_token is not None:
        asked = await second_factor.ask_passkey(call.app, call.site(), token=body.mfa_token)
    else:
        asked = await assertions.ask(call.app, call.site(), username=body.username)
    return Answer(_request(asked))


async def login(call: Call[PasskeyLogin, None]) -> Answer:
    """Sign in with a passkey alone."""
    tokens = await assertions.login(
        call.app, call.origin, call.site(), credential=plain(call.body.credential), device=call.body.device
    )
    return token_answer(call.keeps_cookie, tokens)


async def ask_step_up(call: Call[None, None]) -> Answer:
    """Begin to prove by passkey who is there."""
    return Answer(_request(await assertions.ask_step_up(call.app, call.caller, call.site())))


async def step_up(call: Call[Shown, None]) -> Answer:
    """Prove by passkey who is there."""
    await assertions.prove(call.app, call.caller, call.site(), credential=plain(call.body.credential))
    return Answer(status=204)


def plain(shown: Attestation | Assertion) -> dict[str, Any]:
    """A credential as the library takes it, with WebAuthn's names."""
    given: dict[str, Any] = msgspec.to_builtins(shown)
    return given


def _id(call: Call[Any, None]) -> int:
    text = call.path["passkey_id"]
    if len(text) > MOST_DIGITS:
        raise NotFound("There is no such passkey.")
    return int(text)


def _creation(offered: Creation) -> CreationOptions:
    return CreationOptions(
        rp=RelyingParty(offered.rp_id, "Recado"),
        user=PasskeyUser(text_of(offered.handle), offered.username, offered.username),
        challenge=text_of(offered.challenge),
        pub_key_cred_params=[Parameters(alg) for alg in passkeys.ALGORITHMS],
        timeout=CHALLENGE_SECONDS * 1000,
        exclude_credentials=[Descriptor(text_of(each)) for each in offered.exclude],
        authenticator_selection=Selection(),
    )


def _request(asked: Asked) -> RequestOptions:
    return RequestOptions(
        challenge=text_of(asked.challenge),
        timeout=CHALLENGE_SECONDS * 1000,
        rp_id=asked.rp_id,
        allow_credentials=[Descriptor(text_of(each)) for each in asked.allow],
        user_verification="required" if asked.verified_user else "preferred",
    )


def _own(passkey: Passkey, codes: list[str] | None = None) -> OwnPasskey:
    return OwnPasskey(
        id=passkey.id,
        name=passkey.name,
        created_at=when(passkey.created_at),
        synced=passkey.backed_up,
        used_at=when_known(passkey.used_at),
        suspect=True if passkey.cloned_at is not None else UNSET,
        recovery_codes=codes or UNSET,
    )
