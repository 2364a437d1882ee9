"""Receipts: forward only, merged, told to those who want them, and the truth about what arrived."""

import asyncio

import pytest

from models import blocks, changes, conversations, messages, receipts, sessions, shown, timelines, users
from models.changes import Target
from models.conversations import StoredKey
from models.db import execute
from models.receipts import BeyondHead, Receipt
from models.timelines import Entry, Kind
from tests.models.storage import NOW, draft, fill, opened, record, rows, session, timeline

PAIR = (1, 2)
TALK = draft(*PAIR).conversation_id
PHONE, LAPTOP = 71, 72
LATER = NOW + 1000


async def talk(db, *pairs: tuple[int, int]) -> None:
    """Conversations between these, and two devices of the second person."""
    for pair in pairs or [PAIR]:
        key = StoredKey(draft(*pair).conversation_id, (min(pair), max(pair)), 1, "master", b"wrapped")
        await conversations.create(db, key, NOW)
    for device in (PHONE, LAPTOP):
        await sessions.create(db, session(device, 2), password_version=0, most=9, record=record())


async def ack(db, position: int, *, device: int = PHONE, now: int = NOW) -> list[Entry]:
    return await receipts.acknowledge(db, session_id=device, user_id=2, position=position, now=now)


async def read(db, up_to: int, *, by: int = 2, peer: int = 1, now: int = NOW) -> list[Entry]:
    conversation_id = draft(*sorted((by, peer))).conversation_id
    return await receipts.read(db, Receipt(conversation_id, by, peer, Kind.READ, up_to), now)


async def times(db, *message_ids: int, by: int = 2) -> list[tuple[int | None, int | None]]:
    """When these messages were delivered and read."""
    found = {each.message.id: each for each in await shown.these(db, await messages.by_ids(db, list(message_ids)))}
    assert {each.message.recipient_id for each in found.values()} == {by}
    return [(found[message].delivered_at, found[message].read_at) for message in message_ids]


async def seen(db, user_id: int = 2) -> tuple[int, int]:
    text = "SELECT delivered_up_to, read_up_to FROM members WHERE user_id = %s AND conversation_id = %s"
    return (await rows(db, text, user_id, TALK))[0]


async def test_what_a_device_acknowledges_is_told_to_the_sender_in_one_event(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        first, second, last = await fill(db, (1, 2), (2, 1), (1, 2))
        assert await ack(db, 3, now=LATER) == [Entry(1, 4, Kind.DELIVERED, TALK, 2, last, LATER)]
        assert (await timeline(db, 1))[-1] == (4, Kind.DELIVERED, last)
        assert (await timelines.state(db, 2)).acked == 3
        assert await times(db, first, last) == [(LATER, None)] * 2
        assert await times(db, second, by=1) == [(None, None)]
        assert await seen(db) == (last, 0)


async def test_acknowledging_goes_forward_only_and_tells_once_for_all_devices(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        await fill(db, (1, 2), (1, 2), (1, 2))
        assert len(await ack(db, 2)) == 1
        for device, position in [(PHONE, 2), (PHONE, 1), (LAPTOP, 2), (LAPTOP, 1), (PHONE, 0)]:
            assert await ack(db, position, device=device) == []
        assert (await timelines.state(db, 2)).acked == 2
        assert await rows(db, "SELECT id, cursor FROM sessions ORDER BY id") == [(PHONE, 2), (LAPTOP, 2)]
        assert len(await ack(db, 3, device=LAPTOP)) == 1
        assert await rows(db, "SELECT id, cursor FROM sessions ORDER BY id") == [(PHONE, 2), (LAPTOP, 3)]


async def test_only_a_session_of_ones_own_is_moved(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        await sessions.create(db, session(81, 1), password_version=0, most=9, record=record())
        await fill(db, (1, 2))
        await ack(db, 1, device=81)
        assert await rows(db, "SELECT cursor FROM sessions WHERE id = 81") == [(0,)]


async def test_a_position_beyond_the_head_is_refused_and_changes_nothing(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        await fill(db, (1, 2))
        for device, user_id in ((PHONE, 2), (PHONE, 9)):
            with pytest.raises(BeyondHead):
                await receipts.acknowledge(db, session_id=device, user_id=user_id, position=2, now=NOW)
        assert await rows(db, "SELECT cursor FROM sessions WHERE id = %s", PHONE) == [(0,)]
        assert (await timelines.state(db, 2)).acked == 0


async def test_what_nobody_sent_is_acknowledged_without_a_receipt(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        await fill(db, (2, 1), (2, 2))
        assert await ack(db, 2) == []
        (received,) = await fill(db, (1, 2))
        await ack(db, 3)
        await changes.delete(db, Target(received, 1, 0), NOW)
        assert await ack(db, 4) == []
        assert (await timelines.state(db, 2)).acked == 4


async def test_each_conversation_has_a_receipt_of_its_own(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db, PAIR, (2, 3))
        sent = await fill(db, (1, 2), (3, 2), (1, 2), (3, 2))
        told = await ack(db, 4)
        assert sorted((entry.user_id, entry.message_id) for entry in told) == [(1, sent[2]), (3, sent[3])]


async def test_a_sender_who_is_no_more_is_not_told(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        (message,) = await fill(db, (1, 2))
        await db.write(execute, "DELETE FROM heads WHERE user_id = 1")
        assert await ack(db, 1) == []
        assert await seen(db) == (message, 0)


async def test_devices_that_acknowledge_at_once_tell_everything_once(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        await talk(db)
        sent = await fill(db, *[(1, 2)] * 12)
        done = await asyncio.gather(*(ack([db, other][n % 2], n, device=PHONE + n % 2) for n in range(13)))
        told = [entry for entries in done for entry in entries]
        assert max(entry.message_id for entry in told) == sent[-1]
        log = await timeline(db, 1)
        assert [position for position, _, _ in log] == list(range(1, len(log) + 1))
        ups = [message for _, kind, message in log if kind == Kind.DELIVERED]
        assert ups == sorted(set(ups))
        assert len(ups) == len(told)
        assert (await timelines.state(db, 2)).acked == 12


async def test_reading_is_told_to_both_people_and_implies_delivered(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        first, own, last = await fill(db, (1, 2), (2, 1), (1, 2))
        assert await read(db, own, now=LATER) == [Entry(each, 4, Kind.READ, TALK, 2, first, LATER) for each in PAIR]
        assert await times(db, first, last) == [(LATER, LATER), (None, None)]
        assert await seen(db) == (first, first)
        # Nobody needs to be told that what was read has been delivered.
        assert await ack(db, 2) == []
        assert await times(db, first) == [(LATER, LATER)]


async def test_reading_what_was_delivered_before_keeps_that_time(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        first, second, third = await fill(db, (1, 2), (1, 2), (1, 2))
        await ack(db, 2, now=NOW + 1)
        await read(db, first, now=NOW + 2)
        await ack(db, 3, now=NOW + 3)
        await read(db, third, now=NOW + 4)
        assert await times(db, first, second, third) == [
            (NOW + 1, NOW + 2),
            (NOW + 1, NOW + 4),
            (NOW + 3, NOW + 4),
        ]


async def test_reading_goes_forward_only_and_not_beyond_what_was_received(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db, PAIR, (2, 3))
        own, first, last = await fill(db, (2, 1), (1, 2), (1, 2))
        (elsewhere,) = await fill(db, (3, 2))
        assert await read(db, 0) == []
        assert await read(db, own) == []
        assert len(await read(db, last)) == 2
        for up_to in (first, last, elsewhere, 2**52):
            assert await read(db, up_to) == []
        assert await seen(db) == (last, last)
        (next_one,) = await fill(db, (1, 2))
        assert {entry.message_id for entry in await read(db, 2**52)} == {next_one}


async def test_notes_to_oneself_are_neither_unread_nor_read(database_url) -> None:
    async with opened(database_url, 2) as db:
        await talk(db, (2, 2))
        (note,) = await fill(db, (2, 2))
        own = draft(2, 2).conversation_id
        assert await receipts.unread(db, 2, [own], NOW) == {own: 0}
        assert await read(db, note, peer=2) == []


async def test_reading_at_once_on_two_instances_tells_each_step_once(database_url) -> None:
    async with opened(database_url, 1, 2, threads=4) as db, opened(database_url, threads=4) as other:
        await talk(db)
        sent = await fill(db, *[(1, 2)] * 8)
        await asyncio.gather(
            *(read([db, other][n % 2], sent[n % 8]) for n in range(16)),
            *(ack([db, other][n % 2], n % 9) for n in range(9)),
        )
        for each in PAIR:
            log = await timeline(db, each)
            assert [position for position, _, _ in log] == list(range(1, len(log) + 1))
            ups = [message for _, kind, message in log if kind == Kind.READ]
            assert ups == sorted(set(ups))
            assert ups[-1] == sent[-1]
        assert await seen(db) == (sent[-1], sent[-1])


@pytest.mark.parametrize("unwilling", [(1,), (2,), (1, 2)])
async def test_whoever_has_receipts_off_causes_and_gets_none(database_url, unwilling: tuple[int, ...]) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        for each in unwilling:
            await users.change_profile(db, each, {"receipts": False})
        first, last = await fill(db, (1, 2), (1, 2))
        assert await ack(db, 2) == []
        told = await read(db, last)
        # A reader is told on their own other devices, whatever they want others to know.
        assert [(entry.user_id, entry.kind) for entry in told] == [(2, Kind.READ)]
        assert [kind for _, kind, _ in await timeline(db, 1)] == [Kind.MESSAGE] * 2
        assert await times(db, first, last) == [(None, None)] * 2
        # One's own state moves all the same.
        assert await seen(db) == (last, last)
        assert await receipts.unread(db, 2, [TALK], NOW) == {TALK: 0}
        assert (await timelines.state(db, 2)).acked == 2
        for each in unwilling:
            await users.change_profile(db, each, {"receipts": True})
        (new,) = await fill(db, (1, 2))
        assert len(await read(db, new)) == 2


async def test_unread_is_what_was_received_is_there_and_was_not_read(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talk(db, PAIR, (2, 3))
        other = draft(2, 3).conversation_id
        first, _own, deleted, _third = await fill(db, (1, 2), (2, 1), (1, 2), (1, 2))
        await fill(db, (1, 2), expires_at=LATER)
        await fill(db, (3, 2))
        assert await receipts.unread(db, 2, [TALK, other], NOW) == {TALK: 4, other: 1}
        assert await receipts.unread(db, 2, [TALK], LATER) == {TALK: 3}
        await changes.delete(db, Target(deleted, 1, 0), NOW)
        assert await receipts.unread(db, 2, [TALK], LATER) == {TALK: 2}
        await read(db, first)
        assert await receipts.unread(db, 2, [TALK], LATER) == {TALK: 1}
        assert await receipts.unread(db, 1, [TALK, other], NOW) == {TALK: 1}
        assert await receipts.unread(db, 1, [], NOW) == {}


async def test_unread_is_counted_up_to_a_bound(database_url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MOST_UNREAD", 3)
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        await fill(db, *[(1, 2)] * 5)
        assert await receipts.unread(db, 2, [TALK], NOW) == {TALK: 3}


async def test_what_is_withheld_is_neither_unread_nor_delivered_nor_read(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talk(db)
        (known,) = await fill(db, (1, 2))
        await blocks.add(db, 2, 1, NOW)
        withheld = await fill(db, (1, 2), (1, 2))
        assert await receipts.unread(db, 2, [TALK], NOW) == {TALK: 1}
        assert await ack(db, 1) == [Entry(1, 4, Kind.DELIVERED, TALK, 2, known, NOW)]
        with pytest.raises(BeyondHead):
            await ack(db, 2)
        assert {entry.message_id for entry in await read(db, withheld[-1])} == {known}
        assert await times(db, *withheld) == [(None, None)] * 2
