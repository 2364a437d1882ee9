"""Where a person is at home, and on which devices."""

import pytest

from models import sessions
from models.db import execute
from models.familiar import is_signed_in_from, was_signed_in_by
from tests.models.storage import NOW, opened, record, session

HOME = "192.0.2.0/24"


async def test_a_network_is_familiar_while_a_session_that_began_in_it_lasts(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await sessions.create(db, session(7, network=HOME), password_version=0, most=9, record=record())
        assert await is_signed_in_from(db, 1, HOME, NOW)
        assert not await is_signed_in_from(db, 1, "198.51.100.0/24", NOW)
        assert not await is_signed_in_from(db, 2, HOME, NOW)
        assert not await is_signed_in_from(db, 1, HOME, NOW + 2000)
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        assert not await is_signed_in_from(db, 1, HOME, NOW)


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        ("logout", True),
        ("evicted", True),
        ("password_changed", True),
        ("revoked", False),
        ("refresh_reuse", False),
        ("tampered", False),
        ("something new", False),
    ],
)
async def test_a_device_is_known_by_its_session_unless_that_was_taken_away(database_url, reason, known) -> None:
    async with opened(database_url, 1, 2) as db:
        await sessions.create(db, session(7), password_version=0, most=9, record=record())
        assert await was_signed_in_by(db, 1, 7)
        assert not await was_signed_in_by(db, 2, 7)
        assert not await was_signed_in_by(db, 0, 7)
        assert not await was_signed_in_by(db, 1, 8)
        await sessions.end(db, 7, now=NOW, reason=reason, record=record())
        assert await was_signed_in_by(db, 1, 7) is known


async def test_a_device_stays_known_when_its_session_has_run_out(database_url) -> None:
    async with opened(database_url, 1) as db:
        await sessions.create(db, session(7), password_version=0, most=9, record=record())
        await db.write(execute, "UPDATE sessions SET expires_at = 1, idle_expires_at = 1", ())
        assert await was_signed_in_by(db, 1, 7)
