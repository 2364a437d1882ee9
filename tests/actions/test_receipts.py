"""How far somebody has received and read, on both engines: forward only, merged, told to whom it concerns."""

import pytest

from actions import receipts
from actions.app import App, Caller
from actions.errors import Invalid, NotFound
from models.db import Unavailable
from realtime.events import Receipt
from tests.actions.stage import NotingBus, caller_of, change, log_of, rows, say, settled, sign_in
from tests.rooms import join, running_app


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MERGE_SECONDS", 0.01)


async def test_many_acknowledgements_become_one_event_with_the_newest(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        sent = [await say(app, alice, "bob", str(number)) for number in range(4)]
        bus = NotingBus(app)
        for position in (1, 3, 2, 1):
            receipts.acknowledge_soon(app, bob, position)
        assert (bus.published, len(app.background)) == ([], 1)
        await settled(app)
        assert bus.published == [([(alice.user_id, 5)], Receipt("delivered", "bob", "bob", sent[2]))]
        assert app.acks == {}
        assert await rows(app, "SELECT acked FROM heads WHERE user_id = %s", bob.user_id) == [(3,)]
        receipts.acknowledge_soon(app, bob, 4)
        await settled(app)
        assert await log_of(app, alice, 4) == [
            Receipt("delivered", "bob", "bob", sent[2]),
            Receipt("delivered", "bob", "bob", sent[3]),
        ]


async def test_each_sender_is_told_of_their_own(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        first, second = await say(app, alice, "bob", "a"), await say(app, eve, "bob", "e")
        await say(app, bob, "eve", "an answer is not received by who sent it")
        bus = NotingBus(app)
        await receipts.acknowledge(app, bob, 3)
        told = {receivers[0][0]: event for receivers, event in bus.published}
        assert told == {
            alice.user_id: Receipt("delivered", "bob", "bob", first),
            eve.user_id: Receipt("delivered", "bob", "bob", second),
        }


async def test_nothing_is_acknowledged_beyond_the_head_or_backwards(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(3):
            await say(app, alice, "bob", str(number))
        with pytest.raises(Invalid) as refused:
            await receipts.acknowledge(app, bob, 4)
        assert [fault.field for fault in refused.value.faults] == ["position"]
        await receipts.acknowledge(app, bob, 2)
        bus = NotingBus(app)
        other = await caller_of(app, await sign_in(app, "bob"))
        for caller, position in ((bob, 1), (bob, 2), (other, 1), (bob, 0)):
            await receipts.acknowledge(app, caller, position)
        assert bus.published == []
        assert await rows(app, "SELECT acked FROM heads WHERE user_id = %s", bob.user_id) == [(2,)]
        cursor = "SELECT cursor FROM sessions WHERE id = %s"
        assert await rows(app, cursor, bob.session_id) == [(2,)]
        assert await rows(app, cursor, other.session_id) == [(1,)]


async def test_an_acknowledgement_that_fails_later_harms_nothing(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        receipts.acknowledge_soon(app, bob, 99)
        await settled(app)
        assert app.acks == {}
        receipts.acknowledge_soon(app, bob, 1)
        await settled(app)
        assert await rows(app, "SELECT acked FROM heads WHERE user_id = %s", bob.user_id) == [(1,)]


async def test_reading_is_told_to_both_and_only_forward(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        sent = [await say(app, alice, "bob", str(number)) for number in range(3)]
        bus = NotingBus(app)
        await receipts.read(app, bob, peer="Alice", up_to=sent[1])
        told = {receivers[0]: event for receivers, event in bus.published}
        assert told == {
            (alice.user_id, 4): Receipt("read", "bob", "bob", sent[1]),
            (bob.user_id, 4): Receipt("read", "bob", "alice", sent[1]),
        }
        bus.published.clear()
        for up_to in (sent[1], sent[0], 0):
            await receipts.read(app, bob, peer="alice", up_to=up_to)
        await receipts.acknowledge(app, bob, 2)  # who reads has received
        assert bus.published == []
        await receipts.read(app, bob, peer="alice", up_to=sent[2])
        assert len(bus.published) == 2


async def test_only_what_was_received_from_this_person_is_read(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        received = await say(app, alice, "bob", "hi")
        own = await say(app, bob, "alice", "an answer")
        foreign = await say(app, eve, "bob", "another talk")
        bus = NotingBus(app)
        await receipts.read(app, alice, peer="bob", up_to=received)  # her own message is nothing she received
        assert bus.published == []
        for up_to in (own, foreign, 2**53 - 1):
            await receipts.read(app, bob, peer="alice", up_to=up_to)
        assert {event for _, event in bus.published} == {
            Receipt("read", "bob", "bob", received),
            Receipt("read", "bob", "alice", received),
        }
        assert len(bus.published) == 2


@pytest.mark.parametrize("peer", ["nobody", "eve", "", "not a name", "bob"])
async def test_where_there_is_no_talk_there_is_nothing_to_read(database_url: str, peer: str) -> None:
    async with running_app(database_url) as app:
        bob, _ = await join(app, "bob"), await join(app, "eve")
        with pytest.raises(NotFound):
            await receipts.read(app, bob, peer=peer, up_to=1)


@pytest.mark.parametrize("unwilling", ["alice", "bob"])
async def test_who_wants_no_receipts_causes_none_and_gets_none(database_url: str, unwilling: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await change(app, "UPDATE users SET receipts = FALSE WHERE name = %s", unwilling)
        message_id = await say(app, alice, "bob", "hi")
        bus = NotingBus(app)
        await receipts.acknowledge(app, bob, 1)
        await receipts.read(app, bob, peer="alice", up_to=message_id)
        assert alice.user_id not in {receivers[0][0] for receivers, _ in bus.published}
        own = "SELECT read_up_to FROM members WHERE user_id = %s"
        assert await rows(app, own, bob.user_id) == [(message_id,)]


async def test_what_cannot_be_written_now_is_written_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        sent = [await say(app, alice, "bob", str(number)) for number in range(2)]
        write, tries = receipts.acknowledge, 0

        async def away(app: App, caller: Caller, position: int) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                receipts.acknowledge_soon(app, caller, 2)  # meanwhile
                raise Unavailable("away")
            await write(app, caller, position)

        monkeypatch.setattr(receipts, "acknowledge", away)
        receipts.acknowledge_soon(app, bob, 1)
        await settled(app)
        assert (tries, app.acks) == (2, {})
        assert await log_of(app, alice, 2) == [Receipt("delivered", "bob", "bob", sent[1])]
