"""What is shown beside messages: their people's names, and what their recipients have received and read."""

from models import conversations, messages, receipts, sessions, shown
from models.conversations import StoredKey
from models.db import execute
from models.messages import Page
from models.receipts import Receipt
from models.shown import Shown
from models.timelines import Kind
from tests.models.storage import NOW, draft, fill, opened, record, session

PAIR = (1, 2)
TALK = draft(*PAIR).conversation_id
READ_AT, ACKNOWLEDGED_AT = NOW + 1000, NOW + 2000


async def talk(db) -> None:
    await conversations.create(db, StoredKey(TALK, PAIR, 1, "master", b"wrapped"), NOW)
    await sessions.create(db, session(71, 2), password_version=0, most=9, record=record())


def beside(found: list[Shown]) -> list[tuple[object, ...]]:
    return [tuple(each)[1:] for each in found]


async def test_a_page_comes_with_names_and_times(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db)
        first, second, answer = await fill(db, (1, 2), (1, 2), (2, 1))
        note = (await fill(db, (1, 1)))[0]
        await receipts.read(db, Receipt(TALK, 2, 1, Kind.READ, first), READ_AT)
        await receipts.acknowledge(db, session_id=71, user_id=2, position=3, now=ACKNOWLEDGED_AT)
        found = await shown.of_user(db, 1, Page(9), NOW)
        assert [each.message.id for each in found] == [note, answer, second, first]
        assert beside(found) == [
            ("person1", "person1", None, None),
            ("person2", "person1", None, None),
            ("person1", "person2", ACKNOWLEDGED_AT, None),
            ("person1", "person2", READ_AT, READ_AT),
        ]
        assert found[1:] == await shown.within(db, TALK, PAIR, Page(9), NOW)
        assert await shown.of_user(db, 3, Page(9), NOW) == []


async def test_messages_that_were_read_before_get_the_same_beside_them_in_their_order(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        sent = await fill(db, (1, 2), (2, 1), (1, 2))
        await receipts.read(db, Receipt(TALK, 2, 1, Kind.READ, sent[0]), READ_AT)
        stored = {message.id: message for message in await messages.by_ids(db, sent)}
        paged = {each.message.id: each for each in await shown.of_user(db, 1, Page(9), NOW)}
        order = [sent[1], sent[0], sent[2]]
        assert await shown.these(db, [stored[each] for each in order]) == [paged[each] for each in order]
        assert await shown.these(db, []) == []


async def test_who_and_what_is_gone_has_no_name_and_no_times(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = await fill(db, (1, 2), (1, 2))
        stored = await messages.by_ids(db, sent)
        await db.write(execute, "UPDATE messages SET recipient_id = NULL WHERE id = %s", (sent[0],))
        await db.write(execute, "DELETE FROM timelines")
        await db.write(execute, "DELETE FROM messages WHERE id = %s", (sent[1],))
        assert sorted(beside(await shown.these(db, stored))) == [("", "", None, None), ("person1", "", None, None)]
