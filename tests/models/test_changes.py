"""What becomes of a message after it was sent: each change is told once, to whoever has the message."""

import asyncio

import peewee
import pytest

from models import blocks, changes, messages, timelines
from models.changes import Target
from models.db import execute
from models.messages import Kept
from models.timelines import Entry, Kind
from tests.models.storage import NOW, Sealed, assert_sound, draft, fill, opened, rows, store, timeline

LATER = NOW + 1000
OTHER = Sealed(b"gAAAAA-other", key_generation=2)


async def test_an_edit_replaces_what_is_sealed_and_tells_both(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        sent = draft(2, 1)
        (stored,) = await store(db, sent)
        message = stored.message_id
        entries = await changes.edit(db, Target(message, 2, 0), OTHER, LATER)
        assert entries == [Entry(each, 2, Kind.EDITED, sent.conversation_id, 2, message, LATER) for each in (1, 2)]
        found = await messages.one_of(db, 1, message, NOW)
        assert (found.body, found.key_generation, found.revision, found.edited_at) == (OTHER.body, 2, 1, LATER)
        for each in (1, 2):
            assert await timeline(db, each) == [(1, Kind.MESSAGE, message), (2, Kind.EDITED, message)]
        await assert_sound(db, [1, 2])


async def test_a_deletion_destroys_the_text_and_tells_both(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (message,) = await fill(db, (1, 2))
        entries = await changes.delete(db, Target(message, 1, 0), LATER)
        assert [(entry.user_id, entry.position, entry.kind) for entry in entries] == [
            (1, 2, Kind.DELETED),
            (2, 2, Kind.DELETED),
        ]
        assert await messages.one_of(db, 1, message, NOW) is None
        (gone,) = await messages.by_ids(db, [message])
        assert (gone.body, gone.deleted_at) == (None, LATER)
        await assert_sound(db, [1, 2])


async def test_a_changed_note_is_told_once(database_url) -> None:
    async with opened(database_url, 1) as db:
        (message,) = await fill(db, (1, 1))
        assert len(await changes.edit(db, Target(message, 1, 0), OTHER, NOW)) == 1
        assert len(await changes.delete(db, Target(message, 1, 1), NOW)) == 1
        await assert_sound(db, [1])


@pytest.mark.parametrize("wrong", ["message", "sender", "revision", "expired", "deleted"])
async def test_what_is_not_as_it_was_seen_is_not_changed(database_url, wrong: str) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        (message,) = await fill(db, (1, 2), expires_at=LATER)
        if wrong == "deleted":
            await changes.delete(db, Target(message, 1, 0), NOW)
        target = Target(message + (wrong == "message"), 2 if wrong == "sender" else 1, int(wrong == "revision"))
        now = LATER if wrong == "expired" else NOW
        before = await rows(db, "SELECT * FROM messages"), await timeline(db, 1), await timeline(db, 2)
        assert await changes.edit(db, target, OTHER, now) == []
        assert await changes.delete(db, target, now) == []
        assert (await rows(db, "SELECT * FROM messages"), await timeline(db, 1), await timeline(db, 2)) == before
        await assert_sound(db, [1, 2])


async def test_of_edits_at_once_one_wins_and_nothing_is_told_twice(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        sent = await fill(db, (1, 2), (2, 1), (1, 2))
        senders = [1, 2, 1]
        for revision in range(3):
            tried = await asyncio.gather(
                *(
                    changes.edit([db, other][n % 2], Target(sent[n % 3], senders[n % 3], revision), OTHER, NOW)
                    for n in range(12)
                )
            )
            assert sorted(len(entries) for entries in tried) == [0] * 9 + [2] * 3
        await assert_sound(db, [1, 2])


async def test_what_becomes_of_a_withheld_message_is_told_to_its_sender_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await blocks.add(db, 2, 1, NOW)
        edited, expiring = await fill(db, (1, 2)) + await fill(db, (1, 2), expires_at=LATER)
        told = await changes.edit(db, Target(edited, 1, 0), OTHER, NOW)
        told += await changes.delete(db, Target(edited, 1, 1), NOW)
        told += await changes.sweep(db, now=LATER, limit=9)
        assert [(entry.user_id, entry.kind, entry.message_id) for entry in told] == [
            (1, Kind.EDITED, edited),
            (1, Kind.DELETED, edited),
            (1, Kind.EXPIRED, expiring),
        ]
        assert await timeline(db, 2) == []
        await assert_sound(db, [1, 2])


async def test_an_edit_is_not_told_to_whoever_blocks_its_sender_and_what_they_saw_is_kept(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (stored,) = await store(db, first := draft(1, 2))
        message = stored.message_id
        await changes.edit(db, Target(message, 1, 0), Sealed(b"gAAAAA-seen", key_generation=3), NOW)
        await blocks.add(db, 2, 1, NOW)
        for revision in (1, 2):
            (entry,) = await changes.edit(db, Target(message, 1, revision), OTHER, LATER)
            assert (entry.user_id, entry.position, entry.kind) == (1, 2 + revision, Kind.EDITED)
        (found,) = await messages.by_ids(db, [message])
        assert (found.body, found.key_generation, found.revision, found.edited_at) == (OTHER.body, 2, 3, LATER)
        assert found.kept == Kept(NOW, revision=1, alg=1, key_generation=3, body=b"gAAAAA-seen")
        assert await timeline(db, 2) == [(1, Kind.MESSAGE, message), (2, Kind.EDITED, message)]
        # After the block both see the same again, from the next edit on.
        await blocks.remove(db, 2, 1)
        entries = await changes.edit(db, Target(message, 1, 3), first.sealed, NOW)
        assert [(entry.user_id, entry.position) for entry in entries] == [(1, 5), (2, 3)]
        (found,) = await messages.by_ids(db, [message])
        assert (found.body, found.kept) == (first.sealed.body, None)
        await assert_sound(db, [1, 2])


async def test_a_block_of_another_or_by_the_sender_keeps_no_edit_back(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        message, note = await fill(db, (1, 2), (1, 1))
        await blocks.add(db, 2, 3, NOW)
        await blocks.add(db, 1, 2, NOW)
        assert len(await changes.edit(db, Target(message, 1, 0), OTHER, NOW)) == 2
        assert len(await changes.edit(db, Target(note, 1, 0), OTHER, NOW)) == 1
        assert [found.kept for found in await messages.by_ids(db, [message, note])] == [None, None]


@pytest.mark.parametrize("end", ["deleted", "expired"])
async def test_what_was_kept_from_an_edit_is_destroyed_with_the_message(database_url, end: str) -> None:
    async with opened(database_url, 1, 2) as db:
        (message,) = await fill(db, (1, 2), expires_at=LATER)
        await blocks.add(db, 2, 1, NOW)
        await changes.edit(db, Target(message, 1, 0), OTHER, NOW)
        if end == "deleted":
            told = await changes.delete(db, Target(message, 1, 1), NOW)
        else:
            told = await changes.sweep(db, now=LATER, limit=9)
        assert [(entry.user_id, entry.position) for entry in told] == [(1, 3), (2, 2)]
        assert await rows(db, "SELECT body, kept_body FROM messages") == [(None, None)]


async def test_what_is_kept_must_be_sealed(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await fill(db, (1, 2))
        with pytest.raises(peewee.IntegrityError):
            await db.write(execute, "UPDATE messages SET kept_alg = 1, kept_body = %s", (b"plain words",))


async def test_an_edit_beside_a_block_is_told_or_kept_back_and_never_half(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        (message,) = await fill(db, (1, 2))
        for revision in range(10):
            entries, _ = await asyncio.gather(
                changes.edit(db, Target(message, 1, revision), OTHER, NOW),
                (blocks.remove if revision % 2 else lambda *people: blocks.add(*people, NOW))(other, 2, 1),
            )
            (found,) = await messages.by_ids(db, [message])
            assert (found.kept is None) == (len(entries) == 2)
        await assert_sound(db, [1, 2])


async def test_a_sweep_destroys_what_is_due_and_tells_both(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        brief, note = await fill(db, (1, 2), (1, 1), expires_at=LATER)
        (lasting,) = await fill(db, (2, 1))
        assert await changes.sweep(db, now=LATER - 1, limit=9) == []
        entries = await changes.sweep(db, now=LATER, limit=9)
        assert sorted((entry.user_id, entry.message_id) for entry in entries) == [(1, brief), (1, note), (2, brief)]
        assert {(entry.kind, entry.actor_id, entry.at) for entry in entries} == {(Kind.EXPIRED, 1, LATER)}
        bodies = {message.id: message.body for message in await messages.by_ids(db, [brief, note, lasting])}
        assert [bodies[each] is None for each in (brief, note, lasting)] == [True, True, False]
        assert await changes.sweep(db, now=LATER, limit=9) == []
        expired = [entry for entry in await timeline(db, 2) if entry[1] == Kind.EXPIRED]
        assert expired == [(3, Kind.EXPIRED, brief)]
        assert (await timelines.state(db, 2)).position == 3
        await assert_sound(db, [1, 2])


async def test_a_sweep_takes_what_has_been_due_longest_and_no_more_than_it_may(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        late = await fill(db, (1, 2), expires_at=LATER)
        early = await fill(db, (1, 2), (2, 1), expires_at=NOW + 1)
        first = await changes.sweep(db, now=LATER, limit=2)
        assert {entry.message_id for entry in first} == set(early)
        assert {entry.message_id for entry in await changes.sweep(db, now=LATER, limit=2)} == set(late)


async def test_sweeps_at_once_tell_everything_once(database_url) -> None:
    async with opened(database_url, 1, 2, 3, threads=4) as db, opened(database_url, threads=4) as other:
        due = await fill(db, *[(1, 2), (2, 3), (3, 1), (2, 2)] * 10, expires_at=LATER)
        swept = await asyncio.gather(*(changes.sweep([db, other][n % 2], now=LATER, limit=25) for n in range(8)))
        swept.append(await changes.sweep(db, now=LATER, limit=99))
        told = [(entry.user_id, entry.message_id) for entries in swept for entry in entries]
        assert len(told) == len(set(told)) == 70
        assert {message for _, message in told} == set(due)
        for each in (1, 2, 3):
            assert [position for position, _, _ in await timeline(db, each)] == list(
                range(1, (await timelines.state(db, each)).position + 1)
            )


async def test_a_sweep_goes_on_where_a_person_is_no_more(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (message,) = await fill(db, (1, 2), expires_at=LATER)
        await db.write(execute, "DELETE FROM heads WHERE user_id = 2")
        assert [entry.user_id for entry in await changes.sweep(db, now=LATER, limit=9)] == [1]
        assert await rows(db, "SELECT id FROM messages WHERE body IS NULL") == [(message,)]
