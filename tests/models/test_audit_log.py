"""The audit log as a whole: checkpoints one after the other, records that leave when they are closed off, no others."""

import asyncio
from dataclasses import replace

import pytest

import models.audit
from models import audit_log
from models.audit_log import Due
from models.db import Database, execute
from tests.models.storage import AUDIT_KEEPER, NOW, opened, record, rows

ALWAYS = Due(1, 0)


async def grow(db: Database, count: int, at: int = NOW) -> None:
    await models.audit.append_all(db, [replace(record(), at=at) for _ in range(count)])


async def turn(db: Database, at: int = NOW, due: Due = ALWAYS) -> audit_log.Checkpoint | None:
    return await audit_log.make_checkpoint(db, AUDIT_KEEPER, at=at, due=due)


async def numbers(db: Database) -> list[int]:
    return [row[0] for row in await rows(db, "SELECT id FROM audit ORDER BY id")]


async def test_nothing_is_due_where_nothing_was_recorded(database_url) -> None:
    async with opened(database_url) as db:
        assert await audit_log.head(db) is None
        assert await turn(db) is None
        assert (await audit_log.begin(db)).id == 0
        assert await turn(db) is None


async def test_a_checkpoint_moves_the_key_on(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 1)
        before = await audit_log.head(db)
        assert (await turn(db)).record == 1
        after = await audit_log.head(db)
        assert (after.epoch, after.id, after.link) == (1, before.id, before.link)
        assert after.key != before.key
        assert before.key not in await _everything(db)
        await grow(db, 1)
        assert [row.epoch for row in await audit_log.rows(db, after=0, up_to=9, limit=9)] == [0, 1]


async def _everything(db: Database) -> set[object]:
    found = await rows(db, "SELECT key, mac, link FROM audit_head")
    return {bytes(value) for row in found for value in row}


async def test_of_two_instances_one_makes_it(database_url) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        await grow(first, 3)
        due = Due(1, 10**9)
        made = await asyncio.gather(*(turn(db, due=due) for db in (first, second) for _ in range(4)))
        assert [each.number for each in made if each] == [1]
        assert [each.number for each in await audit_log.checkpoints(second, after=0)] == [1]
        assert (await audit_log.newest_checkpoint(first)).record == 3
        assert await audit_log.checkpoints(first, after=1) == []


async def test_what_is_older_goes_in_bounded_steps(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 7)
        await turn(db)
        await grow(db, 3, NOW + 1000)
        assert await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW) is None
        closed = await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 1000)
        assert (closed.number, closed.record, closed.floor) == (2, 10, 7)
        assert await numbers(db) == list(range(1, 11))
        assert [await audit_log.drop_closed(db, 3) for _ in range(4)] == [3, 3, 1, 0]
        assert await numbers(db) == [8, 9, 10]
        # The checkpoint about what has gone has gone with it; the one that closed it off stays.
        assert [each.number for each in await audit_log.checkpoints(db, after=0)] == [2]
        await grow(db, 1)
        assert (await turn(db)).floor == 7


async def test_a_record_behind_a_younger_one_stays_with_it(database_url) -> None:
    async with opened(database_url) as db:
        for at in (NOW, NOW + 1000, NOW):
            await grow(db, 1, at)
        assert (await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 500)).floor == 1


async def test_no_number_is_given_again(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 5)
        await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 1)
        await audit_log.drop_closed(db)
        await grow(db, 1)
        assert await numbers(db) == [5, 6]


async def test_only_what_is_behind_the_head_is_told_to_be(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 3)
        assert await audit_log.behind_head(db, 9) == []
        await db.write(execute, "UPDATE audit_head SET id = 1")
        assert [row.id for row in await audit_log.behind_head(db, 9)] == [2, 3]


async def test_the_first_key_is_erased(database_url) -> None:
    async with opened(database_url) as db:
        assert (await audit_log.begin(db)).first_key
        await audit_log.take_first_key(db)
        assert (await audit_log.head(db)).first_key is None


async def test_whoever_is_forgotten_stays_so_when_keys_change(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 1)
        await db.write(execute, "UPDATE audit_people SET key_id = 'older'")
        await db.write(models.audit.forget_person, 1)
        assert await audit_log.reseal(db, AUDIT_KEEPER) == 0
        assert await rows(db, "SELECT sealed FROM audit_people") == [(None,)]


@pytest.mark.parametrize("count", [1, 3])
async def test_records_are_read_in_order_and_within_bounds(database_url, count) -> None:
    async with opened(database_url) as db:
        await grow(db, 5)
        found = await audit_log.rows(db, after=1, up_to=4, limit=count)
        assert [row.id for row in found] == [2, 3, 4][:count]
