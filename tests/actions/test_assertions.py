"""Assertions: what a passkey signs is good for its owner, its place and its ceremony, and only as it was registered."""

import asyncio
from dataclasses import replace

import pytest

from actions import assertions, passkeys, passwords, step_up
from actions.app import App, Caller
from actions.ceremonies import text_of
from actions.errors import NotFound, Unauthenticated
from crypto.keyring import Ring, make_key
from tests.actions.factoring import (
    HERE,
    OTHER_PLACE,
    add_passkey,
    code_of,
    creation,
    log_in,
    owner,
    recorded,
    request,
    turn,
)
from tests.actions.stage import change, register, rows
from tests.authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator
from tests.rooms import ORIGIN, PASSWORD, join, running_app


async def test_a_passkey_signs_in_with_a_name_and_without(database_url) -> None:
    async with running_app(database_url) as app:
        alice, device = await owner(app)
        for username in ("alice", "ALICE", None):
            caller = await log_in(app, device, username)
            assert (caller.user_id, caller.session_id != alice.session_id) == (alice.user_id, True)
        (found,) = await passkeys.list_own(app, alice)
        assert (found.name, found.sign_count, found.used_at) == ("a phone", 3, app.clock())
        assert [each[1] for each in await recorded(app, "passkey_added")] == ["ok"]
        assert await rows(app, "SELECT device FROM sessions WHERE id = %s", caller.session_id) == [("a laptop",)]


async def test_whoever_has_passkeys_alone_shows_one_where_others_type_a_code(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        turn(app, seconds=301)
        assert await code_of(step_up.prove(app, alice, password=PASSWORD)) == "second_factor_required"
        options = request(await assertions.ask_step_up(app, alice, HERE))
        await assertions.prove(app, alice, HERE, credential=device.get(options))
        turn(app, seconds=200)
        await passwords.change(app, alice, current=PASSWORD, new="another horse battery")
        turn(app, seconds=101)  # only a passkey makes the session fresh again
        assert await code_of(step_up.prove(app, alice, password="another horse battery")) == "second_factor_required"
        assert await code_of(step_up.require_recent(app, alice)) == "step_up_required"


async def test_a_proof_is_of_one_session_and_one_person_who_was_verified(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        bob, theirs = await owner(app, "bob")
        other = await log_in(app, device)
        turn(app, seconds=301)

        async def proof(caller: Caller, by: Authenticator, asker: Caller, **changes) -> str:
            options = request(await assertions.ask_step_up(app, asker, HERE))
            return await code_of(assertions.prove(app, caller, HERE, credential=by.get(options, **changes)))

        assert await proof(other, device, alice) == "wrong_code"
        assert await proof(alice, theirs, bob) == "wrong_code"
        assert await proof(alice, device, alice, flags=PRESENT) == "wrong_code"
        assert await code_of(step_up.require_recent(app, alice)) == "step_up_required"


async def test_of_many_who_show_one_assertion_one_gets_in(database_url) -> None:
    async with running_app(database_url) as app:
        _, device = await owner(app)
        shown = device.get(request(await assertions.ask(app, HERE, username=None)))
        logins = (assertions.login(app, ORIGIN, HERE, credential=shown) for _ in range(8))
        done = await asyncio.gather(*logins, return_exceptions=True)
        assert sum(not isinstance(each, Unauthenticated) for each in done) == 1


LIES = {
    "another origin": {"origin": "https://evil.example"},
    "in a frame": {"cross_origin": True},
    "not verified": {"flags": PRESENT},
    "another handle": {"handle": text_of(b"h" * 64)},
    "backup eligible all of a sudden": {"flags": PRESENT | VERIFIED | ELIGIBLE | BACKED_UP},
    "another ceremony": {"type": "webauthn.create"},
    "no counter any more": {"count": 0},
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_assertion_that_lies_signs_nobody_in(sqlite_url, lie: str) -> None:
    async with running_app(sqlite_url) as app:
        _, device = await owner(app)
        await log_in(app, device)
        with pytest.raises(Unauthenticated):
            await log_in(app, device, **LIES[lie])
        await log_in(app, device)


async def test_a_counter_that_goes_back_is_refused_flagged_and_recorded(database_url) -> None:
    async with running_app(database_url) as app:
        alice, device = await owner(app)
        await log_in(app, device)
        await log_in(app, device)
        with pytest.raises(Unauthenticated):
            await log_in(app, device, count=2)
        assert (await passkeys.list_own(app, alice))[0].cloned_at == app.clock()
        assert [each[1] for each in await recorded(app, "passkey_cloned")] == ["refused"]


async def test_an_authenticator_that_does_not_count_is_taken(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await join(app, "alice"), Authenticator(counts=False)
        await add_passkey(app, alice, device)
        for _ in range(3):
            assert (await log_in(app, device)).user_id == alice.user_id


CHANGES = {
    "the owner": "UPDATE passkeys SET user_id = (SELECT id FROM users WHERE key = 'bob')",
    "the key": "UPDATE passkeys SET public_key = (SELECT public_key FROM passkeys WHERE name = 'other')",
    "the place": "UPDATE passkeys SET rp_id = 'localhost' WHERE name = 'other'",
    "the handle": "UPDATE passkeys SET handle = mac",
    "the flag": "UPDATE passkeys SET backup_eligible = NOT backup_eligible",
    "the MAC": "UPDATE passkeys SET mac = handle",
    "the MAC's key": "UPDATE passkeys SET key_id = 'unknown'",
}


@pytest.mark.parametrize("changed", CHANGES)
async def test_a_row_that_was_changed_signs_nobody_in(sqlite_url, changed: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        await register(app, "bob")
        elsewhere = Authenticator(OTHER_PLACE.origin)
        await add_passkey(app, alice, elsewhere, "other", OTHER_PLACE)
        await change(app, CHANGES[changed])
        used = replace(elsewhere, origin=HERE.origin) if changed == "the place" else device
        for held in used.keys.values():
            held.rp_id = HERE.rp_id
        asked = await assertions.ask(app, HERE, username=None)
        with pytest.raises(Unauthenticated):
            await assertions.login(app, ORIGIN, HERE, credential=used.get(request(asked)))
        assert [each[1] for each in await recorded(app, "integrity")] == ["refused"]


async def test_a_passkey_is_of_one_place(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        asked = request(await assertions.ask(app, OTHER_PLACE, username=None))
        shown = device.get(asked, origin=OTHER_PLACE.origin, rp_id=OTHER_PLACE.rp_id)
        with pytest.raises(Unauthenticated):
            await assertions.login(app, ORIGIN, OTHER_PLACE, credential=shown)
        assert (await passkeys.offer(app, alice, OTHER_PLACE)).exclude == ()
        with pytest.raises(NotFound):
            await assertions.ask_step_up(app, alice, OTHER_PLACE)


async def test_who_does_not_exist_looks_like_who_has_a_passkey(database_url) -> None:
    async with running_app(database_url) as app:
        await owner(app)
        await register(app, "bob")
        for name in ("bob", "nobody.here", "a b", "", "x" * 10_000):
            asked = await assertions.ask(app, HERE, username=name)
            assert asked.allow == (await assertions.ask(app, HERE, username=name)).allow
            assert {len(each) for each in asked.allow} == {32}
            shown = Authenticator()
            shown.create(creation(await passkeys.offer(app, await _fresh(app), HERE)))
            with pytest.raises(Unauthenticated) as error:
                await assertions.login(
                    app, ORIGIN, HERE, credential=shown.get({**request(asked), "allowCredentials": []})
                )
            assert error.value.detail == assertions.UNKNOWN
        known = await assertions.ask(app, HERE, username="alice")
        assert (len(known.challenge), known.verified_user, known.rp_id) == (32, True, HERE.rp_id)


async def _fresh(app: App) -> Caller:
    count = (await rows(app, "SELECT count(*) FROM users"))[0][0]
    return await join(app, f"person{count}")


async def test_who_is_disabled_does_not_get_in(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, device = await owner(app)
        await change(app, "UPDATE users SET disabled_at = 1")
        with pytest.raises(Unauthenticated):
            await log_in(app, device)
        assert (await recorded(app, "login"))[-1] == ("login", "refused", "passkey")


async def test_a_passkey_outlives_a_rotation_as_long_as_its_key_is_kept(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, device = await owner(app)
        fresh = make_key()
        app.keys = replace(app.keys, token=Ring((fresh, *app.keys.token.keys)))
        await log_in(app, device)
        app.keys = replace(app.keys, token=Ring((fresh,)))
        with pytest.raises(Unauthenticated):
            await log_in(app, device)
