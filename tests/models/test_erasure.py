"""Destruction step by step, on both engines: who keeps what, who is told, what can be begun again."""

from pathlib import Path

import pytest

import models.users
from models import blocks, erasure, sessions, timelines, timers
from models.db import Database
from models.drafts import Missing
from models.erasure import ACCOUNT, Job
from models.timelines import Kind
from models.timers import Timer
from models.users import Reserved
from tests.models.storage import (
    NOW,
    add_conversation,
    draft,
    fill,
    opened,
    record,
    rows,
    session,
    store,
    timeline,
)

ALICE, BOB, CAROL = 1, 2, 3
TALK = draft(ALICE, BOB).conversation_id
LEFT = "SELECT id FROM messages WHERE body IS NOT NULL ORDER BY id"


async def finish(db: Database, job: Job, limit: int = 2) -> list[timelines.Entry]:
    """Every step of a job."""
    entries = []
    while (gone := await erasure.step(db, job, limit=limit, now=NOW + 5)).pairs:
        entries += gone.entries
    return entries


async def erased(db: Database, user_id: int, marks: tuple[tuple[str, bytes], ...] = ()) -> Job:
    begun = await erasure.begin_account(
        db, user_id, name=f"deleted-{user_id}", password="p1$.$no", marks=marks, now=NOW, record=record()
    )
    assert begun is not None
    return begun[0]


async def test_ones_own_messages_are_destroyed_for_both_and_the_others_leave_one(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB, CAROL) as db:
        await add_conversation(db, ALICE, BOB)
        mine, theirs, mine_too, elsewhere = await fill(db, (ALICE, BOB), (BOB, ALICE), (ALICE, BOB), (ALICE, CAROL))
        job = await erasure.begin_conversation(db, ALICE, TALK, NOW, record())
        entries = await finish(db, job)
        assert await rows(db, LEFT) == [(theirs,), (elsewhere,)]
        assert {(entry.user_id, entry.kind, entry.message_id) for entry in entries} == {
            (ALICE, Kind.DELETED, mine),
            (BOB, Kind.DELETED, mine),
            (ALICE, Kind.DELETED, mine_too),
            (BOB, Kind.DELETED, mine_too),
            (ALICE, Kind.DELETED, theirs),
        }
        # What they wrote is as if it had never been told to her; it stays with him.
        assert await rows(db, "SELECT recipient_position FROM messages WHERE id = %s", theirs) == [(None,)]
        for user_id in (ALICE, BOB):
            log = await timeline(db, user_id)
            assert [position for position, _, _ in log] == list(range(1, len(log) + 1))
            assert (await timelines.state(db, user_id)).position == len(log)
        assert await finish(db, job) == []


async def test_what_is_sent_after_it_was_begun_stays(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        await fill(db, (ALICE, BOB), (BOB, ALICE))
        job = await erasure.begin_conversation(db, ALICE, TALK, NOW, record())
        later = await fill(db, (ALICE, BOB), (BOB, ALICE))
        await finish(db, job)
        found = await rows(db, "SELECT id FROM messages WHERE body IS NOT NULL AND recipient_position IS NOT NULL")
        assert sorted(row[0] for row in found) == later


async def test_when_both_have_deleted_it_nothing_is_left(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        await fill(db, *[(ALICE, BOB), (BOB, ALICE)] * 3)
        for user_id in (ALICE, BOB):
            await finish(db, await erasure.begin_conversation(db, user_id, TALK, NOW, record()))
        assert await rows(db, LEFT) == []
        assert await rows(db, "SELECT count(*) FROM timelines WHERE kind = %s", int(Kind.DELETED)) == [(12,)]


async def test_notes_to_oneself_are_destroyed_and_told_once(database_url: str) -> None:
    async with opened(database_url, ALICE) as db:
        await add_conversation(db, ALICE, ALICE)
        await fill(db, (ALICE, ALICE), (ALICE, ALICE))
        notes = draft(ALICE, ALICE).conversation_id
        entries = await finish(db, await erasure.begin_conversation(db, ALICE, notes, NOW, record()))
        assert await rows(db, LEFT) == []
        assert [entry.user_id for entry in entries] == [ALICE, ALICE]


async def test_what_was_withheld_goes_too_and_only_its_sender_is_told(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        await blocks.add(db, BOB, ALICE, NOW)
        await fill(db, (ALICE, BOB))
        entries = await finish(db, await erasure.begin_conversation(db, ALICE, TALK, NOW, record()))
        assert await rows(db, LEFT) == []
        assert [entry.user_id for entry in entries] == [ALICE]


OF_NOBODY = "SELECT name, key, display_name, language, seen_on FROM users WHERE id = %s"


async def test_an_erased_person_is_nobody_at_once(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await sessions.create(db, session(100), password_version=0, most=9, record=record())
        await blocks.add(db, ALICE, BOB, NOW)
        begun = await erasure.begin_account(
            db, ALICE, name="deleted-1", password="p1$.$no", marks=[("t", b"mark")], now=NOW, record=record()
        )
        assert begun is not None
        job, ended = begun
        assert ended == [100]
        assert job == Job(ALICE, ACCOUNT, erasure.NO_BOUND, NOW)
        assert await rows(db, OF_NOBODY, ALICE) == [("deleted-1", "deleted-1", None, None, None)]
        for table in ("looks", "blocks", "heads"):
            assert await rows(db, f"SELECT 1 FROM {table} WHERE user_id = %s", ALICE) == []
        assert await rows(db, "SELECT device, network FROM sessions") == [("", "")]
        for marks, found in (([b"mark"], Reserved.ERASED), ([b"other"], Reserved.NO), ([], Reserved.NO)):
            assert await models.users.reserved(db, marks=marks, looks=frozenset({"a"}), marks_of_looks=marks) is found
        again = await erasure.begin_account(
            db, ALICE, name="deleted-2", password="p", marks=(), now=NOW, record=record()
        )
        assert again is None


async def test_nobody_can_let_an_erased_person_in_again(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await erased(db, ALICE)
        await models.users.enable(db, ALICE, record=record())
        assert (await rows(db, "SELECT disabled_at FROM users WHERE id = %s", ALICE))[0][0] is not None
        await models.users.disable(db, BOB, now=NOW, record=record())
        await models.users.enable(db, BOB, record=record())
        assert await rows(db, "SELECT disabled_at FROM users WHERE id = %s", BOB) == [(None,)]


async def test_nothing_can_be_sent_to_or_by_an_erased_person(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await erased(db, ALICE)
        for pair in ((ALICE, BOB), (BOB, ALICE)):
            with pytest.raises(Missing):
                await store(db, draft(*pair))


async def test_everything_that_they_wrote_goes_and_only_the_others_are_told(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB, CAROL) as db:
        ids = await fill(db, (ALICE, BOB), (BOB, ALICE), (ALICE, CAROL), (ALICE, ALICE))
        job = await erased(db, ALICE)
        entries = await finish(db, job)
        assert await rows(db, LEFT) == [(ids[1],)]
        assert {(entry.user_id, entry.message_id) for entry in entries} == {(BOB, ids[0]), (CAROL, ids[2])}


async def test_their_log_their_memberships_and_their_sessions_go_last(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        await add_conversation(db, ALICE, ALICE)
        await timers.put(db, Timer(TALK, BOB, ALICE, 60), NOW)
        await sessions.create(db, session(100), password_version=0, most=9, record=record())
        await fill(db, (ALICE, BOB), (BOB, ALICE))
        job = await erased(db, ALICE)
        await finish(db, job)
        assert await timers.of_user(db, BOB, [TALK]) == {TALK: 60}
        seen = []
        while (conversation_id := await erasure.next_membership(db, ALICE)) is not None:
            seen.append(conversation_id)
            await erasure.leave(db, ALICE, conversation_id)
        assert seen == sorted((TALK, draft(ALICE, ALICE).conversation_id))
        assert await erasure.forget_events(db, ALICE) == 3
        assert await erasure.forget_events(db, ALICE) == 0
        await erasure.end(db, job)
        for table in ("sessions", "members", "timelines", "erasures"):
            assert await rows(db, f"SELECT 1 FROM {table} WHERE user_id = %s", ALICE) == [], table
        assert await rows(db, "SELECT user_id, ttl_seconds FROM members") == [(BOB, None)]


async def test_a_name_that_is_marked_cannot_be_taken(database_url: str) -> None:
    async with opened(database_url, ALICE) as db:
        await erased(db, ALICE, (("t", b"mark"),))
        values = {"key": "new", "looks": frozenset({"new"}), "password": "p", "now": NOW, "record": record()}
        with pytest.raises(models.users.NameTaken):
            await models.users.create(db, user_id=9, name="new", marks=[b"x", b"mark"], **values)
        assert await rows(db, "SELECT 1 FROM users WHERE id = 9") == []
        await models.users.create(db, user_id=9, name="new", marks=[b"x"], **values)


async def test_what_nobody_goes_on_with_is_taken_over_once(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        first = await erasure.begin_conversation(db, ALICE, TALK, NOW, record())
        assert await erasure.stale(db, now=NOW + 9, untouched_since=NOW - 1) == []
        assert await erasure.stale(db, now=NOW + 9, untouched_since=NOW) == [first]
        assert await erasure.stale(db, now=NOW + 9, untouched_since=NOW) == []
        await erasure.step(db, first, limit=1, now=NOW + 20)
        assert await rows(db, "SELECT touched_at FROM erasures") == [(NOW + 20,)]


async def test_a_conversation_deleted_again_meanwhile_is_not_forgotten(database_url: str) -> None:
    async with opened(database_url, ALICE, BOB) as db:
        await add_conversation(db, ALICE, BOB)
        first = await erasure.begin_conversation(db, ALICE, TALK, NOW, record())
        await fill(db, (ALICE, BOB))
        second = await erasure.begin_conversation(db, ALICE, TALK, NOW + 1, record())
        await erasure.end(db, first)
        assert await rows(db, "SELECT up_to FROM erasures") == [(second.up_to,)]
        await erasure.end(db, second)
        assert await rows(db, "SELECT up_to FROM erasures") == []


async def test_scrubbing_empties_the_log_of_sqlite(sqlite_url: str) -> None:
    async with opened(sqlite_url, ALICE) as db:
        wal = sqlite_url.removeprefix("sqlite:///") + "-wal"
        assert size_of(wal) > 0
        await erasure.scrub(db, rows=False)
        assert size_of(wal) == 0


def size_of(path: str) -> int:
    return Path(path).stat().st_size


async def test_every_table_that_held_something_of_theirs_is_vacuumed(postgres_url: str) -> None:
    async with opened(postgres_url, ALICE) as db:
        await erasure.scrub(db, rows=False)
        assert await rows(db, "SELECT relname FROM pg_stat_user_tables WHERE vacuum_count > 0") == []
        await erasure.scrub(db, rows=True)
        done = await rows(db, "SELECT relname FROM pg_stat_user_tables WHERE vacuum_count > 0")
        assert {row[0] for row in done} == set(erasure.VACUUMED)
        assert await rows(db, "SHOW statement_timeout") == [("30s",)]
