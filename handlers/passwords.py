"""Proving again who one is, another password, and a password by a one-time token."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import passwords, step_up
from handlers.operation import Answer, Call

NewPassword = Annotated[
    str, Meta(examples=["another horse, another battery"], extra_json_schema={"minLength": 8, "maxLength": 128})
]


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password, and one code of the second factor for those who have one."""

    password: Annotated[str, Meta(examples=["correct horse battery"])]
    otp: str | None = None
    recovery_code: str | None = None


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password as it is and as it shall be, and one code of the second factor for those who have one."""

    current: Annotated[str, Meta(examples=["correct horse battery"])]
    new: NewPassword
    otp: str | None = None
    recovery_code: str | None = None


class PasswordReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-time token from the operator, and the password that shall be."""

    token: str
    new: NewPassword


async def prove(call: Call[Proof, None]) -> Answer:
    """Prove again who is asking."""
    body = call.body
    await step_up.prove(call.app, call.caller, password=body.password, otp=body.otp, recovery_code=body.recovery_code)
    return Answer(status=204)


async def change(call: Call[PasswordChange, None]) -> Answer:
    """Change the password; all other sessions end."""
    body = call.body
    await passwords.change(
        call.app,
        call.caller,
        current=body.current,
        new=body.new,
        otp=body.otp,
        recovery_code=body.recovery_code,
    )
    return Answer(status=204)


async def reset(call: Call[PasswordReset, None]) -> Answer:
    """Set the password with a one-time token; all sessions end."""
    await passwords.reset(call.app, call.origin, token=call.body.token, new=call.body.new)
    return Answer(status=204)
