"""Second factors over HTTP: enrol and give up one-time passwords, recovery codes, and the second half of a sign-in."""

import io
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from actions import enrolment, second_factor
from actions.errors import Invalid
from handlers.auth import token_answer
from handlers.operation import Answer, Call
from handlers.passkeys import Assertion, plain
from handlers.passwords import Proof

Code = Annotated[str, Meta(examples=["287082"])]
RecoveryCode = Annotated[str, Meta(examples=["ORSXG-5BAME-4TGMR-UGU3D-OOBTHE"])]


class Standing(msgspec.Struct, frozen=True):
    """What the caller has: one-time passwords or not, how many passkeys, how many recovery codes are left."""

    totp: bool
    passkeys: int
    recovery_codes: int


class TotpOffer(msgspec.Struct, frozen=True):
    """A seed for an authenticator app, three times the same: to type, as a URI, and as the picture of that."""

    secret: str
    uri: str
    qr_svg: str


class Otp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-time password."""

    otp: Code


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Codes that are good once each. They are shown this once."""

    recovery_codes: list[str]


class SecondFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a sign-in that waits, and exactly one of the others."""

    mfa_token: str
    otp: Code | None = None
    recovery_code: RecoveryCode | None = None
    credential: Assertion | None = None


async def standing(call: Call[None, None]) -> Answer:
    """Say which second factors the caller has."""
    found = await enrolment.standing(call.app, call.caller)
    return Answer(Standing(found.totp, found.passkeys, found.codes))


async def offer_totp(call: Call[None, None]) -> Answer:
    """Make a seed for one-time passwords."""
    offered = await enrolment.offer_totp(call.app, call.caller)
    picture = await call.app.hashing.run(_picture, offered.uri)  # it takes as long as many a request
    return Answer(TotpOffer(offered.secret, offered.uri, picture))


async def confirm_totp(call: Call[Otp, None]) -> Answer:
    """Show the first one-time password."""
    return Answer(RecoveryCodes(await enrolment.confirm_totp(call.app, call.caller, otp=call.body.otp)))


async def remove_totp(call: Call[Proof, None]) -> Answer:
    """Give up one-time passwords."""
    await enrolment.remove_totp(call.app, call.caller, **_proof(call.body))
    return Answer(status=204)


async def renew_codes(call: Call[Proof, None]) -> Answer:
    """Get new recovery codes; the old ones are void."""
    return Answer(RecoveryCodes(await enrolment.renew_codes(call.app, call.caller, **_proof(call.body))))


async def complete(call: Call[SecondFactor, None]) -> Answer:
    """Complete a sign-in with a second factor."""
    body = call.body
    shown = [field for field in ("otp", "recovery_code", "credential") if getattr(body, field) is not None]
    if len(shown) != 1:
        raise Invalid.field("otp", "missing", "Show one of otp, recovery_code and credential.")
    tokens = await second_factor.complete(
        call.app,
        call.origin,
        call.site(),
        token=body.mfa_token,
        otp=body.otp,
        recovery_code=body.recovery_code,
        credential=None if body.credential is None else plain(body.credential),
    )
    return token_answer(call.keeps_cookie, tokens)


def _proof(body: Proof) -> dict[str, Any]:
    given: dict[str, Any] = msgspec.structs.asdict(body)
    return given


def _picture(uri: str) -> str:
    """The QR code as an SVG image: without style or script, black on white whatever the page's colours are."""
    import segno  # noqa: PLC0415 - loaded only where it is used

    out = io.BytesIO()
    segno.make_qr(uri, error="m").save(out, kind="svg", xmldecl=False, scale=4, dark="#000", light="#fff", border=4)
    return out.getvalue().decode()
