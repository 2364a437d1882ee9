"""What the plays about second factors share: people who have some, and what they show."""

from collections.abc import Awaitable, Callable
from typing import Any

import pyotp
import pytest

from actions import accounts, assertions, audit, enrolment, passkeys, second_factor, sessions
from actions.app import App, Caller, Origin
from actions.assertions import Request
from actions.ceremonies import Site, text_of
from actions.errors import Refused, SecondFactorRequired, TooMany
from actions.passkeys import Creation, Passkey
from tests.actions.stage import rows
from tests.authenticator import Authenticator
from tests.rooms import ORIGIN, PASSWORD, Clock, join

HERE = Site("localhost", "http://localhost:8000")
OTHER_PLACE = Site("other.example", "https://other.example")
ELSEWHERE = Origin(request_id="1" * 16, address="192.0.2.1/32", network="192.0.2.0/24", agent="test")


def code(app: App, secret: str, *, steps: int = 0) -> str:
    """What an authenticator app shows now, or so many steps later."""
    return str(pyotp.TOTP(secret).at(app.clock() // 1000 + 30 * steps))


def turn(app: App, *, seconds: float = 30) -> None:
    """Let time pass; by default until there is another code."""
    assert isinstance(app.clock, Clock)
    app.clock.turn(seconds=seconds)


async def enrol_totp(app: App, caller: Caller) -> tuple[str, list[str]]:
    """One-time passwords for this person: the seed, and the recovery codes. The code of now is used up."""
    secret = (await enrolment.offer_totp(app, caller)).secret
    return secret, await enrolment.confirm_totp(app, caller, otp=code(app, secret))


async def with_totp(app: App, name: str) -> tuple[Caller, str, list[str]]:
    """Somebody new who has one-time passwords, and a code that was not used."""
    caller = await join(app, name)
    secret, codes = await enrol_totp(app, caller)
    turn(app)
    return caller, secret, codes


async def add_passkey(
    app: App, caller: Caller, device: Authenticator, name: str = "a phone", site: Site = HERE
) -> tuple[Passkey, list[str]]:
    options = creation(await passkeys.offer(app, caller, site))
    return await passkeys.register(app, caller, site, name=name, credential=device.create(options))


async def owner(app: App, name: str = "alice") -> tuple[Caller, Authenticator]:
    """Somebody new with a passkey."""
    caller, device = await join(app, name), Authenticator()
    await add_passkey(app, caller, device)
    return caller, device


async def log_in(app: App, device: Authenticator, username: str | None = None, **changes: Any) -> Caller:
    """Who comes in with a passkey alone."""
    asked = await assertions.ask(app, HERE, username=username)
    shown = device.get(request(asked), **changes)
    tokens = await assertions.login(app, ORIGIN, HERE, credential=shown, device="a laptop")
    return await sessions.authenticate(app, tokens.access, ORIGIN)


async def ask(app: App, name: str, origin: Origin = ORIGIN) -> SecondFactorRequired:
    """What somebody with a second factor is told after their password."""
    try:
        await accounts.login(app, origin, username=name, password=PASSWORD, device="a laptop")
    except SecondFactorRequired as asked:
        return asked
    raise AssertionError("nobody asked for a second factor")


async def complete(app: App, token: str, origin: Origin = ORIGIN, **shown: Any) -> Caller:
    """Who comes in with this second factor."""
    tokens = await second_factor.complete(app, origin, HERE, token=token, **shown)
    return await sessions.authenticate(app, tokens.access, origin)


async def code_of(doing: Awaitable[object]) -> str:
    """The code of the error that it raises."""
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code


async def until_limited(doing: Callable[[], Awaitable[object]]) -> int:
    """Do it until there are too many; how often it was done. What else it raises does not count."""
    for done in range(100):
        try:
            await doing()
        except TooMany:
            return done
        except Refused:
            continue
    raise AssertionError("there is no limit")


def creation(offered: Creation) -> dict[str, Any]:
    """The options as the authenticator gets them."""
    return {
        "rp": {"id": offered.rp_id},
        "user": {"id": text_of(offered.handle)},
        "challenge": text_of(offered.challenge),
    }


def request(asked: Request) -> dict[str, Any]:
    return {"challenge": text_of(asked.challenge), "allowCredentials": [{"id": text_of(each)} for each in asked.allow]}


async def recorded(app: App, *wanted: str) -> list[tuple[str, str, str]]:
    """(action, outcome, reason) of what was recorded of these actions, in order."""
    await audit.flush(app)
    found = await rows(app, "SELECT action, outcome, reason FROM audit ORDER BY id")
    return [(row[0], row[1], row[2]) for row in found if row[0] in wanted]
