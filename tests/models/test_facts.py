"""What is true of a database as a whole."""

import asyncio

from models import facts
from tests.models.storage import opened


async def test_the_epoch_stays_and_another_database_has_another(database_url, tmp_path) -> None:
    async with opened(database_url) as db, opened(f"sqlite:///{tmp_path}/other.db") as other:
        epoch = await facts.epoch(db)
        assert len(epoch) == 16
        assert await facts.epoch(other) != epoch
        async with opened(database_url) as again:
            assert await facts.epoch(again) == epoch


async def test_a_fresh_database_has_no_canary(database_url) -> None:
    async with opened(database_url) as db:
        assert await facts.canaries(db) == {}


async def test_of_instances_that_start_together_one_stores_its_canaries_and_all_see_them(database_url) -> None:
    async with opened(database_url, threads=4) as db, opened(database_url, threads=4) as other:
        offers = [{("master", f"m{n}"): b"\x00%d" % n, ("bus", f"b{n}"): b"\x01%d" % n} for n in range(8)]
        seen = await asyncio.gather(
            *(facts.add_missing_canaries([db, other][n % 2], offer) for n, offer in enumerate(offers))
        )
        assert all(each == seen[0] for each in seen)
        assert seen[0] in offers
        assert await facts.canaries(db) == seen[0]


async def test_a_purpose_that_came_later_gets_its_canary_and_the_others_keep_theirs(database_url) -> None:
    async with opened(database_url) as db:
        await facts.add_missing_canaries(db, {("master", "m"): b"first"})
        stored = await facts.add_missing_canaries(db, {("master", "other"): b"second", ("bus", "b"): b"third"})
        assert stored == {("master", "m"): b"first", ("bus", "b"): b"third"}
