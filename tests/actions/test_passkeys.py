"""Passkeys: registered by who has proved who they are, and their own to see, name and remove."""

import pytest

from actions import assertions, enrolment, factors, passkeys, step_up
from actions.errors import Invalid, NotFound
from models.factors import Counts
from tests.actions.factoring import (
    HERE,
    add_passkey,
    code_of,
    creation,
    enrol_totp,
    log_in,
    owner,
    recorded,
    request,
    turn,
)
from tests.actions.stage import NotingBus, caller_of, sign_in
from tests.authenticator import Authenticator
from tests.rooms import ORIGIN, join, running_app


async def test_the_first_factor_comes_with_recovery_codes_and_the_next_one_without(database_url) -> None:
    async with running_app(database_url) as app:
        alice, device = await join(app, "alice"), Authenticator()
        _, codes = await add_passkey(app, alice, device)
        assert len(codes) == 10
        options = creation(await passkeys.offer(app, alice, HERE))
        second, none = await passkeys.register(app, alice, HERE, name=" a key ", credential=device.create(options))
        assert (second.name, none) == ("a key", [])
        assert await enrolment.standing(app, alice) == Counts(False, 2, 10)
        first, second = await passkeys.list_own(app, alice)
        assert first.handle == second.handle
        offered = await passkeys.offer(app, alice, HERE)
        assert offered.exclude == (first.credential_id, second.credential_id)
        assert await factors.verify(app, alice.user_id, ORIGIN, recovery_code=codes[0]) == "recovery"


async def test_a_change_ends_the_other_sessions_and_tells_of_it(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        other = await caller_of(app, await sign_in(app, "alice"))
        bus, device = NotingBus(app), Authenticator()
        passkey, _ = await add_passkey(app, alice, device)
        assert [ending[1] for ending in bus.endings] == [other.session_id]
        third = await log_in(app, device)
        await passkeys.remove(app, alice, passkey.id)
        assert [ending[1] for ending in bus.endings] == [other.session_id, third.session_id]
        assert [notice.kind for _, notice in bus.notices] == ["factor_changed", "login", "factor_changed"]
        assert [each[1] for each in await recorded(app, "passkey_removed")] == ["ok"]


async def test_an_old_session_must_prove_again_who_it_is(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        (passkey,) = await passkeys.list_own(app, alice)
        turn(app, seconds=301)
        assert await code_of(passkeys.offer(app, alice, HERE)) == "step_up_required"
        assert await code_of(passkeys.remove(app, alice, passkey.id)) == "step_up_required"
        options = request(await assertions.ask_step_up(app, alice, HERE))
        await assertions.prove(app, alice, HERE, credential=device.get(options))
        await step_up.require_recent(app, alice)
        await passkeys.remove(app, alice, passkey.id)
        assert await enrolment.standing(app, alice) == Counts(False, 0, 0)


async def test_only_ones_own_can_be_seen_named_and_removed(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await owner(app)
        bob = await join(app, "bob")
        (passkey,) = await passkeys.list_own(app, alice)
        assert await passkeys.list_own(app, bob) == []
        with pytest.raises(NotFound):
            await passkeys.rename(app, bob, passkey.id, name="stolen")
        with pytest.raises(NotFound):
            await passkeys.remove(app, bob, passkey.id)
        assert (await passkeys.rename(app, alice, passkey.id, name="mine")).name == "mine"


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\u202eb", "\x00"])
async def test_a_name_is_a_short_text_that_shows_something(sqlite_url, name: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await owner(app)
        (passkey,) = await passkeys.list_own(app, alice)
        with pytest.raises(Invalid):
            await passkeys.rename(app, alice, passkey.id, name=name)
        with pytest.raises(Invalid):
            await passkeys.register(app, alice, HERE, name=name, credential={})


async def test_what_is_registered_elsewhere_or_too_much_is_a_conflict(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob, device = await join(app, "alice"), await join(app, "bob"), Authenticator()
        for caller, expected in ((alice, None), (bob, "conflict")):
            options = creation(await passkeys.offer(app, caller, HERE))
            made = device.create(options, credential_id=b"the same")
            doing = passkeys.register(app, caller, HERE, name="x", credential=made)
            if expected:
                assert await code_of(doing) == expected
            else:
                await doing
        for _ in range(passkeys.MOST_PASSKEYS - 1):
            await add_passkey(app, alice, device)
        options = creation(await passkeys.offer(app, alice, HERE))
        doing = passkeys.register(app, alice, HERE, name="x", credential=device.create(options))
        assert await code_of(doing) == "conflict"


async def test_what_is_required_stays(sqlite_url) -> None:
    async with running_app(sqlite_url, second_factor="required") as app:
        alice, _ = await owner(app)
        (passkey,) = await passkeys.list_own(app, alice)
        assert await code_of(passkeys.remove(app, alice, passkey.id)) == "conflict"
        await enrol_totp(app, alice)
        await passkeys.remove(app, alice, passkey.id)
