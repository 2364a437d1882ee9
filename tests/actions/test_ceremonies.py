"""Ceremonies: none without a place, and each challenge is good once."""

import pytest

from actions import assertions, passkeys
from actions.errors import Forbidden, Invalid, Unauthenticated
from tests.actions.factoring import HERE, code_of, creation, log_in, owner, request, turn
from tests.actions.stage import caller_of, sign_in
from tests.authenticator import PRESENT, Authenticator
from tests.rooms import ORIGIN, join, running_app


async def test_a_challenge_of_a_registration_is_of_one_session_and_good_once(database_url) -> None:
    async with running_app(database_url) as app:
        alice, bob, device = await join(app, "alice"), await join(app, "bob"), Authenticator()
        other = await caller_of(app, await sign_in(app, "alice"))
        options = creation(await passkeys.offer(app, alice, HERE))
        made = device.create(options)
        for caller in (bob, other):
            with pytest.raises(Invalid):
                await passkeys.register(app, caller, HERE, name="x", credential=made)
        await passkeys.register(app, alice, HERE, name="x", credential=made)
        with pytest.raises(Invalid):
            await passkeys.register(app, alice, HERE, name="x", credential=device.create(options))
        late = creation(await passkeys.offer(app, alice, HERE))
        turn(app, seconds=300)
        with pytest.raises(Invalid):
            await passkeys.register(app, alice, HERE, name="x", credential=device.create(late))


async def test_a_challenge_is_used_up_by_what_does_not_fit(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        options = creation(await passkeys.offer(app, alice, HERE))
        for credential in (device.create(options, origin="https://evil.example"), device.create(options)):
            with pytest.raises(Invalid):
                await passkeys.register(app, alice, HERE, name="x", credential=credential)
        asked = request(await assertions.ask(app, HERE, username="alice"))
        for credential in (device.get(asked, flags=PRESENT), device.get(asked)):
            with pytest.raises(Unauthenticated):
                await assertions.login(app, ORIGIN, HERE, credential=credential)
        await log_in(app, device)


async def test_without_a_place_there_are_no_passkeys(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        for doing in (
            passkeys.offer(app, alice, None),
            assertions.ask(app, None, username=None),
            assertions.login(app, ORIGIN, None, credential={}),
            assertions.ask_step_up(app, alice, None),
        ):
            assert await code_of(doing) == "passkeys_unavailable"


async def test_switched_off_nothing_is_done(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        shown = device.get(request(await assertions.ask(app, HERE, username=None)))
        keys, clock = app.keys, app.clock
    async with running_app(sqlite_url, keys, clock, second_factor="off") as app:
        for doing in (
            passkeys.offer(app, alice, HERE),
            passkeys.register(app, alice, HERE, name="x", credential={}),
            passkeys.list_own(app, alice),
            passkeys.rename(app, alice, 1, name="x"),
            passkeys.remove(app, alice, 1),
            assertions.ask(app, HERE, username="alice"),
            assertions.login(app, ORIGIN, HERE, credential=shown),
        ):
            with pytest.raises(Forbidden) as error:
                await doing
            assert error.value.code == "second_factor_off"
