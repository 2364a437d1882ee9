"""Blocks: what is sent to somebody who blocks one is one's own affair, from the moment of the block."""

import asyncio

import peewee
import pytest

from models import blocks
from models.drafts import Stored
from tests.models.storage import (
    NOW,
    all_of,
    assert_sound,
    draft,
    instances,
    lost_answers,
    opened,
    rows,
    store,
    timeline,
    writing,
)

COUNTS = "SELECT user_id, blocks FROM heads ORDER BY user_id"


async def positions(db, *pairs: tuple[int, int]) -> list[tuple[tuple[int, int], ...]]:
    return [stored.positions for stored in await store(db, *(draft(*pair) for pair in pairs))]


async def test_a_block_is_one_persons_about_another(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await blocks.add(db, 1, 2, NOW)
        pairs = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]
        assert [pair for pair in pairs if await blocks.is_blocked(db, pair[0], pair[1])] == [(2, 1)]
        await blocks.remove(db, 2, 1)
        assert await blocks.is_blocked(db, 2, by=1)
        await blocks.remove(db, 1, 2)
        assert not await blocks.is_blocked(db, 2, by=1)


async def test_a_page_of_blocks_has_names_and_goes_on_behind_the_last(database_url) -> None:
    async with opened(database_url, *range(1, 7)) as db:
        for blocked in (5, 2, 6, 3):
            await blocks.add(db, 1, blocked, NOW)
        await blocks.add(db, 2, 4, NOW)
        first = await blocks.of_user(db, 1, after=0, limit=3)
        assert first == [("person2", 2), ("person3", 3), ("person5", 5)]
        assert await blocks.of_user(db, 1, after=5, limit=3) == [("person6", 6)]


async def test_what_is_counted_is_how_many_are_blocked(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        for blocked in (2, 2, 3):
            await blocks.add(db, 1, blocked, NOW)
        assert await rows(db, COUNTS) == [(1, 2), (2, 0), (3, 0)]
        for blocked in (2, 2, 1):
            await blocks.remove(db, 1, blocked)
        assert await rows(db, COUNTS) == [(1, 1), (2, 0), (3, 0)]
        with pytest.raises(peewee.IntegrityError):
            await blocks.add(db, 1, 9, NOW)
        assert await rows(db, COUNTS) == [(1, 1), (2, 0), (3, 0)]


async def test_blocks_and_their_end_at_once_leave_a_true_count(database_url) -> None:
    async with opened(database_url, 1, 2, 3, threads=4) as db, opened(database_url, threads=4) as other:
        await asyncio.gather(
            *(
                blocks.add([db, other][n % 2], 1, 2 + n % 2, NOW) if n % 3 else blocks.remove([db, other][n % 2], 1, 2)
                for n in range(40)
            )
        )
        there = await rows(db, "SELECT count(*) FROM blocks")
        assert await rows(db, "SELECT blocks FROM heads WHERE user_id = 1") == there


async def test_what_is_sent_to_whoever_blocks_the_sender_is_the_senders_alone(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await blocks.add(db, 2, 1, NOW)
        assert await positions(db, (1, 2), (3, 2), (2, 1), (2, 2), (1, 1), (1, 3)) == [
            ((1, 1),),
            ((3, 1), (2, 1)),
            ((2, 2), (1, 2)),
            ((2, 3),),
            ((1, 3),),
            ((1, 4), (3, 2)),
        ]
        kept = await rows(db, "SELECT sender_position, recipient_position FROM messages ORDER BY id LIMIT 2")
        assert kept == [(1, None), (1, 1)]
        await assert_sound(db, [1, 2, 3])


async def test_a_block_holds_for_the_next_message_at_every_instance(database_url) -> None:
    async with instances(database_url, 1, 2, 3) as writers:
        for turn in range(1, 9):
            here, there = writers[turn % 2], writers[1 - turn % 2]
            await blocks.add(here._db, 2, 1, NOW)
            sent = await all_of(writer.add(draft(1, 2)) for writer in (there, here, there))
            assert [len(each.positions) for each in sent] == [1, 1, 1]
            await blocks.remove(here._db, 2, 1)
            sent = await all_of(writer.add(draft(1, 2)) for writer in (there, here))
            assert [len(each.positions) for each in sent] == [2, 2]
        assert len(await timeline(here._db, 2)) == 16
        await assert_sound(here._db, [1, 2])


async def test_blocking_while_everybody_writes_leaves_positions_without_gap(database_url) -> None:
    async with instances(database_url, 1, 2, 3) as writers:

        async def block(db, user_id: int) -> None:
            for _ in range(10):
                await blocks.add(db, user_id, 1, NOW)
                await blocks.remove(db, user_id, 1)

        sending = [
            writer.add(draft(a, b)) for writer in writers for a in (1, 2, 3) for b in (1, 2, 3) for _ in range(9)
        ]
        await asyncio.gather(all_of(iter(sending)), *(block(writer._db, 2) for writer in writers))
        await assert_sound(writers[0]._db, [1, 2, 3])


async def test_a_repeat_of_what_is_withheld_is_answered_as_any_other(database_url) -> None:
    async with opened(database_url, 1, 2) as db, writing(db) as writer:
        await blocks.add(db, 2, 1, NOW)
        with lost_answers(db.engine) as lost:
            first = draft(1, 2)
            stored = await writer.add(first)
        assert lost
        assert stored == Stored(stored.message_id, ((1, 1),), None)
        await blocks.remove(db, 2, 1)
        again = await writer.add(draft(1, 2, client_id=first.client_id))
        assert (again.message_id, again.positions) == (stored.message_id, ((1, 1),))
        assert again.duplicate.body == first.sealed.body
        assert await timeline(db, 2) == []
