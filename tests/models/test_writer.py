"""The writer: positions without gap, many messages in few commits, one row for one `client_id`."""

import asyncio
import threading

import peewee
import pytest
from msgspec.structs import replace

from models import writer as module
from models.db import Unavailable
from models.drafts import Missing
from models.writer import MOST_IN_BATCH, Full, Writer
from tests.models.storage import (
    SECONDS,
    Sealed,
    all_of,
    assert_sound,
    counted_commits,
    draft,
    instances,
    opened,
    rows,
    store,
    timeline,
    writing,
)

CLIENT = b"0123456789abcdef"
BODIES = "SELECT body FROM messages ORDER BY id"
UNSEALED = Sealed(b"plain text")


async def test_positions_start_at_one_and_follow_the_order_of_the_calls(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        stored = await store(db, draft(1, 2), draft(2, 1), draft(1, 3), draft(3, 2))
        assert [each.positions for each in stored] == [
            ((1, 1), (2, 1)),
            ((2, 2), (1, 2)),
            ((1, 3), (3, 1)),
            ((3, 2), (2, 3)),
        ]
        ids = [each.message_id for each in stored]
        assert ids == sorted(ids)
        assert all(each.duplicate is None for each in stored)
        await assert_sound(db, [1, 2, 3])


async def test_a_message_is_told_in_both_timelines(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = draft(1, 2)
        (stored,) = await store(db, sent)
        told = await rows(db, "SELECT * FROM timelines ORDER BY user_id")
        event = (1, sent.conversation_id, 1, stored.message_id, sent.sent_at)
        assert told == [(1, 1, *event), (2, 1, *event)]


async def test_a_note_to_oneself_has_one_position(database_url) -> None:
    async with opened(database_url, 1) as db:
        stored = await store(db, draft(1, 1), draft(1, 1))
        assert [each.positions for each in stored] == [((1, 1),), ((1, 2),)]
        await assert_sound(db, [1])


async def test_what_arrives_together_is_committed_together(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        writer = Writer(db)
        futures = [writer.add(draft(1, 2)) for _ in range(2 * MOST_IN_BATCH + 1)]
        with counted_commits(db.engine) as commits:
            writer.start()
            stored = await all_of(iter(futures))
        assert len(commits) == 3
        assert [each.positions[0][1] for each in stored] == list(range(1, len(futures) + 1))
        await writer.stop()
        await assert_sound(db, [1, 2])


async def test_waiters_wake_in_commit_order(database_url) -> None:
    async with opened(database_url, 1, 2) as db, writing(db) as writer:
        woken: list[int] = []
        futures = [writer.add(draft(1, 2)) for _ in range(50)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: woken.append(number))
        await all_of(iter(futures))
        assert woken == list(range(50))


async def test_one_client_id_twice_in_a_batch_is_stored_once(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        first, again = draft(1, 2, client_id=CLIENT), draft(1, 2, client_id=CLIENT)
        stored, repeated, other = await store(db, first, again, draft(1, 2))
        assert stored.duplicate is None
        assert (repeated.message_id, repeated.positions) == (stored.message_id, ((1, 1),))
        assert repeated.duplicate.body == first.sealed.body
        assert other.positions == ((1, 2), (2, 2))
        await assert_sound(db, [1, 2])


async def test_one_client_id_in_two_batches_is_stored_once_and_spoils_nothing(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        first = draft(1, 2, client_id=CLIENT)
        (stored,) = await store(db, first)
        before, repeated, after = await store(db, draft(1, 2), draft(1, 2, client_id=CLIENT), draft(2, 1))
        assert (repeated.message_id, repeated.positions) == (stored.message_id, ((1, 1),))
        assert repeated.duplicate.body == first.sealed.body
        assert [each.positions[0] for each in (before, after)] == [(1, 2), (2, 3)]
        await assert_sound(db, [1, 2])


async def test_two_people_may_use_the_same_client_id(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        stored = await store(db, draft(1, 2, client_id=CLIENT), draft(2, 1, client_id=CLIENT))
        assert [each.duplicate for each in stored] == [None, None]


async def test_one_client_id_at_several_instances_at_once_is_stored_once(database_url) -> None:
    async with instances(database_url, 1, 2) as writers:
        for turn in range(20):
            client_id = b"%016d" % turn
            stored = await all_of(writers[n % 2].add(draft(1, 2 - turn % 2, client_id=client_id)) for n in range(6))
            assert sum(each.duplicate is None for each in stored) == 1
            assert len({each.message_id for each in stored}) == 1
        assert len(await rows(writers[0]._db, BODIES)) == 20
        await assert_sound(writers[0]._db, [1, 2])


async def test_a_draft_of_or_to_nobody_fails_alone(database_url) -> None:
    pairs = [(1, 2), (1, 9), (9, 1), (9, 9), (1, 2)]
    async with opened(database_url, 1, 2) as db, writing(db) as writer:
        first, *missing, last = [writer.add(draft(*pair)) for pair in pairs]
        for each in missing:
            with pytest.raises(Missing):
                await each
        assert [(await each).positions for each in (first, last)] == [((1, 1), (2, 1)), ((1, 2), (2, 2))]
        await assert_sound(db, [1, 2])


async def test_a_row_that_the_table_refuses_fails_alone_and_the_rest_keeps_its_order(database_url) -> None:
    async with opened(database_url, 1, 2) as db, writing(db) as writer:
        drafts = [draft(1, 2) for _ in range(20)]
        for bad in (0, 7, 19):
            drafts[bad] = replace(drafts[bad], sealed=UNSEALED)
        outcomes = await asyncio.gather(*map(writer.add, drafts), return_exceptions=True)
        assert [n for n, each in enumerate(outcomes) if isinstance(each, peewee.IntegrityError)] == [0, 7, 19]
        good = [each for each in outcomes if not isinstance(each, Exception)]
        assert [each.positions[0][1] for each in good] == list(range(1, 18))
        kept = [bytes(body) for (body,) in await rows(db, BODIES)]
        assert kept == [each.sealed.body for each in drafts if each.sealed is not UNSEALED]
        await assert_sound(db, [1, 2])


async def test_more_than_may_wait_are_refused_and_the_rest_is_stored(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        writer = Writer(db, most_waiting=3)
        futures = [writer.add(draft(1, 2)) for _ in range(3)]
        with pytest.raises(Full):
            writer.add(draft(1, 2))
        writer.start()
        await all_of(iter(futures))
        await writer.add(draft(1, 2))
        await writer.stop()
        assert len(await rows(db, BODIES)) == 4


async def test_the_message_of_a_waiter_who_left_is_stored_all_the_same(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        writer = Writer(db)
        left, stays = writer.add(draft(1, 2)), writer.add(draft(1, 2))
        left.cancel()
        writer.start()
        assert (await stays).positions == ((1, 2), (2, 2))
        await writer.stop()
        assert len(await timeline(db, 2)) == 2


async def test_stopping_writes_what_waits_and_takes_no_more(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        writer = Writer(db)
        futures = [writer.add(draft(1, 2)) for _ in range(MOST_IN_BATCH + 5)]
        writer.start()
        await asyncio.wait_for(writer.stop(), SECONDS)
        assert all(future.done() and future.result() for future in futures)
        with pytest.raises(Full):
            writer.add(draft(1, 2))
        assert len(await timeline(db, 2)) == len(futures)


async def test_stopping_an_idle_writer_ends_it(database_url) -> None:
    async with opened(database_url) as db:
        writer = Writer(db)
        writer.start()
        await asyncio.sleep(0)
        await asyncio.wait_for(writer.stop(), SECONDS)


async def test_a_batch_of_the_largest_size_may_be_all_repeats(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        drafts = [draft(1, 2) for _ in range(MOST_IN_BATCH)]
        first = await store(db, *drafts)
        again = await store(db, *(draft(1, 2, client_id=each.client_id) for each in drafts))
        assert [each.message_id for each in again] == [each.message_id for each in first]
        assert all(each.duplicate for each in again)
        await assert_sound(db, [1, 2])


async def test_a_stop_that_is_given_up_tells_whoever_waits(database_url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_BATCH", 2)
    go_on, write = threading.Event(), module._write_timed

    def late(*args: object, **options: object) -> object:
        assert go_on.wait(SECONDS)
        return write(*args, **options)

    monkeypatch.setattr(module, "_write_timed", late)
    async with opened(database_url, 1, 2) as db:
        writer = Writer(db)
        writer.start()
        waiting = [writer.add(draft(1, 2)) for _ in range(5)]
        waiting[3].cancel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await writer.stop()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in outcomes] == [Unavailable] * 3 + [asyncio.CancelledError] + [Unavailable]
        go_on.set()
