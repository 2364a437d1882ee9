"""Messages: who may see which, in what order, and what time takes away."""

import asyncio

from models import messages, users
from models.db import execute
from models.messages import Page
from models.timelines import Kind
from tests.models.storage import NOW, assert_sound, draft, opened, rows, store, timeline

PAIR = draft(1, 2).conversation_id
LATER = NOW + 1000


async def fill(db, *pairs: tuple[int, int], **changes: object) -> list[int]:
    """The ids of messages between these pairs, oldest first."""
    return [stored.message_id for stored in await store(db, *(draft(*pair, **changes) for pair in pairs))]


async def ids_of(db, user_id: int, page: Page, now: int = NOW) -> list[int]:
    return [message.id for message in await messages.of_user(db, user_id, page, now)]


async def ids_within(db, page: Page, now: int = NOW) -> list[int]:
    return [message.id for message in await messages.within(db, PAIR, page, now)]


async def test_a_message_is_given_back_as_it_was_stored(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = draft(1, 2, client_id=b"\x00" * 16, client_made=False, expires_at=LATER)
        (stored,) = await store(db, sent)
        found = await messages.one_of(db, 2, stored.message_id, NOW)
        assert (found.id, found.conversation_id, found.sender_id, found.recipient_id) == (stored.message_id, PAIR, 1, 2)
        assert (found.client_id, found.client_made, found.body) == (b"\x00" * 16, False, sent.sealed.body)
        assert (found.sent_at, found.expires_at, found.edited_at, found.deleted_at) == (NOW, LATER, None, None)
        assert (found.revision, found.alg, found.key_generation, found.sender_position) == (0, 1, 1, 1)
        assert type(found.body) is type(found.client_id) is bytes


async def test_only_the_two_people_find_a_message(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        (message,) = await fill(db, (1, 2))
        found = [await messages.one_of(db, each, message, NOW) for each in (1, 2, 3)]
        assert [each is not None for each in found] == [True, True, False]
        assert await messages.one_of(db, 1, message + 1, NOW) is None
        assert [len(await ids_of(db, each, Page(9))) for each in (1, 2, 3)] == [1, 1, 0]


async def test_a_list_holds_what_was_sent_and_received_newest_first(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        sent = await fill(db, (1, 2), (2, 1), (3, 1), (2, 3), (1, 3))
        mine = [sent[4], sent[2], sent[1], sent[0]]
        assert await ids_of(db, 1, Page(9)) == mine
        assert await ids_within(db, Page(9)) == [sent[1], sent[0]]
        assert {message.id for message in await messages.by_ids(db, [sent[3], sent[0], 999])} == {sent[3], sent[0]}
        assert await messages.by_ids(db, []) == []


async def test_notes_to_oneself_appear_once(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = await fill(db, (1, 1), (2, 1), (1, 1))
        assert await ids_of(db, 1, Page(9)) == sent[::-1]
        assert await ids_of(db, 1, Page(2)) == sent[:0:-1]
        assert await ids_of(db, 2, Page(9)) == [sent[1]]


async def test_pages_before_go_back_to_the_first_message(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = await fill(db, *[(1, 2), (2, 1), (1, 1)] * 4)
        seen = await ids_of(db, 1, Page(5))
        while page := await ids_of(db, 1, Page(5, before=seen[-1])):
            seen += page
        assert seen == sent[::-1]


async def test_a_page_after_is_the_one_nearest_to_it(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = await fill(db, *[(1, 2), (2, 1)] * 5)
        for ids in (lambda page: ids_of(db, 1, page), lambda page: ids_within(db, page)):
            assert await ids(Page(3, after=sent[2])) == [sent[5], sent[4], sent[3]]
            assert await ids(Page(3, after=0)) == [sent[2], sent[1], sent[0]]
            assert await ids(Page(9, after=sent[7])) == [sent[9], sent[8]]
            assert await ids(Page(9, after=sent[9])) == []


async def test_before_and_after_together_bound_a_page(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = await fill(db, *[(1, 2), (2, 1)] * 5)
        for ids in (lambda page: ids_of(db, 1, page), lambda page: ids_within(db, page)):
            assert await ids(Page(9, before=sent[5], after=sent[2])) == [sent[4], sent[3]]
            assert await ids(Page(1, before=sent[5], after=sent[2])) == [sent[3]]
            assert await ids(Page(9, before=sent[3], after=sent[2])) == []
            assert await ids(Page(9, before=0)) == []


async def test_a_page_goes_on_behind_any_number_of_messages_that_are_gone(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        old = await fill(db, (1, 2), (2, 1))
        await fill(db, *[(1, 2), (2, 1), (1, 1)] * 5, expires_at=LATER)
        new = await fill(db, (2, 1))
        deleted = await fill(db, *[(1, 2)] * 5)
        await db.write(execute, "UPDATE messages SET body = NULL WHERE id >= %s", (deleted[0],))
        for swept in (False, True):
            if swept:
                await messages.sweep(db, now=LATER, limit=99)
            assert await ids_of(db, 1, Page(2), LATER) == [new[0], old[1]]
            assert await ids_of(db, 1, Page(2, after=old[0]), LATER) == [new[0], old[1]]
            assert await ids_within(db, Page(9), LATER) == [new[0], old[1], old[0]]


async def test_an_expired_message_is_gone_at_once_from_every_answer(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (message,) = await fill(db, (1, 2), expires_at=LATER)
        for now, seen in ((LATER - 1, [message]), (LATER, [])):
            assert [each.id for each in [await messages.one_of(db, 2, message, now)] if each] == seen
            assert await ids_of(db, 1, Page(9), now) == seen
            assert await ids_of(db, 2, Page(9, after=0), now) == seen
            assert await ids_within(db, Page(9), now) == seen


async def test_a_sweep_destroys_what_is_due_and_tells_both(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        brief, note = await fill(db, (1, 2), (1, 1), expires_at=LATER)
        (lasting,) = await fill(db, (2, 1))
        assert await messages.sweep(db, now=LATER - 1, limit=9) == []
        entries = await messages.sweep(db, now=LATER, limit=9)
        assert sorted((entry.user_id, entry.message_id) for entry in entries) == [(1, brief), (1, note), (2, brief)]
        assert {(entry.kind, entry.actor_id, entry.at) for entry in entries} == {(Kind.EXPIRED, 1, LATER)}
        bodies = {message.id: message.body for message in await messages.by_ids(db, [brief, note, lasting])}
        assert [bodies[each] is None for each in (brief, note, lasting)] == [True, True, False]
        assert await messages.sweep(db, now=LATER, limit=9) == []
        expired = [entry for entry in await timeline(db, 2) if entry[1] == Kind.EXPIRED]
        assert expired == [(3, Kind.EXPIRED, brief)]
        assert await users.head(db, 2) == 3
        await assert_sound(db, [1, 2])


async def test_a_sweep_takes_what_has_been_due_longest_and_no_more_than_it_may(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        late = await fill(db, (1, 2), expires_at=LATER)
        early = await fill(db, (1, 2), (2, 1), expires_at=NOW + 1)
        first = await messages.sweep(db, now=LATER, limit=2)
        assert {entry.message_id for entry in first} == set(early)
        assert {entry.message_id for entry in await messages.sweep(db, now=LATER, limit=2)} == set(late)


async def test_sweeps_at_once_tell_everything_once(database_url) -> None:
    async with opened(database_url, 1, 2, 3, threads=4) as db, opened(database_url, threads=4) as other:
        due = await fill(db, *[(1, 2), (2, 3), (3, 1), (2, 2)] * 10, expires_at=LATER)
        swept = await asyncio.gather(*(messages.sweep([db, other][n % 2], now=LATER, limit=25) for n in range(8)))
        swept.append(await messages.sweep(db, now=LATER, limit=99))
        told = [(entry.user_id, entry.message_id) for entries in swept for entry in entries]
        assert len(told) == len(set(told)) == 70
        assert {message for _, message in told} == set(due)
        for each in (1, 2, 3):
            assert [position for position, _, _ in await timeline(db, each)] == list(
                range(1, await users.head(db, each) + 1)
            )


async def test_a_sweep_goes_on_where_a_person_is_no_more(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (message,) = await fill(db, (1, 2), expires_at=LATER)
        await db.write(execute, "DELETE FROM heads WHERE user_id = 2")
        assert [entry.user_id for entry in await messages.sweep(db, now=LATER, limit=9)] == [1]
        assert await rows(db, "SELECT id FROM messages WHERE body IS NULL") == [(message,)]
