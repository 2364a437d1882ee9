"""The list of sessions is the caller's own; each, the others and all are ended by whoever has proved who they are."""

from dataclasses import replace

import pytest

from actions import devices, sessions, step_up
from actions.app import App, Caller
from actions.errors import Forbidden, NotFound, Refused, TooMany, Unauthenticated
from tests.actions.stage import NotingBus, caller_of, change, connection_of, register, rows, sign_in
from tests.rooms import ORIGIN, PASSWORD, Clock, join, running_app


async def signed_in(app: App, count: int, name: str = "alice") -> list[Caller]:
    """So many sessions of one person."""
    await register(app, name)
    return [await caller_of(app, await sign_in(app, name)) for _ in range(count)]


async def living(app: App, callers: list[Caller]) -> list[bool]:
    found = []
    for caller in callers:
        try:
            found.append(bool(await sessions.own(app, caller)))
        except Unauthenticated:
            found.append(False)
    return found


async def test_the_list_holds_ones_own_living_sessions_the_last_used_first(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        bob = await join(app, "bob")
        first, second, third, run_out = await signed_in(app, 4)
        await sessions.end(app, third)
        await change(app, "UPDATE sessions SET idle_expires_at = %s WHERE id = %s", clock(), run_out.session_id)
        clock.turn(days=1)
        origin = replace(ORIGIN, network="198.51.100.0/24", agent="x" * 200)
        tokens = await sign_in(app, "alice", origin=origin)
        found = await devices.list_own(app, second)
        assert [each.id for each in found][1:] in (
            [first.session_id, second.session_id],
            [second.session_id, first.session_id],
        )
        assert (found[0].network, found[0].device, found[0].used_at) == ("198.51.100.0/24", "x" * 100, clock())
        assert {each.user_id for each in found} == {first.user_id}
        clock.turn(days=1)
        assert [each.id for each in await devices.list_own(app, bob)] == [bob.session_id]
        await sessions.refresh(app, tokens.refresh, origin)
        assert (await devices.list_own(app, second))[0].used_at == clock()


async def test_one_session_is_ended_everywhere_and_recorded(database_url: str) -> None:
    async with running_app(database_url) as app:
        callers = await signed_in(app, 3)
        socket = connection_of(callers[1])
        app.hub.join(socket)
        bus = NotingBus(app)
        await devices.end_one(app, callers[0], callers[1].session_id)
        assert await living(app, callers) == [True, False, True]
        assert socket.closed is not None
        assert bus.endings == [(callers[0].user_id, callers[1].session_id, "revoked")]
        told = await rows(app, "SELECT action, actor_id FROM audit ORDER BY id DESC LIMIT 1")
        assert told == [("session_end", callers[0].user_id)]
        with pytest.raises(NotFound):
            await devices.end_one(app, callers[0], callers[1].session_id)


async def test_somebody_elses_session_looks_like_none(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        clock_says = []
        for session_id in (bob.session_id, 0, 5, 2**53 - 1):
            with pytest.raises(NotFound) as refused:
                await devices.end_one(app, alice, session_id)
            clock_says.append(refused.value.detail)
        assert len(set(clock_says)) == 1
        assert await living(app, [alice, bob]) == [True, True]


async def test_all_others_can_be_ended_and_all(database_url: str) -> None:
    async with running_app(database_url) as app:
        bob = await join(app, "bob")
        callers = await signed_in(app, 3)
        bus = NotingBus(app)
        await devices.end_others(app, callers[1])
        assert await living(app, callers) == [False, True, False]
        assert len(bus.endings) == 2
        callers.append(await caller_of(app, await sign_in(app, "alice")))
        await devices.end_everywhere(app, callers[1])
        assert await living(app, [*callers, bob]) == [False] * 4 + [True]
        reasons = await rows(app, "SELECT reason FROM audit WHERE action = 'sessions_end' ORDER BY id")
        assert reasons == [("revoked",), ("everywhere",)]


async def test_only_ones_own_session_ends_without_a_proof(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        callers = await signed_in(app, 3)
        clock.turn(seconds=301)
        for asked in (
            devices.end_one(app, callers[0], callers[1].session_id),
            devices.end_others(app, callers[0]),
            devices.end_everywhere(app, callers[0]),
        ):
            with pytest.raises(Forbidden) as refused:
                await asked
            assert refused.value.code == "step_up_required"
        assert await living(app, callers) == [True] * 3
        await devices.end_one(app, callers[2], callers[2].session_id)
        await step_up.prove(app, callers[0], password=PASSWORD)
        await devices.end_one(app, callers[0], callers[1].session_id)
        assert await living(app, callers) == [True, False, False]


async def test_endings_have_their_limit(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice = await join(app, "alice")
        codes = []
        for _ in range(31):
            try:
                await devices.end_one(app, alice, 7)
            except Refused as refused:
                codes.append(type(refused))
        assert codes == [NotFound] * 30 + [TooMany]
