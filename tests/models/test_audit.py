"""The audit log: a record by itself, and a record with the act it speaks of; append-only, numbered without a gap."""

import asyncio
import dataclasses
from collections.abc import Callable

import peewee
import pytest

import models.audit
import models.sessions
from actions.audit_keeper import Personal
from models import timelines
from models.audit import Record, Stored
from models.db import Database, Engine, execute, is_postgres
from tests.models.drives import DRIVES, SOME
from tests.models.storage import AUDIT_KEEPER, NOW, add_person, around_commits, fill, opened, record, rows, session

EVERYTHING = "SELECT id, at, actor_id, action, outcome, reason, request_id FROM audit ORDER BY id"


async def records(db: Database) -> list[Stored]:
    return [models.audit.stored(row) for row in await rows(db, f"SELECT {models.audit.COLUMNS} FROM audit ORDER BY id")]


async def said(db: Database) -> list[Personal]:
    """What the records say of people, as far as it can be opened."""
    keys = {row[0]: row[1] and bytes(row[1]) for row in await rows(db, "SELECT user_id, sealed FROM audit_people")}
    name = (await rows(db, "SELECT log FROM audit_head"))[0][0]
    return [AUDIT_KEEPER.open(name, row, keys.get(row.actor_id)) for row in await records(db)]


async def test_a_record_is_kept_as_it_was_told(database_url) -> None:
    async with opened(database_url) as db:
        told = Record(NOW, "login", "refused", 1, 2, "127.0.0.0/24", "wrong password", "keyed", "r1")
        await models.audit.append(db, told)
        await models.audit.append(db, Record(NOW + 1, "logout", network="10.0.0.0/24"))
        assert await rows(db, EVERYTHING) == [
            (1, NOW, 1, "login", "refused", "wrong password", "r1"),
            (2, NOW + 1, None, "logout", "ok", "", ""),
        ]
        assert await said(db) == [Personal("127.0.0.0/24", 2, "keyed"), Personal("10.0.0.0/24")]


async def test_what_is_said_of_people_is_not_to_be_read_in_the_database(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append(db, Record(NOW, "login", actor_id=1, session_id=4711, network="198.51.100.0/24"))
        await models.audit.append(db, Record(NOW, "login", "refused", network="203.0.113.0/24", target="mistyped"))
        everything = repr([bytes(row.personal) for row in await records(db)])
        assert not any(word in everything for word in ("198.51", "4711", "203.0", "mistyped"))


async def test_an_act_that_fails_leaves_no_record_and_no_gap(database_url) -> None:
    def act(engine: Engine) -> None:
        models.audit.insert(engine, Record(NOW, "delete_everything"))
        raise ValueError("not done")

    async with opened(database_url) as db:
        with pytest.raises(ValueError, match="not done"):
            await db.write(act)
        await models.audit.append(db, Record(NOW, "login"))
        assert [row[0] for row in await rows(db, EVERYTHING)] == [1]


async def test_without_a_keeper_nothing_is_recorded_and_so_nothing_done(database_url) -> None:
    async with opened(database_url) as db:
        other = Database(database_url, threads=1)
        try:
            with pytest.raises(models.audit.Unkept):
                await add_person(other, 1)
            assert await rows(db, "SELECT id FROM users") == []
        finally:
            await other.close()


async def test_each_record_is_linked_to_the_one_before(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append_all(db, [record() for _ in range(5)])
        found = await records(db)
        assert [row.prev for row in found] == [bytes(32), *(row.link for row in found[:-1])]
        head = (await rows(db, "SELECT id, link FROM audit_head"))[0]
        assert (head[0], bytes(head[1])) == (5, found[-1].link)


async def test_texts_are_cut_and_hold_no_control_characters(database_url) -> None:
    async with opened(database_url) as db:
        nasty = "a\r\nb\x1b[31m\u2028\x00\ud800" + "x" * 2_000_000
        await models.audit.append(db, Record(NOW, nasty, nasty, 1, 2, nasty, nasty, nasty, nasty))
        await models.audit.append(db, Record(NOW, *["x" * 1000] * 2, 1, 2, *["x" * 1000] * 4))
        for found, person in zip(await records(db), await said(db), strict=True):
            texts = (found.action, found.outcome, found.reason, found.request_id, person.network, person.target)
            assert all(text.isprintable() and len(text) <= 200 for text in texts)
        found = (await records(db))[0]
        assert found.reason.startswith("a??b?[31m????"[:12])


async def test_a_clock_before_the_epoch_is_none(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append(db, Record(-5, "login"))
        assert (await records(db))[0].at == 0


@pytest.mark.parametrize("table", ["audit", "audit_checkpoints"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = 1", "DELETE FROM {}", "TRUNCATE {}", "REPLACE"])
async def test_nothing_recorded_can_be_changed_or_taken_away(database_url, table, statement) -> None:
    async with opened(database_url) as db:
        if statement.startswith("TRUNCATE") != is_postgres(db.engine) and statement[0] in "TR":
            statement = "DELETE FROM {}"
        await models.audit.append(db, record())
        await DRIVES["audit_log.make_checkpoint"](db, 0)
        if statement == "REPLACE":
            statement = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
        with pytest.raises(peewee.IntegrityError, match="the audit log is append-only"):
            await db.write(execute, statement.format(table))
        assert len(await records(db)) == 1


async def test_a_forgotten_person_is_known_to_no_record_any_more(database_url) -> None:
    async with opened(database_url) as db:
        for user_id in (1, 2):
            await models.audit.append(db, dataclasses.replace(record(), actor_id=user_id))
        await db.write(models.audit.forget_person, 1)
        await db.write(models.audit.forget_person, 1)
        await models.audit.append(db, dataclasses.replace(record(), actor_id=1))
        assert await said(db) == [Personal(), Personal("127.0.0.0/24"), Personal()]
        await db.write(models.audit.forget_person, 3)  # who never did anything
        await models.audit.append(db, dataclasses.replace(record(), actor_id=3))
        assert (await said(db))[-1] == Personal()


async def test_own_records_are_the_persons_own_and_newest_first(database_url) -> None:
    async with opened(database_url) as db:
        for user_id in (1, 2, 1, 1):
            await models.audit.append(db, dataclasses.replace(record(), actor_id=user_id))
        _, person, found = await models.audit.own(db, 1, before=100, limit=2)
        assert [row.id for row in found] == [4, 3]
        assert person
        assert [row.id for row in (await models.audit.own(db, 1, before=3, limit=2))[2]] == [1]
        assert (await models.audit.own(db, 3, before=100, limit=2))[1:] == (None, [])


async def test_devices_are_told_of_own_sessions_only(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        for session_id, user_id in ((11, 1), (12, 2)):
            await models.sessions.create(db, session(session_id, user_id), most=9, password_version=0, record=record())
        assert await models.audit.devices(db, 1, [11, 12, 13]) == {11: "browser"}
        assert await models.audit.devices(db, 1, []) == {}


async def test_what_was_recorded_before_there_was_a_chain_goes_into_it(database_url) -> None:
    async with opened(database_url) as db:
        text = (
            "INSERT INTO audit_unchained (at, actor_id, session_id, network, action, outcome, reason, target,"
            " request_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        )
        for number in range(450):
            values = (NOW + number, number % 2 or None, 5, "127.0.0.0/24", "login", "ok", "", "t", "r1")
            await db.write(execute, text, values)
        assert await models.audit.adopt(db) == 450
        assert await models.audit.adopt(db) == 0
        assert [(row.id, row.at) for row in await records(db)] == [(n + 1, NOW + n) for n in range(450)]
        assert set(await said(db)) == {Personal("127.0.0.0/24", 5, "t")}
        assert await rows(db, "SELECT count(*) FROM audit_unchained") == [(0,)]


async def test_a_head_that_somebody_moved_is_told_by_the_next_record(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append_all(db, [record() for _ in range(3)])
        await db.write(execute, "UPDATE audit_head SET id = 1")
        await models.audit.append(db, record("logout"))
        found = await rows(db, EVERYTHING)
        assert [(row[0], row[3], row[5]) for row in found[3:]] == [
            (4, "integrity", "audit_head"),
            (5, "logout", ""),
        ]
        assert (await said(db))[3].target == "1"


async def test_a_log_without_its_head_does_not_begin_anew(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append(db, record())
        await db.write(execute, "DELETE FROM audit_head")
        with pytest.raises(models.audit.Unkept):
            await models.audit.append(db, record())


async def test_a_head_whose_key_does_not_open_stops_everything(database_url) -> None:
    async with opened(database_url) as db:
        await models.audit.append(db, record())
        await db.write(execute, "UPDATE audit_head SET key = %s", (b"\x01k",))
        with pytest.raises(Exception, match="no key of this id"):
            await models.audit.append(db, record())


async def test_whatever_records_takes_no_lock_afterwards(database_url) -> None:
    """Every public function of models/: behind the record there is only the end of the transaction.

    Who holds the head of the log waits for nobody; so no two can wait for one another, and nobody waits for long.
    """
    late: dict[str, list[str]] = {}
    async with opened(database_url, *range(1, SOME)) as db:
        message = (await fill(db, (1, 2)))[0]
        for name, drive in DRIVES.items():
            statements: list[str] = []

            def end(commit: Callable[[], object], noted: list[str] = statements) -> object:
                noted.append("COMMIT")
                return commit()

            db.engine.query_hooks.append(lambda event, noted=statements: noted.append(event.sql))
            try:
                with around_commits(db.engine, end):
                    await drive(db, message)
            finally:
                db.engine.query_hooks.pop()
            late |= {name: after} if (after := _locking_behind_a_record(statements)) else {}
    assert late == {}


def _locking_behind_a_record(statements: list[str]) -> list[str]:
    found, recorded = [], False
    for text in statements:
        if text.startswith(("BEGIN", "COMMIT", "ROLLBACK", "EXECUTE")):
            recorded = False
        elif text.startswith("UPDATE audit_head"):
            recorded = True
        elif recorded and "audit" not in text and (text.startswith(("UPDATE", "DELETE", "INSERT")) or "FOR " in text):
            found.append(text)
    return found


async def test_many_writers_on_two_instances_make_one_chain(database_url) -> None:
    """Records alone, sessions that begin and end (with heads of people), and messages, all at once."""
    people = range(1, 9)
    async with opened(database_url, *people, threads=8) as first, opened(database_url, threads=8) as second:

        async def live(db: Database, user_id: int, turn: int) -> None:
            number = user_id * 1000 + turn
            await models.sessions.create(db, session(number, user_id), most=2, password_version=0, record=record())
            await models.audit.append(db, record("between"))
            await models.sessions.end(db, number, now=NOW, reason="logout", record=record("logout"))

        async def move(db: Database, turn: int) -> None:
            await db.write(timelines.take_heads, [1 + turn % 8, 1 + (turn + 3) % 8])

        turns = range(8)
        await asyncio.gather(
            *(live(db, user_id, turn * 2 + place)
              for place, db in enumerate((first, second)) for user_id in people for turn in turns),
            *(move(db, turn) for db in (first, second) for turn in range(32)),
        )  # fmt: skip
        found = await records(first)
        assert [row.id for row in found] == list(range(1, 1 + len(found)))
        assert [row.prev for row in found[1:]] == [row.link for row in found[:-1]]
        assert len(found) >= len(people) + 2 * 8 * 8 * 2
