"""Passkeys: a credential is one person's, a challenge is good once, a counter never goes back."""

import asyncio
from dataclasses import replace

import pytest

from models import factors, passkeys
from models.factors import Code
from models.passkeys import Passkey, Taken, TooManyPasskeys
from tests.models.storage import NOW, opened, record, rows

MANY = 20
CODES = [Code("k1", b"code")]


def passkey(passkey_id: int = 5, user_id: int = 1, **changes: object) -> Passkey:
    fresh = Passkey(
        id=passkey_id,
        user_id=user_id,
        credential_id=b"credential %d" % passkey_id,
        public_key=b"\x00\xff",
        handle=b"handle",
        rp_id="localhost",
        sign_count=0,
        backup_eligible=False,
        backed_up=False,
        name="a phone",
        created_at=NOW,
        used_at=None,
        cloned_at=None,
        key_id="k1",
        mac=b"mac",
    )
    return replace(fresh, **changes)


async def add(db, *some: Passkey, most: int = 99) -> list[bool]:
    return [await passkeys.add(db, each, most=most, codes=CODES, record=record("passkey_added")) for each in some]


async def use(db, one: Passkey, count: int, **more: object) -> bool:
    told = {"sign_count": count, "backed_up": False, "now": NOW + 7, "record": record("second_factor")} | more
    return await passkeys.use(db, one, **told)


async def test_a_passkey_is_kept_as_it_was_registered(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        one = passkey(backup_eligible=True, backed_up=True, sign_count=2**32 - 1)
        two = passkey(6, created_at=NOW - 1)
        assert await add(db, one, two, passkey(7, 2)) == [True, False, True]
        assert await passkeys.of_user(db, 1) == [two, one]
        assert await passkeys.by_credential(db, one.credential_id) == one
        assert await passkeys.by_credential(db, b"unknown") is None
        assert await factors.codes_of(db, 1) == CODES
        assert await factors.has(db, 2)
        assert await rows(db, "SELECT count(*) FROM audit WHERE action = 'passkey_added'") == [(3,)]


async def test_a_credential_belongs_to_one_person(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, passkey())
        for user_id in (1, 2):
            with pytest.raises(Taken):
                await add(db, passkey(6, user_id, credential_id=passkey().credential_id))
        assert await passkeys.of_user(db, 2) == []
        assert await factors.codes_of(db, 2) == []


async def test_there_is_a_bound_also_for_many_at_once(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        adding = (add([db, other][n % 2], passkey(n + 1), most=3) for n in range(MANY))
        done = await asyncio.gather(*adding, return_exceptions=True)
        assert sum(isinstance(each, TooManyPasskeys) for each in done) == MANY - 3
        assert done.count([True]) == 1
        assert len(await passkeys.of_user(db, 1)) == 3


async def test_a_name_can_be_changed_by_the_owner_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, passkey())
        assert await passkeys.rename(db, 2, 5, "stolen") is None
        assert await passkeys.rename(db, 1, 6, "nothing") is None
        assert await passkeys.rename(db, 1, 5, "a key") == passkey(name="a key")
        assert await passkeys.of_user(db, 1) == [passkey(name="a key")]


async def test_a_passkey_is_removed_by_the_owner_only_and_once(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, passkey())
        removed = [
            await passkeys.remove(db, user_id, 5, may_be_last=True, record=record("passkey_removed"))
            for user_id in (2, 1, 1)
        ]
        assert removed == [False, True, False]
        assert await rows(db, "SELECT count(*) FROM audit WHERE action = 'passkey_removed'") == [(1,)]


async def test_a_counter_goes_forward_only(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, passkey())
        uses = [await use(db, passkey(), count) for count in (0, 0, 3, 3, 2, 0, 4)]
        assert uses == [True, True, True, False, False, False, True]
        (found,) = await passkeys.of_user(db, 1)
        assert (found.sign_count, found.used_at) == (4, NOW + 7)
        assert await rows(db, "SELECT count(*) FROM audit WHERE action = 'second_factor'") == [(4,)]


async def test_of_many_uses_with_one_counter_one_succeeds(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await add(db, passkey())
        assert (await asyncio.gather(*(use([db, other][n % 2], passkey(), 1) for n in range(MANY)))).count(True) == 1


async def test_whether_it_is_backed_up_may_change(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, passkey(backup_eligible=True))
        await use(db, passkey(), 1, backed_up=True)
        assert (await passkeys.of_user(db, 1))[0].backed_up


async def test_a_clone_is_noted_once_and_recorded_each_time(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, passkey())
        for later in (1, 2):
            await passkeys.note_clone(db, 5, now=NOW + later, record=record("passkey_cloned"))
        assert (await passkeys.of_user(db, 1))[0].cloned_at == NOW + 1
        assert await rows(db, "SELECT count(*) FROM audit WHERE action = 'passkey_cloned'") == [(2,)]


async def test_a_challenge_is_taken_once_and_not_when_it_is_old(database_url) -> None:
    async with opened(database_url) as db:
        for mac in (b"one", b"two", b"old"):
            await passkeys.add_challenge(db, mac=mac, expires_at=NOW + 9 - 9 * (mac == b"old"), now=NOW - 1)
        assert not await passkeys.take_challenge(db, [b"none"], NOW)
        assert not await passkeys.take_challenge(db, [b"old"], NOW)
        assert await passkeys.take_challenge(db, [b"other", b"one"], NOW)
        assert not await passkeys.take_challenge(db, [b"one"], NOW)
        assert await rows(db, "SELECT mac FROM challenges WHERE expires_at > 0") != []


async def test_of_many_who_take_a_challenge_one_gets_it(database_url) -> None:
    async with opened(database_url, threads=4) as db, opened(database_url, threads=4) as other:
        await passkeys.add_challenge(db, mac=b"one", expires_at=NOW + 9, now=NOW)
        took = (passkeys.take_challenge([db, other][n % 2], [b"one"], NOW) for n in range(MANY))
        assert (await asyncio.gather(*took)).count(True) == 1


async def test_old_challenges_are_forgotten(database_url) -> None:
    async with opened(database_url) as db:
        for later in (1, 2, 30):
            await passkeys.add_challenge(db, mac=b"%d" % later, expires_at=NOW + later + 5, now=NOW + later)
        assert await rows(db, "SELECT count(*) FROM challenges") == [(1,)]
