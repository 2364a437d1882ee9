"""Blocks, on both engines: to the blocked nothing has changed; to the blocker nothing has happened."""

from uuid import uuid4

import pytest

from actions import blocks, changes, conversations, messages, receipts
from actions.app import App, Caller
from actions.errors import Invalid, NotFound
from actions.messages import Outgoing
from realtime.events import Deleted, Edited, MessageSent
from tests.actions.stage import NotingBus, connection_of, frames, log_of, rows, say, v1_of
from tests.realtime.fakes import Listening
from tests.rooms import Clock, join, running_app


async def contents(app: App, caller: Caller, peer: str | None = None) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, limit=100, peer=peer)]


async def lasts(app: App, caller: Caller) -> list[tuple[str, str]]:
    summaries = await conversations.list_own(app, caller, limit=100, before=None)
    return [(summary.peer, summary.last_message.content) for summary in summaries]


async def told(app: App, caller: Caller) -> list[str]:
    return [event.message.content for event in await log_of(app, caller) if isinstance(event, MessageSent)]


async def test_a_withheld_message_is_all_there_for_its_sender_and_nowhere_for_the_blocker(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        await say(app, alice, "bob", "before")
        allowed = await messages.send(app, alice, Outgoing("eve", "to eve"))
        await blocks.add(app, bob, "alice")
        bus, socket = NotingBus(app), connection_of(bob)
        app.hub.join(socket)
        client_id = uuid4()
        sent = await messages.send(app, alice, Outgoing("bob", "withheld", client_id, 3600))
        again = await messages.send(app, alice, Outgoing("bob", "withheld", client_id, 3600))
        assert (sent.duplicate, again.duplicate, again.message) == (False, True, sent.message)
        assert sent.position == allowed.position + 1
        shown = sent.message
        assert (shown.sender, shown.recipient, shown.content) == ("alice", "bob", "withheld")
        # The sender: as ever.
        assert await contents(app, alice) == ["withheld", "to eve", "before"]
        assert await contents(app, alice, "bob") == ["withheld", "before"]
        assert await messages.read_one(app, alice, shown.id) == shown
        assert await lasts(app, alice) == [("bob", "withheld"), ("eve", "to eve")]
        assert await told(app, alice) == ["before", "to eve", "withheld"]
        # The blocker: nothing.
        assert await contents(app, bob) == await contents(app, bob, "alice") == await told(app, bob) == ["before"]
        assert await lasts(app, bob) == [("alice", "before")]
        with pytest.raises(NotFound):
            await messages.read_one(app, bob, shown.id)
        assert {user_id for receivers, _ in bus.published for user_id, _ in receivers} == {alice.user_id}
        assert isinstance(socket.transport, Listening)
        assert socket.transport.frames == []
        assert await contents(app, eve) == ["to eve"]


async def test_what_becomes_of_a_withheld_message_is_withheld_too(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await blocks.add(app, bob, "alice")
        bus = NotingBus(app)
        message_id = await say(app, alice, "bob", "withheld")
        await changes.edit(app, alice, message_id, "changed")
        await receipts.read(app, bob, peer="alice", up_to=message_id)
        assert await contents(app, alice) == ["changed"]
        await changes.delete(app, alice, message_id)
        assert await log_of(app, alice) == [Deleted(message_id, "bob")] * 3
        assert (await log_of(app, bob), await lasts(app, bob), await contents(app, bob)) == ([], [], [])
        assert {user_id for receivers, _ in bus.published for user_id, _ in receivers} == {alice.user_id}


async def test_an_edit_of_what_was_sent_before_the_block_does_not_come_before_the_blockers_eyes(
    database_url: str,
) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        clock.turn(seconds=1)
        await changes.edit(app, alice, message_id, "words from before")
        seen = await messages.read_one(app, bob, message_id)
        await blocks.add(app, bob, "alice")
        clock.turn(seconds=1)
        bus, socket = NotingBus(app), v1_of(bob)
        app.hub.join(socket)
        for text in ("hidden words", "more hidden words"):
            edited = await changes.edit(app, alice, message_id, text)
        # The sender: as ever.
        assert (edited.content, edited.edited_at == seen.edited_at) == ("more hidden words", False)
        assert await messages.read_one(app, alice, message_id) == edited
        assert await contents(app, alice) == await contents(app, alice, "bob") == ["more hidden words"]
        assert await lasts(app, alice) == [("bob", "more hidden words")]
        assert await log_of(app, alice) == [MessageSent(edited), *[Edited(edited)] * 3]
        # The blocker: nothing has happened.
        assert await messages.read_one(app, bob, message_id) == seen
        assert await messages.list_own(app, bob, limit=9) == await messages.list_own(app, bob, limit=9, peer="alice")
        assert await contents(app, bob) == ["words from before"]
        assert await lasts(app, bob) == [("alice", "words from before")]
        assert await log_of(app, bob) == [MessageSent(seen), Edited(seen)]
        assert {user_id for receivers, _ in bus.published for user_id, _ in receivers} == {alice.user_id}
        assert frames(socket) == []
        # Afterwards what was kept back stays away, until the next edit.
        await blocks.remove(app, bob, "alice")
        assert await contents(app, bob) == ["words from before"]
        last = await changes.edit(app, alice, message_id, "last words")
        assert await log_of(app, bob) == [MessageSent(last), *[Edited(last)] * 2]


async def test_what_the_blocker_goes_on_seeing_still_quotes_what_it_quoted(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        question = await say(app, bob, "alice", "tea?")
        seen = (await messages.send(app, alice, Outgoing("bob", "yes", reply_to=question))).message
        await blocks.add(app, bob, "alice")
        edited = await changes.edit(app, alice, seen.id, "no")
        assert (edited.content, edited.reply_to) == ("no", question)
        assert await messages.read_one(app, bob, seen.id) == seen
        assert await messages.read_one(app, alice, seen.id) == edited


async def test_a_deletion_by_the_blocked_destroys_all_that_was_there(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        message_id = await say(app, alice, "bob", "first words")
        await blocks.add(app, bob, "alice")
        await changes.edit(app, alice, message_id, "hidden words")
        await changes.delete(app, alice, message_id)
        assert await contents(app, bob) == await contents(app, alice) == []
        assert await log_of(app, bob) == [Deleted(message_id, "alice")] * 2
        assert b"gAAAAA" not in b"".join(
            bytes(value)
            for row in await rows(app, "SELECT * FROM messages")
            for value in row
            if isinstance(value, (bytes, memoryview))
        )


async def test_after_unblocking_new_messages_arrive_and_the_withheld_stay_away(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await blocks.add(app, bob, "alice")
        withheld = await say(app, alice, "bob", "withheld")
        await blocks.remove(app, bob, "alice")
        after = await say(app, alice, "bob", "after")
        assert await contents(app, bob) == await contents(app, bob, "alice") == await told(app, bob) == ["after"]
        assert await lasts(app, bob) == [("alice", "after")]
        assert (await messages.read_one(app, bob, after)).content == "after"
        with pytest.raises(NotFound):
            await messages.read_one(app, bob, withheld)
        assert await contents(app, alice) == ["after", "withheld"]


async def test_a_block_goes_one_way_and_concerns_one_person(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        await blocks.add(app, bob, "alice")
        await say(app, bob, "alice", "from the blocker")
        await say(app, eve, "bob", "from another")
        await say(app, bob, "bob", "a note")
        assert await contents(app, alice) == ["from the blocker"]
        assert await contents(app, bob) == ["a note", "from another", "from the blocker"]


async def test_adding_and_removing_twice_changes_nothing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        for _ in range(2):
            await blocks.add(app, bob, "ALICE")
        assert [name for name, _ in await blocks.list_own(app, bob, after=0, limit=10)] == ["alice"]
        assert await blocks.list_own(app, alice, after=0, limit=10) == []
        for _ in range(2):
            await blocks.remove(app, bob, "alice")
        assert await blocks.list_own(app, bob, after=0, limit=10) == []
        await say(app, alice, "bob", "hi")
        await blocks.add(app, bob, "alice")
        await say(app, alice, "bob", "withheld")
        assert await contents(app, bob) == ["hi"]


async def test_those_one_blocks_are_listed_page_by_page(database_url: str) -> None:
    async with running_app(database_url) as app:
        bob = await join(app, "bob")
        names = {f"person{number}" for number in range(3)}
        for name in names:
            await join(app, name)
            await blocks.add(app, bob, name)
        first = await blocks.list_own(app, bob, after=0, limit=2)
        rest = await blocks.list_own(app, bob, after=first[-1][1], limit=2)
        assert (len(first), len(rest)) == (2, 1)
        assert {name for name, _ in first + rest} == names


async def test_nobody_blocks_themselves_or_somebody_who_is_not_there(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        bob = await join(app, "bob")
        with pytest.raises(Invalid):
            await blocks.add(app, bob, "Bob")
        for name in ("nobody", "", "not a name"):
            with pytest.raises(NotFound):
                await blocks.add(app, bob, name)
            with pytest.raises(NotFound):
                await blocks.remove(app, bob, name)
