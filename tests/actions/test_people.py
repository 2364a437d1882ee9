"""What the operator does with people: they are never asked for a password, and what they end has ended."""

import pytest

from actions import erasure, passwords, people, sessions
from actions.app import App
from actions.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated
from actions.people import Made
from tests.actions.stage import caller_of, register, rows, sign_in
from tests.rooms import ORIGIN, PASSWORD, join, running_app


async def may_enter(app: App, name: str, password: str = PASSWORD) -> bool:
    try:
        return bool(await sign_in(app, name, password))
    except Unauthenticated:
        return False


async def test_a_new_account_has_no_password_until_its_owner_sets_one(database_url: str) -> None:
    async with running_app(database_url, registration=False) as app:
        made = await people.create(app, "Alice")
        assert made.name == "Alice"
        (stored,) = await rows(app, "SELECT password FROM users")
        for guess in ("", PASSWORD, made.token, stored[0]):
            assert not await may_enter(app, "alice", guess)
        await passwords.reset(app, ORIGIN, token=made.token, new=PASSWORD)
        assert await may_enter(app, "ALICE")
        assert [action for (action,) in await rows(app, "SELECT action FROM audit ORDER BY id")][:2] == [
            "register",
            "password_reset_offer",
        ]


@pytest.mark.parametrize(("name", "error"), [("a b", Invalid), ("", Invalid), ("ALICE", Conflict), ("aIice", Conflict)])
async def test_a_bad_name_and_one_that_is_taken_are_refused(sqlite_url: str, name: str, error: type[Refused]) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        with pytest.raises(error):
            await people.create(app, name)
        assert await rows(app, "SELECT COUNT(*) FROM users") == [(1,)]


async def test_the_name_of_who_was_erased_is_not_given_to_somebody_else(database_url: str) -> None:
    async with running_app(database_url) as app:
        await erasure.erase_account(app, await join(app, "Alice"), password=PASSWORD)
        for name in ("alice", "aIice"):
            with pytest.raises(Conflict):
                await people.create(app, name)
        for act in (people.reset_password, people.enable, people.disable):
            with pytest.raises(NotFound):
                await act(app, "alice")


async def test_who_is_disabled_is_out_and_stays_out_until_enabled(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        tokens = await sign_in(app, "alice")
        assert await people.disable(app, "ALICE") == ("alice", 2)
        assert await people.disable(app, "alice") == ("alice", None)
        assert not await may_enter(app, "alice")
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        with pytest.raises(Unauthenticated):
            await sessions.refresh(app, tokens.refresh, ORIGIN)
        with pytest.raises(Unauthenticated):
            await sessions.own(app, alice)
        assert await people.enable(app, "alice") == ("alice", True)
        assert await people.enable(app, "alice") == ("alice", False)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)  # what has ended does not come back
        assert await may_enter(app, "alice")
        told = await rows(app, "SELECT action, reason FROM audit WHERE reason = 'operator' ORDER BY id")
        assert told == [("disable", "operator"), ("enable", "operator")]


async def test_sessions_are_listed_and_ended(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        name, found = await people.sessions_of(app, "Alice")
        assert (name, [each.id for each in found]) == ("alice", [alice.session_id])
        assert await people.end_sessions(app, "alice") == ("alice", 1)
        assert await people.end_sessions(app, "alice") == ("alice", 0)
        with pytest.raises(Unauthenticated):
            await sessions.own(app, alice)
        assert await sessions.own(app, bob)


@pytest.mark.parametrize("name", ["nobody", "not a name", "", "\ud800"])
async def test_nobody_of_that_name_is_told_so(sqlite_url: str, name: str) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        for act in (
            people.reset_password,
            people.disable,
            people.enable,
            people.sessions_of,
            people.end_sessions,
        ):
            with pytest.raises(NotFound):
                await act(app, name)


async def test_a_token_is_never_shown_by_accident(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        made = await people.create(app, "alice")
        assert isinstance(made, Made)
        assert made.token not in repr(made)
