"""A changed password ends what the old one has begun; of two changes one wins; a one-time token is good once."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

import models.sessions
import models.users
from actions import passwords, people, sessions, step_up
from actions.app import App, Caller
from actions.errors import Conflict, Invalid, Refused, TooMany, Unauthenticated
from tests.actions.stage import NotingBus, caller_of, change, everything, frames, register, rows, sign_in, v1_of
from tests.rooms import ORIGIN, PASSWORD, Clock, join, running_app

NEW = "another horse, another battery"
THIRD = "a third horse, a third battery"


async def opens(app: App, password: str, name: str = "alice") -> bool:
    """Whether this password lets its owner in."""
    try:
        return bool(await sign_in(app, name, password))
    except Unauthenticated:
        return False


async def lives(app: App, caller: Caller) -> bool:
    try:
        return bool(await sessions.own(app, caller))
    except Unauthenticated:
        return False


# Changing it


async def test_a_change_opens_to_the_new_password_and_ends_all_other_sessions(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        here = await join(app, "alice")
        elsewhere = await sign_in(app, "alice")
        other, bob = await caller_of(app, elsewhere), await join(app, "bob")
        device = v1_of(other)
        app.hub.join(device)
        clock.turn(seconds=301)
        bus = NotingBus(app)
        await passwords.change(app, here, current=PASSWORD, new=NEW)
        assert bus.endings == [(other.user_id, other.session_id, "password_changed")]
        assert [frame["kind"] for frame in frames(device)] == ["password_changed"]
        assert device.closed is not None
        assert [await lives(app, each) for each in (here, other, bob)] == [True, False, True]
        with pytest.raises(Unauthenticated):
            await sessions.refresh(app, elsewhere.refresh, ORIGIN)
        assert [await opens(app, each) for each in (PASSWORD, NEW)] == [False, True]
        await step_up.require_recent(app, here)  # whoever has just shown their password is fresh
        assert await rows(app, "SELECT COUNT(*) FROM audit WHERE action = 'password_change'") == [(1,)]
        assert NEW.encode() not in await everything(app)


async def test_without_the_current_password_nothing_changes(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        other = await caller_of(app, await sign_in(app, "alice"))
        bus = NotingBus(app)
        for current in ("", NEW, PASSWORD.upper()):
            with pytest.raises(Unauthenticated) as refused:
                await passwords.change(app, alice, current=current, new=NEW)
            assert refused.value.code == "wrong_password"
        assert bus.published == []
        assert [await lives(app, each) for each in (alice, other)] == [True, True]
        assert [await opens(app, each) for each in (PASSWORD, NEW)] == [True, False]


@pytest.mark.parametrize("new", ["short", "x" * 129, "password1", "alice1234", "nul\0 battery", ""])
async def test_what_cannot_be_had_at_sign_up_cannot_be_had_by_a_change(sqlite_url: str, new: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        with pytest.raises(Invalid) as refused:
            await passwords.change(app, alice, current=PASSWORD, new=new)
        assert [fault.field for fault in refused.value.faults] == ["new"]
        assert await opens(app, PASSWORD)


async def test_guesses_at_the_current_password_are_few(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice = await join(app, "alice")
        for _ in range(10):
            with pytest.raises(Unauthenticated):
                await passwords.change(app, alice, current="a wrong guess", new=NEW)
        with pytest.raises(TooMany):
            await passwords.change(app, alice, current=PASSWORD, new=NEW)


async def test_of_two_changes_at_once_one_wins(database_url: str) -> None:
    async with running_app(database_url) as app, running_app(database_url, app.keys) as replica:
        callers = [await join(app, "alice"), *[await caller_of(app, await sign_in(app, "alice")) for _ in range(3)]]
        wanted = [f"horse number {number} of four" for number in range(4)]
        outcomes = await asyncio.gather(
            *(
                passwords.change((app, replica)[number % 2], caller, current=PASSWORD, new=wanted[number])
                for number, caller in enumerate(callers)
            ),
            return_exceptions=True,
        )
        assert outcomes.count(None) == 1
        assert {type(each) for each in outcomes if each is not None} <= {Conflict, Unauthenticated}
        winner = outcomes.index(None)
        assert [await opens(app, each) for each in (PASSWORD, *wanted)] == [
            False,
            *(number == winner for number in range(4)),
        ]
        assert [await lives(app, each) for each in callers] == [number == winner for number in range(4)]


@pytest.mark.parametrize("by", ["change", "reset", "disable"])
async def test_a_sign_in_that_is_under_way_does_not_survive_with_the_old_password(
    database_url: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of the password and the storing of the session the account changes."""
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        token = (await people.reset_password(app, "alice")).token
        store = models.sessions.create

        async def overtaken(*args: Any, **more: Any) -> list[int]:
            monkeypatch.setattr(models.sessions, "create", store)
            if by == "change":
                await passwords.change(app, alice, current=PASSWORD, new=NEW)
            elif by == "reset":
                await passwords.reset(app, ORIGIN, token=token, new=NEW)
            else:
                await people.disable(app, "alice")
            return await store(*args, **more)

        monkeypatch.setattr(models.sessions, "create", overtaken)
        with pytest.raises(Unauthenticated):
            await sign_in(app, "alice")
        left = await rows(app, "SELECT id FROM sessions WHERE ended_at IS NULL")
        assert left == ([(alice.session_id,)] if by == "change" else [])


async def test_a_session_that_ends_meanwhile_changes_no_password(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        store = models.passwords.change

        async def overtaken(*args: Any, **more: Any) -> list[int] | None:
            await sessions.end(app, alice)
            return await store(*args, **more)

        monkeypatch.setattr(models.passwords, "change", overtaken)
        with pytest.raises(Conflict):
            await passwords.change(app, alice, current=PASSWORD, new=NEW)
        assert await opens(app, PASSWORD)


# A one-time token


@dataclass(frozen=True, slots=True)
class Offered:
    """Alice, signed in, and a token for her."""

    caller: Caller
    token: str


async def offered(app: App) -> Offered:
    alice = await join(app, "alice")
    return Offered(alice, (await people.reset_password(app, "alice")).token)


async def is_taken(app: App, token: str, new: str = NEW) -> bool:
    try:
        await passwords.reset(app, ORIGIN, token=token, new=new)
    except Unauthenticated:
        return False
    return True


async def test_a_token_sets_the_password_once_and_ends_every_session(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await offered(app)
        assert await opens(app, PASSWORD)  # offering it changes nothing
        before = await rows(app, "SELECT COUNT(*) FROM sessions")
        assert await is_taken(app, alice.token)
        assert await rows(app, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL") == [(0,)]
        assert await rows(app, "SELECT COUNT(*) FROM sessions") == before  # nobody is signed in by it
        assert [await opens(app, each) for each in (PASSWORD, NEW)] == [False, True]
        assert not await is_taken(app, alice.token, THIRD)
        assert await opens(app, NEW)
        actions = [action for (action,) in await rows(app, "SELECT action FROM audit ORDER BY id")]
        assert [each for each in actions if "reset" in each] == ["password_reset_offer", "password_reset"]
        assert alice.token[-40:].encode() not in await everything(app)


async def test_a_token_is_good_for_a_day(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await offered(app)
        clock.turn(days=1, seconds=-0.001)
        with pytest.raises(Invalid) as refused:
            await passwords.reset(app, ORIGIN, token=alice.token, new="alice1234")  # the token stays good
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("new", "like_name")]
        assert await is_taken(app, alice.token)
        late = (await people.reset_password(app, "alice")).token
        clock.turn(days=1)
        assert not await is_taken(app, late, THIRD)


async def test_of_twenty_who_show_a_token_at_once_one_sets_the_password(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await offered(app)
        wanted = [f"horse number {number} of many" for number in range(8)]
        taken = await asyncio.gather(*(is_taken(app, alice.token, each) for each in wanted))
        assert taken.count(True) == 1
        assert await opens(app, wanted[taken.index(True)])


@pytest.mark.parametrize("void", ["a newer one", "a change", "disabled"])
async def test_a_token_is_void_after(database_url: str, void: str) -> None:
    async with running_app(database_url) as app:
        alice = await offered(app)
        if void == "a newer one":
            await people.reset_password(app, "alice")
        elif void == "a change":
            await passwords.change(app, alice.caller, current=PASSWORD, new=NEW)
        else:
            await people.disable(app, "alice")
            await people.enable(app, "alice")
        assert not await is_taken(app, alice.token, THIRD)
        assert not await opens(app, THIRD)


@pytest.mark.parametrize(
    "text", ["", "pr1_", "x" * 5_000, "pr1_1.9999999999999." + "A" * 43, "\ud800", "pr1_1.2", "\0"]
)
async def test_what_is_no_token_is_refused(sqlite_url: str, text: str) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        assert not await is_taken(app, text)


EDITS = {
    "whose it is": "UPDATE resets SET user_id = {victim}",
    "its time": "UPDATE resets SET expires_at = expires_at + 99999999999",
    "a disabled owner": "UPDATE users SET disabled_at = 1 WHERE id = {mallory}",
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_token_sets_nobodys_password(database_url: str, edit: str) -> None:
    """Mallory was given a token of their own, and can write to the database."""
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        victim, mallory = await join(app, "victim"), await join(app, "mallory")
        token = (await people.reset_password(app, "mallory")).token
        if edit == "its time":
            clock.turn(days=2)
        people_of = {"victim": victim.user_id, "mallory": mallory.user_id}
        assert await change(app, EDITS[edit].format(**people_of)) == 1
        before = await rows(app, "SELECT id, password FROM users ORDER BY id")
        assert not await is_taken(app, token)
        assert await rows(app, "SELECT id, password FROM users ORDER BY id") == before


async def test_a_token_of_a_refused_person_is_not_offered(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        await people.disable(app, "alice")
        with pytest.raises(Refused):
            await people.reset_password(app, "alice")
