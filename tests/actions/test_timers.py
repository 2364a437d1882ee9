"""Timers of disappearing messages, on both engines: set by either, told to both, known to nobody else."""

import pytest

from actions import blocks, conversations, erasure, messages, presence, timers
from actions.app import App, Caller
from actions.errors import Invalid, NotFound, TooMany
from actions.messages import Outgoing
from realtime.events import Timer
from tests.actions.stage import NotingBus, change, frames, log_of, rows, say, settled, v1_of
from tests.rooms import PASSWORD, join, running_app


async def listed(app: App, caller: Caller) -> dict[str, int | None]:
    """The timer of each conversation in somebody's list."""
    found = await conversations.list_own(app, caller, limit=9, before=None)
    return {summary.peer: summary.ttl_seconds for summary in found}


async def told(app: App, caller: Caller) -> list[Timer]:
    return [event for event in await log_of(app, caller) if isinstance(event, Timer)]


async def test_either_sets_it_for_both_and_every_device_is_told(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        await say(app, alice, "bob", "hi")
        await say(app, eve, "bob", "hi")
        bus, phone = NotingBus(app), v1_of(bob)
        app.hub.join(phone)
        assert await timers.put(app, alice, "BOB", 86_400) == "bob"
        assert {receivers[0]: event for receivers, event in bus.published} == {
            (alice.user_id, 2): Timer("bob", "alice", 86_400),
            (bob.user_id, 3): Timer("alice", "alice", 86_400),
        }
        assert frames(phone) == [
            {"type": "timer", "position": 3, "peer": "alice", "by": "alice", "ttl_seconds": 86_400},
        ]
        assert await listed(app, alice) == {"bob": 86_400}
        assert await listed(app, bob) == {"alice": 86_400, "eve": None}
        await timers.put(app, bob, "alice", None)
        assert await listed(app, alice) == {"bob": None}
        assert frames(phone)[1] == {"type": "timer", "position": 4, "peer": "alice", "by": "bob"}
        # What the log tells afterwards is what was told at once: who has set what.
        assert await log_of(app, alice, 1) == [Timer("bob", "alice", 86_400), Timer("bob", "bob")]
        assert await log_of(app, bob, 2) == [Timer("alice", "alice", 86_400), Timer("alice", "bob")]
        assert await told(app, eve) == []


async def test_the_same_again_changes_nothing_and_is_told_to_nobody(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await timers.put(app, alice, "bob", 60)
        bus = NotingBus(app)
        for caller, peer in ((alice, "bob"), (bob, "alice"), (alice, "bob")):
            assert await timers.put(app, caller, peer, 60) == peer
        assert bus.published == []


async def test_it_can_be_set_before_the_first_message(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await timers.put(app, alice, "bob", 60)
        assert await listed(app, alice) == await listed(app, bob) == {}
        assert await timers.own(app, bob, "ALICE") == ("alice", 60)
        assert await told(app, bob) == [Timer("alice", "alice", 60)]
        await say(app, bob, "alice", "hi")
        assert await listed(app, alice) == {"bob": 60}
        assert await rows(app, "SELECT count(*) FROM conversations") == [(1,)]
        assert await presence.may_see(app, alice.user_id, bob.user_id)  # as after a first message


async def test_notes_to_oneself_have_a_timer(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await timers.put(app, alice, "alice", 60)
        assert await log_of(app, alice) == [Timer("alice", "alice", 60)]


async def test_the_server_puts_it_on_nobodys_messages(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await timers.put(app, alice, "bob", 60)
        plain = await messages.send(app, bob, Outgoing("alice", "stays"))
        assert plain.message.expires_at is None
        own = await messages.send(app, bob, Outgoing("alice", "goes", None, 5))
        assert own.message.expires_at == "2027-01-15T08:00:05.000Z"


async def test_to_who_is_blocked_it_looks_as_ever_and_the_blocker_has_nothing_of_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        await timers.put(app, bob, "alice", 60)
        await blocks.add(app, bob, "alice")
        bus = NotingBus(app)
        assert await timers.put(app, alice, "bob", 5) == "bob"
        assert bus.published == [([(alice.user_id, 3)], Timer("bob", "alice", 5))]
        assert await listed(app, alice) == {"bob": 5}
        assert await told(app, alice) == [Timer("bob", "bob", 60), Timer("bob", "alice", 5)]
        assert await listed(app, bob) == {"alice": 60}
        assert await told(app, bob) == [Timer("alice", "bob", 60)]
        # Afterwards the two differ until one of them sets it again.
        await blocks.remove(app, bob, "alice")
        assert await listed(app, bob) == {"alice": 60}
        await timers.put(app, alice, "bob", 5)
        assert (await listed(app, alice), await listed(app, bob)) == ({"bob": 5}, {"alice": 5})
        assert await told(app, bob) == [Timer("alice", "bob", 60), Timer("alice", "alice", 5)]


async def test_somebody_blocked_before_the_first_word_learns_nothing_either(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await blocks.add(app, bob, "alice")
        assert await timers.put(app, alice, "bob", 5) == "bob"
        assert await timers.own(app, alice, "bob") == ("bob", 5)
        assert await timers.own(app, bob, "alice") == ("alice", None)
        assert await told(app, alice) == [Timer("bob", "alice", 5)]
        assert await log_of(app, bob) == []


@pytest.mark.parametrize("peer", ["nobody", "", "not a name"])
async def test_there_must_be_somebody(sqlite_url: str, peer: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        with pytest.raises(NotFound):
            await timers.put(app, alice, peer, 60)
        with pytest.raises(NotFound):
            await timers.own(app, alice, peer)
        assert await rows(app, "SELECT 1 FROM conversations") == []


@pytest.mark.parametrize("seconds", [0, -1, 31_536_001])
async def test_it_is_as_long_as_a_message_can_last(sqlite_url: str, seconds: int) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        with pytest.raises(Invalid) as refused:
            await timers.put(app, alice, "bob", seconds)
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("ttl_seconds", "out_of_range")]
        assert await log_of(app, alice) == []


async def test_nobody_can_fill_anothers_log_by_it(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(timers.limits.TIMER.burst):
            await timers.put(app, alice, "bob", 1 + number % 2)
        with pytest.raises(TooMany):
            await timers.put(app, alice, "bob", 9)
        assert len(await told(app, bob)) == timers.limits.TIMER.burst


async def test_a_deleted_conversation_keeps_it_and_an_erased_account_takes_it_along(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, bob, "alice", "hi")
        await timers.put(app, bob, "alice", 60)
        await erasure.delete_conversation(app, alice, "bob")
        assert await listed(app, bob) == {"alice": 60}
        await erasure.erase_account(app, alice, password=PASSWORD)
        await settled(app)
        assert list((await listed(app, bob)).values()) == [None]
        with pytest.raises(NotFound):
            await timers.put(app, bob, "alice", 5)


async def test_a_row_that_somebody_made_up_is_no_timer(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        await timers.put(app, alice, "bob", 60)
        await change(app, "UPDATE timelines SET message_id = 5")
        assert await log_of(app, alice) == [Timer("bob", "alice")]
