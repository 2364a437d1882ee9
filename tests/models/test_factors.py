"""Factors: a step and a code are used up once, whoever asks; a factor comes and goes whole, with its record."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from models import factors, passkeys
from models.factors import Code, Counts, LastFactor, Totp
from tests.models.storage import NOW, opened, record, rows
from tests.models.test_passkeys import passkey

MANY = 20
SEED = Totp(1, 70, "m1", b"sealed", NOW)
CODES = [Code("k1", b"%032d" % number) for number in range(10)]


async def enrol(db, totp: Totp = SEED, step: int = 5) -> None:
    assert await factors.offer(db, totp)
    assert await factors.confirm(db, totp, step=step, now=NOW, codes=CODES, record=record("totp_added"))


async def actions(db) -> list[str]:
    return [row[0] for row in await rows(db, "SELECT action FROM audit WHERE action <> 'register' ORDER BY id")]


async def test_a_seed_counts_when_it_is_confirmed_and_not_before(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await factors.totp_of(db, 1) is None
        assert await factors.offer(db, SEED)
        assert (await factors.has(db, 1), await factors.totp_of(db, 1)) == (False, SEED)
        assert await factors.confirm(db, SEED, step=5, now=NOW + 1, codes=CODES, record=record("totp_added"))
        assert await factors.totp_of(db, 1) == replace(SEED, confirmed_at=NOW + 1, last_step=5)
        assert [await factors.has(db, user_id) for user_id in (1, 2)] == [True, False]
        assert await factors.counts(db, 1) == Counts(True, 0, 10)
        assert await factors.counts(db, 2) == Counts(False, 0, 0)
        assert {code.mac: code for code in await factors.codes_of(db, 1)} == {code.mac: code for code in CODES}
        assert await actions(db) == ["totp_added"]


async def test_another_offer_voids_the_one_before_until_one_is_confirmed(database_url) -> None:
    async with opened(database_url, 1) as db:
        other = replace(SEED, credential_id=71, sealed=b"other")
        assert await factors.offer(db, SEED)
        assert await factors.offer(db, other)
        assert not await factors.confirm(db, SEED, step=5, now=NOW, codes=CODES, record=record())
        assert await factors.confirm(db, other, step=5, now=NOW, codes=CODES, record=record())
        assert not await factors.offer(db, SEED)
        assert (await factors.totp_of(db, 1)).credential_id == 71


async def test_of_many_confirmations_one_succeeds(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await factors.offer(db, SEED)
        sets = [[Code("k1", b"%d-%d" % (n, each)) for each in range(10)] for n in range(MANY)]
        done = await asyncio.gather(
            *(
                factors.confirm([db, other][n % 2], SEED, step=n, now=NOW, codes=sets[n], record=record("totp_added"))
                for n in range(MANY)
            )
        )
        assert done.count(True) == 1
        assert {code.mac for code in await factors.codes_of(db, 1)} == {code.mac for code in sets[done.index(True)]}
        assert await actions(db) == ["totp_added"]


async def test_a_step_is_used_once_and_never_backwards(database_url) -> None:
    async with opened(database_url, 1) as db:
        await enrol(db)
        use = partial(factors.use_step, db, SEED, record=record("second_factor"))
        assert [await use(step=step) for step in (5, 6, 6, 4, 5, 8, 7)] == [
            False,
            True,
            False,
            False,
            False,
            True,
            False,
        ]
        assert not await factors.use_step(db, replace(SEED, credential_id=71), step=99, record=record())
        assert (await actions(db)).count("second_factor") == 2


async def test_of_many_uses_of_one_step_one_succeeds(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await enrol(db)
        uses = (factors.use_step([db, other][n % 2], SEED, step=6, record=record("second_factor")) for n in range(MANY))
        assert (await asyncio.gather(*uses)).count(True) == 1


async def test_of_many_uses_of_one_code_one_succeeds(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        await enrol(db)
        uses = (factors.use_code([db, other][n % 2], 1, CODES[3], record=record("second_factor")) for n in range(MANY))
        assert (await asyncio.gather(*uses)).count(True) == 1
        assert not await factors.use_code(db, 2, CODES[4], record=record())
        assert await factors.counts(db, 1) == Counts(True, 0, 9)


async def test_new_codes_void_the_old_ones_and_come_with_a_factor_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await enrol(db)
        fresh = [Code("k2", b"fresh")]
        assert await factors.replace_codes(db, 1, fresh, now=NOW, record=record("recovery_codes_renewed"))
        assert await factors.codes_of(db, 1) == fresh
        assert not await factors.replace_codes(db, 2, fresh, now=NOW, record=record("recovery_codes_renewed"))
        assert await factors.codes_of(db, 2) == []
        assert (await actions(db)).count("recovery_codes_renewed") == 1


async def test_with_the_last_factor_the_codes_go_too(database_url) -> None:
    async with opened(database_url, 1) as db:
        await enrol(db)
        await passkeys.add(db, passkey(), most=9, codes=[Code("k1", b"not needed")], record=record())
        assert await factors.counts(db, 1) == Counts(True, 1, 10)
        assert await factors.remove_totp(db, 1, may_be_last=False, record=record("totp_removed"))
        assert await factors.counts(db, 1) == Counts(False, 1, 10)
        with pytest.raises(LastFactor):
            await passkeys.remove(db, 1, passkey().id, may_be_last=False, record=record("passkey_removed"))
        assert await factors.counts(db, 1) == Counts(False, 1, 10)
        assert await passkeys.remove(db, 1, passkey().id, may_be_last=True, record=record("passkey_removed"))
        assert await factors.counts(db, 1) == Counts(False, 0, 0)
        assert (await actions(db))[-2:] == ["totp_removed", "passkey_removed"]


async def test_what_is_not_confirmed_cannot_be_removed(database_url) -> None:
    async with opened(database_url, 1) as db:
        await factors.offer(db, SEED)
        assert not await factors.remove_totp(db, 1, may_be_last=True, record=record("totp_removed"))
        assert await actions(db) == []


async def test_of_two_last_factors_that_go_at_once_one_stays(database_url) -> None:
    async with opened(database_url, 1) as db, opened(database_url) as other:
        await enrol(db)
        await passkeys.add(db, passkey(), most=9, codes=[], record=record())
        ends = await asyncio.gather(
            factors.remove_totp(db, 1, may_be_last=False, record=record()),
            passkeys.remove(other, 1, passkey().id, may_be_last=False, record=record()),
            return_exceptions=True,
        )
        assert [type(end) for end in sorted(ends, key=str)] in ([LastFactor, bool], [bool, LastFactor])
        assert await factors.has(db, 1)
