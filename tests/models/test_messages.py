"""Messages: who may see which, in what order, and what time takes away."""

from models import blocks, changes, messages, shown
from models.db import execute
from models.messages import Page
from tests.models.storage import NOW, draft, fill, opened, store

PAIR = draft(1, 2).conversation_id
LATER = NOW + 1000


async def ids_of(db, user_id: int, page: Page, now: int = NOW) -> list[int]:
    return [each.message.id for each in await shown.of_user(db, user_id, page, now)]


async def ids_within(db, page: Page, now: int = NOW, people: tuple[int, int] = (1, 2)) -> list[int]:
    return [each.message.id for each in await shown.within(db, PAIR, people, page, now)]


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


async def test_which_messages_are_between_two_people_for_the_first_of_them(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        one, other, elsewhere, note = await fill(db, (1, 2), (2, 1), (1, 3), (1, 1))
        await blocks.add(db, 2, 1, NOW)
        (withheld,) = await fill(db, (1, 2))
        (brief,) = await store(db, draft(1, 3, expires_at=LATER))
        every = (one, other, elsewhere, note, withheld, brief.message_id, brief.message_id + 1, 0, -1, 2**53)

        async def between(reader: int, peer: int, now: int = NOW) -> list[int]:
            return [each for each in every if await messages.is_between(db, reader, peer, each, now)]

        assert await between(1, 2) == [one, other, withheld]
        assert await between(2, 1) == [one, other]
        assert await between(1, 1) == [note]
        assert await between(3, 1) == [elsewhere, brief.message_id]
        assert await between(3, 1, LATER) == [elsewhere]
        assert await between(2, 3) == await between(3, 2) == await between(2, 2) == []
        await db.write(execute, "UPDATE messages SET body = NULL WHERE id = %s", (one,))
        assert await between(1, 2) == [other, withheld]


async def test_a_client_id_is_known_of_whoever_has_used_it_whatever_became_of_the_message(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (stored,) = await store(db, draft(1, 2, client_id=b"\x05" * 16))
        await db.write(execute, "UPDATE messages SET body = NULL WHERE id = %s", (stored.message_id,))
        assert await messages.is_known(db, 1, b"\x05" * 16)
        assert not await messages.is_known(db, 2, b"\x05" * 16)
        assert not await messages.is_known(db, 1, b"\x06" * 16)


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
                await changes.sweep(db, now=LATER, limit=99)
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


async def test_a_conversation_with_oneself_is_listed_once(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        notes = await fill(db, (1, 1), (1, 1))
        await fill(db, (1, 2))
        own = draft(1, 1).conversation_id
        assert [each.message.id for each in await shown.within(db, own, (1, 1), Page(9), NOW)] == notes[::-1]
        (first,) = await messages.by_ids(db, notes[:1])
        assert (first.sender_position, first.recipient_position) == (1, 1)


async def test_what_is_withheld_is_seen_by_its_sender_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        before = await fill(db, (1, 2), (2, 1))
        await blocks.add(db, 2, 1, NOW)
        withheld = await fill(db, (1, 2), (1, 2))
        answer = await fill(db, (2, 1))
        theirs, own = [*answer, *before[::-1]], [*answer, *withheld[::-1], *before[::-1]]
        assert await ids_of(db, 1, Page(9)) == await ids_within(db, Page(9)) == own
        assert await ids_of(db, 2, Page(9)) == await ids_within(db, Page(9), people=(2, 1)) == theirs
        assert await ids_within(db, Page(2, after=before[1])) == withheld[::-1]
        assert await ids_within(db, Page(2, before=answer[0])) == withheld[::-1]
        assert await messages.one_of(db, 2, withheld[0], NOW) is None
        assert (await messages.one_of(db, 1, withheld[0], NOW)).recipient_position is None
        await blocks.remove(db, 2, 1)
        assert await ids_of(db, 2, Page(9)) == theirs
