"""Sessions: a refresh family turns by compare-and-swap, a ticket is good once, too many devices push out the oldest."""

import asyncio
from itertools import chain

import pytest

from models import sessions
from models.db import execute
from tests.models.storage import NOW, opened, record, rows, session

MANY = 50


async def add(db, *session_ids: int, most: int = 99, **changes: object) -> list[int]:
    """Make these sessions, one after the other; the ids of those that they pushed out."""
    evicted = []
    for session_id in session_ids:
        evicted += await sessions.create(
            db, session(session_id, **changes), password_version=0, most=most, record=record()
        )
    return evicted


def rotate(db, read: sessions.Session, child: bytes):
    return sessions.rotate(
        db, read, parent_mac=read.refresh_mac, refresh_mac=child, now=NOW + 5, idle_expires_at=NOW + 1500
    )


async def test_a_session_is_kept_as_it_began_and_recorded(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 2**53 - 1, device="Firefox ✓", refresh_mac=b"\x00\xff")
        expected = session(2**53 - 1, device="Firefox ✓", refresh_mac=b"\x00\xff")
        assert await sessions.by_id(db, 2**53 - 1) == expected
        assert await sessions.by_id(db, 5) is None
        assert await rows(db, "SELECT action FROM audit WHERE action = 'login'") == [("login",)]


async def test_rotation_makes_the_newest_token_the_parent(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7)
        assert await rotate(db, session(7), b"second")
        found = await sessions.by_id(db, 7)
        expected = session(
            7, generation=2, parent_mac=b"first", refresh_mac=b"second", used_at=NOW + 5, idle_expires_at=NOW + 1500
        )
        assert found == expected


async def test_of_fifty_rotations_at_once_one_succeeds(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await add(db, 7)
        turns = await asyncio.gather(*(rotate([db, other][n % 2], session(7), b"%d" % n) for n in range(MANY)))
        assert turns.count(True) == 1
        found = await sessions.by_id(db, 7)
        assert (found.generation, found.refresh_mac) == (2, b"%d" % turns.index(True))


async def test_what_is_not_as_it_was_read_does_not_rotate(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7)
        assert not await rotate(db, session(8), b"second")
        assert not await rotate(db, session(7, generation=2), b"second")
        assert not await rotate(db, session(7, refresh_mac=b"other"), b"second")
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        assert not await rotate(db, session(7), b"second")


async def test_a_confirmation_never_goes_back(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7)
        for generation in (2, 1, 3, 2):
            await sessions.confirm(db, 7, generation)
        assert (await sessions.by_id(db, 7)).confirmed == 3


async def test_a_session_ends_once_and_its_end_is_recorded_once(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db:
        await add(db, 7)
        ends = await asyncio.gather(
            *(sessions.end(db, 7, now=NOW + n, reason=f"{n}", record=record("logout")) for n in range(8))
        )
        assert ends.count(True) == 1
        assert await rows(db, "SELECT ended_at, ended_reason FROM sessions") == [
            (NOW + ends.index(True), f"{ends.index(True)}")
        ]
        assert len(await rows(db, "SELECT 1 FROM audit WHERE action = 'logout'")) == 1


async def test_the_least_used_session_makes_room(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        assert await add(db, 7, 8, 9, most=3) == []
        await add(db, 20, user_id=2)
        await db.write(execute, "UPDATE sessions SET used_at = used_at + 1 WHERE id IN (7, 9)")
        assert await add(db, 10, most=3) == [8]
        assert (await sessions.by_id(db, 8)).ended_at == NOW
        assert await sessions.alive_of(db, [7, 8, 9, 10, 20], NOW) == {7, 9, 10, 20}
        # A smaller limit since then: all that are too many go.
        assert set(await add(db, 11, most=1)) == {7, 9, 10}


async def test_of_many_who_sign_in_at_once_no_more_stay_than_may(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        evicted = await asyncio.gather(*(add([db, other][n % 2], 100 + n, most=3) for n in range(20)))
        alive = await sessions.alive_of(db, range(100, 120), NOW)
        assert len(alive) == 3
        assert sorted(chain.from_iterable(evicted)) == sorted(set(range(100, 120)) - alive)


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"expires_at": NOW + 1}, NOW + 1),
        ({"idle_expires_at": NOW + 1}, NOW + 1),
    ],
)
async def test_a_session_that_has_run_out_is_not_alive(database_url, changes: dict[str, int], now: int) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7, **changes)
        await add(db, 8)
        assert await sessions.alive_of(db, [7, 8, 9], now) == {8}
        assert [(await sessions.by_id(db, each)).is_alive(now) for each in (7, 8)] == [False, True]
        assert (await sessions.by_id(db, 7)).is_alive(now - 1)


async def test_nobody_acts_in_the_name_of_somebody_who_is_disabled(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, 7)
        await add(db, 8, user_id=2)
        await db.write(execute, "UPDATE users SET disabled_at = 1 WHERE id = 1")
        assert await sessions.alive_of(db, [7, 8], NOW) == {8}
        assert not (await sessions.by_id(db, 7)).is_alive(NOW)


async def test_any_number_of_sessions_can_be_looked_at(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7, 1100)
        assert await sessions.alive_of(db, range(1, 1200), NOW) == {7, 1100}
        assert await sessions.alive_of(db, [], NOW) == set()


async def test_a_ticket_is_good_once_among_fifty_who_show_it(database_url) -> None:
    async with opened(database_url, 1, threads=4) as db, opened(database_url, threads=4) as other:
        await sessions.add_ticket(db, mac=b"\x00ticket", session_id=7, expires_at=NOW + 1, now=NOW)
        taken = await asyncio.gather(
            *(sessions.take_ticket([db, other][n % 2], mac=b"\x00ticket", now=NOW) for n in range(MANY))
        )
        assert sorted(taken, key=str) == [7] + [None] * (MANY - 1)


async def test_a_ticket_that_is_old_or_unknown_is_good_for_nothing_and_is_forgotten(database_url) -> None:
    async with opened(database_url) as db:
        for number in range(3):
            await sessions.add_ticket(db, mac=b"%d" % number, session_id=7, expires_at=NOW + 1, now=NOW)
        assert await sessions.take_ticket(db, mac=b"other", now=NOW) is None
        assert await sessions.take_ticket(db, mac=b"0", now=NOW + 1) is None
        assert await sessions.take_ticket(db, mac=b"0", now=NOW) is None
        await sessions.add_ticket(db, mac=b"new", session_id=7, expires_at=NOW + 9, now=NOW + 2)
        assert [bytes(mac) for (mac,) in await rows(db, "SELECT mac FROM tickets")] == [b"new"]


async def test_many_who_ask_for_tickets_at_once_all_get_one(database_url) -> None:
    async with opened(database_url, threads=4) as db, opened(database_url, threads=4) as other:
        for old in range(50):
            await sessions.add_ticket(db, mac=b"old%d" % old, session_id=1, expires_at=NOW - old, now=0)
        await asyncio.gather(
            *(
                sessions.add_ticket([db, other][n % 2], mac=b"%d" % n, session_id=n, expires_at=NOW + 9, now=NOW)
                for n in range(MANY)
            )
        )
        assert [await sessions.take_ticket(db, mac=b"%d" % n, now=NOW) for n in range(MANY)] == list(range(MANY))


async def test_what_has_ended_has_lost_what_could_bring_it_back(database_url) -> None:
    """Whoever takes the ending back in the database still has no fingerprint and no seal."""
    async with opened(database_url, 1, 2) as db:
        await add(db, 7, 8, seal=b"seal", parent_mac=None)
        await add(db, 9, user_id=2, seal=b"seal")
        assert await rotate(db, await sessions.by_id(db, 7), b"second")
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        assert await sessions.end_of(db, 1, except_id=None, now=NOW, reason="revoked", record=record()) == [8]
        await add(db, 10, user_id=2, most=1, seal=b"seal")  # pushes 9 out
        gone = await rows(
            db, "SELECT id, refresh_mac, parent_mac, seal FROM sessions WHERE ended_at = %s ORDER BY id", NOW
        )
        assert [(row[0], bytes(row[1]), row[2], bytes(row[3])) for row in gone] == [
            (number, b"", None, b"") for number in (7, 8, 9)
        ]
        assert (await sessions.by_id(db, 10)).seal == b"seal"


async def test_all_of_a_persons_sessions_end_less_one(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, 7, 8, 9)
        await add(db, 20, user_id=2)
        ended = await sessions.end_of(db, 1, except_id=8, now=NOW, reason="revoked", record=record("sessions_end"))
        assert sorted(ended) == [7, 9]
        again = await sessions.end_of(db, 1, except_id=8, now=NOW, reason="revoked", record=record("sessions_end"))
        assert again == []
        assert await sessions.alive_of(db, [7, 8, 9, 20], NOW) == {8, 20}
        assert len(await rows(db, "SELECT 1 FROM audit WHERE action = 'sessions_end'")) == 2


async def test_a_persons_list_holds_what_lives_the_last_used_first(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, 7, 8, 9, 10)
        await add(db, 20, user_id=2)
        await db.write(execute, "UPDATE sessions SET used_at = used_at + id WHERE id <> 8")
        await db.write(execute, "UPDATE sessions SET idle_expires_at = 5 WHERE id = 9")
        await sessions.end(db, 10, now=NOW, reason="logout", record=record())
        assert [each.id for each in await sessions.of_user(db, 1, NOW)] == [7, 8]
        assert await sessions.of_user(db, 1, NOW + 1000) == []
        assert [each.username for each in await sessions.of_user(db, 2, NOW)] == ["person2"]


async def test_endings_are_found_by_their_time(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await add(db, 7, 8)
        await add(db, 20, user_id=2)
        assert await sessions.ended_since(db, 0) == []
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        await sessions.end(db, 20, now=NOW + 5, reason="logout", record=record())
        assert sorted(await sessions.ended_since(db, NOW - 1)) == [(7, 1), (20, 2)]
        assert await sessions.ended_since(db, NOW) == [(20, 2)]


async def test_a_proof_is_noted_as_long_as_the_session_lives(database_url) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7)
        assert await sessions.renew(db, 7, auth_time=NOW + 9, seal=b"fresh", record=record("step_up"))
        found = await sessions.by_id(db, 7)
        assert (found.auth_time, found.seal) == (NOW + 9, b"fresh")
        await sessions.end(db, 7, now=NOW, reason="logout", record=record())
        assert not await sessions.renew(db, 7, auth_time=NOW + 10, seal=b"fresh", record=record("step_up"))
        assert len(await rows(db, "SELECT 1 FROM audit WHERE action = 'step_up'")) == 1


@pytest.mark.parametrize("change", ["password_version = 1", "disabled_at = 1"])
async def test_no_session_begins_by_a_password_that_was_changed_meanwhile(database_url, change: str) -> None:
    async with opened(database_url, 1) as db:
        await add(db, 7)
        await db.write(execute, f"UPDATE users SET {change}")
        with pytest.raises(sessions.Overtaken):
            await add(db, 8, most=1)
        assert await sessions.by_id(db, 8) is None
        assert (await sessions.by_id(db, 7)).ended_at is None  # and none was pushed out
