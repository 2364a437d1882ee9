"""Sessions, on both engines: the whole family of a refresh token, tickets, endings, and a database that lies."""

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import Any

import pytest

import models.sessions
from actions import audit, people, sessions
from actions.app import App, Caller, Origin
from actions.errors import Unauthenticated
from actions.sessions import Tokens
from crypto import tokens as crypto_tokens
from tests.actions.stage import NotingBus, caller_of, change, connection_of, everything, register, rows, sign_in
from tests.realtime.fakes import Listening
from tests.rooms import ORIGIN, Clock, join, make_keys, running_app

GONE = "SELECT ended_reason FROM sessions WHERE ended_at IS NOT NULL ORDER BY ended_at"


async def alice(app: App) -> Tokens:
    await register(app, "alice")
    return await sign_in(app, "alice")


async def trade(app: App, tokens: Tokens) -> Tokens:
    return await sessions.refresh(app, tokens.refresh, ORIGIN)


async def is_refused(app: App, tokens: Tokens) -> bool:
    """Whether the refresh token is refused. Showing an old one ends the session!"""
    try:
        await trade(app, tokens)
    except Unauthenticated:
        return True
    return False


def access_of(app: App, caller: Caller) -> str:
    """An access token of this session that is good now."""
    now = app.clock() // 1000
    claims = crypto_tokens.Access(caller.user_id, caller.session_id, 1, now, now + 600, now, "any")
    return crypto_tokens.issue_access(app.keys.access, claims)


async def has_ended(app: App) -> bool:
    return bool(await rows(app, GONE))


# The family


async def test_each_trade_gives_new_tokens_that_work(database_url: str) -> None:
    async with running_app(database_url) as app:
        family = [await alice(app)]
        for _ in range(5):
            assert (await caller_of(app, family[-1])).username == "alice"
            family.append(await trade(app, family[-1]))
        assert len({each.refresh for each in family} | {each.access for each in family}) == 12
        assert not await has_ended(app)


async def test_a_lost_answer_can_be_asked_for_again_and_again(database_url: str) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        for _ in range(4):
            lost = await trade(app, first)
        assert (await caller_of(app, lost)).username == "alice"
        assert await trade(app, lost)


@pytest.mark.parametrize("used", ["refresh", "access"])
@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_token_is_dead_once_its_child_was_used(database_url: str, used: str, lost: int) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        for _ in range(lost):
            await trade(app, first)
        second = await trade(app, first)
        newest = await trade(app, second) if used == "refresh" else second
        if used == "access":
            await caller_of(app, second)
        assert await is_refused(app, first)
        assert await rows(app, GONE) == [("refresh_reuse",)]
        assert await is_refused(app, newest)
        with pytest.raises(Unauthenticated):
            await caller_of(app, newest)


async def test_a_token_is_dead_once_a_child_was_used_even_one_that_was_replaced(database_url: str) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        arrived = await trade(app, first)
        await trade(app, first)
        await caller_of(app, arrived)
        assert await is_refused(app, first)
        assert await has_ended(app)


@pytest.mark.parametrize("old", [0, 1, 2])
async def test_any_older_token_of_the_family_ends_it(database_url: str, old: int) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        family = [await alice(app)]
        for _ in range(4):
            family.append(await trade(app, family[-1]))
        await caller_of(app, family[-1])
        assert await is_refused(app, family[old])
        assert [reason for *_, reason in bus.endings] == ["refresh_reuse"]
        assert await is_refused(app, family[-1])
        records = await rows(app, "SELECT action, outcome FROM audit ORDER BY id DESC LIMIT 1")
        assert records == [("refresh_reuse", "refused")]


async def test_a_child_that_was_replaced_ends_the_family(database_url: str) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        replaced = await trade(app, first)
        await trade(app, first)
        assert await is_refused(app, replaced)
        assert await has_ended(app)


async def test_a_token_that_we_never_made_ends_nothing(database_url: str) -> None:
    async with running_app(database_url) as app, running_app(database_url, make_keys()) as stranger:
        tokens = await alice(app)
        session_id = (await caller_of(app, tokens)).session_id
        forged = crypto_tokens.make_refresh(stranger.keys.token, session_id, 1)
        last = tokens.refresh[20]
        flipped = tokens.refresh[:20] + ("A" if last != "A" else "B") + tokens.refresh[21:]
        for text in (forged, flipped, "", "rt1_", "rt1_" + "A" * 120, tokens.access, "x" * 5_000, "rt1_\ud800"):
            with pytest.raises(Unauthenticated):
                await sessions.refresh(app, text, ORIGIN)
        assert not await has_ended(app)
        assert await trade(app, tokens)


async def test_of_fifty_trades_at_once_exactly_one_child_lives(database_url: str) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        children = await asyncio.gather(*(trade(app, first) for _ in range(50)))
        user_id, newest, generation = (await rows(app, "SELECT user_id, refresh_mac, generation FROM sessions"))[0]
        assert generation == 51  # each answer was stored before it was given

        def fingerprint(child: Tokens) -> bytes:
            ring = app.keys.token
            return crypto_tokens.fingerprint(ring, user_id, crypto_tokens.read_refresh(ring, child.refresh))

        living = [child for child in children if fingerprint(child) == bytes(newest)]
        assert len(living) == 1
        assert len({child.refresh for child in children}) == 50
        assert await trade(app, living[0])
        dead = next(child for child in children if child is not living[0])
        assert await is_refused(app, dead)
        assert await has_ended(app)


async def test_that_a_child_has_arrived_is_written_once(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm, written = models.sessions.confirm, []

    async def counted(db: Any, session_id: int, generation: int) -> None:
        written.append(generation)
        await confirm(db, session_id, generation)

    monkeypatch.setattr(models.sessions, "confirm", counted)
    async with running_app(sqlite_url) as app:
        tokens = await alice(app)
        for _ in range(3):
            for _ in range(3):
                await caller_of(app, tokens)
            tokens = await trade(app, tokens)
        assert written == [1, 2, 3]


async def test_a_thief_and_the_owner_cannot_both_go_on(database_url: str) -> None:
    """Whatever the order in which they trade the same token, the session ends as soon as both have come back."""
    keys = make_keys()
    for owner_first in (True, False):
        async with running_app(database_url, keys) as app:
            name = f"alice{'ab'[owner_first]}"
            await register(app, name)
            stolen = await sign_in(app, name)
            one, other = await trade(app, stolen), await trade(app, stolen)
            owner, thief = (one, other) if owner_first else (other, one)
            await caller_of(app, owner)
            await caller_of(app, thief)
            outcomes = [await is_refused(app, owner), await is_refused(app, thief)]
            assert True in outcomes
            assert await has_ended(app)


# Time


async def test_an_access_token_ends_after_its_minutes(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, access_minutes=3) as app:
        tokens = await alice(app)
        clock.turn(seconds=179)
        assert await caller_of(app, tokens)
        clock.turn(seconds=7)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        assert await caller_of(app, await trade(app, tokens))


async def test_a_session_ends_when_it_is_not_used_for_long(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        clock.turn(days=14, seconds=-1)
        tokens = await trade(app, tokens)
        clock.turn(days=14)
        assert await is_refused(app, tokens)


async def test_a_session_ends_in_any_case_however_often_it_is_used(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        for _ in range(29):
            clock.turn(days=1)
            tokens = await trade(app, tokens)
            assert await caller_of(app, tokens)
        clock.turn(days=1, seconds=-1)
        tokens = await trade(app, tokens)
        assert await caller_of(app, tokens)
        clock.turn(seconds=1)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        assert await is_refused(app, tokens)


async def test_a_clock_that_jumps_back_frightens_nobody(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        assert await caller_of(app, tokens)
        clock.turn(days=-1)
        with pytest.raises(Unauthenticated):  # signed tomorrow
            await caller_of(app, tokens)
        tokens = await trade(app, tokens)
        assert await caller_of(app, tokens)
        clock.turn(days=1)
        tokens = await trade(app, tokens)
        assert await caller_of(app, tokens)


async def test_a_clock_that_jumps_back_does_not_wake_what_has_ended(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        await sessions.end(app, await caller_of(app, tokens))
        for seconds in (-1, -3_600):
            clock.turn(seconds=seconds)
            with pytest.raises(Unauthenticated):
                await caller_of(app, tokens)
        assert await is_refused(app, tokens)


# The end


async def test_an_ended_session_is_refused_here_at_once_and_elsewhere_within_seconds(database_url: str) -> None:
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        bus = NotingBus(app)
        tokens = await alice(app)
        caller = await caller_of(app, tokens)
        await caller_of(other, tokens)
        await sessions.end(app, caller)
        assert bus.endings == [(caller.user_id, caller.session_id, "logout")]
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        assert await caller_of(other, tokens)  # what it remembers
        clock.turn(seconds=5.001)
        with pytest.raises(Unauthenticated):
            await caller_of(other, tokens)
        for each in (app, other):
            assert await is_refused(each, tokens)


async def test_signing_out_twice_is_recorded_once(database_url: str) -> None:
    async with running_app(database_url) as app:
        caller = await join(app, "alice")
        await sessions.end(app, caller)
        await sessions.end(app, caller)
        assert await rows(app, "SELECT COUNT(*) FROM audit WHERE action = 'logout'") == [(1,)]


async def test_signing_out_leaves_the_other_sessions(database_url: str) -> None:
    async with running_app(database_url) as app:
        tokens = await alice(app)
        other = await sign_in(app, "alice")
        await sessions.end(app, await caller_of(app, tokens))
        assert await caller_of(app, other)
        assert await trade(app, other)


@pytest.mark.parametrize("held", ["by_id", "confirm"])
async def test_what_was_read_before_an_ending_does_not_outlive_it(
    database_url: str, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is under way while its session ends must not bring the session back into memory."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    query = getattr(models.sessions, held)

    async def slow(db: Any, *args: Any) -> Any:
        found = await query(db, *args)
        reached.set()
        await go_on.wait()
        return found

    async with running_app(database_url) as app:
        tokens = await alice(app)
        caller = await caller_of(app, tokens)
        if held == "confirm":
            tokens = await trade(app, tokens)
        app.sessions.drop(caller.session_id)
        with monkeypatch.context() as patch:
            patch.setattr(models.sessions, held, slow)
            under_way = asyncio.create_task(caller_of(app, tokens))
            await reached.wait()
            await sessions.end(app, caller)
            go_on.set()
            await asyncio.wait((under_way,))
            assert held == "confirm" or isinstance(under_way.exception(), Unauthenticated)
            under_way.exception()
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await caller_of(app, tokens)


async def test_a_disabled_person_is_refused_within_seconds(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        caller = await caller_of(app, tokens)
        ticket = await sessions.make_ticket(app, caller)
        await change(app, "UPDATE users SET disabled_at = 1")
        assert await is_refused(app, tokens)
        clock.turn(seconds=5.001)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, ticket, ORIGIN)


async def test_one_session_too_many_ends_the_least_used(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, max_sessions=3) as app:
        bus = NotingBus(app)
        await register(app, "alice", "bob")
        of_bob = await sign_in(app, "bob")
        held = []
        for _ in range(3):
            held.append(await sign_in(app, "alice"))
            clock.turn(seconds=1)
        held[0] = await trade(app, held[0])
        evicted = await caller_of(app, held[1])
        assert bus.endings == []
        newest = await sign_in(app, "alice")
        assert bus.endings == [(evicted.user_id, evicted.session_id, "evicted")]
        assert await is_refused(app, held[1])
        with pytest.raises(Unauthenticated):
            await caller_of(app, held[1])
        for tokens in (held[0], held[2], newest, of_bob):
            assert await caller_of(app, tokens)


async def test_signing_in_many_times_at_once_keeps_to_the_bound(database_url: str) -> None:
    async with running_app(database_url, max_sessions=3) as app:
        await register(app, "alice")
        await asyncio.gather(*(sign_in(app, "alice") for _ in range(12)))
        assert await rows(app, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL") == [(3,)]


async def test_sockets_of_sessions_that_ended_unheard_are_closed(database_url: str) -> None:
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        callers = [await join(app, name) for name in ("alice", "bob", "carol", "dora")]
        sockets = [Listening() for _ in callers]
        for caller, socket in zip(callers, sockets, strict=True):
            app.hub.join(connection_of(caller, socket))
        await sessions.end_dead_sockets(app)
        assert [socket.closed for socket in sockets] == [None] * 4
        await sessions.end(other, callers[0])
        await change(app, "UPDATE users SET disabled_at = 1 WHERE key = 'bob'")
        await change(app, "UPDATE sessions SET idle_expires_at = %s WHERE user_id = %s", clock(), callers[2].user_id)
        await sessions.end_dead_sockets(app)
        assert [socket.closed is not None and socket.closed[0] for socket in sockets] == [4401, 4401, 4401, False]


async def test_an_ending_is_found_in_the_database_whoever_has_written_it(database_url: str) -> None:
    """By another instance whose bus is down, or at the command line: sockets close, and tokens are refused."""
    clock, keys = Clock(), make_keys()
    async with running_app(database_url, keys, clock) as app, running_app(database_url, keys, clock) as other:
        await register(app, "alice", "bob")
        tokens = {name: await sign_in(app, name) for name in ("alice", "bob")}
        callers = {name: await caller_of(app, each) for name, each in tokens.items()}
        sockets = {name: connection_of(caller) for name, caller in callers.items()}
        for socket in sockets.values():
            app.hub.join(socket)
        clock.turn(days=1)
        await sessions.hear_endings(app)
        assert [socket.closed for socket in sockets.values()] == [None, None]
        await sessions.end(other, callers["alice"])
        assert sockets["alice"].closed is None
        clock.turn(seconds=0.5)
        await sessions.hear_endings(app)
        assert sockets["alice"].closed is not None
        assert sockets["bob"].closed is None
        tokens["alice"] = replace(tokens["alice"], access=access_of(app, callers["alice"]))
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens["alice"])
        # Told once: whoever joins under an id that has ended is refused elsewhere.
        again = connection_of(callers["alice"])
        app.hub.join(again)
        await sessions.hear_endings(app)
        assert again.closed is None


async def test_an_ending_that_was_stamped_by_a_clock_some_seconds_apart_is_found(database_url: str) -> None:
    keys = make_keys()
    ahead, behind = Clock(), Clock()
    ahead.turn(seconds=9)
    for here, there in ((ahead, behind), (behind, ahead)):
        async with running_app(database_url, keys, here) as app, running_app(database_url, keys, there) as other:
            name = f"person{here is ahead}"
            caller = await join(other, name)
            socket = connection_of(caller)
            app.hub.join(socket)
            await sessions.end(other, caller)
            await sessions.hear_endings(app)
            assert socket.closed is not None


async def test_no_sockets_no_question(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        await sessions.end_dead_sockets(app)


async def test_all_sessions_end_or_all_but_one(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice", "bob")
        bob = await caller_of(app, await sign_in(app, "bob"))
        callers = [await caller_of(app, await sign_in(app, "alice")) for _ in range(3)]
        bus = NotingBus(app)
        assert await sessions.end_others(app, callers[1], reason="factor_changed") == 2
        assert {reason for *_, reason in bus.endings} == {"factor_changed"}
        assert (await sessions.own(app, callers[1])).id == callers[1].session_id
        record = audit.act(app, callers[1], "sessions_end", reason="erasure")
        assert await sessions.end_all(app, callers[1].user_id, reason="erasure", record=record) == 1
        for caller in callers:
            with pytest.raises(Unauthenticated):
                await sessions.own(app, caller)
        assert await sessions.own(app, bob)
        told = await rows(app, "SELECT reason FROM audit WHERE action = 'sessions_end' ORDER BY id")
        assert told == [("factor_changed",), ("erasure",)]


# Tickets


async def test_a_ticket_is_good_once(database_url: str) -> None:
    async with running_app(database_url) as app:
        caller = await join(app, "alice")
        ticket = await sessions.make_ticket(app, caller)
        found = await sessions.take_ticket(app, ticket, ORIGIN)
        assert (found.user_id, found.session_id, found.username) == (caller.user_id, caller.session_id, "alice")
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, ticket, ORIGIN)
        assert await rows(app, "SELECT * FROM tickets") == []


async def test_no_two_tickets_are_alike_and_none_can_be_guessed(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        caller = await join(app, "alice")
        tickets = [await sessions.make_ticket(app, caller) for _ in range(100)]
        secrets = {ticket.rpartition(".")[2] for ticket in tickets}
        assert len(secrets) == 100
        assert {len(secret) for secret in secrets} == {43}  # 32 bytes


async def test_of_twenty_who_show_a_ticket_at_once_one_gets_in(database_url: str) -> None:
    async with running_app(database_url) as app:
        ticket = await sessions.make_ticket(app, await join(app, "alice"))
        shown = (sessions.take_ticket(app, ticket, ORIGIN) for _ in range(20))
        outcomes = await asyncio.gather(*shown, return_exceptions=True)
        assert sum(not isinstance(outcome, Unauthenticated) for outcome in outcomes) == 1


async def test_a_ticket_is_good_for_thirty_seconds(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        caller = await join(app, "alice")
        early, late = [await sessions.make_ticket(app, caller) for _ in range(2)]
        clock.turn(seconds=29.9)
        assert await sessions.take_ticket(app, early, ORIGIN)
        clock.turn(seconds=0.1)
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, late, ORIGIN)
        await sessions.make_ticket(app, caller)
        clock.turn(seconds=31)
        await sessions.make_ticket(app, caller)
        assert await rows(app, "SELECT COUNT(*) FROM tickets") == [(1,)]


async def test_a_ticket_dies_with_its_session(database_url: str) -> None:
    async with running_app(database_url) as app:
        caller = await join(app, "alice")
        ticket = await sessions.make_ticket(app, caller)
        await sessions.end(app, caller)
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, ticket, ORIGIN)


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "\ud800", "A" * 5_000, "x\0"])
async def test_what_is_no_ticket_is_refused(sqlite_url: str, text: str) -> None:
    async with running_app(sqlite_url) as app:
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, text, ORIGIN)


async def test_a_ticket_moved_to_another_session_or_person_lets_nobody_in(database_url: str) -> None:
    async with running_app(database_url) as app:
        victim, mallory = await join(app, "victim"), await join(app, "mallory")
        ticket = await sessions.make_ticket(app, mallory)
        await change(app, "UPDATE tickets SET session_id = %s", victim.session_id)
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, ticket, ORIGIN)
        ticket = await sessions.make_ticket(app, mallory)
        await change(app, "UPDATE sessions SET user_id = %s WHERE id = %s", victim.user_id, mallory.session_id)
        app.sessions.drop(mallory.session_id)
        with pytest.raises(Unauthenticated):
            await sessions.take_ticket(app, ticket, ORIGIN)


async def test_neither_tokens_nor_tickets_stand_in_the_database_or_the_log(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running_app(database_url) as app:
            first = await alice(app)
            second = await trade(app, first)
            ticket = await sessions.make_ticket(app, await caller_of(app, second))
            held = await everything(app)
            await sessions.take_ticket(app, ticket, ORIGIN)
            for tokens in (first, second):
                for secret in (tokens.refresh[-60:], tokens.access[-40:], ticket[-40:]):
                    assert secret.encode() not in held
                    assert secret not in caplog.text


# A database that lies


async def family_of(app: App, name: str) -> Tokens:
    await register(app, name)
    return await sign_in(app, name)


# What Mallory, who can write to the database, does to the sessions.
EDITS = {
    "the owner": "UPDATE sessions SET user_id = {victim} WHERE user_id = {mallory}",
    "the fingerprint": (
        "UPDATE sessions SET refresh_mac = (SELECT s.refresh_mac FROM sessions s WHERE s.user_id = {mallory})"
        " WHERE user_id = {victim}"
    ),
    "the parent's fingerprint": (
        "UPDATE sessions SET parent_mac = (SELECT s.refresh_mac FROM sessions s WHERE s.user_id = {mallory}),"
        " confirmed = 0 WHERE user_id = {victim}"
    ),
    "a copy of the row": (
        "INSERT INTO sessions SELECT 77, {victim}, created_at, used_at, auth_time, idle_expires_at, expires_at,"
        " device, network, generation, confirmed, refresh_mac, parent_mac, ended_at, ended_reason, cursor, seal"
        " FROM sessions WHERE user_id = {mallory}"
    ),
    "the fingerprint and the owner": (
        "UPDATE sessions SET user_id = {victim}, refresh_mac = (SELECT s.refresh_mac FROM sessions s WHERE s.id ="
        " {session}) WHERE id = {session}"
    ),
    "the seal": (
        "UPDATE sessions SET user_id = {victim}, seal = (SELECT s.seal FROM sessions s WHERE s.user_id = {victim})"
        " WHERE id = {session}"
    ),
    "the ids": (
        "UPDATE sessions SET id = 77 WHERE user_id = {mallory};"
        "UPDATE sessions SET id = {session} WHERE user_id = {victim}"
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_session_makes_nobody_somebody_else(database_url: str, edit: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        await register(app, "victim", "mallory")
        victim = await caller_of(app, await sign_in(app, "victim"))
        tokens = await sign_in(app, "mallory")
        mallory = await caller_of(app, tokens)
        people = {"victim": victim.user_id, "mallory": mallory.user_id, "session": mallory.session_id}
        for text in EDITS[edit].split(";"):
            assert await change(app, text.format(**people)) == 1
    async with running_app(database_url, keys) as app:
        reached: list[Caller] = []
        with contextlib.suppress(Unauthenticated):
            reached.append(await caller_of(app, tokens))
        with contextlib.suppress(Unauthenticated):
            reached.append(await caller_of(app, await trade(app, tokens)))
        assert victim.user_id not in {caller.user_id for caller in reached}


# What whoever holds the tokens of a session can write to prolong it, or to take its end back.
PROLONGED = {
    "the last day": "UPDATE sessions SET expires_at = expires_at + 99999999999, idle_expires_at = expires_at",
    "the beginning": "UPDATE sessions SET created_at = created_at + 86400000",
    "the proof": "UPDATE sessions SET auth_time = auth_time + 1",
    "the end": "UPDATE sessions SET ended_at = NULL, ended_reason = NULL",
    "another seal": "UPDATE sessions SET seal = refresh_mac",
}


@pytest.mark.parametrize("edit", PROLONGED)
async def test_a_session_that_was_edited_ends_and_that_is_recorded(database_url: str, edit: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        tokens = await alice(app)
        other = await sign_in(app, "alice")
        caller = await caller_of(app, tokens)
        if edit == "the end":
            await sessions.end(app, caller)
        assert await change(app, f"{PROLONGED[edit]} WHERE id = %s", caller.session_id) == 1
        app.sessions.drop(caller.session_id)
        app.ended.drop(caller.session_id)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)
        assert await is_refused(app, tokens)
        told = await rows(app, "SELECT action, outcome FROM audit WHERE action = 'session_tampered'")
        assert told == [("session_tampered", "refused")]
        assert await caller_of(app, other)  # nobody else is touched


async def test_an_edited_session_is_no_better_by_its_refresh_token_alone(database_url: str) -> None:
    async with running_app(database_url) as app:
        tokens = await alice(app)
        await change(app, "UPDATE sessions SET expires_at = expires_at + 1")
        assert await is_refused(app, tokens)
        assert await rows(app, GONE) == [("tampered",)]


async def test_an_ending_that_was_taken_back_does_not_bring_the_refresh_token_back(database_url: str) -> None:
    """Even with the seal and the times as they were: the fingerprint is gone."""
    async with running_app(database_url) as app:
        tokens = await alice(app)
        caller = await caller_of(app, tokens)
        (seal,) = (await rows(app, "SELECT seal FROM sessions"))[0]
        await sessions.end(app, caller)
        await change(app, "UPDATE sessions SET ended_at = NULL, seal = %s", bytes(seal))
        assert await is_refused(app, tokens)
        assert await rows(app, GONE) == [("refresh_reuse",)]


async def test_a_person_who_was_enabled_in_the_database_still_needs_a_password(database_url: str) -> None:
    async with running_app(database_url) as app:
        tokens = await alice(app)
        await people.disable(app, "alice")
        await change(app, "UPDATE users SET disabled_at = NULL")
        await change(app, "UPDATE sessions SET ended_at = NULL")
        app.ended.drop((await rows(app, "SELECT id FROM sessions"))[0][0])
        assert await is_refused(app, tokens)
        with pytest.raises(Unauthenticated):
            await caller_of(app, tokens)


async def test_a_generation_that_was_turned_back_does_not_bring_an_old_token_back(database_url: str) -> None:
    async with running_app(database_url) as app:
        first = await alice(app)
        second = await trade(app, first)
        await trade(app, second)
        await change(app, "UPDATE sessions SET generation = 1, confirmed = 0")
        assert await is_refused(app, first)
        assert await has_ended(app)


# What a session remembers


async def test_a_session_remembers_its_device_and_only_the_network(database_url: str) -> None:
    origin = Origin("2" * 16, "192.0.2.77/32", "192.0.2.0/24", agent="A browser " * 50)
    async with running_app(database_url) as app:
        await register(app, "alice")
        await sign_in(app, "alice", origin=origin)
        assert await rows(app, "SELECT device, network FROM sessions") == [(origin.agent[:100], "192.0.2.0/24")]
        assert b"192.0.2.77" not in await everything(app)


async def test_the_memory_of_sessions_is_bounded(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.app.MOST_REMEMBERED", 2)
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        for _ in range(5):
            await sessions.end(app, replace(await caller_of(app, await sign_in(app, "alice"))))
            await caller_of(app, await sign_in(app, "alice"))
        assert len(app.sessions._values) <= 2
        assert len(app.ended._values) <= 2
