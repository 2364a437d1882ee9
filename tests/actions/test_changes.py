"""A sender has second thoughts, on both engines: another text or none, for both people, and nothing of the old left."""

import asyncio
from typing import Any

import pytest

import models.messages
from actions import changes, conversation_keys, messages, presentation, receipts
from actions.app import App, Caller
from actions.errors import Conflict, Invalid, NotFound
from actions.messages import Outgoing
from crypto import at_rest
from crypto.at_rest import Place, Sealed
from crypto.errors import Tampered
from models.messages import StoredMessage
from models.timelines import Entry
from realtime.events import Deleted, Edited, MessageSent
from tests.actions.stage import NotingBus, change, everything, log_of, rows, say
from tests.rooms import Clock, join, make_keys, running_app


async def stored(app: App, caller: Caller, message_id: int) -> StoredMessage:
    found = await models.messages.one_of(app.db, caller.user_id, message_id, app.clock())
    assert found is not None
    assert found.body is not None
    return found


async def test_an_edit_replaces_the_text_for_both_people(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        bus = NotingBus(app)
        clock.turn(seconds=5)
        edited = await changes.edit(app, alice, message_id, "second words")
        assert (edited.id, edited.content, edited.sender, edited.recipient) == (
            message_id,
            "second words",
            "alice",
            "bob",
        )
        assert edited.edited_at is not None
        assert edited.edited_at > edited.timestamp
        for person in (alice, bob):
            assert (await messages.read_one(app, person, message_id)) == edited
        assert sorted(receiver for [receiver], _ in bus.published) == sorted([(alice.user_id, 2), (bob.user_id, 2)])
        assert [event for _, event in bus.published] == [Edited(edited)] * 2


async def test_when_it_was_read_is_told_with_an_edit_to_its_sender_alone(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        await receipts.read(app, bob, peer="alice", up_to=message_id)
        bus = NotingBus(app)
        edited = await changes.edit(app, alice, message_id, "second words")
        assert edited.read_at is not None
        told = {user_id: event for [(user_id, _)], event in bus.published}
        assert told[alice.user_id] == Edited(edited)
        assert told[bob.user_id] == Edited(await messages.read_one(app, bob, message_id))


async def test_an_edit_seals_anew_with_the_next_revision_and_leaves_nothing_of_the_old(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        before = await stored(app, alice, message_id)
        for number in (1, 2):
            await changes.edit(app, alice, message_id, f"words {number}")
            after = await stored(app, bob, message_id)
            assert (after.revision, after.sent_at, after.client_id) == (number, before.sent_at, before.client_id)
        assert before.body is not None
        assert after.body is not None
        there = await everything(app)
        assert before.body not in there
        assert after.body in there
        assert b"words" not in there
        key = await conversation_keys.current(app, conversation_keys.people_of(after))
        sealed = Sealed(alg=after.alg, key_generation=after.key_generation, body=after.body)
        place = Place(after.conversation_id, after.sender_id, after.client_id, after.sent_at, 2)
        assert at_rest.Opener(key).open(place, sealed).text == "words 2"
        for revision in (0, 1, 3):
            wrong = Place(after.conversation_id, after.sender_id, after.client_id, after.sent_at, revision)
            with pytest.raises(Tampered):
                at_rest.Opener(key).open(wrong, sealed)
        # The old body put back behind our back does not open under the new revision.
        await change(app, "UPDATE messages SET body = %s WHERE id = %s", before.body, message_id)
        assert (await messages.read_one(app, bob, message_id)).content == presentation.UNREADABLE


async def test_an_edit_keeps_what_the_message_quotes(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        question = await say(app, alice, "bob", "tea?")
        answer = (await messages.send(app, bob, Outgoing("alice", "yes", reply_to=question))).message.id
        await changes.delete(app, alice, question)
        bus = NotingBus(app)
        await changes.edit(app, bob, answer, "yes!")
    async with running_app(database_url, keys) as app:  # another start, which remembers no key
        edited = await changes.edit(app, bob, answer, "yes, please")
        assert (edited.content, edited.reply_to) == ("yes, please", question)
        assert [event.message.reply_to for _, event in bus.published if isinstance(event, Edited)] == [question] * 2
        for person in (alice, bob):
            assert await messages.read_one(app, person, answer) == edited
            assert (await log_of(app, person))[-1] == Edited(edited)
        # What does not open any more is mended by an edit, and quotes nothing.
        await change(app, "UPDATE messages SET sent_at = sent_at + 1 WHERE id = %s", answer)
        mended = await changes.edit(app, bob, answer, "yes again")
        assert (mended.content, mended.reply_to) == ("yes again", None)


async def test_only_the_sender_changes_a_message_and_to_others_it_looks_missing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        message_id = await say(app, alice, "bob", "hi")
        bus, told = NotingBus(app), set()
        for person, which in ((bob, message_id), (eve, message_id), (alice, message_id + 1), (eve, 2**53 - 1)):
            with pytest.raises(NotFound) as refused:
                await changes.edit(app, person, which, "mine")
            told.add(refused.value.detail)
            with pytest.raises(NotFound) as refused:
                await changes.delete(app, person, which)
            told.add(refused.value.detail)
        assert len(told) == 1
        assert bus.published == []
        assert (await messages.read_one(app, bob, message_id)).content == "hi"


async def test_what_was_deleted_or_has_expired_can_no_longer_be_changed(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        deleted, expired = await say(app, alice, "bob", "one"), await say(app, alice, "bob", "two", 10)
        await changes.delete(app, alice, deleted)
        clock.turn(seconds=10)
        bus = NotingBus(app)
        for message_id in (deleted, expired):
            with pytest.raises(NotFound):
                await changes.edit(app, alice, message_id, "again")
            with pytest.raises(NotFound):
                await changes.delete(app, alice, message_id)
            for person in (alice, bob):
                with pytest.raises(NotFound):
                    await messages.read_one(app, person, message_id)
        assert bus.published == []


@pytest.mark.parametrize(("content", "code"), [("", "empty"), (" \n\t", "empty"), ("x" * 11, "too_long")])
async def test_a_text_that_cannot_be_sent_cannot_be_edited_in(sqlite_url: str, content: str, code: str) -> None:
    async with running_app(sqlite_url, max_length=10) as app:
        alice = await join(app, "alice")
        message_id = await say(app, alice, "alice", "hi")
        with pytest.raises(Invalid) as refused:
            await changes.edit(app, alice, message_id, content)
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("content", code)]
        assert (await messages.read_one(app, alice, message_id)).content == "hi"


async def test_a_deletion_destroys_the_ciphertext_and_tells_both_whom_it_was_with(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "hi")
        body = (await stored(app, alice, message_id)).body
        assert body is not None
        assert body in await everything(app)
        bus = NotingBus(app)
        await changes.delete(app, alice, message_id)
        assert body not in await everything(app)
        assert await rows(app, "SELECT body FROM messages WHERE id = %s", message_id) == [(None,)]
        told = {receivers[0]: event for receivers, event in bus.published}
        assert told == {
            (alice.user_id, 2): Deleted(message_id, "bob"),
            (bob.user_id, 2): Deleted(message_id, "alice"),
        }
        for person in (alice, bob):
            assert await messages.list_own(app, person, limit=10) == []


async def test_a_note_to_oneself_is_changed_once(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        message_id = await say(app, alice, "alice", "note")
        await changes.edit(app, alice, message_id, "another")
        await changes.delete(app, alice, message_id)
        assert await log_of(app, alice) == [Deleted(message_id, "alice")] * 3


async def test_changes_at_the_same_time_all_count_and_the_log_tells_the_last_text(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "0")
        outcomes = await asyncio.gather(
            *(changes.edit(app, alice, message_id, str(number)) for number in range(1, 4)), return_exceptions=True
        )
        made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome not in made)
        now = await stored(app, bob, message_id)
        assert now.revision == len(made) > 0
        shown = await messages.read_one(app, bob, message_id)
        assert shown.content in {"1", "2", "3"}
        assert await log_of(app, bob) == [MessageSent(shown)] + [Edited(shown)] * len(made)


async def test_an_edit_that_a_deletion_follows_at_once_tells_its_own_text(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = models.changes.edit

    async def overtaken(*args: Any) -> list[Entry]:
        """The deletion comes between the commit of the edit and whatever is done after it."""
        entries = await edit(*args)
        await changes.delete(app, alice, message_id)
        return entries

    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        bus = NotingBus(app)
        monkeypatch.setattr("models.changes.edit", overtaken)
        edited = await changes.edit(app, alice, message_id, "second words")
        assert edited.content == "second words"
        told = {position: event for receivers, event in bus.published for _, position in receivers}
        assert told[2] == Edited(edited)
        assert isinstance(told[3], Deleted)
        assert await log_of(app, bob) == [Deleted(message_id, "alice")] * 3


async def test_who_loses_every_race_is_told_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def too_late(*_: object) -> list[object]:
        return []

    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        message_id = await say(app, alice, "alice", "hi")
        monkeypatch.setattr("models.changes.edit", too_late)
        monkeypatch.setattr("models.changes.delete", too_late)
        with pytest.raises(Conflict):
            await changes.edit(app, alice, message_id, "later")
        with pytest.raises(Conflict):
            await changes.delete(app, alice, message_id)
