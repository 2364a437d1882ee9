"""Whether a code fits: once, in its time, for its owner; and a limit that nobody can turn against the owner."""

import asyncio
from base64 import b32decode
from dataclasses import replace

import pytest

from actions import factors
from actions.errors import Forbidden, TooMany
from crypto.keyring import Ring, make_key
from tests.actions.factoring import (
    ELSEWHERE,
    add_passkey,
    ask,
    code,
    enrol_totp,
    recorded,
    turn,
    until_limited,
    with_totp,
)
from tests.actions.stage import NotingBus, change, everything
from tests.authenticator import Authenticator
from tests.rooms import ORIGIN, join, make_keys, running_app


async def test_a_code_is_good_once(database_url) -> None:
    async with running_app(database_url) as app:
        alice, secret, _ = await with_totp(app, "alice")
        shown = code(app, secret)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=shown) == "otp"
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=shown) is None
        turn(app)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=shown) is None
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret)) == "otp"
        assert await recorded(app, "second_factor") == [
            ("second_factor", "ok", "otp"),
            ("second_factor", "refused", ""),
            ("second_factor", "refused", ""),
            ("second_factor", "ok", "otp"),
        ]


async def test_the_code_that_confirmed_is_used_up(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        secret, _ = await enrol_totp(app, alice)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret)) is None


async def test_the_code_before_is_good_for_fifteen_seconds_and_the_next_one_never(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, secret, _ = await with_totp(app, "alice")
        turn(app, seconds=30 - app.clock() / 1000 % 30)
        for early in (1, 2):
            assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret, steps=early)) is None
        turn(app, seconds=14)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret, steps=-1)) == "otp"
        turn(app, seconds=31)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret, steps=-1)) is None


async def test_of_many_who_show_one_code_at_once_one_gets_in(database_url) -> None:
    async with running_app(database_url) as app:
        alice, secret, codes = await with_totp(app, "alice")
        shown = code(app, secret)
        for proof in ({"otp": shown}, {"recovery_code": codes[0]}):
            tries = await asyncio.gather(*(factors.verify(app, alice.user_id, ORIGIN, **proof) for _ in range(8)))
            assert len(tries) - tries.count(None) == 1, proof


async def test_a_recovery_code_is_good_once_and_its_owner_is_told(database_url) -> None:
    async with running_app(database_url) as app:
        alice, _, codes = await with_totp(app, "alice")
        bob = await join(app, "bob")
        bus = NotingBus(app)
        assert await factors.verify(app, bob.user_id, ORIGIN, recovery_code=codes[0]) is None
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0].lower()) == "recovery"
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) is None
        told = [(user_id, notice.kind) for user_id, notice in bus.notices]
        assert told == [(alice.user_id, "recovery_used")]
        assert (await factors.counts(app, alice.user_id)).codes == 9


async def test_what_is_no_code_does_not_fit(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, _, _ = await with_totp(app, "alice")
        for shown in (
            {},
            {"otp": ""},
            {"otp": "x" * 100_000},
            {"recovery_code": "\ud800"},
            {"recovery_code": "A" * 26},
        ):
            assert await factors.verify(app, alice.user_id, ORIGIN, **shown) is None
        assert await factors.verify(app, 404, ORIGIN, otp="123456") is None


async def test_a_seed_copied_to_somebody_else_opens_nothing(database_url) -> None:
    async with running_app(database_url) as app:
        alice, _, _ = await with_totp(app, "alice")
        mallory, secret, codes = await with_totp(app, "mallory")
        columns = "credential_id = {0}.credential_id, sealed = {0}.sealed, master_id = {0}.master_id"
        await change(
            app,
            "UPDATE totps SET " + columns.format("m") + " FROM totps m WHERE m.user_id = %s AND totps.user_id = %s",
            *(mallory.user_id, alice.user_id),
        )
        await change(app, "UPDATE recovery_codes SET user_id = %s WHERE user_id = %s", alice.user_id, mallory.user_id)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret)) is None
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) is None
        assert await factors.verify(app, mallory.user_id, ORIGIN, otp=code(app, secret)) == "otp"
        assert await recorded(app, "integrity") == [("integrity", "refused", "totp")]


async def test_neither_seed_nor_code_stands_in_the_database(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, secret, codes = await with_totp(app, "alice")
        asked = await ask(app, "alice")
        found = await everything(app)
        assert asked.token.encode() not in found
        for hidden in (secret, *codes, *(each.replace("-", "") for each in codes)):
            assert hidden.encode() not in found
        assert b32decode(secret) not in found


async def test_the_limit_is_of_the_person_and_a_right_code_does_not_help_then(sqlite_url) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice, secret, codes = await with_totp(app, "alice")
        bob = await join(app, "bob")
        assert await until_limited(lambda: factors.verify(app, alice.user_id, ELSEWHERE, otp="000000")) == 10
        for shown in ({"otp": code(app, secret)}, {"recovery_code": codes[0]}):
            with pytest.raises(TooMany):
                await factors.verify(app, alice.user_id, ELSEWHERE, **shown)
        assert await factors.verify(app, bob.user_id, ELSEWHERE, otp="000000") is None


async def test_where_the_owner_is_signed_in_nobody_elsewhere_keeps_them_out(sqlite_url) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice, secret, _ = await with_totp(app, "alice")
        await until_limited(lambda: factors.verify(app, alice.user_id, ELSEWHERE, otp="000000"))
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret)) == "otp"


async def test_switched_off_nobody_has_a_factor_and_nothing_fits(sqlite_url) -> None:
    keys = make_keys()
    async with running_app(sqlite_url, keys) as app:
        alice, secret, codes = await with_totp(app, "alice")
        now = app.clock()
        assert await factors.has(app, alice.user_id)
    async with running_app(sqlite_url, keys, second_factor="off") as app:
        turn(app, seconds=(now - app.clock()) / 1000)
        assert not await factors.has(app, alice.user_id)
        assert await factors.verify(app, alice.user_id, ORIGIN, otp=code(app, secret)) is None
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) is None
        with pytest.raises(Forbidden) as refused:
            factors.refuse_when_off(app)
        assert refused.value.code == "second_factor_off"


async def test_where_all_must_have_one_who_has_none_may_only_enrol(sqlite_url) -> None:
    async with running_app(sqlite_url, second_factor="required") as app:
        alice = await join(app, "alice")
        with pytest.raises(Forbidden) as refused:
            await factors.require_enrolled(app, alice.user_id)
        assert refused.value.code == "enrolment_required"
        await enrol_totp(app, alice)
        await factors.require_enrolled(app, alice.user_id)
        await factors.require_enrolled(app, alice.user_id)
    async with running_app(sqlite_url) as app:
        await factors.require_enrolled(app, 404)


async def test_with_what_a_sign_in_can_be_completed(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        assert await factors.methods(app, alice.user_id) == []
        await add_passkey(app, alice, Authenticator())
        assert await factors.methods(app, alice.user_id) == ["passkey", "recovery_code"]
        await enrol_totp(app, alice)
        assert await factors.methods(app, alice.user_id) == ["otp", "passkey", "recovery_code"]


async def test_a_code_of_a_key_that_is_gone_does_not_fit(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, _, codes = await with_totp(app, "alice")
        app.keys = replace(app.keys, token=Ring((make_key(),)))
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) is None
