"""Where a person is at home."""

from models import sessions
from models.familiar import is_signed_in_from
from tests.models.storage import NOW, opened, record, session

HOME = "192.0.2.0/24"


async def test_a_network_is_familiar_while_a_session_that_began_in_it_lasts(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await sessions.create(db, session(7, network=HOME), most=9, record=record())
        assert await is_signed_in_from(db, 1, HOME, NOW)
        assert not await is_signed_in_from(db, 1, "198.51.100.0/24", NOW)
        assert not await is_signed_in_from(db, 2, HOME, NOW)
        assert not await is_signed_in_from(db, 1, HOME, NOW + 2000)
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        assert not await is_signed_in_from(db, 1, HOME, NOW)
