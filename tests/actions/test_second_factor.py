"""Signing in with a second factor: the token is good for that alone, for five minutes and five tries, and once."""

import asyncio

import pytest

from actions import assertions, factors, second_factor, sessions
from actions.errors import NotFound, Refused, Unauthenticated
from tests.actions.factoring import (
    ELSEWHERE,
    HERE,
    add_passkey,
    ask,
    code,
    complete,
    recorded,
    request,
    turn,
    until_limited,
    with_totp,
)
from tests.actions.stage import NotingBus, change, register, rows, sign_in
from tests.authenticator import PRESENT, Authenticator
from tests.rooms import ORIGIN, join, running_app


async def refused(app, token: str, **shown) -> str:
    with pytest.raises(Refused) as error:
        await complete(app, token, **shown)
    return error.value.code


async def test_after_the_password_there_is_a_token_and_after_the_code_a_session(database_url) -> None:
    async with running_app(database_url) as app:
        alice, secret, _ = await with_totp(app, "alice")
        before = await rows(app, "SELECT count(*) FROM sessions")
        asked = await ask(app, "alice")
        assert (asked.code, asked.factors) == ("second_factor_required", ("otp", "recovery_code"))
        assert await rows(app, "SELECT count(*) FROM sessions") == before
        caller = await complete(app, asked.token, otp=code(app, secret))
        assert (caller.user_id, caller.username) == (alice.user_id, "alice")
        assert await rows(app, "SELECT device FROM sessions WHERE id = %s", caller.session_id) == [("a laptop",)]
        assert [each[1:] for each in await recorded(app, "login")] == [
            ("ok", ""),
            ("pending", "second_factor"),
            ("ok", ""),
        ]


async def test_who_has_none_is_not_asked(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "bob")
        assert (await sign_in(app, "bob")).access


async def test_switched_off_nobody_is_asked_and_a_token_is_good_for_nothing(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        keys, clock = app.keys, app.clock
    async with running_app(sqlite_url, keys, clock, second_factor="off") as app:
        assert (await sign_in(app, "alice")).access
        assert await refused(app, token, otp="123456") == "second_factor_off"


async def test_the_token_is_no_access_token_and_no_ticket(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, secret, _ = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        for use in (sessions.authenticate, sessions.take_ticket):
            with pytest.raises(Unauthenticated):
                await use(app, token, ORIGIN)
        with pytest.raises(Unauthenticated):
            await sessions.refresh(app, token, ORIGIN)
        ticket = await sessions.make_ticket(app, alice)
        for other in ("", "mfa1_", ticket, token[:-1], token.upper(), (await sessions.make_ticket(app, alice))):
            assert await refused(app, other, otp=code(app, secret)) == "unauthenticated"


async def test_it_is_good_once(database_url) -> None:
    async with running_app(database_url) as app:
        _, secret, codes = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        await complete(app, token, otp=code(app, secret))
        assert await refused(app, token, recovery_code=codes[0]) == "unauthenticated"


async def test_two_factors_at_once_make_one_session(database_url) -> None:
    async with running_app(database_url) as app:
        _, secret, codes = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        before = (await rows(app, "SELECT count(*) FROM sessions"))[0][0]
        shown = [{"otp": code(app, secret)}, *({"recovery_code": each} for each in codes[:3])]
        done = await asyncio.gather(*(complete(app, token, **each) for each in shown), return_exceptions=True)
        assert sum(not isinstance(each, Exception) for each in done) == 1
        assert (await rows(app, "SELECT count(*) FROM sessions"))[0][0] == before + 1


async def test_five_tries_and_no_more(database_url) -> None:
    async with running_app(database_url) as app:
        _, secret, _ = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        wrong = "000000" if code(app, secret) != "000000" else "000001"
        assert [await refused(app, token, otp=wrong) for _ in range(6)] == ["wrong_code"] * 5 + ["unauthenticated"]
        assert await refused(app, token, otp=code(app, secret)) == "unauthenticated"
        await complete(app, (await ask(app, "alice")).token, otp=code(app, secret))


async def test_the_owner_is_told_that_somebody_has_the_password_and_no_factor(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, secret, _ = await with_totp(app, "alice")
        bus, token = NotingBus(app), (await ask(app, "alice")).token
        await refused(app, token, otp="000000" if code(app, secret) != "000000" else "000001")
        assert [(user_id, notice.kind) for user_id, notice in bus.notices] == [(alice.user_id, "second_factor_refused")]


async def test_five_minutes_and_no_longer(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, secret, _ = await with_totp(app, "alice")
        first, second = (await ask(app, "alice")).token, (await ask(app, "alice")).token
        turn(app, seconds=299)
        await complete(app, first, otp=code(app, secret))
        turn(app, seconds=60)
        assert await refused(app, second, otp=code(app, secret)) == "unauthenticated"


async def test_signing_in_anew_does_not_reset_the_limit(sqlite_url) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        _, secret, _ = await with_totp(app, "alice")
        wrong = "000000" if code(app, secret) != "000000" else "000001"
        tokens = [(await ask(app, "alice")).token for _ in range(4)]
        tried = iter(token for token in tokens for _ in range(5))
        assert await until_limited(lambda: complete(app, next(tried), ELSEWHERE, otp=wrong)) == 10
        with pytest.raises(Refused) as error:
            await complete(app, tokens[3], ELSEWHERE, otp=code(app, secret))
        assert error.value.code == "too_many_requests"
        # Where the owner is signed in, it goes on.
        await complete(app, tokens[3], otp=code(app, secret))


async def test_a_row_that_was_moved_to_somebody_else_is_nothing(database_url) -> None:
    async with running_app(database_url) as app:
        alice, hers, her_codes = await with_totp(app, "alice")
        _, secret, codes = await with_totp(app, "mallory")
        token = (await ask(app, "mallory")).token
        mine = (await rows(app, "SELECT mac FROM pending_logins"))[0][0]
        await ask(app, "alice")
        # With the stamp of a sign-in of hers, as whoever writes to the database could have it.
        stamp = (await rows(app, "SELECT stamp FROM pending_logins WHERE user_id = %s", alice.user_id))[0][0]
        moved = "UPDATE pending_logins SET user_id = %s, stamp = %s WHERE mac = %s"
        assert await change(app, moved, alice.user_id, stamp, mine) == 1
        assert await refused(app, token, otp=code(app, secret)) == "unauthenticated"
        assert await refused(app, token, recovery_code=codes[0]) == "unauthenticated"
        # Who knows a code of hers as well would have come in without her password.
        assert await refused(app, token, otp=code(app, hers)) == "unauthenticated"
        assert await refused(app, token, recovery_code=her_codes[0]) == "unauthenticated"


async def test_it_is_over_when_the_password_changes_or_the_person_is_disabled(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, secret, _ = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        await change(app, "UPDATE users SET disabled_at = 1")
        assert await refused(app, token, otp=code(app, secret)) == "unauthenticated"
        # Nothing was looked at, so nothing is used up.
        assert await recorded(app, "second_factor") == []
        await change(app, "UPDATE users SET disabled_at = NULL, password_version = password_version + 1")
        assert await refused(app, token, otp=code(app, secret)) == "unauthenticated"


async def test_a_passkey_completes_it_without_its_owner_being_verified(database_url) -> None:
    async with running_app(database_url) as app:
        alice, device = await join(app, "alice"), Authenticator()
        await add_passkey(app, alice, device)
        token = (await ask(app, "alice")).token
        options = request(await second_factor.ask_passkey(app, HERE, token=token))
        caller = await complete(app, token, credential=device.get(options, flags=PRESENT))
        assert caller.user_id == alice.user_id
        assert await recorded(app, "second_factor") == [("second_factor", "ok", "passkey")]


async def test_a_passkeys_answer_is_of_one_sign_in(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await join(app, "alice"), Authenticator()
        await add_passkey(app, alice, device)
        first, second = (await ask(app, "alice")).token, (await ask(app, "alice")).token
        shown = device.get(request(await second_factor.ask_passkey(app, HERE, token=first)))
        assert await refused(app, second, credential=shown) == "wrong_code"
        # A challenge of a sign-in by passkey alone does not serve, nor the other way round.
        shown = device.get(request(await assertions.ask(app, HERE, username="alice")))
        assert await refused(app, second, credential=shown) == "wrong_code"
        shown = device.get(request(await second_factor.ask_passkey(app, HERE, token=second)))
        with pytest.raises(Unauthenticated):
            await assertions.login(app, ORIGIN, HERE, credential=shown)
        shown = device.get(request(await second_factor.ask_passkey(app, HERE, token=second)))
        await complete(app, second, credential=shown)


async def test_somebody_elses_passkey_does_not_complete_it(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, mallory, device = await join(app, "alice"), await join(app, "mallory"), Authenticator()
        await add_passkey(app, alice, Authenticator())
        await add_passkey(app, mallory, device)
        token = (await ask(app, "alice")).token
        options = request(await second_factor.ask_passkey(app, HERE, token=token))
        shown = device.get(options | {"allowCredentials": []})
        assert await refused(app, token, credential=shown) == "wrong_code"


async def test_who_has_no_passkey_is_not_asked_for_one(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, _, _ = await with_totp(app, "alice")
        token = (await ask(app, "alice")).token
        with pytest.raises(NotFound):
            await second_factor.ask_passkey(app, HERE, token=token)
        with pytest.raises(Unauthenticated):
            await second_factor.ask_passkey(app, HERE, token="mfa1_none")
        assert await factors.has(app, alice.user_id)
