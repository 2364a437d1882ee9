"""Checking the audit log: its head, its checkpoints, those that left the machine, and every record between.

Without any secret everything up to the last checkpoint is checked: by links, and by who signed the checkpoints. With
the server's keys also the records behind it, by the key of the present epoch. With the first key, which is kept
elsewhere, every MAC there is: then not even whoever stole the server's keys can have rewritten what was before.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import models.audit
import models.audit_log
from actions.app import App
from actions.audit import keeper_of
from actions.audit_keeper import Keeper, checkpoint_of
from actions.audit_trail import EDITED, FORKED, MISMATCH, TRUNCATED, Base, Fault, Trail
from crypto import chain, checkpoints
from crypto.checkpoints import Checkpoint, PublicKeys
from crypto.errors import Tampered, UnknownKey
from models.audit import Head, Record
from models.db import Database

log = logging.getLogger("recado.audit")

PAGE = 500
MOST_BEHIND = 100
MOST_TRIES = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check may use. `outside` are the checkpoints that left the machine, `first_key` the log's name and key."""

    public_keys: PublicKeys
    keeper: Keeper | None = None
    outside: Sequence[Checkpoint] = ()
    first_key: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `covered`: the last record that a checkpoint covers; `vouched`: how many MACs were checked."""

    faults: list[Fault]
    records: int = 0
    head: int = 0
    checkpoints: int = 0
    covered: int = 0
    vouched: str = ""


async def verify(
    db: Database, evidence: Evidence, *, newest: int | None = None, progress: Progress | None = None
) -> Report:
    """Check the log, or only its `newest` records and what checkpoints say of the others, while it goes on growing."""
    report = Report([])
    for _ in range(MOST_TRIES):
        before = await models.audit_log.newest_checkpoint(db)
        report = await _verify(db, evidence, newest, progress)
        after = await models.audit_log.newest_checkpoint(db)
        if not report.faults or (before and before.floor) == (after and after.floor):
            break
        # Meanwhile the oldest records were dropped, as they may be: what is missing is looked for once more.
    return report


async def verify_own(app: App, *, outside: Sequence[Checkpoint] = (), newest: int | None = None) -> Report:
    """Check this instance's log with its own keys, tell the log the result, and whoever reads the metrics."""
    keeper = keeper_of(app.db)
    report = await verify(app.db, Evidence(keeper.public_keys(), keeper, outside), newest=newest)
    app.notes.faults = len(report.faults)
    for fault in report.faults[:PAGE]:
        log.error("the audit log was tampered with", extra={"fault": fault.line()})
    await models.audit.append(app.db, result(report, app.clock()))
    return report


def result(report: Report, now: int) -> Record:
    """What the log is told of a check."""
    outcome = "failed" if report.faults else "ok"
    return Record(now, "audit_verify", outcome, reason=f"records={report.records} faults={len(report.faults)}")


@dataclass(slots=True)
class _Witness:
    """The checkpoints that hold, and what is wrong with the others."""

    good: dict[int, Checkpoint] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def doubt(self, kind: str, checkpoint: Checkpoint, told: str, first: int | None = None) -> None:
        record = checkpoint.record
        self.faults.append(Fault(record if first is None else first, kind, record, told))


async def _verify(db: Database, evidence: Evidence, newest: int | None, progress: Progress | None) -> Report:
    head = await models.audit_log.head(db)
    stored = await _stored(db)
    if head is None:
        return await _headless(db, evidence, stored)
    witness = _Witness()
    _judge_stored(witness, head, stored, evidence.public_keys)
    last = max(witness.good.values(), key=lambda each: each.number, default=None)
    floor = Base(last.floor, last.floor_link) if last else Base(0, chain.NO_LINK)
    _judge_outside(witness, head, {each.number: each for each in stored}, floor, evidence)
    good = sorted((each for each in witness.good.values() if each.record >= floor.record), key=_order)
    trail = Trail(head.log, _start(head, good, floor, newest), head.epoch, good, _keys(evidence, head))
    await _follow(db, trail, head, progress)
    behind = await models.audit_log.behind_head(db, MOST_BEHIND)
    of_head = _of_head(head, evidence.keeper)
    faults = await asyncio.to_thread(partial(trail.end, head, behind, sound=not of_head))
    return Report(
        sorted({*faults, *witness.faults, *of_head}),
        trail.records,
        head.id,
        len(good),
        good[-1].record if good else 0,
        "all" if evidence.first_key else "since the last checkpoint" if evidence.keeper else "none",
    )


async def _follow(db: Database, trail: Trail, head: Head, progress: Progress | None) -> None:
    after, first = trail.base.record, True
    while rows := await models.audit_log.rows(db, after=after, up_to=head.id, limit=PAGE):
        if first and trail.checkpoints and rows[0].epoch + 1 < trail.checkpoints[0].number:
            told = f"the checkpoints before {trail.checkpoints[0].number} are missing"
            trail.faults.append(Fault(rows[0].id, MISMATCH, trail.checkpoints[0].record, told))
        # Where a number stands twice, a page may end between the two: that number is read once more.
        whole = [row for row in rows if row.id < rows[-1].id] if len(rows) == PAGE else []
        await asyncio.to_thread(trail.follow, whole or rows)
        after, first = (whole or rows)[-1].id, False
        if progress:
            progress(after, head.id)


async def _headless(db: Database, evidence: Evidence, stored: Sequence[Checkpoint]) -> Report:
    told = [each.record for each in (*stored, *evidence.outside)]
    rows = await models.audit_log.rows(db, after=0, up_to=models.audit.LARGEST_ID, limit=1)
    if not told and not rows:
        return Report([])
    return Report([Fault(1, TRUNCATED, max([*told, *(row.id for row in rows)]), "the log has lost its head")])


async def _stored(db: Database) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    while page := await models.audit_log.checkpoints(db, after=found[-1].number if found else 0):
        found += [checkpoint_of(row) for row in page]
    return found


def _judge_stored(witness: _Witness, head: Head, stored: Sequence[Checkpoint], keys: PublicKeys) -> None:
    """Signed by us, of this log, without a gap, each covering the one before."""
    previous: Checkpoint | None = None
    for each in stored:
        if (why := _doubt(each, head.log, keys)) is not None:
            witness.doubt(MISMATCH, each, why)
            continue
        if previous is not None:
            if each.number != previous.number + 1:
                witness.doubt(MISMATCH, each, _missing(previous.number + 1, each.number - 1), previous.record + 1)
            elif each.previous != checkpoints.digest(previous) or each.record < previous.record:
                witness.doubt(MISMATCH, each, f"checkpoint {each.number} does not follow the one before")
        witness.good[each.number] = previous = each
    reached = previous.number if previous else 0
    if reached < head.epoch:
        first = previous.record + 1 if previous else 1
        told = _missing(reached + 1, head.epoch)
        witness.faults.append(Fault(min(first, head.id), MISMATCH, head.id, told))


def _judge_outside(
    witness: _Witness, head: Head, stored: dict[int, Checkpoint], floor: Base, evidence: Evidence
) -> None:
    """What left the machine cannot be taken back: the database must still say the same."""
    highest = max(stored, default=0)
    for each in evidence.outside:
        if (why := _doubt(each, None, evidence.public_keys)) is not None:
            witness.doubt(MISMATCH, each, f"outside: {why}")
        elif each.log != head.log:
            witness.doubt(TRUNCATED, each, f"outside: checkpoint {each.number} is of another log, which is gone", 1)
        elif (known := stored.get(each.number)) is not None:
            if checkpoints.digest(known) != checkpoints.digest(each) and each.number in witness.good:
                told = f"outside: checkpoint {each.number} is another one: the log was taken back and went on"
                witness.doubt(FORKED, each, told)
            else:
                witness.good[each.number] = each
        elif each.number > highest:
            told = f"outside: checkpoint {each.number} is not in the database: the log was taken back"
            witness.doubt(TRUNCATED, each, told, min(head.id + 1, each.record))
        elif each.record > floor.record:
            witness.good[each.number] = each
            witness.doubt(MISMATCH, each, _missing(each.number, each.number))


def _doubt(checkpoint: Checkpoint, name: str | None, keys: PublicKeys) -> str | None:
    try:
        checkpoints.check(keys, checkpoint)
    except UnknownKey:
        return f"checkpoint {checkpoint.number} is signed with another key"
    except Tampered:
        return f"checkpoint {checkpoint.number} is not signed by us"
    if name is not None and checkpoint.log != name:
        return f"checkpoint {checkpoint.number} is of another log"
    return None


def _missing(first: int, last: int) -> str:
    return f"checkpoint {first} is missing" if first == last else f"checkpoints {first} to {last} are missing"


def _of_head(head: Head, keeper: Keeper | None) -> list[Fault]:
    if keeper is None:
        return []
    try:
        if keeper.is_sound(head):
            return []
    except (Tampered, UnknownKey):
        return [Fault(head.id, EDITED, head.id, "the key of the head does not open")]
    return [Fault(head.id, TRUNCATED, head.id, "the head of the log was changed")]


def _keys(evidence: Evidence, head: Head) -> Callable[[int], bytes | None]:
    """The key of each epoch, as far as it is known."""
    known: list[bytes] = []
    if evidence.first_key is not None and evidence.first_key[0] == head.log:
        known.append(evidence.first_key[1])
    present = None
    if evidence.keeper is not None:
        with suppress(Tampered, UnknownKey):  # which `_of_head` tells
            present = evidence.keeper.key(head)

    def key(epoch: int) -> bytes | None:
        if known and epoch <= head.epoch:
            while len(known) <= epoch:
                known.append(chain.next_key(known[-1]))
            return known[epoch]
        return present if epoch == head.epoch else None

    return key


def _start(head: Head, good: Sequence[Checkpoint], floor: Base, newest: int | None) -> Base:
    """Behind which record to begin: the oldest that is kept, or a checkpoint that leaves `newest` records."""
    if newest is not None:
        for each in reversed(good):
            if floor.record < each.record <= head.id - newest:
                return Base(each.record, each.link)
    return floor


def _order(checkpoint: Checkpoint) -> int:
    return checkpoint.number
