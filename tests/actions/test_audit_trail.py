"""Following the log in memory: tampering by the thousand, and how a fault is told. See test_audit_checks.py."""

from actions.audit_keeper import Keeper, entry_of
from actions.audit_trail import EDITED, INSERTED, MISSING, MOST_FAULTS, TRUNCATED, Base, Fault, Trail
from crypto import chain
from crypto.keyring import Ring, make_key
from models.audit import Head, Record, Stored

KEEPER = Keeper(lambda: RING)
RING = Ring((make_key(),))


def log_of(count: int) -> tuple[Head, list[Stored]]:
    head, rows = KEEPER.begin(), []
    for number in range(1, count + 1):
        sealed = KEEPER.seal(head.log, number, Record(number, "login"), None)
        row = Stored(number, number, None, sealed, "login", "ok", "", "", "", 0, head.link, b"", b"")
        links = KEEPER.chain(head, row)
        rows.append(row._replace(link=links.link, mac=links.mac))
        head = head._replace(id=number, link=links.link, mac=links.head_mac)
    return head, rows


def followed(head: Head, rows: list[Stored], *, key: bool = True) -> list[Fault]:
    trail = Trail(head.log, Base(0, chain.NO_LINK), 0, (), lambda epoch: KEEPER.key(head) if key else None)
    trail.follow(rows)
    return trail.end(head, [])


def test_a_log_that_nobody_touched_has_no_fault() -> None:
    assert followed(*log_of(50)) == []
    assert followed(*log_of(0)) == []


def test_neighbouring_faults_are_told_as_one() -> None:
    head, rows = log_of(20)
    assert followed(head, [*rows[:4], *rows[9:]]) == [Fault(5, MISSING, 9)]
    assert followed(head, rows[:15])[0].line().startswith("truncated: records 16 to 20")
    assert Fault(5, EDITED, 5, "why").line() == "edited: record 5: why"


def test_thousands_of_faults_are_told_up_to_a_bound() -> None:
    head, rows = log_of(3 * MOST_FAULTS)
    found = followed(head, [row._replace(reason="x") for row in rows])
    assert len(found) == MOST_FAULTS
    assert {fault.kind for fault in found} == {EDITED}


def test_a_number_that_is_far_away_takes_no_memory() -> None:
    head, rows = log_of(5)
    far = rows[4]._replace(id=10**15)
    forged = far._replace(link=chain.link(_entry(head.log, far)))
    found = followed(head._replace(id=10**15), [*rows[:4], forged], key=False)
    assert found[0] == Fault(5, MISSING, 10**15 - 1)


def test_what_no_record_can_hold_is_not_genuine() -> None:
    head, rows = log_of(3)
    found = followed(head, [rows[0], rows[1]._replace(at=-1), rows[2]])
    assert [(fault.kind, fault.first) for fault in found] == [(EDITED, 2)]


def test_two_insertions_and_a_deletion_are_told_apart() -> None:
    head, rows = log_of(12)
    strange = [rows[2]._replace(id=4, reason="x"), rows[2]._replace(id=5, reason="y")]
    moved = [row._replace(id=row.id + 2) for row in rows[3:8]] + [row._replace(id=row.id + 1) for row in rows[9:]]
    found = followed(head, [*rows[:3], *strange, *moved[:-1]])
    assert {(fault.kind, fault.first) for fault in found} >= {(INSERTED, 4), (INSERTED, 5), (MISSING, 9)}
    assert (TRUNCATED, 12) in {(fault.kind, fault.first) for fault in found}


def _entry(log: str, row: Stored) -> chain.Entry:
    return entry_of(log, row, row.id)
