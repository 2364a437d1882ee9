"""A password changes by compare-and-swap, together with the sessions it ends; a one-time token is taken once."""

import asyncio

import pytest

from models import passwords, sessions, users
from models.db import execute
from tests.models.storage import NOW, opened, record, rows, session

MANY = 20


async def begin(db, *session_ids: int, user_id: int = 1) -> None:
    for session_id in session_ids:
        await sessions.create(db, session(session_id, user_id), password_version=0, most=99, record=record())


def change(db, new: str, *, version: int = 0, session_id: int = 7):
    return passwords.change(
        db, 1, version=version, password=new, session_id=session_id, now=NOW + 1, record=record("password_change")
    )


def offer(db, mac: bytes = b"reset", *, user_id: int = 1, expires_at: int = NOW + 9, now: int = NOW):
    return passwords.add_reset(db, user_id, mac=mac, expires_at=expires_at, now=now, record=record("offer"))


def take(db, new: str = "p1$new", *, mac: bytes = b"reset", user_id: int = 1, now: int = NOW):
    return passwords.reset(db, user_id, mac=mac, password=new, now=now, record=record("password_reset"))


async def test_a_change_ends_the_other_sessions_and_is_recorded(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await begin(db, 7, 8, 9)
        await begin(db, 20, user_id=2)
        await offer(db)
        assert sorted(await change(db, "p1$new")) == [8, 9]
        assert await sessions.alive_of(db, [7, 8, 9, 20], NOW) == {7, 20}
        found = [await users.by_id(db, number) for number in (1, 2)]
        assert [(each.password, each.password_version) for each in found] == [("p1$new", 1), ("p1$hash", 0)]
        assert await rows(db, "SELECT ended_reason FROM sessions WHERE id = 8") == [("password_changed",)]
        assert await passwords.for_whom(db, b"reset", NOW) is None
        assert len(await rows(db, "SELECT 1 FROM audit WHERE action = 'password_change'")) == 1


async def test_of_many_changes_at_once_one_is_made(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await begin(db, 7, 8)
        turns = await asyncio.gather(*(change([db, other][n % 2], f"p1${n}") for n in range(MANY)))
        assert sum(turn is not None for turn in turns) == 1
        winner = next(n for n, turn in enumerate(turns) if turn is not None)
        assert (await users.by_id(db, 1)).password == f"p1${winner}"
        assert turns[winner] == [8]


@pytest.mark.parametrize("overtaken", ["version", "session", "disabled", "somebody else's session"])
async def test_what_is_not_as_it_was_changes_nothing(database_url, overtaken: str) -> None:
    async with opened(database_url, 1, 2) as db:
        await begin(db, 7, 8)
        await begin(db, 20, user_id=2)
        if overtaken == "session":
            await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        if overtaken == "disabled":
            await db.write(execute, "UPDATE users SET disabled_at = 1 WHERE id = 1")
        session_id = 20 if overtaken == "somebody else's session" else 7
        assert await change(db, "p1$new", version=int(overtaken == "version"), session_id=session_id) is None
        assert (await users.by_id(db, 1)).password == "p1$hash"
        assert (await sessions.by_id(db, 8)).ended_at is None


async def test_a_token_is_its_persons_for_its_time_and_replaces_the_one_before(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await offer(db, b"first")
        await offer(db, b"second")
        await offer(db, b"other", user_id=2, expires_at=NOW + 1)
        asked = [await passwords.for_whom(db, mac, NOW) for mac in (b"first", b"second", b"other", b"")]
        assert asked == [None, 1, 2, None]
        assert await passwords.for_whom(db, b"other", NOW + 1) is None
        await offer(db, b"third", now=NOW + 2)
        assert [bytes(mac) for (mac,) in await rows(db, "SELECT mac FROM resets")] == [b"third"]


async def test_a_token_is_taken_once_among_many_who_show_it(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await begin(db, 7, 8)
        await offer(db)
        turns = await asyncio.gather(*(take([db, other][n % 2], f"p1${n}") for n in range(MANY)))
        (winner,) = [n for n, turn in enumerate(turns) if turn is not None]
        assert sorted(turns[winner]) == [7, 8]
        found = await users.by_id(db, 1)
        assert (found.password, found.password_version) == (f"p1${winner}", 1)
        assert len(await rows(db, "SELECT 1 FROM audit WHERE action = 'password_reset'")) == 1


async def test_a_token_that_is_not_good_sets_nothing(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await offer(db)
        assert await take(db, mac=b"other") is None
        assert await take(db, user_id=2) is None
        assert await take(db, now=NOW + 9) is None
        await db.write(execute, "UPDATE users SET disabled_at = 1")
        assert await take(db) is None
        assert {row[0] for row in await rows(db, "SELECT password FROM users")} == {"p1$hash"}
