"""People: unique by name and by look, with an empty timeline from the start."""

import asyncio
from dataclasses import replace

import pytest

from models import passwords, sessions, users
from models.users import NameTaken, Profile, Reserved, User
from tests.models.storage import NOW, add_person, opened, record, rows, session


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
        alice = User(2**53 - 1, "Ålice", "ålice", "p1$hash", None, 0)
        assert await users.by_key(db, "ålice") == alice
        assert await users.by_id(db, 2**53 - 1) == alice
        assert await users.names_of(db, [2**53 - 1, 5]) == {2**53 - 1: "Ålice"}


async def test_nobody_is_found_where_nobody_is(database_url) -> None:
    async with opened(database_url) as db:
        assert await users.by_key(db, "alice") is None
        assert await users.by_id(db, 1) is None
        assert await users.names_of(db, []) == {}


@pytest.mark.parametrize(("name", "look"), [("ALICE", "other"), ("al1ce", "alice")])
async def test_a_taken_name_or_look_is_refused_and_nothing_of_it_stays(database_url, name: str, look: str) -> None:
    async with opened(database_url) as db:
        await create(db, 1, "alice")
        with pytest.raises(NameTaken):
            await create(db, 2, name, "unlike", look)
        assert await rows(db, "SELECT id FROM users") == [(1,)]
        assert await rows(db, "SELECT user_id FROM heads") == [(1,)]
        assert await rows(db, "SELECT action FROM audit") == [("register",)]


async def test_a_look_that_somebody_has_is_reserved(database_url) -> None:
    async with opened(database_url) as db:
        await create(db, 1, "alice")
        for looks, found in ((("other", "alice"), Reserved.ALIKE), (("other",), Reserved.NO)):
            assert await users.reserved(db, marks=(), looks=frozenset(looks), marks_of_looks=(b"mark",)) is found


async def test_of_many_who_want_one_name_at_once_one_gets_it(database_url) -> None:
    async with opened(database_url, threads=4) as db:
        outcomes = await asyncio.gather(*(create(db, n, "alice") for n in range(1, 9)), return_exceptions=True)
        assert [type(each) for each in outcomes if each is not None] == [NameTaken] * 7
        assert len(await rows(db, "SELECT id FROM users")) == 1


async def test_a_hash_is_replaced_for_one_person_and_only_in_the_place_of_the_old_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await users.rehash(db, 1, old="p1$hash", new="p1$other")
        assert not await users.rehash(db, 1, old="p1$hash", new="p1$third")
        found = [await users.by_id(db, n) for n in (1, 2)]
        assert [(each.password, each.password_version) for each in found] == [("p1$other", 0), ("p1$hash", 0)]


async def test_to_disable_somebody_ends_their_sessions_and_tokens_once(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        for session_id, user_id in ((7, 1), (8, 1), (9, 2)):
            await sessions.create(db, session(session_id, user_id), password_version=0, most=9, record=record())
        await passwords.add_reset(db, 1, mac=b"reset", expires_at=NOW + 9, now=NOW, record=record("offer"))
        assert sorted(await users.disable(db, 1, now=NOW + 1, record=record("disable"))) == [7, 8]
        assert await users.disable(db, 1, now=NOW + 2, record=record("disable")) is None
        assert (await users.by_id(db, 1)).disabled_at == NOW + 1
        assert await passwords.for_whom(db, b"reset", NOW) is None
        assert await users.enable(db, 1, record("enable"))
        assert not await users.enable(db, 1, record("enable"))
        assert await sessions.alive_of(db, [7, 8, 9], NOW) == {9}
        told = "SELECT action FROM audit WHERE action IN ('disable', 'enable') ORDER BY id"
        assert await rows(db, told) == [("disable",), ("enable",)]


async def test_a_name_is_data_and_never_a_statement(database_url) -> None:
    async with opened(database_url) as db:
        name = "x'); DROP TABLE users; -- %s ? \\"
        await add_person(db, 1, name)
        assert (await users.by_key(db, name)).id == 1


async def test_a_profile_begins_empty_with_everything_on_and_changes_one_by_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        fresh = Profile("person1", None, None, True, True, NOW)
        assert await users.profile(db, 1) == fresh
        steps: list[dict[str, str | bool | None]] = [
            {"receipts": False},
            {"presence": False, "receipts": True},
            {},
            {"display_name": "Ana 😀", "language": "pt-BR"},
            {"language": None},
        ]
        known = fresh
        for step in steps:
            known = replace(known, **step)
            assert await users.change_profile(db, 1, step) == known
            assert await users.profile(db, 1) == known
        assert await users.profile(db, 2) == replace(fresh, name="person2")


async def test_nobody_has_no_profile(database_url) -> None:
    async with opened(database_url) as db:
        assert await users.profile(db, 9) is None
        assert await users.change_profile(db, 9, {"receipts": False}) is None


async def test_a_display_name_is_data_and_never_a_statement(database_url) -> None:
    async with opened(database_url, 1) as db:
        name = "x', password = 'y' -- %s ? \\"
        assert (await users.change_profile(db, 1, {"display_name": name})).display_name == name
        assert (await users.by_id(db, 1)).password == "p1$hash"
