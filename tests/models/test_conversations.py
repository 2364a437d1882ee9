"""Conversations: one for each pair, whoever is first; lists of them, newest first."""

import asyncio
from dataclasses import replace

from models import blocks, changes, conversations, receipts
from models.conversations import StoredKey
from models.db import execute
from models.timelines import Kind
from tests.models.storage import NOW, Sealed, draft, fill, opened, rows, store

PAIR = (1, 2)
KEY = StoredKey(77, PAIR, 1, "master", b"\x00wrapped")


async def talk(db, *pairs: tuple[int, int]) -> None:
    """Make the conversations of these pairs, as drafts name them."""
    for pair in pairs:
        await conversations.create(db, replace(KEY, conversation_id=draft(*pair).conversation_id, pair=pair), NOW)


async def test_a_new_conversation_has_its_members_and_its_key(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await conversations.by_pair(db, PAIR) is None
        assert await conversations.id_of_pair(db, PAIR) is None
        assert await conversations.create(db, KEY, NOW) == KEY
        assert await conversations.by_pair(db, PAIR) == KEY
        assert await conversations.id_of_pair(db, PAIR) == 77
        assert await rows(db, "SELECT user_id FROM members ORDER BY user_id") == [(1,), (2,)]


async def test_a_conversation_with_oneself_has_one_member(database_url) -> None:
    async with opened(database_url, 1) as db:
        await conversations.create(db, replace(KEY, pair=(1, 1)), NOW)
        assert await rows(db, "SELECT user_id FROM members") == [(1,)]


async def test_of_instances_that_meet_a_pair_together_one_wins_and_all_use_its_key(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        offers = [replace(KEY, conversation_id=100 + n, wrapped=b"%d" % n) for n in range(8)]
        kept = await asyncio.gather(
            *(conversations.create([db, other][n % 2], offer, NOW) for n, offer in enumerate(offers))
        )
        assert all(each == kept[0] for each in kept)
        assert kept[0] in offers
        assert await rows(db, "SELECT conversation_id FROM conversation_keys") == [(kept[0].conversation_id,)]
        assert len(await rows(db, "SELECT user_id FROM members")) == 2


async def test_the_newest_key_is_given_and_old_ones_are_found_by_generation(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await conversations.create(db, KEY, NOW)
        newer = replace(KEY, generation=2, wrapped=b"newer")
        await db.write(execute, "INSERT INTO conversation_keys VALUES (77, 2, 'master', %s)", (newer.wrapped,))
        assert await conversations.by_pair(db, PAIR) == newer
        wanted = [(77, 1), (77, 2), (77, 3), (78, 1)]
        found = await conversations.keys_of(db, wanted)
        assert sorted(found, key=lambda key: key.generation) == [KEY, newer]
        assert await conversations.keys_of(db, []) == []


async def test_conversations_are_listed_by_their_last_message_in_pages(database_url) -> None:
    async with opened(database_url, 1, 2, 3, 4) as db:
        await talk(db, (1, 2), (1, 3), (1, 4), (1, 1), (2, 3))
        ids = [
            each.message_id for each in await store(db, draft(1, 2), draft(3, 1), draft(1, 1), draft(2, 1), draft(2, 3))
        ]
        newest = [ids[3], ids[2], ids[1]]
        page = {"limit": 9, "before": None, "now": NOW}
        assert await conversations.newest_of(db, 1, **page) == newest
        assert await conversations.newest_of(db, 1, **page | {"limit": 2}) == newest[:2]
        assert await conversations.newest_of(db, 1, **page | {"before": newest[1]}) == newest[2:]
        # Nobody has written in it yet.
        assert await conversations.newest_of(db, 4, **page) == []


async def test_those_in_which_something_is_unread_are_listed_alone(database_url) -> None:
    async with opened(database_url, 1, 2, 3, 4, 5) as db:
        await talk(db, (1, 2), (1, 3), (1, 4), (1, 5), (1, 1))
        from_three, brief = await store(db, draft(3, 1), draft(5, 1, expires_at=NOW + 1))
        await fill(db, (1, 4), (2, 1))
        own, _ = await fill(db, (1, 2), (1, 1))
        page = {"limit": 9, "before": None, "now": NOW, "unread": True}
        unread = [own, brief.message_id, from_three.message_id]
        assert await conversations.newest_of(db, 1, **page) == unread
        assert await conversations.newest_of(db, 1, **page | {"limit": 1}) == unread[:1]
        assert await conversations.newest_of(db, 1, **page | {"before": own}) == unread[1:]
        assert await conversations.newest_of(db, 1, **page | {"now": NOW + 1}) == [own, from_three.message_id]
        await receipts.read(db, receipts.Receipt(draft(1, 3).conversation_id, 1, 3, Kind.READ, own), NOW)
        assert await conversations.newest_of(db, 1, **page) == unread[:2]


async def test_what_has_expired_is_nobodys_last_message(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db, (1, 2), (1, 3))
        lasting, brief, only = await store(
            db, draft(1, 2), draft(2, 1, expires_at=NOW + 1), draft(1, 3, expires_at=NOW + 1, sealed=Sealed(b"gAAAAAx"))
        )
        page = {"limit": 9, "before": None}
        assert await conversations.newest_of(db, 1, **page, now=NOW) == [only.message_id, brief.message_id]
        assert await conversations.newest_of(db, 1, **page, now=NOW + 1) == [lasting.message_id]
        await changes.sweep(db, now=NOW + 1, limit=9)
        assert await conversations.newest_of(db, 1, **page, now=NOW) == [lasting.message_id]


async def test_what_is_withheld_is_nobodys_last_message_but_the_senders(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db, (1, 2), (2, 3))
        first, other = await fill(db, (1, 2), (2, 3))
        await blocks.add(db, 2, 1, NOW)
        (withheld,) = await fill(db, (1, 2))
        page = {"limit": 9, "before": None, "now": NOW}
        assert await conversations.newest_of(db, 1, **page) == [withheld]
        assert await conversations.newest_of(db, 2, **page) == [other, first]
