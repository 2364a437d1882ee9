"""People: unique by name and by look, with an empty timeline from the start."""

import asyncio

import pytest

from models import users
from models.users import NameTaken, User
from tests.models.storage import NOW, add_person, draft, opened, record, rows, store


async def create(db, user_id: int, name: str, *looks: str) -> None:
    await users.create(
        db,
        user_id=user_id,
        name=name,
        key=name.lower(),
        looks=frozenset(looks or {name}),
        password="p1$hash",
        now=NOW,
        record=record("register"),
    )


async def test_a_person_is_found_by_name_and_by_id(database_url) -> None:
    async with opened(database_url) as db:
        await create(db, 2**53 - 1, "Ålice")
        alice = User(2**53 - 1, "Ålice", "ålice", "p1$hash", None)
        assert await users.by_key(db, "ålice") == alice
        assert await users.by_id(db, 2**53 - 1) == alice
        assert await users.exists(db, "ålice")
        assert await users.names_of(db, [2**53 - 1, 5]) == {2**53 - 1: "Ålice"}


async def test_nobody_is_found_where_nobody_is(database_url) -> None:
    async with opened(database_url) as db:
        assert await users.by_key(db, "alice") is None
        assert await users.by_id(db, 1) is None
        assert not await users.exists(db, "alice")
        assert await users.names_of(db, []) == {}
        assert await users.head(db, 1) == 0


@pytest.mark.parametrize(("name", "look"), [("ALICE", "other"), ("al1ce", "alice")])
async def test_a_taken_name_or_look_is_refused_and_nothing_of_it_stays(database_url, name: str, look: str) -> None:
    async with opened(database_url) as db:
        await create(db, 1, "alice")
        with pytest.raises(NameTaken):
            await create(db, 2, name, "unlike", look)
        assert await rows(db, "SELECT id FROM users") == [(1,)]
        assert await rows(db, "SELECT user_id FROM heads") == [(1,)]
        assert await rows(db, "SELECT action FROM audit") == [("register",)]


async def test_of_many_who_want_one_name_at_once_one_gets_it(database_url) -> None:
    async with opened(database_url, threads=4) as db:
        outcomes = await asyncio.gather(*(create(db, n, "alice") for n in range(1, 9)), return_exceptions=True)
        assert [type(each) for each in outcomes if each is not None] == [NameTaken] * 7
        assert len(await rows(db, "SELECT id FROM users")) == 1


async def test_a_password_is_replaced_for_one_person_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await users.set_password(db, 1, "p1$other")
        assert [(await users.by_id(db, n)).password for n in (1, 2)] == ["p1$other", "p1$hash"]


async def test_the_head_tells_how_much_has_happened(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await users.head(db, 1) == 0
        await store(db, draft(1, 2), draft(2, 1), draft(1, 1))
        assert [await users.head(db, n) for n in (1, 2)] == [3, 2]


async def test_a_name_is_data_and_never_a_statement(database_url) -> None:
    async with opened(database_url) as db:
        name = "x'); DROP TABLE users; -- %s ? \\"
        await add_person(db, 1, name)
        assert (await users.by_key(db, name)).id == 1


async def test_flags_are_on_at_first_and_change_one_by_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await users.flags(db, 1) == (True, True)
        await users.set_flags(db, 1, receipts=False)
        assert await users.flags(db, 1) == (False, True)
        await users.set_flags(db, 1, receipts=True, presence=False)
        assert await users.flags(db, 1) == (True, False)
        await users.set_flags(db, 1)
        assert await users.flags(db, 1) == (True, False)
        assert await users.flags(db, 2) == (True, True)
        assert await users.flags(db, 9) == (False, False)
