"""A batch as one transaction: outcomes in the order of the drafts, nothing left behind by one that fails."""

import peewee
import pytest

from models.batch import write
from models.drafts import Missing, Stored
from tests.models.storage import Sealed, assert_sound, draft, opened, rows

CLIENT = b"0123456789abcdef"


@pytest.mark.parametrize("careful", [False, True])
async def test_outcomes_are_in_the_order_of_the_drafts(database_url, careful: bool) -> None:
    async with opened(database_url, 1, 2) as db:
        outcomes = await db.write_batch(write, [draft(1, 2), draft(1, 9), draft(2, 1)], careful=careful)
        assert [type(outcome) for outcome in outcomes] == [Stored, Missing, Stored]
        assert [outcomes[0].positions, outcomes[2].positions] == [((1, 1), (2, 1)), ((2, 2), (1, 2))]
        await assert_sound(db, [1, 2])


async def test_a_repeat_breaks_a_swift_batch_and_is_told_by_a_careful_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (first,) = await db.write_batch(write, [draft(1, 2, client_id=CLIENT)], careful=False)
        drafts = [draft(2, 1), draft(1, 2, client_id=CLIENT)]
        with pytest.raises(peewee.IntegrityError):
            await db.write_batch(write, drafts, careful=False)
        assert len(await rows(db, "SELECT id FROM messages")) == 1
        fresh, repeat = await db.write_batch(write, drafts, careful=True)
        assert (fresh.duplicate, repeat.duplicate.id) == (None, first.message_id)
        await assert_sound(db, [1, 2])


@pytest.mark.parametrize("careful", [False, True])
async def test_a_batch_that_fails_leaves_nothing_behind(database_url, careful: bool) -> None:
    async with opened(database_url, 1, 2) as db:
        with pytest.raises(peewee.IntegrityError):
            await db.write_batch(write, [draft(1, 2), draft(2, 1, sealed=Sealed(b"plain"))], careful=careful)
        assert await rows(db, "SELECT id FROM messages") == []
        await assert_sound(db, [1, 2])
