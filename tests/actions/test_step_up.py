"""Step-up: fresh for five minutes, by the password and the second factor, and by nothing else."""

from collections.abc import Awaitable
from typing import Any

import pytest

import models.users
from actions import factors, sessions, step_up
from actions.app import App, Caller
from actions.errors import Forbidden, Refused, TooMany, Unauthenticated
from tests.actions.stage import caller_of, change, register, rows, sign_in
from tests.rooms import ORIGIN, PASSWORD, Clock, join, running_app


async def refusal(asked: Awaitable[object]) -> str:
    """The code with which it is refused; empty when it is not."""
    try:
        await asked
    except Refused as refused:
        return refused.code
    return ""


async def is_fresh(app: App, caller: Caller) -> bool:
    return await refusal(step_up.require_recent(app, caller)) == ""


async def begun(app: App) -> Caller:
    """A session of alice, whatever a sign-in would ask."""
    user = await models.users.by_key(app.db, "alice")
    assert user is not None
    return await caller_of(app, await sessions.begin(app, user, ORIGIN, device=""))


async def test_a_session_is_fresh_for_five_minutes_and_again_after_each_proof(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await join(app, "alice")
        other = await caller_of(app, await sign_in(app, "alice"))
        for _ in range(2):
            clock.turn(seconds=300)
            assert await is_fresh(app, alice)
            clock.turn(seconds=0.001)
            with pytest.raises(Forbidden) as refused:
                await step_up.require_recent(app, alice)
            assert refused.value.code == "step_up_required"
            await step_up.prove(app, alice, password=PASSWORD)
            assert await is_fresh(app, alice)
        assert not await is_fresh(app, other)
        assert await rows(app, "SELECT COUNT(*) FROM sessions WHERE auth_time = %s", clock()) == [(1,)]


async def test_a_wrong_password_proves_nothing_and_is_recorded(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await join(app, "alice")
        clock.turn(seconds=301)
        for password in ("", "wrong horse battery", PASSWORD + " ", "\ud800", "x" * 5_000):
            with pytest.raises(Unauthenticated) as refused:
                await step_up.prove(app, alice, password=password)
            assert refused.value.code == "wrong_password"
        assert not await is_fresh(app, alice)
        assert await caller_of(app, await sign_in(app, "alice"))


async def test_who_has_a_second_factor_proves_both(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str | None, str | None]] = []

    async def has(app: App, user_id: int) -> bool:
        return True

    async def verify(app: App, user_id: int, origin: Any, *, otp: str | None, recovery_code: str | None) -> str | None:
        shown.append((otp, recovery_code))
        return "otp" if otp == "123456" else "recovery" if recovery_code == "abcd" else None

    monkeypatch.setattr(factors, "has", has)
    monkeypatch.setattr(factors, "verify", verify)
    clock = Clock()
    async with running_app(sqlite_url, clock=clock) as app:
        await register(app, "alice")
        alice = await begun(app)
        clock.turn(seconds=301)
        assert await refusal(step_up.prove(app, alice, password="wrong horse", otp="123456")) == "wrong_password"
        assert shown == []  # a code is not used up for a wrong password
        assert await refusal(step_up.prove(app, alice, password=PASSWORD)) == "second_factor_required"
        assert await refusal(step_up.prove(app, alice, password=PASSWORD, otp="654321")) == "wrong_code"
        assert not await is_fresh(app, alice)
        assert await refusal(step_up.prove(app, alice, password=PASSWORD, otp="123456")) == ""
        assert await is_fresh(app, alice)
        clock.turn(seconds=301)
        assert await refusal(step_up.prove(app, alice, password=PASSWORD, recovery_code="abcd")) == ""
        assert await is_fresh(app, alice)


async def test_guesses_are_few_in_one_session_and_do_not_keep_the_owner_out_of_another(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        thief = await join(app, "alice")
        owner = await caller_of(app, await sign_in(app, "alice"))
        for _ in range(10):
            assert await refusal(step_up.prove(app, thief, password="a wrong guess")) == "wrong_password"
        with pytest.raises(TooMany):
            await step_up.prove(app, thief, password=PASSWORD)
        await step_up.prove(app, owner, password=PASSWORD)


@pytest.mark.parametrize("end", ["ended_at", "disabled_at"])
async def test_what_has_ended_is_not_made_fresh(database_url: str, end: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await change(app, f"UPDATE {'sessions' if end == 'ended_at' else 'users'} SET {end} = 1")
        expected = "wrong_password" if end == "disabled_at" else "unauthenticated"
        assert await refusal(step_up.prove(app, alice, password=PASSWORD)) == expected
        assert await refusal(step_up.require_recent(app, alice)) == "unauthenticated"


async def test_a_proof_that_was_written_into_the_database_is_none(database_url: str) -> None:
    """Mallory holds a stolen access token and can write to the database, and knows no password."""
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        stolen = await join(app, "alice")
        clock.turn(seconds=301)
        assert await refusal(step_up.require_recent(app, stolen)) == "step_up_required"
        await change(app, "UPDATE sessions SET auth_time = %s", clock())
        assert await refusal(step_up.require_recent(app, stolen)) == "unauthenticated"
        assert await rows(app, "SELECT ended_reason FROM sessions") == [("tampered",)]
