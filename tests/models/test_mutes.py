"""Mutes in the database: one's own, once, by page."""

from models import mutes
from tests.models.storage import NOW, opened


async def test_a_mute_is_noted_once_and_taken_back_once(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        assert await mutes.add(db, 1, 2, NOW)
        assert not await mutes.add(db, 1, 2, NOW)
        assert await mutes.add(db, 1, 3, NOW)
        assert await mutes.of_user(db, 1, after=0, limit=9) == [("person2", 2), ("person3", 3)]
        assert await mutes.of_user(db, 1, after=2, limit=9) == [("person3", 3)]
        assert await mutes.of_user(db, 1, after=0, limit=1) == [("person2", 2)]
        assert await mutes.of_user(db, 2, after=0, limit=9) == []
        assert await mutes.remove(db, 1, 2)
        assert not await mutes.remove(db, 1, 2)
        assert not await mutes.remove(db, 2, 1)
        assert await mutes.of_user(db, 1, after=0, limit=9) == [("person3", 3)]
