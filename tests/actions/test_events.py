"""The log as events, on both engines: in order, page by page, in the present state, and how a device goes on."""

import pytest

from actions import changes, events, expiry, receipts
from actions.messages import Message
from realtime.events import Deleted, Edited, Expired, MessageSent, Receipt, Unknown
from tests.actions.stage import change, log_of, rows, say
from tests.rooms import Clock, join, running_app


async def test_the_log_is_told_in_the_present_state_and_never_with_a_text_that_is_gone(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        stays = await say(app, alice, "bob", "stays")
        edited = await say(app, alice, "bob", "old text")
        deleted = await say(app, alice, "bob", "deleted text")
        swept = await say(app, alice, "bob", "swept text", 5)
        await changes.edit(app, alice, edited, "new text")
        await changes.edit(app, alice, deleted, "another deleted text")
        await changes.delete(app, alice, deleted)
        clock.turn(seconds=5)
        await expiry.sweep(app)
        due = await say(app, bob, "alice", "due text", 1)
        clock.turn(seconds=1)
        for person, peer in ((alice, "bob"), (bob, "alice")):
            told = await log_of(app, person)
            contents = [one.message.content for one in told if isinstance(one, MessageSent | Edited)]
            assert contents == ["stays", "new text", "new text"]
            assert isinstance(told[0], MessageSent)
            assert told[0].message.id == stays
            assert isinstance(told[1], MessageSent)
            assert isinstance(told[4], Edited)
            assert told[2:4] == [Deleted(deleted, peer), Expired(swept, peer)]
            assert told[5:] == [Deleted(deleted, peer)] * 2 + [Expired(swept, peer), Expired(due, peer)]


async def test_receipts_are_in_the_log_with_who_and_with_whom(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        first = await say(app, alice, "bob", "one")
        await receipts.acknowledge(app, bob, 1)
        await receipts.read(app, bob, peer="alice", up_to=first)
        read = [Receipt("read", "bob", "bob", first), Receipt("read", "bob", "alice", first)]
        assert (await log_of(app, alice, 1)) == [Receipt("delivered", "bob", "bob", first), read[0]]
        assert (await log_of(app, bob, 1)) == [read[1]]


async def test_what_a_newer_version_has_written_keeps_its_position(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await join(app, "alice"), await join(app, "bob")
        first = await say(app, alice, "bob", "one")
        second = await say(app, alice, "bob", "two")
        await change(app, "UPDATE timelines SET kind = 99 WHERE message_id = %s", first)
        await change(app, "UPDATE timelines SET kind = 32767, conversation_id = 5 WHERE message_id = %s", second)
        await say(app, alice, "bob", "three")
        told = await log_of(app, alice)
        assert told[:2] == [Unknown(), Unknown()]
        assert isinstance(told[2], MessageSent)


@pytest.mark.parametrize(
    ("page", "head", "forgotten"),
    [([], 4, False), ([], 5, True), ([5, 6], 6, False), ([6], 6, True), ([5], 9, False)],
)
def test_a_page_tells_whether_what_comes_next_is_gone(page: list[int], head: int, forgotten: bool) -> None:
    assert events.is_forgotten(4, head, [(position, Unknown()) for position in page]) == forgotten


async def test_pages_follow_each_other_without_gap_or_repetition(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for number in range(7):
            await say(app, alice, "bob", str(number))
        got: list[events.Placed] = []
        sizes = []
        while page := await events.after(app, bob.user_id, position=got[-1][0] if got else 0, limit=3):
            sizes.append(len(page))
            got += page
        assert sizes == [3, 3, 1]
        assert [position for position, _ in got] == list(range(1, 8))
        assert [event.message.content for _, event in got if isinstance(event, MessageSent)] == list("0123456")


async def test_the_log_tells_nobody_what_is_not_theirs(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        message_id = await say(app, alice, "bob", "secret words")
        await change(app, "UPDATE timelines SET user_id = %s WHERE user_id = %s", eve.user_id, alice.user_id)
        for event in await log_of(app, eve):
            assert not isinstance(event, MessageSent) or "secret" not in event.message.content
        assert await rows(app, "SELECT COUNT(*) FROM messages WHERE id = %s", message_id) == [(1,)]


@pytest.mark.parametrize(
    ("position", "epoch", "outcome"),
    [
        (None, None, "live"),
        (None, "own", "live"),
        (5, "own", "recovered"),
        (2, "own", "recovered"),
        (3, None, "recovered"),
        (5, "other", "reset"),
        (6, "own", "reset"),
        (1, "own", "reset"),
        (0, None, "reset"),
    ],
)
async def test_how_a_device_goes_on(database_url: str, position: int | None, epoch: str | None, outcome: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        for number in range(5):
            await say(app, alice, "alice", str(number))
        await change(app, "UPDATE heads SET floor = 2 WHERE user_id = %s", alice.user_id)
        [(own,)] = await rows(app, "SELECT value FROM facts WHERE name = 'epoch'")
        standing = await events.standing(app, alice.user_id, position=position, epoch=own if epoch == "own" else epoch)
        assert standing == events.Standing(5, own, outcome)


async def test_a_new_person_begins_at_nothing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        standing = await events.standing(app, alice.user_id, position=0, epoch=None)
        assert (standing.position, standing.outcome) == (0, "recovered")
        assert await log_of(app, alice) == []


async def test_a_message_comes_to_both_as_the_same(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        [mine], [theirs] = await log_of(app, alice), await log_of(app, bob)
        assert mine == theirs
        assert isinstance(mine, MessageSent)
        assert isinstance(mine.message, Message)
