"""Timers of disappearing messages: the same for both people, in both logs, and one's own where one is blocked."""

import asyncio
from pathlib import Path

import pytest

from models import blocks, conversations, migrate, timelines, timers
from models.conversations import StoredKey
from models.db import Database, execute
from models.migrate import DIRECTORY
from models.timelines import Entry, Kind
from models.timers import Timer
from tests.models.storage import NOW, draft, fill, opened, rows, timeline

ALICE, BOB = PAIR = (1, 2)
TALK = draft(*PAIR).conversation_id
NOTES = draft(ALICE, ALICE).conversation_id


async def talk(db: Database, *pairs: tuple[int, int]) -> None:
    for pair in pairs or [PAIR]:
        key = StoredKey(draft(*pair).conversation_id, pair, 1, "master", b"wrapped")
        await conversations.create(db, key, NOW)


async def put(db: Database, seconds: int | None, *, by: int = ALICE, peer: int = BOB) -> list[Entry]:
    return await timers.put(db, Timer(TALK if by != peer else NOTES, by, peer, seconds), NOW)


async def seen(db: Database, *people: int) -> list[dict[int, int]]:
    return [await timers.of_user(db, person, [TALK, NOTES]) for person in people or PAIR]


async def test_a_timer_is_set_for_both_and_told_to_both_by_whom(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await talk(db)
        await fill(db, (BOB, BOB))
        assert await seen(db) == [{}, {}]
        told = await put(db, 60)
        assert told == [Entry(1, 1, Kind.TIMER, TALK, ALICE, -60, NOW), Entry(2, 2, Kind.TIMER, TALK, ALICE, -60, NOW)]
        assert await seen(db) == [{TALK: 60}] * 2
        assert (await timelines.state(db, ALICE)).position == 1
        assert (await timeline(db, BOB))[-1] == (2, Kind.TIMER, -60)
        (one, other) = await put(db, None, by=BOB, peer=ALICE)
        assert (one.actor_id, other.actor_id) == (BOB, BOB)
        assert await seen(db) == [{}, {}]


@pytest.mark.parametrize(("seconds", "entry"), [(60, -60), (31_536_000, -31_536_000), (None, 0)])
def test_an_event_tells_what_was_set_and_is_never_taken_for_a_message(seconds: int | None, entry: int) -> None:
    assert timers.seconds_of(Entry(1, 1, Kind.TIMER, TALK, ALICE, entry, NOW)) == seconds
    assert timers.seconds_of(Entry(1, 1, Kind.TIMER, TALK, ALICE, 60, NOW)) is None


async def test_the_same_again_is_told_to_nobody(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await talk(db)
        assert await put(db, None) == []
        await put(db, 60)
        assert await put(db, 60) == await put(db, 60, by=BOB, peer=ALICE) == []
        assert len(await timeline(db, ALICE)) == len(await timeline(db, BOB)) == 1


async def test_notes_to_oneself_have_one_as_well(database_url: str) -> None:
    async with opened(database_url, ALICE) as db:
        await talk(db, (ALICE, ALICE))
        assert len(await put(db, 60, peer=ALICE)) == 1
        assert await seen(db, ALICE) == [{NOTES: 60}]


async def test_who_is_blocked_sets_it_for_themselves_alone(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await talk(db)
        await put(db, 60)
        await blocks.add(db, BOB, ALICE, NOW)
        assert [entry.user_id for entry in await put(db, 5)] == [ALICE]
        assert await put(db, 5) == []
        assert await seen(db) == [{TALK: 5}, {TALK: 60}]
        # Who blocks sets it for both, as they write to both.
        assert [entry.user_id for entry in await put(db, 60, by=BOB, peer=ALICE)] == [ALICE]
        assert await seen(db) == [{TALK: 60}] * 2
        await put(db, 5)
        await blocks.remove(db, BOB, ALICE)
        assert [entry.user_id for entry in await put(db, 5)] == [BOB]
        assert await seen(db) == [{TALK: 5}] * 2


async def test_a_block_of_somebody_else_is_none(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB, 3) as db:
        await talk(db)
        await blocks.add(db, BOB, 3, NOW)
        assert len(await put(db, 60)) == 2


async def test_others_and_their_conversations_are_not_touched(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB, 3) as db:
        await talk(db, PAIR, (BOB, 3), (ALICE, ALICE))
        await put(db, 60)
        assert await rows(db, "SELECT user_id FROM members WHERE ttl_seconds IS NULL ORDER BY user_id") == [
            (ALICE,),
            (BOB,),
            (3,),
        ]
        assert await timers.of_user(db, 3, [TALK]) == await timers.of_user(db, ALICE, [NOTES]) == {}
        assert await timers.of_user(db, ALICE, []) == {}


async def test_who_is_no_more_sets_nothing_and_is_told_nothing(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await talk(db)
        await db.write(execute, "DELETE FROM heads WHERE user_id = %s", (BOB,))
        assert await put(db, 60, by=BOB, peer=ALICE) == []
        assert [entry.user_id for entry in await put(db, 60)] == [ALICE]


async def test_settings_at_once_leave_both_with_the_last_and_logs_without_a_gap(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB, threads=4) as db, opened(database_url, threads=4) as other:
        await talk(db)
        done = [
            put([db, other][n % 2], n + 1, by=pair[0], peer=pair[1])
            for n in range(12)
            for pair in [(ALICE, BOB) if n % 3 else (BOB, ALICE)]
        ]
        await asyncio.gather(*done)
        logs = [await timeline(db, person) for person in PAIR]
        assert logs[0] == logs[1]
        assert [position for position, _, _ in logs[0]] == list(range(1, 13))
        assert await seen(db) == [{TALK: -logs[0][-1][2]}] * 2


async def test_a_database_from_before_has_conversations_without_a_timer(
    empty_database_url: str, tmp_path: Path
) -> None:
    for script in DIRECTORY.glob("0*.py"):
        if script.stem < "0009":
            (tmp_path / script.name).write_bytes(script.read_bytes())
    db = Database(empty_database_url)
    await migrate.up(db, tmp_path)
    for person in PAIR:
        await db.write(
            execute,
            "INSERT INTO users (id, name, key, password, created_at) VALUES (%s, %s, %s, 'p', 0)",
            (person, f"p{person}", f"p{person}"),
        )
        await db.write(execute, "INSERT INTO heads (user_id, position) VALUES (%s, 3)", (person,))
    await db.write(execute, "INSERT INTO conversations VALUES (%s, 1, 2, 0)", (TALK,))
    for person in PAIR:
        await db.write(execute, "INSERT INTO members VALUES (%s, %s, 7, 5)", (person, TALK))
    assert "0009_timers" in await migrate.up(db)
    whole = "SELECT user_id, delivered_up_to, read_up_to, ttl_seconds FROM members ORDER BY user_id"
    assert await rows(db, whole) == [(1, 7, 5, None), (2, 7, 5, None)]
    assert [entry.position for entry in await put(db, 60)] == [4, 4]
    assert await seen(db) == [{TALK: 60}] * 2
    await db.close()
