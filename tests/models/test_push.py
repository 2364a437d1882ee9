"""Subscriptions in the database: one for a session, claimed by one instance, and what counts as news."""

import asyncio
from dataclasses import replace

from models import conversations, push, receipts, sessions
from models.conversations import StoredKey
from models.db import Database, execute
from models.push import Standing, Stored
from tests.models.storage import NOW, add_person, draft, fill, opened, record, rows, session

MOST = 10
KEY = StoredKey(draft(1, 2).conversation_id, (1, 2), 1, "master", b"wrapped")


def stored(session_id: int = 70, user_id: int = 2, **changes: object) -> Stored:
    fresh = Stored(session_id, user_id, (b"mark %d" % session_id,), "m1", b"sealed", "p1", NOW)
    return replace(fresh, **changes)


async def begin(db: Database, *session_ids: int, user_id: int = 2) -> None:
    for session_id in session_ids:
        await sessions.create(db, session(session_id, user_id), password_version=0, most=99, record=record())


async def set_up(db: Database) -> None:
    """Two people who talk, and one device of the second one that has asked to be told."""
    await conversations.create(db, KEY, NOW)
    await begin(db, 70)
    assert await push.put(db, stored(), most=MOST)


async def standing(db: Database, now: int = NOW) -> Standing:
    (found,) = await push.standing_of(db, [1, 2], now)
    return found


async def test_only_a_session_that_lives_and_is_its_persons_has_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await begin(db, 70)
        assert not await push.put(db, stored(user_id=1), most=MOST)
        assert not await push.put(db, stored(71), most=MOST)
        assert await push.put(db, stored(), most=MOST)
        await sessions.end(db, 70, now=NOW, reason="logout", record=record())
        assert not await push.put(db, stored(), most=MOST)
        assert await push.of_user(db, 2) == []


async def test_one_too_many_at_once_is_still_too_many(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await begin(db, *range(70, 78))
        await asyncio.gather(*(push.put(db, stored(each, created_at=NOW + each), most=3) for each in range(70, 78)))
        assert [device.session_id for device in await push.of_user(db, 2)] == [75, 76, 77]


async def test_news_is_what_was_received_and_nothing_else(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        assert await push.standing_of(db, [1, 2], NOW) == []
        first, *_ = await fill(db, (1, 2), (2, 1), (2, 2), (1, 2))
        assert await standing(db) == Standing(70, 2, 4, 0, 0, 2, NOW)
        assert await push.standing_of(db, [1], NOW) == []
        await receipts.read(db, receipts.Receipt(KEY.conversation_id, 2, 1, receipts.Kind.READ, first), NOW)
        assert (await standing(db)).news == 1
        await receipts.acknowledge(db, session_id=70, user_id=2, position=4, now=NOW)
        assert (await standing(db)).news == 0
        await receipts.acknowledge(db, session_id=70, user_id=2, position=5, now=NOW)
        assert await push.standing_of(db, [1, 2], NOW) == []


async def test_a_device_can_be_claimed_once_and_again_when_the_claim_has_run_out(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await fill(db, (1, 2))
        found = await standing(db)
        (mine,) = await push.claim(db, [found], claim=5, until=NOW + 10)
        assert (mine.sealed, mine.signer_id, mine.head, mine.news, mine.tries) == (b"sealed", "p1", 1, 1, 0)
        assert await push.claim(db, [found], claim=6, until=NOW + 10) == []
        assert (await standing(db)).not_before == NOW + 10
        later = await standing(db, NOW + 10)
        (theirs,) = await push.claim(db, [later], claim=7, until=NOW + 20)
        await push.told(db, mine, NOW)  # too late: it is not ours any more
        assert await rows(db, "SELECT pushed, claim FROM push_subscriptions") == [(0, 7)]
        await push.told(db, theirs, NOW + 11)
        assert await push.standing_of(db, [2], NOW + 11) == []
        assert [device.pushed_at for device in await push.of_user(db, 2)] == [NOW + 11]


async def test_of_many_who_claim_at_once_one_gets_it(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db:
        await set_up(db)
        await fill(db, (1, 2))
        found = await standing(db)
        claims = await asyncio.gather(
            *(push.claim(db, [found], claim=number, until=NOW + 10) for number in range(1, 9))
        )
        assert sum(map(len, claims)) == 1


async def test_what_was_put_off_given_up_or_settled_is_seen_by_the_next_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await fill(db, (1, 2))
        (mine,) = await push.claim(db, [await standing(db)], claim=5, until=NOW + 10)
        await push.put_off(db, mine, until=NOW + 3, tries=2)
        assert await rows(db, "SELECT not_before, claim, tries FROM push_subscriptions") == [(NOW + 3, 0, 2)]
        (again,) = await push.claim(db, [await standing(db, NOW + 3)], claim=6, until=NOW + 10)
        assert again.tries == 2
        await push.give_up(db, again)
        assert await rows(db, "SELECT pushed, not_before, claim, tries FROM push_subscriptions") == [(1, 0, 0, 0)]
        await fill(db, (2, 2))
        await push.settle(db, [await standing(db)])
        assert await rows(db, "SELECT pushed FROM push_subscriptions") == [(2,)]


async def test_what_settles_does_not_overtake_a_claim(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await fill(db, (2, 2))
        quiet = await standing(db)
        await push.claim(db, [quiet], claim=5, until=NOW + 10)
        await push.settle(db, [quiet])
        assert await rows(db, "SELECT pushed FROM push_subscriptions") == [(0,)]


async def test_forgotten_is_only_what_was_claimed(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await fill(db, (1, 2))
        (mine,) = await push.claim(db, [await standing(db)], claim=5, until=NOW + 10)
        await push.put(db, stored(sealed=b"anew"), most=MOST)
        assert not await push.forget(db, mine)
        (again,) = await push.claim(db, [await standing(db)], claim=6, until=NOW + 10)
        assert again.sealed == b"anew"
        assert await push.forget(db, again)
        assert await push.of_user(db, 2) == []


async def test_everybody_is_found_page_by_page_and_the_dead_go(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await begin(db, 71, 72, 73)
        for each in (71, 72, 73):
            await push.put(db, stored(each), most=MOST)
        await fill(db, (1, 2))
        # Behind the server's back: no session ends without taking its subscription along.
        await db.write(execute, "UPDATE sessions SET ended_at = 1 WHERE id = 71")
        await db.write(execute, "DELETE FROM sessions WHERE id = 72")
        found, behind = await push.standing_after(db, 0, NOW, limit=2)
        assert ([each.session_id for each in found], behind) == ([70], 71)
        found, behind = await push.standing_after(db, 71, NOW, limit=2)
        assert ([each.session_id for each in found], behind) == ([73], 73)
        assert await push.standing_after(db, 73, NOW, limit=2) == ([], None)
        assert await rows(db, "SELECT session_id FROM push_subscriptions ORDER BY session_id") == [(70,), (73,)]
        assert await push.standing_after(db, 0, NOW + 2000, limit=9) == ([], 73)
        assert await rows(db, "SELECT session_id FROM push_subscriptions") == []


async def test_only_the_person_can_remove_it(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await set_up(db)
        await add_person(db, 3)
        assert not await push.remove(db, 1, 70)
        assert await push.remove(db, 2, 70)
        assert not await push.remove(db, 2, 70)
