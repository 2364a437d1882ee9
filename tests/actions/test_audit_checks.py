"""Checking the audit log, on both databases: all tampering is named with its place; what is intact is clean."""

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

import models.audit
from actions import audit, audit_checks
from actions.audit_checks import Evidence, Report, verify
from actions.audit_keeper import Keeper
from actions.audit_trail import EDITED, FORKED, INSERTED, KINDS, MISMATCH, MISSING, REORDERED, TRUNCATED
from crypto import chain, checkpoints
from crypto.keyring import Ring, make_key
from models import audit_log
from models.db import Database, execute
from tests.actions.tampering import (
    LAST,
    Tamper,
    checkpoint,
    copy_log,
    disarm,
    fill_log,
    forged,
    grow,
    keep_head,
    relink,
    relinked,
    restore_log,
    rewritten,
    sql,
    swapped,
    taken_back,
    with_head,
)
from tests.models.storage import AUDIT_KEEPER, AUDIT_RING, NOW, opened, record
from tests.rooms import Clock, join, running_app

Place = tuple[str, int]


def edited(*numbers: int) -> str:
    places = ", ".join(map(str, numbers))
    return f"UPDATE audit SET outcome = 'other' WHERE id IN ({places})"


# What is done, and what must be told first, by the server's own keys.
TAMPERS: dict[str, tuple[Tamper, Place]] = {
    "edit the first": (sql(edited(1)), (EDITED, 1)),
    "edit one in the middle": (sql(edited(5)), (EDITED, 5)),
    "edit two": (sql(edited(5, 7)), (EDITED, 5)),
    "edit what a checkpoint names": (sql(edited(10)), (EDITED, 10)),
    "edit behind the last checkpoint": (sql(edited(23)), (EDITED, 23)),
    "edit the last": (sql(edited(LAST)), (EDITED, LAST)),
    "edit whose it was": (sql("UPDATE audit SET actor_id = 7 WHERE id = 4"), (EDITED, 4)),
    "edit what is sealed": (sql("UPDATE audit SET personal = mac WHERE id = 4"), (EDITED, 4)),
    "edit a link": (sql("UPDATE audit SET link = mac WHERE id = 5"), (EDITED, 5)),
    "edit a MAC": (sql("UPDATE audit SET mac = link WHERE id = 23"), (EDITED, 23)),
    "edit an epoch": (sql("UPDATE audit SET epoch = 0 WHERE id = 23"), (EDITED, 23)),
    "edit, and link it anew": (
        rewritten(lambda log, rows: [relink(log, row._replace(reason="x")) if row.id == 5 else row for row in rows]),
        (EDITED, 5),
    ),
    "edit the last, and link it anew": (
        with_head(rewritten(lambda log, rows: [*rows[:-1], relink(log, rows[-1]._replace(reason="x"))])),
        (INSERTED, LAST),
    ),
    "delete the first": (sql("DELETE FROM audit WHERE id = 1"), (MISSING, 1)),
    "delete one in the middle": (sql("DELETE FROM audit WHERE id = 12"), (MISSING, 12)),
    "delete several": (sql("DELETE FROM audit WHERE id IN (5, 6, 7)"), (MISSING, 5)),
    "delete what a checkpoint names": (sql("DELETE FROM audit WHERE id = 20"), (MISSING, 20)),
    "delete behind the last checkpoint": (sql("DELETE FROM audit WHERE id = 23"), (MISSING, 23)),
    "delete, and number the others anew": (
        with_head(
            rewritten(lambda log, rows: [row._replace(id=row.id - (row.id > 12)) for row in rows if row.id != 12])
        ),
        (MISSING, 12),
    ),
    "delete the last": (sql(f"DELETE FROM audit WHERE id = {LAST}"), (TRUNCATED, LAST)),
    "delete the end": (sql("DELETE FROM audit WHERE id > 17"), (TRUNCATED, 18)),
    "delete the last, and move the head": (with_head(sql("DELETE FROM audit WHERE id > 23")), (TRUNCATED, 23)),
    "delete all": (sql("DELETE FROM audit"), (TRUNCATED, 1)),
    "delete everything": (
        sql("DELETE FROM audit", "DELETE FROM audit_checkpoints", "DELETE FROM audit_head"),
        (TRUNCATED, 1),
    ),
    "insert behind the end": (
        rewritten(lambda log, rows: [*rows, forged(log, rows[-1])]),
        (INSERTED, LAST + 1),
    ),
    "insert behind the end, and move the head": (
        with_head(rewritten(lambda log, rows: [*rows, forged(log, rows[-1])])),
        (INSERTED, LAST + 1),
    ),
    "insert in the middle, and number the others anew": (
        rewritten(
            lambda log, rows: [
                *(row for row in rows if row.id <= 12),
                forged(log, rows[11]),
                *(row._replace(id=row.id + 1) for row in rows if row.id > 12),
            ]
        ),
        (INSERTED, 13),
    ),
    "copy a record to the end": (
        rewritten(lambda log, rows: [*rows, rows[6]._replace(id=LAST + 1)]),
        (INSERTED, LAST + 1),
    ),
    "swap neighbours": (swapped(5, 6), (REORDERED, 5)),
    "swap neighbours across a checkpoint": (swapped(10, 11), (REORDERED, 10)),
    "swap two that are far from one another": (swapped(3, 19), (REORDERED, 3)),
    "swap the last two": (swapped(LAST - 1, LAST), (REORDERED, LAST - 1)),
    "one number twice": (
        rewritten(lambda log, rows: [*rows, forged(log, rows[5])], unkeyed=True),
        (FORKED, 7),
    ),
    "one record twice": (rewritten(lambda log, rows: [*rows, rows[6]], unkeyed=True), (FORKED, 7)),
    "a record of another log": (
        rewritten(lambda log, rows: [relink("other", row) if row.id == 7 else row for row in rows]),
        (EDITED, 7),
    ),
    "all links anew behind an edit": (
        with_head(rewritten(lambda log, rows: relinked(log, [*rows[:4], rows[4]._replace(reason="x"), *rows[5:]]))),
        (MISMATCH, 1),
    ),
    "all links anew behind a deletion": (
        with_head(rewritten(lambda log, rows: relinked(log, [row for row in rows if row.id != 5]))),
        (MISMATCH, 1),
    ),
    "edit a checkpoint": (sql("UPDATE audit_checkpoints SET link = signature WHERE number = 1"), (MISMATCH, 10)),
    "delete a checkpoint": (sql("DELETE FROM audit_checkpoints WHERE number = 1"), (MISMATCH, 10)),
    "delete the last checkpoint": (sql("DELETE FROM audit_checkpoints WHERE number = 2"), (TRUNCATED, 20)),
    "claim that the beginning was dropped": (
        sql("DELETE FROM audit WHERE id <= 4", "UPDATE audit_checkpoints SET floor = 4 WHERE number = 2"),
        (MISSING, 1),
    ),
    "move the head": (sql("UPDATE audit_head SET id = 40"), (TRUNCATED, LAST + 1)),
    "another key in the head": (sql("UPDATE audit_head SET key = mac"), (EDITED, LAST)),
}
# What only a key can tell: behind the last checkpoint, and what leaves every link as it is.
NEEDS_KEYS = {
    *("edit a MAC", "edit the last, and link it anew", "delete the last, and move the head"),
    *("insert behind the end, and move the head", "another key in the head"),
}


def places(report: Report) -> list[Place]:
    return [(fault.kind, fault.first) for fault in report.faults]


async def told(database_url: str, what: Callable[[Evidence, bytes], Evidence]) -> dict[str, list[Place]]:
    """What is told of each tampering, with this evidence; nothing is told before."""
    found = {}
    async with opened(database_url) as db:
        own, _ = await fill_log(db)
        head = await audit_log.head(db)
        evidence = what(own, (head.log, AUDIT_KEEPER.first_key(head)))
        assert (await verify(db, evidence)).faults == []
        await db.write(disarm)
        await copy_log(db)
        for name, (tamper, _) in TAMPERS.items():
            await tamper(db)
            found[name] = places(await verify(db, evidence))
            await restore_log(db)
        assert (await verify(db, evidence)).faults == []
    return found


async def test_tampering_is_named_with_its_place(database_url) -> None:
    found = await told(database_url, lambda own, first: own)
    assert {name: places for name, places in found.items() if TAMPERS[name][1] not in places} == {}


async def test_without_any_secret_all_is_told_that_a_checkpoint_covers(database_url) -> None:
    found = await told(database_url, lambda own, first: dataclasses.replace(own, keeper=None))
    assert {name for name, places in found.items() if not places} == NEEDS_KEYS


async def test_with_the_first_key_every_mac_is_checked(database_url) -> None:
    """Whoever holds all that ever left the machine still cannot make yesterday's MACs."""
    found = await told(database_url, lambda own, first: Evidence(own.public_keys, own.keeper, (), first))
    assert {name for name, places in found.items() if not places} == {"delete everything"}
    rewritten = [name for name in TAMPERS if name.startswith("all links anew")]
    assert all((EDITED, 5) in found[name] for name in rewritten)


def test_every_kind_is_tried() -> None:
    assert {kind for _, (kind, _) in TAMPERS.values()} == set(KINDS)


async def test_a_rewrite_with_the_servers_keys_is_told_by_the_first_key(database_url) -> None:
    """Somebody has the server's keys of today: links, MACs and signatures can be made anew, but not with old keys."""
    async with opened(database_url) as db:
        own, _ = await fill_log(db)
        head = await audit_log.head(db)
        first = (head.log, AUDIT_KEEPER.first_key(head))
        today = AUDIT_KEEPER.key(head)

        def vouch(log, rows):
            changed = [row._replace(reason="x") if row.id == 5 else row for row in rows]
            return [row._replace(mac=chain.mac(today, row.link)) for row in relinked(log, changed)]

        await rewritten(vouch)(db)
        found = await audit_log.checkpoints(db, after=0)
        thief = Evidence(own.public_keys, own.keeper, ())
        assert (MISMATCH, 1) in places(await verify(db, thief))
        assert (EDITED, 5) in places(await verify(db, Evidence(own.public_keys, own.keeper, (), first)))
        assert len(found) == 2


async def test_a_log_that_was_taken_back_is_told_by_what_left_the_machine(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 10)
        outside = [await checkpoint(db)]
        await grow(db, 5)
        await keep_head(db)
        await grow(db, 5)
        outside.append(await checkpoint(db))
        await taken_back(db, 0)
        own = Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER, outside)
        assert places(await verify(db, own)) == [(TRUNCATED, 16)]
        # As it says of itself: without what left the machine, nobody can tell.
        assert places(await verify(db, dataclasses.replace(own, outside=()))) == []


async def test_a_log_that_was_taken_back_and_went_on_is_forked(database_url) -> None:
    async with opened(database_url) as db:
        await grow(db, 10)
        outside = [await checkpoint(db)]
        await grow(db, 5)
        await keep_head(db)
        await grow(db, 5)
        outside.append(await checkpoint(db))
        await taken_back(db, 7)
        await checkpoint(db, NOW + 1)
        own = Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER, outside)
        assert places(await verify(db, own)) == [(FORKED, 20)]


async def test_a_log_begun_anew_is_not_the_one_that_left_the_machine(database_url) -> None:
    async with opened(database_url) as db:
        own, public = await fill_log(db)
        await sql("DELETE FROM audit", "DELETE FROM audit_checkpoints", "DELETE FROM audit_head")(db)
        await grow(db, LAST)
        for evidence in (own, public):
            assert (TRUNCATED, 1) in places(await verify(db, evidence))


async def test_a_checkpoint_from_outside_that_is_not_ours_is_told(database_url) -> None:
    async with opened(database_url) as db:
        own, _ = await fill_log(db)
        strangers = dataclasses.replace(own, outside=[*own.outside, _signed_by_a_stranger(own)])
        assert places(await verify(db, strangers)) == [(MISMATCH, 20)]


def _signed_by_a_stranger(own: Evidence) -> checkpoints.Checkpoint:
    return checkpoints.sign(Ring((make_key(),)), own.outside[1])


# What is intact


async def test_a_log_that_is_empty_is_intact(database_url) -> None:
    async with opened(database_url) as db:
        assert await verify(db, Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER)) == Report([])
        await audit_log.begin(db)
        assert places(await verify(db, Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER))) == []


async def test_it_is_intact_while_two_instances_write_sign_and_drop(database_url) -> None:
    async with opened(database_url, threads=4) as first, opened(database_url, threads=4) as second:
        head = await audit_log.begin(first)
        evidence = Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER, (), (head.log, AUDIT_KEEPER.first_key(head)))
        writing = [asyncio.create_task(_write(db, number)) for db in (first, second) for number in range(32)]
        reports = []
        while not all(task.done() for task in writing):
            reports.append(await verify(first, evidence))
            await audit_log.make_checkpoint(second, AUDIT_KEEPER, at=NOW, due=audit_log.Due(1, 0))
            await audit_log.close(first, AUDIT_KEEPER, at=NOW, before=NOW + len(reports))
            await audit_log.drop_closed(second)
        await asyncio.gather(*writing)
        reports.append(await verify(second, evidence))
        assert [fault for report in reports for fault in report.faults] == []
        assert reports[-1].head == 64 * 4
        assert reports[-1].checkpoints > 1


async def _write(db: Database, number: int) -> None:
    for turn in range(4):
        await models.audit.append(db, dataclasses.replace(record(), actor_id=number, at=NOW + turn * 100))


async def test_a_clock_that_goes_backwards_is_no_tampering(database_url) -> None:
    async with opened(database_url) as db:
        for at in (NOW, NOW - 10**10, NOW + 5, 0):
            await models.audit.append(db, dataclasses.replace(record(), at=at))
            await checkpoint(db, at)
        assert places(await verify(db, Evidence(AUDIT_KEEPER.public_keys(), AUDIT_KEEPER))) == []


async def test_another_current_key_is_no_tampering(database_url) -> None:
    async with opened(database_url) as db:
        await fill_log(db)
        ring = Ring((make_key(), *AUDIT_RING.keys))
        keeper = Keeper(lambda: ring)
        models.audit.keep(db, keeper)
        await grow(db, 5)
        await audit_log.make_checkpoint(db, keeper, at=NOW, due=audit_log.Due(1, 0))
        await grow(db, 5)
        assert await audit_log.reseal(db, keeper) == 2
        assert await audit_log.reseal(db, keeper) == 0
        assert places(await verify(db, Evidence(keeper.public_keys(), keeper))) == []


async def test_what_was_dropped_after_a_checkpoint_is_not_missing(database_url) -> None:
    async with opened(database_url) as db:
        own, public = await fill_log(db)
        closed = await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 8)
        assert closed.floor == 8
        assert await audit_log.drop_closed(db) == 8
        for evidence in (own, public):
            report = await verify(db, evidence)
            assert (places(report), report.records) == ([], LAST - 8)
        await sql("DELETE FROM audit WHERE id = 9")(db)
        assert (MISSING, 9) in places(await verify(db, own))


async def test_only_what_is_closed_off_can_be_dropped(database_url) -> None:
    async with opened(database_url) as db:
        await fill_log(db)
        await audit_log.close(db, AUDIT_KEEPER, at=NOW, before=NOW + 8)
        with pytest.raises(Exception, match="append-only"):
            await db.write(execute, "DELETE FROM audit WHERE id = 9")
        assert await db.write(execute, "DELETE FROM audit WHERE id = 8") == 1
        with pytest.raises(Exception, match="append-only"):
            await db.write(execute, "DELETE FROM audit_checkpoints WHERE number = 1")


async def test_the_newest_records_alone_are_checked_from_a_checkpoint_on(database_url) -> None:
    async with opened(database_url) as db:
        own, _ = await fill_log(db)
        report = await verify(db, own, newest=7)
        assert (places(report), report.records) == ([], 15)
        await sql(edited(23))(db)
        assert places(await verify(db, own, newest=7)) == [(EDITED, 23)]


async def test_a_long_log_is_checked_page_by_page_and_tells_how_far_it_is(database_url, monkeypatch) -> None:
    async with opened(database_url) as db:
        own, _ = await fill_log(db)
        monkeypatch.setattr(audit_checks, "PAGE", 4)
        told: list[tuple[int, int]] = []
        assert places(await verify(db, own, progress=lambda done, total: told.append((done, total)))) == []
        assert told[-1] == (LAST, LAST)
        assert len(told) > 5
        await TAMPERS["one number twice"][0](db)
        assert (FORKED, 7) in places(await verify(db, own))


# As an instance does it


async def test_the_result_is_recorded_and_counted(database_url) -> None:
    async with running_app(database_url) as app:
        await join(app, "alice")
        assert (await audit_checks.verify_own(app)).faults == []
        await app.db.write(disarm)
        await app.db.write(execute, "UPDATE audit SET reason = 'x' WHERE id = 1")
        report = await audit_checks.verify_own(app)
        assert places(report) == [(EDITED, 1)]
        assert app.notes.faults == 1
        rows = (await models.audit_log.rows(app.db, after=0, up_to=100, limit=100))[-2:]
        assert [(row.action, row.outcome) for row in rows] == [("audit_verify", "ok"), ("audit_verify", "failed")]


async def test_a_crowd_signs_in_and_the_log_is_intact(database_url) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        for number in range(3):
            await join(app, f"person{number}")
            clock.turn(seconds=-100)
            await audit.checkpoint(app, audit_log.Due(1, 0))
        report = await audit_checks.verify_own(app)
        assert (report.faults, report.checkpoints) == ([], 3)
