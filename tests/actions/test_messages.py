"""Messages, on both engines: sent, listed and read by the right people, published when they are durable."""

import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

import models.shown
import models.writer
from actions import blocks, changes, conversations, expiry, limits, messages, presentation, sessions
from actions.app import App, Caller
from actions.errors import Conflict, Invalid, NotFound, TooMany, TryLater
from actions.messages import Outgoing, Sent
from models.db import Unavailable, fetch, open_engine
from models.drafts import Stored
from realtime.events import Event, MessageSent
from tests.actions.stage import NotingBus, change, connection_of, everything, held_writer, log_of, rows, say
from tests.realtime.fakes import Listening
from tests.rooms import Clock, join, make_keys, running_app

SECRET = "the quick brown secret"


async def send(app: App, caller: Caller, to: str, content: str, **more: Any) -> Sent:
    return await messages.send(app, caller, Outgoing(to, content, **more))


async def listed(app: App, caller: Caller, **which: Any) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, **({"limit": 100} | which))]


async def two(app: App) -> tuple[Caller, Caller]:
    return await join(app, "alice"), await join(app, "bob")


# Send, list, read


async def test_a_message_reads_the_same_for_both_people(database_url: str) -> None:
    clock = Clock(1_800_000_000_123)
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        sent = await send(app, alice, "BOB", "  hi \u0000 Bob \U0001f44b\n")
        message = sent.message
        assert (message.sender, message.recipient, message.content) == ("alice", "bob", "  hi \u0000 Bob \U0001f44b\n")
        assert message.timestamp == "2027-01-15T08:00:00.123Z"
        assert (message.client_id, message.expires_at, sent.position, sent.duplicate) == (None, None, 1, False)
        for caller in (alice, bob):
            assert await messages.list_own(app, caller, limit=10) == [message]
            assert await messages.read_one(app, caller, message.id) == message


async def test_what_the_client_gave_comes_back(database_url: str) -> None:
    async with running_app(database_url, clock=Clock(1_800_000_000_000)) as app:
        alice, bob = await two(app)
        client_id = uuid4()
        sent = await send(app, alice, "bob", "hi", client_id=client_id, ttl_seconds=60)
        assert sent.message.client_id == str(client_id)
        assert sent.message.expires_at == "2027-01-15T08:01:00.000Z"
        assert await messages.list_own(app, bob, limit=10) == [sent.message]


async def test_lists_are_newest_first_and_paged_by_id(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        carol = await join(app, "carol")
        ids = []
        for number in range(6):
            sender, to = [(alice, "bob"), (bob, "alice"), (alice, "carol")][number % 3]
            ids.append((await send(app, sender, to, str(number))).message.id)
        assert ids == sorted(ids)
        assert await listed(app, alice) == ["5", "4", "3", "2", "1", "0"]
        assert await listed(app, alice, limit=2) == ["5", "4"]
        assert await listed(app, alice, limit=2, before=ids[4]) == ["3", "2"]
        assert await listed(app, alice, limit=2, after=ids[1]) == ["3", "2"]
        assert await listed(app, alice, before=ids[4], after=ids[1]) == ["3", "2"]
        assert await listed(app, alice, peer="BOB") == ["4", "3", "1", "0"]
        assert await listed(app, alice, peer="bob", limit=1, before=ids[4]) == ["3"]
        assert await listed(app, alice, peer="bob", limit=2, after=ids[0]) == ["3", "1"]
        assert await listed(app, bob) == ["4", "3", "1", "0"]
        assert await listed(app, carol) == ["5", "2"]
        assert await listed(app, carol, peer="bob") == []


async def test_a_note_to_oneself_is_one_message_with_one_position(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        socket = Listening()
        app.hub.join(connection_of(alice, socket))
        sent = [await send(app, alice, "alice", text) for text in ("milk", "bread")]
        assert [each.position for each in sent] == [1, 2]
        assert [receivers for receivers, _ in bus.published] == [((alice.user_id, 1),), ((alice.user_id, 2),)]
        assert socket.contents == ["milk", "bread"]
        assert await listed(app, alice) == await listed(app, alice, peer="alice") == ["bread", "milk"]
        assert await listed(app, bob) == []
        assert len(await rows(app, "SELECT * FROM timelines")) == 2


async def test_foreign_and_missing_messages_are_told_apart_by_nothing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        eve = await join(app, "eve")
        message_id = (await send(app, alice, "bob", SECRET)).message.id
        told = set()
        for wanted in (message_id, message_id + 1, 0, -1, 2**53 - 1):
            with pytest.raises(NotFound) as refused:
                await messages.read_one(app, eve, wanted)
            told.add((refused.value.detail, refused.value.code, refused.value.faults))
        assert len(told) == 1
        assert await listed(app, eve) == []
        assert await listed(app, eve, peer="alice") == await listed(app, eve, peer="bob") == []
        assert (await messages.read_one(app, bob, message_id)).content == SECRET


async def test_nobody_of_that_name_is_not_found(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        for name in ("nobody", "no such name!", "", "\ud800\ud800\ud800"):
            with pytest.raises(NotFound):
                await send(app, alice, name, "hi")
            with pytest.raises(NotFound):
                await listed(app, alice, peer=name)
        assert await rows(app, "SELECT id FROM conversations") == []


@pytest.mark.parametrize(
    ("content", "code"), [("", "empty"), (" \t\n\u00a0\u3000", "empty"), ("x" * 101, "too_long"), ("é" * 100, None)]
)
async def test_blank_and_too_long_messages_are_refused(sqlite_url: str, content: str, code: str | None) -> None:
    async with running_app(sqlite_url, max_length=100) as app:
        alice, _ = await two(app)
        if code is None:
            assert await send(app, alice, "bob", content)
            return
        with pytest.raises(Invalid) as refused:
            await send(app, alice, "bob", content)
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("content", code)]
        assert await rows(app, "SELECT id FROM messages") == []


@pytest.mark.parametrize(("ttl", "fits"), [(-1, False), (0, False), (1, True), (3_600, True), (3_601, False)])
async def test_the_time_to_live_has_bounds(sqlite_url: str, ttl: int, fits: bool) -> None:
    async with running_app(sqlite_url, max_ttl_seconds=3_600) as app:
        alice, _ = await two(app)
        if fits:
            assert (await send(app, alice, "bob", "hi", ttl_seconds=ttl)).message.expires_at
            return
        with pytest.raises(Invalid) as refused:
            await send(app, alice, "bob", "hi", ttl_seconds=ttl)
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("ttl_seconds", "out_of_range")]


async def test_an_expired_message_is_gone_from_every_answer_at_once(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        await send(app, alice, "bob", "stays")
        going = (await send(app, alice, "bob", "goes", ttl_seconds=10)).message
        clock.turn(seconds=9.999)
        assert await listed(app, bob) == ["goes", "stays"]
        clock.turn(seconds=0.001)
        for caller in (alice, bob):
            assert await listed(app, caller) == ["stays"]
            assert await listed(app, caller, peer="bob" if caller is alice else "alice") == ["stays"]
            with pytest.raises(NotFound):
                await messages.read_one(app, caller, going.id)


async def test_a_page_is_full_although_much_of_what_lay_there_is_gone(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        for number in range(4):
            await send(app, alice, "bob", f"old {number}")
        for number in range(20):
            await send(app, alice, "bob", f"gone {number}", ttl_seconds=1)
        clock.turn(seconds=2)
        for _ in range(2):  # before and after the sweep
            assert await listed(app, bob, limit=3) == ["old 3", "old 2", "old 1"]
            await expiry.sweep(app)


async def test_sending_and_reading_have_limits_of_their_own(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEND", "READ"):
        monkeypatch.setattr(limits, name, limits.Rule(name, burst=1, per_seconds=60.0))
    async with running_app(sqlite_url) as app:
        alice, bob = await two(app)
    async with running_app(sqlite_url, limits_enabled=True) as app:
        sent = await send(app, alice, "bob", "hi")
        with pytest.raises(TooMany):
            await send(app, alice, "bob", "hi")
        assert await listed(app, alice) == ["hi"]
        for reading in (messages.list_own(app, alice, limit=1), messages.read_one(app, alice, sent.message.id)):
            with pytest.raises(TooMany):
                await reading
        assert await send(app, bob, "alice", "another person")


# Replies


async def test_a_reply_names_what_it_quotes_wherever_it_is_shown(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        question = await say(app, alice, "bob", "tea?")
        client_id = uuid4()
        answer = (await send(app, bob, "ALICE", "yes", client_id=client_id, reply_to=question)).message
        again = await send(app, bob, "alice", "yes", client_id=client_id, reply_to=question)
        assert (answer.reply_to, again.duplicate, again.message) == (question, True, answer)
        assert bus.published[-1][1] == MessageSent(answer)
    async with running_app(database_url, keys) as app:  # another start, which remembers nothing
        for caller in (alice, bob):
            peer = "bob" if caller is alice else "alice"
            shown = [(each.content, each.reply_to) for each in await messages.list_own(app, caller, limit=9, peer=peer)]
            assert shown == [("yes", question), ("tea?", None)]
            assert await messages.list_own(app, caller, limit=1) == [answer]
            assert await messages.read_one(app, caller, answer.id) == answer
            assert (await log_of(app, caller))[-1] == MessageSent(answer)
            (summary,) = await conversations.list_own(app, caller, limit=9, before=None)
            assert summary.last_message == answer


async def test_whatever_either_wrote_can_be_quoted_and_a_reply_too(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        before = [await say(app, alice, "bob", "hers"), await say(app, bob, "alice", "his")]
        before.append((await send(app, alice, "bob", "a reply", reply_to=before[0])).message.id)
        for caller, peer in ((alice, "bob"), (bob, "alice")):
            for message_id in before:
                assert (await send(app, caller, peer, "to that", reply_to=message_id)).message.reply_to == message_id
        note = await say(app, alice, "alice", "milk")
        assert (await send(app, alice, "alice", "done", reply_to=note)).message.reply_to == note


async def test_what_the_sender_cannot_see_in_this_conversation_looks_alike_whatever_it_is(database_url: str) -> None:
    """Somebody else's, of another conversation, hidden by a block, gone, or none at all."""
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        carol = await join(app, "carol")
        await join(app, "eve")
        await say(app, bob, "alice", "there")
        with_carol, note = await say(app, bob, "carol", "elsewhere"), await say(app, bob, "bob", "a note")
        of_others, of_her = await say(app, carol, "eve", SECRET), await say(app, carol, "alice", SECRET)
        deleted, taken = await say(app, bob, "alice", "deleted"), await say(app, alice, "bob", "taken back")
        await changes.delete(app, bob, deleted)
        await changes.delete(app, alice, taken)
        expired = (await send(app, alice, "bob", "soon gone", ttl_seconds=1)).message.id
        await blocks.add(app, bob, "alice")
        withheld = await say(app, alice, "bob", "withheld")
        await blocks.add(app, alice, "eve")
        clock.turn(seconds=1)
        known = [of_others, of_her, with_carol, note, deleted, taken, expired, withheld]
        bus, counted = NotingBus(app), await rows(app, "SELECT count(*) FROM messages")
        told = set()
        for reply_to in (*known, 0, -1, withheld + 1, 2**53 - 1):
            for client_id in (None, uuid4()):
                with pytest.raises(Invalid) as refused:
                    await send(app, bob, "alice", "hi", client_id=client_id, reply_to=reply_to)
                told.add((refused.value.detail, refused.value.code, refused.value.faults))
        assert len(told) == 1
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("reply_to", "not_found")]
        assert (bus.published, await rows(app, "SELECT count(*) FROM messages")) == ([], counted)
        # Whoever is blocked quotes what they see, as ever: their own that was withheld as well.
        assert (await send(app, alice, "bob", "still here?", reply_to=withheld)).message.reply_to == withheld
        assert (await send(app, bob, "carol", "to that", reply_to=with_carol)).message.reply_to == with_carol


async def test_a_refused_reply_begins_no_conversation(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await two(app)
        with pytest.raises(Invalid):
            await send(app, alice, "bob", "hi", reply_to=1)
        assert await rows(app, "SELECT id FROM conversations") == []


async def test_what_is_quoted_may_go_and_the_reply_stays_as_it_was(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        question = await say(app, alice, "bob", "tea?")
        client_id = uuid4()
        answer = await send(app, bob, "alice", "yes", client_id=client_id, reply_to=question)
        await changes.delete(app, alice, question)
        for caller in (alice, bob):
            assert await messages.list_own(app, caller, limit=9) == [answer.message]
        # The same again after a lost answer is still the same; another one is refused.
        again = await send(app, bob, "alice", "yes", client_id=client_id, reply_to=question)
        assert (again.duplicate, again.message) == (True, answer.message)
        with pytest.raises(Invalid):
            await send(app, bob, "alice", "yes", client_id=uuid4(), reply_to=question)


async def test_with_a_reply_goes_what_it_quoted(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await two(app)
        question = await say(app, alice, "bob", "tea?")
        ids = [uuid4(), uuid4()]
        sent = [
            await send(app, bob, "alice", "yes", client_id=ids[0], reply_to=question),
            await send(app, bob, "alice", "soon", client_id=ids[1], reply_to=question, ttl_seconds=5),
        ]
        await changes.delete(app, bob, sent[0].message.id)
        clock.turn(seconds=5)
        assert await expiry.sweep(app) == 1
        assert await rows(app, "SELECT id FROM messages WHERE body IS NOT NULL") == [(question,)]
        for client_id, text, ttl in ((ids[0], "yes", None), (ids[1], "soon", 5)):
            again = await send(app, bob, "alice", text, client_id=client_id, reply_to=question, ttl_seconds=ttl)
            assert (again.duplicate, again.message.content, again.message.reply_to) == (True, "", None)


async def test_what_a_message_quotes_stands_nowhere_in_clear(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        question = await say(app, alice, "bob", "tea?")
        columns = "conversation_id, sender_id, recipient_id, client_made, expires_at, alg, key_generation"
        plain = await say(app, bob, "alice", "yes, please")  # as long as the reply with the id in it
        answer = (await send(app, bob, "alice", "yes", reply_to=question)).message.id
        text = f"SELECT {columns}, length(body) FROM messages WHERE id = %s"
        assert await rows(app, text, plain) == await rows(app, text, answer)


async def test_replies_exchanged_behind_our_back_are_placeholders_that_quote_nothing(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        ids = [await say(app, alice, "bob", text) for text in ("one", "two")]
        answers = [(await send(app, bob, "alice", "yes", reply_to=message_id)).message.id for message_id in ids]
        bodies = [(await rows(app, "SELECT body FROM messages WHERE id = %s", each))[0][0] for each in answers]
        for message_id, body in zip(answers, reversed(bodies), strict=True):
            await change(app, "UPDATE messages SET body = %s WHERE id = %s", bytes(body), message_id)
        shown = await messages.list_own(app, alice, limit=2)
        assert [(each.content, each.reply_to) for each in shown] == [(presentation.UNREADABLE, None)] * 2


async def test_only_a_reply_waits_for_a_look_at_the_database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await two(app)
        question = await say(app, alice, "bob", "tea?")

        async def fail(*args: Any) -> Any:
            raise Unavailable("gone")

        monkeypatch.setattr(app.db, "read", fail)
        assert (await send(app, alice, "bob", "nothing is read for this")).position == 2
        with pytest.raises(Unavailable):
            await send(app, alice, "bob", "for this it is", reply_to=question)


# The same message again


async def test_a_repeat_is_answered_alike_and_published_once(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        client_id = uuid4()
        first = await send(app, alice, "bob", "hi", client_id=client_id)
        await send(app, alice, "bob", "between")
        again = await send(app, alice, "BOB", "hi", client_id=client_id)
        assert (again.message, again.position, again.duplicate) == (first.message, first.position, True)
        assert bus.contents == ["hi", "between"]
        assert await listed(app, bob) == ["between", "hi"]


async def test_of_thirty_repeats_at_once_one_is_stored(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app, running_app(database_url, keys) as other:
        buses = [NotingBus(app), NotingBus(other)]
        alice, bob = await two(app)
        client_id = uuid4()
        tries = (send(where, alice, "bob", "hi", client_id=client_id) for where in [app, other] * 15)
        answers = await asyncio.gather(*tries)
        assert sum(not answer.duplicate for answer in answers) == 1
        assert len({answer.message.id for answer in answers}) == len({answer.position for answer in answers}) == 1
        assert sum(len(bus.contents) for bus in buses) == 1
        assert await listed(app, bob) == ["hi"]


@pytest.mark.parametrize(
    "other",
    [Outgoing("bob", "other"), Outgoing("carol", "hi"), Outgoing("bob", "hi", None, 60), Outgoing("alice", "hi")],
)
async def test_the_same_id_for_another_message_is_a_conflict(database_url: str, other: Outgoing) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        await join(app, "carol")
        client_id = uuid4()
        await send(app, alice, "bob", "hi", client_id=client_id)
        with pytest.raises(Conflict):
            await send(app, alice, other.recipient, other.content, client_id=client_id, ttl_seconds=other.ttl_seconds)
        assert bus.contents == ["hi"]
        assert await listed(app, alice) == await listed(app, bob) == ["hi"]


async def test_the_same_id_for_another_quote_is_a_conflict(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        first, second = await say(app, alice, "bob", "one"), await say(app, alice, "bob", "two")
        for original, others in ((first, (second, None, 2**52)), (None, (first, 2**52))):
            client_id = uuid4()
            sent = await send(app, bob, "alice", "yes", client_id=client_id, reply_to=original)
            for other in others:
                with pytest.raises(Conflict):
                    await send(app, bob, "alice", "yes", client_id=client_id, reply_to=other)
            again = await send(app, bob, "alice", "yes", client_id=client_id, reply_to=original)
            assert (again.duplicate, again.message) == (True, sent.message)


async def test_an_id_that_somebody_else_used_is_free(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        client_id = uuid4()
        await send(app, alice, "bob", "from alice", client_id=client_id)
        assert not (await send(app, bob, "alice", "from bob", client_id=client_id)).duplicate


@pytest.mark.parametrize("swept", [False, True])
async def test_a_repeat_of_what_has_expired_is_known_and_says_no_more(database_url: str, swept: bool) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        client_id = UUID(int=5)
        first = await send(app, alice, "bob", "hi", client_id=client_id, ttl_seconds=10)
        clock.turn(seconds=11)
        if swept:
            assert await expiry.sweep(app) == 1
        again = await send(app, alice, "bob", "hi", client_id=client_id, ttl_seconds=10)
        assert again.duplicate
        assert again.position == first.position
        assert (again.message.id, again.message.content) == (first.message.id, "")
        for recipient, ttl in (("alice", 10), ("bob", 20), ("bob", None)):
            with pytest.raises(Conflict):
                await send(app, alice, recipient, "hi", client_id=client_id, ttl_seconds=ttl)
        assert bus.contents == ["hi"]
        assert await listed(app, bob) == []


async def test_a_repeat_that_cannot_be_looked_up_is_for_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await two(app)
        client_id = uuid4()
        first = await send(app, alice, "bob", "hi", client_id=client_id)

        async def fail(*args: Any) -> Any:
            raise Unavailable("gone")

        with monkeypatch.context() as patch:
            patch.setattr(models.shown, "these", fail)
            with pytest.raises(TryLater):
                await send(app, alice, "bob", "hi", client_id=client_id)
        assert (await send(app, alice, "bob", "hi", client_id=client_id)).message == first.message


async def test_a_repeat_whose_look_up_is_cancelled_leaves_nobody_waiting(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await two(app)
        client_id = uuid4()
        await send(app, alice, "bob", "hi", client_id=client_id)
        looking = asyncio.Event()

        async def wait(*args: Any) -> Any:
            looking.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(models.shown, "these", wait)
        sending = await messages.submit(app, alice, Outgoing("bob", "hi", client_id))
        await looking.wait()
        (task,) = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_repeat"]
        task.cancel()
        with pytest.raises(TryLater):
            await sending


# Commit, then publish


async def test_nothing_is_published_before_it_is_committed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, _ = await two(app)
        seen: list[int] = []

        def look(event: Event) -> None:
            engine = open_engine(database_url)  # a stranger's connection sees only what is committed
            seen.append(len(fetch(engine, "SELECT id FROM messages")))
            engine.close()

        bus.watch = look
        with held_writer(monkeypatch) as gate:
            sending = await messages.submit(app, alice, Outgoing("bob", "hi"))
            await gate.reached.wait()
            assert bus.published == []
            assert not sending.done()
        await sending
        assert seen == [1]


async def test_what_was_committed_is_published_although_the_sender_has_gone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        with held_writer(monkeypatch) as gate:
            sending = asyncio.create_task(send(app, alice, "bob", "hi"))
            await gate.reached.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        assert await bus.until(1) == ["hi"]
        assert await listed(app, bob) == ["hi"]


async def test_a_sender_who_goes_before_it_is_queued_has_sent_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await two(app)
        looking = asyncio.Event()

        async def wait(*args: Any) -> Any:
            looking.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patch:
            patch.setattr(messages.accounts, "person", wait)
            sending = asyncio.create_task(send(app, alice, "bob", "hi"))
            await looking.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await send(app, alice, "bob", "after")
        assert await listed(app, bob) == ["after"]


async def test_what_could_not_be_stored_is_not_published(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        for error, told in ((Unavailable("gone"), TryLater), (RuntimeError(SECRET), RuntimeError)):

            def fail(*args: Any, error: Exception = error, **kwargs: Any) -> Any:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(models.writer, "RETRY_SECONDS", ())
                patch.setattr(models.writer, "write", fail)
                with pytest.raises(told):
                    await send(app, alice, "bob", SECRET)
        assert bus.published == []
        assert await listed(app, bob) == []
        assert SECRET not in caplog.text


async def test_a_recipient_who_is_gone_by_then_is_not_found(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await two(app)
        await send(app, alice, "bob", "hi")
        await change(app, "DELETE FROM heads WHERE user_id = %s", bob.user_id)
        with pytest.raises(NotFound):
            await send(app, alice, "bob", "anybody there?")


async def test_a_full_queue_is_for_later(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(sqlite_url) as app:
        alice, _ = await two(app)
        monkeypatch.setattr(app.writer, "_most_waiting", 0)
        with pytest.raises(TryLater):
            await send(app, alice, "bob", "hi")
        assert await rows(app, "SELECT id FROM messages") == []


async def test_messages_are_published_in_the_order_of_their_commits(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        await send(app, alice, "bob", "first")
        sendings = []
        for number in range(200):
            caller, to = (alice, "bob") if number % 3 else (bob, "alice")
            sendings.append(await messages.submit(app, caller, Outgoing(to, str(number))))
        sent = await asyncio.gather(*sendings)
        assert bus.contents == ["first", *map(str, range(200))]
        ids = [each.message.id for each in sent]
        assert ids == sorted(ids)
        for caller in (alice, bob):
            positions = [dict(receivers)[caller.user_id] for receivers, _ in bus.published]
            assert positions == list(range(1, 202))


async def test_each_is_told_once_with_both_positions(database_url: str) -> None:
    async with running_app(database_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        sockets = {caller: [Listening(), Listening()] for caller in (alice, bob)}
        for caller, transports in sockets.items():
            for transport in transports:
                app.hub.join(connection_of(caller, transport))
        await send(app, alice, "alice", "note")
        await send(app, alice, "bob", "hi")
        assert dict(bus.published[-1][0]) == {alice.user_id: 2, bob.user_id: 1}
        assert [transport.contents for transport in sockets[alice]] == [["note", "hi"]] * 2
        assert [transport.contents for transport in sockets[bob]] == [["hi"]] * 2


# At rest


async def test_neither_database_nor_files_nor_log_ever_hold_the_text(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running_app(database_url) as app:
            alice, bob = await two(app)
            client_id = uuid4()
            for to in ("bob", "alice"):
                await send(app, alice, to, SECRET, client_id=client_id if to == "bob" else None)
            await send(app, alice, "bob", SECRET, client_id=client_id)
            with pytest.raises(Conflict):
                await send(app, alice, "bob", f"other {SECRET}", client_id=client_id)
            await listed(app, bob)
            held = await everything(app)
            if database_url.startswith("sqlite"):
                file = Path(urlsplit(database_url).path[1:])
                held += b"".join(path.read_bytes() for path in file.parent.glob("recado.db*"))
            assert b"alice" in held
            assert SECRET.encode() not in held
            assert SECRET not in caplog.text


async def test_a_repeat_of_a_damaged_message_does_not_vouch_for_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, _ = await two(app)
        first = await send(app, alice, "bob", "hi", client_id=UUID(int=0))
        await change(app, "UPDATE messages SET revision = 0, sent_at = sent_at - 1 WHERE id = %s", first.message.id)
        with pytest.raises(Conflict):
            await send(app, alice, "bob", "hi", client_id=UUID(int=0))


async def test_a_duplicate_answer_of_the_writer_is_never_somebody_elses(database_url: str) -> None:
    """The id is the sender's own: a guess at another person's finds nothing."""
    async with running_app(database_url) as app:
        alice, _ = await two(app)
        eve = await join(app, "eve")
        first = await send(app, alice, "bob", "hi", client_id=UUID(int=0))
        sent = await send(app, eve, "bob", "hi", client_id=UUID(int=0))
        assert not sent.duplicate
        assert sent.message.id > first.message.id
        assert await listed(app, alice) == ["hi"]


async def test_signing_out_does_not_take_back_what_is_on_its_way(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await two(app)
        with held_writer(monkeypatch) as gate:
            sending = await messages.submit(app, alice, Outgoing("bob", "last words"))
            await gate.reached.wait()
            ending = asyncio.create_task(sessions.end(app, alice))
        await asyncio.gather(sending, ending)
        assert await listed(app, bob) == ["last words"]


async def test_a_lost_answer_of_the_database_is_published_once(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit happened and its answer was lost: the next try finds its own text, which is no repeat."""
    async with running_app(sqlite_url) as app:
        bus = NotingBus(app)
        alice, bob = await two(app)
        await send(app, alice, "bob", "before")
        write_batch, lost = app.db.write_batch, []

        async def lossy(*args: Any, **kwargs: Any) -> Any:
            outcome = await write_batch(*args, **kwargs)
            if not lost:
                lost.append(outcome)
                raise Unavailable("lost")
            return outcome

        monkeypatch.setattr(models.writer, "RETRY_SECONDS", (0.0,))
        monkeypatch.setattr(app.db, "write_batch", lossy)
        sent = await send(app, alice, "bob", "hi", client_id=uuid4())
        assert lost
        assert isinstance(lost[0][0][0], Stored)
        assert not sent.duplicate
        assert bus.contents == ["before", "hi"]
        assert await listed(app, bob) == ["hi", "before"]
