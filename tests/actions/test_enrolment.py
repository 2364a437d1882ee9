"""Enrolment: asked for by who has just proved who they are; recorded, told, and the end of other sessions."""

import asyncio

import pytest

from actions import enrolment, factors, sessions
from actions.app import App, Caller
from actions.errors import Conflict, Forbidden, Refused, Unauthenticated
from models.factors import Counts
from tests.actions.factoring import (
    add_passkey,
    ask,
    code,
    complete,
    enrol_totp,
    recorded,
    turn,
    until_limited,
    with_totp,
)
from tests.actions.stage import NotingBus, caller_of, sign_in
from tests.authenticator import Authenticator
from tests.rooms import ORIGIN, PASSWORD, join, running_app

WRONG = "wrong horse battery"


async def refused(code: str, doing) -> Refused:
    with pytest.raises(Refused) as error:
        await doing
    assert error.value.code == code
    return error.value


def told(bus: NotingBus, kind: str) -> list[tuple[int, int | None]]:
    return [(user_id, notice.except_id) for user_id, notice in bus.notices if notice.kind == kind]


async def second_session(app: App, name: str) -> Caller:
    return await caller_of(app, await sign_in(app, name))


async def test_nothing_counts_before_a_code_was_shown(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await refused("conflict", enrolment.confirm_totp(app, alice, otp="123456"))
        offered = await enrolment.offer_totp(app, alice)
        assert (await enrolment.standing(app, alice), offered.secret in offered.uri) == (Counts(False, 0, 0), True)
        wrong = "000000" if code(app, offered.secret) != "000000" else "000001"
        await refused("invalid", enrolment.confirm_totp(app, alice, otp=wrong))
        assert not await factors.has(app, alice.user_id)
        await sign_in(app, "alice")
        codes = await enrolment.confirm_totp(app, alice, otp=code(app, offered.secret))
        assert len(set(codes)) == 10
        assert await enrolment.standing(app, alice) == Counts(True, 0, 10)
        assert await recorded(app, "totp_added") == [("totp_added", "ok", "")]


async def test_a_seed_that_was_offered_anew_voids_the_one_before(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        first = (await enrolment.offer_totp(app, alice)).secret
        second = (await enrolment.offer_totp(app, alice)).secret
        assert first != second
        await refused("invalid", enrolment.confirm_totp(app, alice, otp=code(app, first)))
        await enrolment.confirm_totp(app, alice, otp=code(app, second))
        await refused("conflict", enrolment.offer_totp(app, alice))
        await refused("conflict", enrolment.confirm_totp(app, alice, otp=code(app, second, steps=1)))


async def test_of_many_who_confirm_at_once_one_gets_codes(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        secret = (await enrolment.offer_totp(app, alice)).secret
        tries = (enrolment.confirm_totp(app, alice, otp=code(app, secret)) for _ in range(6))
        done = await asyncio.gather(*tries, return_exceptions=True)
        (codes,) = [each for each in done if isinstance(each, list)]
        assert all(isinstance(each, list | Conflict) for each in done)
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) == "recovery"


async def test_each_change_ends_the_other_sessions_and_tells_of_it(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        other = await second_session(app, "alice")
        bus = NotingBus(app)
        secret, codes = await enrol_totp(app, alice)
        assert [ending[1] for ending in bus.endings] == [other.session_id]
        assert told(bus, "factor_changed") == [(alice.user_id, alice.session_id)]
        turn(app)
        asked = await ask(app, "alice")
        third = await complete(app, asked.token, otp=code(app, secret))
        bus.published.clear()
        bus.notices.clear()
        await enrolment.renew_codes(app, alice, password=PASSWORD, recovery_code=codes[0])
        assert [ending[1] for ending in bus.endings] == [third.session_id]
        assert told(bus, "factor_changed") == [(alice.user_id, alice.session_id)]


async def test_an_old_session_must_prove_again_who_it_is(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        secret = (await enrolment.offer_totp(app, alice)).secret
        turn(app, seconds=301)
        await refused("step_up_required", enrolment.offer_totp(app, alice))
        await refused("step_up_required", enrolment.confirm_totp(app, alice, otp=code(app, secret)))
        assert not await factors.has(app, alice.user_id)


async def test_one_time_passwords_go_with_the_password_and_a_code(database_url) -> None:
    async with running_app(database_url) as app:
        alice, secret, codes = await with_totp(app, "alice")
        remove = enrolment.remove_totp
        await refused("second_factor_required", remove(app, alice, password=PASSWORD))
        await refused("wrong_password", remove(app, alice, password=WRONG, otp=code(app, secret)))
        await refused("wrong_code", remove(app, alice, password=PASSWORD, recovery_code="A" * 26))
        assert await factors.has(app, alice.user_id)
        await remove(app, alice, password=PASSWORD, otp=code(app, secret))
        assert await enrolment.standing(app, alice) == Counts(False, 0, 0)
        await refused("conflict", remove(app, alice, password=PASSWORD))
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) is None
        await sign_in(app, "alice")
        assert await recorded(app, "totp_removed") == [("totp_removed", "ok", "")]


async def test_new_codes_void_the_old_ones(database_url) -> None:
    async with running_app(database_url) as app:
        alice, secret, old = await with_totp(app, "alice")
        bob = await join(app, "bob")
        fresh = await enrolment.renew_codes(app, alice, password=PASSWORD, otp=code(app, secret))
        assert len(set(fresh) | set(old)) == 20
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=old[0]) is None
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=fresh[0]) == "recovery"
        await refused("conflict", enrolment.renew_codes(app, bob, password=PASSWORD))
        assert await recorded(app, "recovery_codes_renewed") == [("recovery_codes_renewed", "ok", "")]


async def test_what_is_required_stays(database_url) -> None:
    async with running_app(database_url, second_factor="required") as app:
        alice, secret, codes = await with_totp(app, "alice")
        await refused("conflict", enrolment.remove_totp(app, alice, password=PASSWORD, recovery_code=codes[0]))
        assert await factors.has(app, alice.user_id)
        await add_passkey(app, alice, Authenticator())
        await enrolment.remove_totp(app, alice, password=PASSWORD, recovery_code=codes[1])
        assert await enrolment.standing(app, alice) == Counts(False, 1, 8)
        assert secret


async def test_switched_off_nothing_can_be_enrolled(sqlite_url) -> None:
    async with running_app(sqlite_url, second_factor="off") as app:
        alice = await join(app, "alice")
        for doing in (
            enrolment.standing(app, alice),
            enrolment.offer_totp(app, alice),
            enrolment.confirm_totp(app, alice, otp="123456"),
            enrolment.remove_totp(app, alice, password=PASSWORD),
            enrolment.renew_codes(app, alice, password=PASSWORD),
        ):
            assert isinstance(await refused("second_factor_off", doing), Forbidden)


async def test_guessing_at_the_first_code_is_limited_as_any_other(sqlite_url) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice = await join(app, "alice")
        secret = (await enrolment.offer_totp(app, alice)).secret
        wrong = "000000" if code(app, secret) != "000000" else "000001"
        assert await until_limited(lambda: enrolment.confirm_totp(app, alice, otp=wrong)) == 10
        await refused("too_many_requests", enrolment.confirm_totp(app, alice, otp=code(app, secret)))


async def test_the_session_that_enrols_goes_on(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        tokens = await sign_in(app, "alice")
        other = await caller_of(app, tokens)
        await enrol_totp(app, other)
        assert (await sessions.authenticate(app, tokens.access, ORIGIN)).session_id == other.session_id
        with pytest.raises(Unauthenticated):
            await sessions.own(app, alice)
