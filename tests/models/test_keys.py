"""Which key is needed by what, who runs and knows it, and pages of what is sealed, on both engines."""

from pathlib import Path

import models
from models import keys, sessions
from models.conversations import StoredKey, create
from models.db import Database, execute
from models.keys import ALIVE_MILLISECONDS, CONVERSATION_KEYS, SEALED, TOTPS
from tests.models.storage import NOW, draft, opened, rows, session, store
from tests.models.storage import record as a_record

PEOPLE = (1, 2, 3)


async def add_key(
    db: Database, conversation_id: int, pair: tuple[int, int], master: str, wrapped: bytes = b"w"
) -> None:
    await create(db, StoredKey(conversation_id, pair, 1, master, wrapped), NOW)


async def test_who_runs_is_known_with_its_keys_until_it_was_not_seen_for_long(database_url: str) -> None:
    async with opened(database_url) as db:
        await keys.attest(db, "one", {"master": ["k2", "k1"], "bus": ["b1"]})
        await keys.attest(db, "two", {"master": ["k1"], "bus": ["b1"]})
        await keys.attest(db, "two", {"master": ["k1", "k2"], "bus": ["b1"]})
        assert await keys.running(db) == {
            "one": {"master": ["k2", "k1"], "bus": ["b1"]},
            "two": {"master": ["k1", "k2"], "bus": ["b1"]},
        }
        await db.write(
            execute, "UPDATE instances SET seen_at = seen_at - %s WHERE id = 'one'", (ALIVE_MILLISECONDS + 1,)
        )
        assert list(await keys.running(db)) == ["two"]
        await db.write(execute, "UPDATE instances SET seen_at = seen_at - %s", (2 * ALIVE_MILLISECONDS + 1,))
        await keys.attest(db, "three", {"master": ["k1"]})
        assert await rows(db, "SELECT id FROM instances") == [("three",)]
        await keys.attest(db, "four", {"master": ["k1"]})
        await keys.leave(db, "three")
        assert list(await keys.running(db)) == ["four"]


async def test_since_when_a_key_is_current_is_known_from_its_first_sight_and_anew_when_it_is_used(
    database_url: str,
) -> None:
    async with opened(database_url) as db:
        await keys.attest(db, "one", {"master": ["k1", "k0"]})
        await db.write(execute, "UPDATE key_uses SET since = since - 5000")
        await keys.attest(db, "one", {"master": ["k1", "k0"]})
        (age,) = (await keys.uses(db)).values()
        assert 5000 <= age < 5000 + ALIVE_MILLISECONDS
        assert set(await keys.uses(db)) == {("master", "k1")}
        await keys.use(db, "master", "k1")
        await keys.use(db, "master", "k2")
        again = await keys.uses(db)
        assert again["master", "k1"] < 5000
        assert set(again) == {("master", "k1"), ("master", "k2")}


async def test_the_masters_in_use_are_found_without_reading_all_keys(database_url: str) -> None:
    async with opened(database_url, *PEOPLE) as db:
        assert await keys.masters(db) == frozenset()
        for number, (pair, master) in enumerate({(1, 1): "b", (1, 2): "a", (2, 2): "b", (2, 3): "c"}.items()):
            await add_key(db, 10 + number, pair, master)
        await db.write(execute, TOTP, (1, b"seed"))
        assert await keys.masters(db) == {"a", "b", "c", "z"}


TOTP = "INSERT INTO totps (user_id, credential_id, master_id, sealed, created_at) VALUES (%s, 7, 'z', %s, 0)"


async def test_what_hangs_on_each_key_is_counted(database_url: str) -> None:
    async with opened(database_url, *PEOPLE) as db:
        await db.write(execute, "UPDATE users SET password = 'p1$pep$' || password WHERE id < 3")
        await db.write(execute, "UPDATE users SET password = 'p1$.$nobody' WHERE id = 3")
        await add_key(db, 10, (1, 1), "a")
        await add_key(db, 11, (1, 2), "a")
        await db.write(execute, TOTP, (1, b"seed"))
        await db.write(execute, "INSERT INTO tombstones (mac, key_id) VALUES (%s, 't1')", (b"mark",))
        text = "INSERT INTO recovery_codes (user_id, mac, key_id, created_at) VALUES (1, %s, 't2', 0)"
        await db.write(execute, text, (b"code",))
        assert await keys.held(db) == {
            ("master", "a"): {"conversation_keys": 2},
            ("master", "z"): {"totps": 1},
            ("pepper", "pep"): {"passwords": 2},
            ("token", "t1"): {"tombstones": 1},
            ("token", "t2"): {"recovery codes": 1},
        }


async def test_sessions_that_began_before_a_key_are_counted_while_they_live(database_url: str) -> None:
    async with opened(database_url, 1) as db:
        for number, changes in enumerate(({}, {"created_at": NOW + 5}, {"expires_at": NOW - 1})):
            new = session(100 + number, **changes)
            await sessions.create(db, new, password_version=0, most=9, record=a_record())
        assert await keys.older_sessions(db, now=NOW, before=NOW + 1) == 1
        assert await keys.older_sessions(db, now=NOW, before=NOW) == 0


async def test_pages_go_through_a_table_once_and_leave_out_what_one_master_seals(database_url: str) -> None:
    async with opened(database_url, *PEOPLE) as db:
        for number, (pair, master) in enumerate({(1, 1): "b", (1, 2): "a", (2, 2): "b", (2, 3): "c"}.items()):
            await add_key(db, 10 + number, pair, master, b"w%d" % number)
        first = await keys.page(db, CONVERSATION_KEYS, None, limit=3)
        rest = await keys.page(db, CONVERSATION_KEYS, first[-1][:2], limit=3)
        assert [*first, *rest] == [
            (10, 1, 1, 1, "b", b"w0"),
            (11, 1, 1, 2, "a", b"w1"),
            (12, 1, 2, 2, "b", b"w2"),
            (13, 1, 2, 3, "c", b"w3"),
        ]
        assert [row[0] for row in await keys.page(db, CONVERSATION_KEYS, None, limit=9, unless="b")] == [11, 13]
        await db.write(execute, TOTP, (2, b"seed"))
        assert await keys.page(db, TOTPS, None, limit=9) == [(2, 7, "z", b"seed")]
        assert await keys.page(db, TOTPS, None, limit=9, unless="z") == []


async def test_a_row_is_put_back_only_if_it_is_as_it_was_read(database_url: str) -> None:
    async with opened(database_url, *PEOPLE) as db:
        await add_key(db, 10, (1, 1), "a", b"old")
        await add_key(db, 11, (1, 2), "a", b"old")
        changes = [("b", b"new", 10, 1, b"old"), ("b", b"new", 11, 1, b"other")]
        assert await keys.put(db, CONVERSATION_KEYS, changes) == 1
        found = await keys.page(db, CONVERSATION_KEYS, None, limit=9)
        assert [row[-2:] for row in found] == [("b", b"new"), ("a", b"old")]
        assert await keys.put(db, CONVERSATION_KEYS, []) == 0


async def test_messages_come_by_id_without_those_that_are_gone(database_url: str) -> None:
    async with opened(database_url, *PEOPLE) as db:
        stored = await store(db, draft(1, 2), draft(2, 3), draft(1, 1))
        await db.write(execute, "UPDATE messages SET body = NULL WHERE id = %s", (stored[1].message_id,))
        assert [each.id for each in await keys.messages_after(db, 0, limit=9)] == [
            stored[0].message_id,
            stored[2].message_id,
        ]
        assert await keys.messages_after(db, stored[2].message_id, limit=9) == []


def test_every_table_that_names_a_master_key_is_rotated() -> None:
    """A new table with a `master_id` must be a row of SEALED, or its rows would be left behind."""
    text = "".join(path.read_text() for path in (Path(models.__file__).parent / "migrations").glob("0*.py"))
    tables = {part.split()[0] for part in text.split("CREATE TABLE ")[1:] if "master_id TEXT" in part.split('"""')[0]}
    assert tables == {table.name for table in SEALED}
