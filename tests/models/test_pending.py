"""A sign-in that waits: so many tries and no more, whoever counts; over when it is taken or too old."""

import asyncio

from models import pending
from models.pending import Pending
from tests.models.storage import NOW, opened, rows

MANY = 20
WAITS = Pending(1, b"stamp", "a phone ✓")


async def add(db, mac: bytes = b"mac", now: int = NOW) -> None:
    await pending.add(db, WAITS, mac=mac, expires_at=now + 10, now=now)


async def test_each_try_is_counted_and_looking_is_none(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db)
        found = [await pending.find(db, b"mac", most_tries=3, now=NOW) for _ in range(9)]
        assert found == [WAITS] * 9
        tried = [await pending.take_try(db, b"mac", most_tries=3, now=NOW) for _ in range(4)]
        assert tried == [WAITS, WAITS, WAITS, None]
        assert await pending.find(db, b"mac", most_tries=3, now=NOW) is None
        assert await pending.take_try(db, b"other", most_tries=3, now=NOW) is None


async def test_of_many_tries_at_once_no_more_count_than_there_are(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await add(db)
        tries = (pending.take_try([db, other][n % 2], b"mac", most_tries=5, now=NOW) for n in range(MANY))
        assert (await asyncio.gather(*tries)).count(WAITS) == 5


async def test_it_ends_with_its_time(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db)
        assert await pending.find(db, b"mac", most_tries=3, now=NOW + 9) == WAITS
        assert await pending.find(db, b"mac", most_tries=3, now=NOW + 10) is None
        assert await pending.take_try(db, b"mac", most_tries=3, now=NOW + 10) is None
        await add(db, b"later", now=NOW + 11)
        assert await rows(db, "SELECT count(*) FROM pending_logins") == [(1,)]


async def test_it_is_taken_once(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await add(db)
        assert (await asyncio.gather(*(pending.take([db, other][n % 2], b"mac") for n in range(MANY)))).count(True) == 1
        assert await pending.find(db, b"mac", most_tries=3, now=NOW) is None
