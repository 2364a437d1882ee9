"""Passkeys: registered by who has proved who they are, good for their owner, their place and their ceremony."""

import asyncio
from dataclasses import replace

import pytest

from actions import enrolment, factors, passkeys, passwords, sessions, step_up
from actions.app import App, Caller
from actions.errors import Forbidden, Invalid, NotFound, Refused, Unauthenticated
from actions.passkeys import Site, text_of
from crypto.keyring import Ring, make_key
from models.factors import Counts
from tests.actions.factoring import HERE, add_passkey, creation, enrol_totp, recorded, request, turn
from tests.actions.stage import NotingBus, caller_of, change, register, rows, sign_in
from tests.authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator
from tests.rooms import ORIGIN, PASSWORD, join, running_app

OTHER_PLACE = Site("other.example", "https://other.example")


async def code_of(doing) -> str:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code


async def owner(app: App, name: str = "alice") -> tuple[Caller, Authenticator]:
    """Somebody new with a passkey."""
    caller, device = await join(app, name), Authenticator()
    await add_passkey(app, caller, device)
    return caller, device


async def log_in(app: App, device: Authenticator, username: str | None = None, **changes) -> Caller:
    asked = await passkeys.ask(app, HERE, username=username)
    shown = device.get(request(asked), **changes)
    tokens = await passkeys.login(app, ORIGIN, HERE, credential=shown, device="a laptop")
    return await sessions.authenticate(app, tokens.access, ORIGIN)


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
        options = request(await passkeys.ask_step_up(app, alice, HERE))
        await passkeys.prove(app, alice, HERE, credential=device.get(options))
        await step_up.require_recent(app, alice)
        await passkeys.remove(app, alice, passkey.id)
        assert await enrolment.standing(app, alice) == Counts(False, 0, 0)


async def test_whoever_has_passkeys_alone_shows_one_where_others_type_a_code(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        turn(app, seconds=301)
        assert await code_of(step_up.prove(app, alice, password=PASSWORD)) == "second_factor_required"
        options = request(await passkeys.ask_step_up(app, alice, HERE))
        await passkeys.prove(app, alice, HERE, credential=device.get(options))
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
            options = request(await passkeys.ask_step_up(app, asker, HERE))
            return await code_of(passkeys.prove(app, caller, HERE, credential=by.get(options, **changes)))

        assert await proof(other, device, alice) == "wrong_code"
        assert await proof(alice, theirs, bob) == "wrong_code"
        assert await proof(alice, device, alice, flags=PRESENT) == "wrong_code"
        assert await code_of(step_up.require_recent(app, alice)) == "step_up_required"


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
        asked = request(await passkeys.ask(app, HERE, username="alice"))
        for credential in (device.get(asked, flags=PRESENT), device.get(asked)):
            with pytest.raises(Unauthenticated):
                await passkeys.login(app, ORIGIN, HERE, credential=credential)
        await log_in(app, device)


async def test_of_many_who_show_one_assertion_one_gets_in(database_url) -> None:
    async with running_app(database_url) as app:
        _, device = await owner(app)
        shown = device.get(request(await passkeys.ask(app, HERE, username=None)))
        logins = (passkeys.login(app, ORIGIN, HERE, credential=shown) for _ in range(8))
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
        asked = await passkeys.ask(app, HERE, username=None)
        with pytest.raises(Unauthenticated):
            await passkeys.login(app, ORIGIN, HERE, credential=used.get(request(asked)))
        assert [each[1] for each in await recorded(app, "integrity")] == ["refused"]


async def test_a_passkey_is_of_one_place(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        asked = request(await passkeys.ask(app, OTHER_PLACE, username=None))
        shown = device.get(asked, origin=OTHER_PLACE.origin, rp_id=OTHER_PLACE.rp_id)
        with pytest.raises(Unauthenticated):
            await passkeys.login(app, ORIGIN, OTHER_PLACE, credential=shown)
        assert (await passkeys.offer(app, alice, OTHER_PLACE)).exclude == ()
        with pytest.raises(NotFound):
            await passkeys.ask_step_up(app, alice, OTHER_PLACE)


async def test_without_a_place_there_are_no_passkeys(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        for doing in (
            passkeys.offer(app, alice, None),
            passkeys.ask(app, None, username=None),
            passkeys.login(app, ORIGIN, None, credential={}),
            passkeys.ask_step_up(app, alice, None),
        ):
            assert await code_of(doing) == "passkeys_unavailable"


async def test_who_does_not_exist_looks_like_who_has_a_passkey(database_url) -> None:
    async with running_app(database_url) as app:
        await owner(app)
        await register(app, "bob")
        for name in ("bob", "nobody.here", "a b", "", "x" * 10_000):
            asked = await passkeys.ask(app, HERE, username=name)
            assert asked.allow == (await passkeys.ask(app, HERE, username=name)).allow
            assert {len(each) for each in asked.allow} == {32}
            shown = Authenticator()
            shown.create(creation(await passkeys.offer(app, await _fresh(app), HERE)))
            with pytest.raises(Unauthenticated) as error:
                await passkeys.login(
                    app, ORIGIN, HERE, credential=shown.get({**request(asked), "allowCredentials": []})
                )
            assert error.value.detail == passkeys.UNKNOWN
        known = await passkeys.ask(app, HERE, username="alice")
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


async def test_switched_off_nothing_is_done(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        alice, device = await owner(app)
        shown = device.get(request(await passkeys.ask(app, HERE, username=None)))
        keys, clock = app.keys, app.clock
    async with running_app(sqlite_url, keys, clock, second_factor="off") as app:
        for doing in (
            passkeys.offer(app, alice, HERE),
            passkeys.register(app, alice, HERE, name="x", credential={}),
            passkeys.list_own(app, alice),
            passkeys.rename(app, alice, 1, name="x"),
            passkeys.remove(app, alice, 1),
            passkeys.ask(app, HERE, username="alice"),
            passkeys.login(app, ORIGIN, HERE, credential=shown),
        ):
            with pytest.raises(Forbidden) as error:
                await doing
            assert error.value.code == "second_factor_off"


async def test_a_passkey_outlives_a_rotation_as_long_as_its_key_is_kept(sqlite_url) -> None:
    async with running_app(sqlite_url) as app:
        _, device = await owner(app)
        fresh = make_key()
        app.keys = replace(app.keys, token=Ring((fresh, *app.keys.token.keys)))
        await log_in(app, device)
        app.keys = replace(app.keys, token=Ring((fresh,)))
        with pytest.raises(Unauthenticated):
            await log_in(app, device)
