"""A person's log with what it speaks of: whole, in order, in the present state."""

from models import blocks, changes, conversations, messages, shown, told
from models.changes import Target
from models.conversations import StoredKey
from models.timelines import Entry, Kind, append, take_heads
from models.told import Told
from tests.models.storage import NOW, draft, fill, opened

PAIR = (1, 2)
CONVERSATION = draft(*PAIR).conversation_id


async def test_the_log_behind_a_position_comes_in_order_with_what_it_speaks_of(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await conversations.create(db, StoredKey(CONVERSATION, PAIR, 1, "master", b"wrapped"), NOW)
        first, second, third = await fill(db, (1, 2), (2, 1), (1, 2))
        await changes.delete(db, Target(first, 1, 0), NOW)
        await fill(db, (1, 3))
        found = await told.after(db, 2, position=0, limit=9)
        assert [(one.entry.position, one.entry.kind, one.entry.message_id) for one in found] == [
            (1, Kind.MESSAGE, first),
            (2, Kind.MESSAGE, second),
            (3, Kind.MESSAGE, third),
            (4, Kind.DELETED, first),
        ]
        assert [one.people for one in found] == [{1: "person1", 2: "person2"}] * 4
        stored = [await messages.one_of(db, 2, message, NOW) for message in (second, third)]
        assert [one.shown for one in found[1:3]] == await shown.these(db, stored)
        # In the present state.
        assert found[0].shown == found[3].shown
        assert (found[0].shown.message.body, found[0].shown.message.deleted_at) == (None, NOW)
        assert await told.after(db, 2, position=1, limit=2) == found[1:3]
        assert await told.after(db, 2, position=4, limit=9) == []


async def test_a_log_has_no_gap_where_what_it_speaks_of_is_no_more(database_url) -> None:
    async with opened(database_url, 1) as db:
        await db.write(lambda engine: append(engine, take_heads(engine, [1]), Kind.READ, 7, 8, 5, NOW))
        assert await told.after(db, 1, position=0, limit=9) == [Told(Entry(1, 1, Kind.READ, 7, 8, 5, NOW), {}, None)]


async def test_the_log_of_whoever_blocks_tells_nothing_of_what_is_withheld(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await blocks.add(db, 2, 1, NOW)
        await fill(db, (1, 2))
        (seen,) = await fill(db, (2, 1))
        assert [one.entry.message_id for one in await told.after(db, 2, position=0, limit=9)] == [seen]
