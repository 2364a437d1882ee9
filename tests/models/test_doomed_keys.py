"""Conversation keys on their way out, on both engines: due in time, and never while something is sealed with them."""

from models import doomed_keys
from models.conversations import StoredKey
from models.db import execute
from models.doomed_keys import Doomed, Resealed
from tests.models.storage import NOW, SEALED, add_conversation, draft, fill, opened, rows

ALICE, BOB = 1, 2
TALK = draft(ALICE, BOB).conversation_id


async def test_an_old_key_goes_when_nothing_is_sealed_with_it(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        (kept,) = await fill(db, (BOB, ALICE))
        old = await doomed_keys.newest_key(db, TALK)
        assert old == StoredKey(TALK, (ALICE, BOB), 1, "k", b"wrapped")
        await doomed_keys.doom(db, StoredKey(TALK, (ALICE, BOB), 2, "k", b"fresh"), after=NOW + 10)
        assert await doomed_keys.due(db, now=NOW + 9, limit=5) == []
        (doomed,) = await doomed_keys.due(db, now=NOW + 10, limit=5)
        assert doomed == Doomed(TALK, 1)
        assert not await doomed_keys.destroy_key(db, doomed)
        (message,) = await doomed_keys.sealed_under(db, doomed, above=0, limit=5)
        assert message.id == kept
        wrong = Resealed(kept, 0, b"another", 1, 2, SEALED + b"again", kept=False)
        right = Resealed(kept, 0, message.body or b"", 1, 2, SEALED + b"again", kept=False)
        assert [await doomed_keys.reseal(db, each) for each in ([wrong], [right], [])] == [0, 1, 0]
        assert await doomed_keys.sealed_under(db, doomed, above=0, limit=5) == []
        assert await doomed_keys.destroy_key(db, doomed)
        assert await rows(db, "SELECT generation FROM conversation_keys") == [(2,)]
        assert await doomed_keys.due(db, now=NOW + 99, limit=5) == []


async def test_a_key_that_is_still_needed_can_be_left_for_later(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        await doomed_keys.doom(db, StoredKey(TALK, (ALICE, BOB), 2, "k", b"fresh"), after=NOW)
        await doomed_keys.postpone(db, Doomed(TALK, 1), NOW + 50)
        assert await doomed_keys.due(db, now=NOW + 49, limit=5) == []
        assert await doomed_keys.due(db, now=NOW + 50, limit=5) == [Doomed(TALK, 1)]
        assert await doomed_keys.newest_key(db, 99) is None


async def test_a_text_that_a_blocker_still_sees_needs_its_key_too(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        (message_id,) = await fill(db, (ALICE, BOB))
        text = (
            "UPDATE messages SET key_generation = 2, kept_body = %s, kept_alg = 1, kept_revision = 0,"
            " kept_key_generation = 1 WHERE id = %s"
        )
        await db.write(execute, text, (SEALED + b"kept", message_id))
        await doomed_keys.doom(db, StoredKey(TALK, (ALICE, BOB), 2, "k", b"fresh"), after=NOW)
        doomed = Doomed(TALK, 1)
        assert [each.id for each in await doomed_keys.sealed_under(db, doomed, above=0, limit=5)] == [message_id]
        again = Resealed(message_id, 0, SEALED + b"kept", 1, 2, SEALED + b"again", kept=True)
        assert await doomed_keys.reseal(db, [again]) == 1
        assert await doomed_keys.destroy_key(db, doomed)
