"""The writer and a connection that breaks: stored exactly once, and whoever waits hears the truth."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import peewee
import psycopg2
import pytest

from models import writer as module
from models.db import Engine, Unavailable, execute
from models.drafts import Stored
from models.writer import Writer
from tests.models.storage import (
    SECONDS,
    around_commits,
    assert_sound,
    draft,
    insist,
    lost_answers,
    opened,
    rows,
    store,
    timeline,
    writing,
)
from tests.servers import PostgresServer

CLIENT = b"0123456789abcdef"
LOCK = 1
# Lets a commit that stores a message wait until the test lets go of the lock.
SLOW_COMMIT = (
    "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END $$;"
    " CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION wait()"
)
# Waits inside the server until somebody waits for the lock; ends that backend.
KILL_WHO_COMMITS = f"""DO $$ DECLARE waiting integer; BEGIN
    LOOP
        SELECT pid INTO waiting FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
        EXIT WHEN waiting IS NOT NULL;
    END LOOP;
    PERFORM pg_terminate_backend(waiting, 10000);
END $$"""


async def test_a_commit_whose_answer_is_lost_stores_once_and_is_no_duplicate(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await store(db, draft(2, 1))
        with lost_answers(db.engine) as lost:
            to_other, note = await store(db, draft(1, 2), draft(1, 1))
        assert lost
        assert (to_other.duplicate, to_other.positions) == (None, ((1, 2), (2, 2)))
        assert (note.duplicate, note.positions) == (None, ((1, 3),))
        await assert_sound(db, [1, 2])


async def test_a_repeat_beside_a_lost_answer_is_a_duplicate(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        (old,) = await store(db, draft(1, 2, client_id=CLIENT))
        new = b"f" * 16
        with lost_answers(db.engine, times=2) as lost:
            first, again, older = await store(
                db, draft(1, 2, client_id=new), draft(1, 2, client_id=new), draft(1, 2, client_id=CLIENT)
            )
        assert len(lost) == 2
        assert (first.duplicate, first.positions) == (None, ((1, 2), (2, 2)))
        assert (again.duplicate.id, again.positions) == (first.message_id, ((1, 2),))
        assert older.duplicate.id == old.message_id
        await assert_sound(db, [1, 2])


async def test_a_connection_that_breaks_before_the_commit_costs_nothing(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        with broken_commits(db.engine, times=2) as broken:
            (stored,) = await store(db, draft(1, 2))
        assert len(broken) == 2
        assert stored == Stored(stored.message_id, ((1, 1), (2, 1)), None)
        await assert_sound(db, [1, 2])


async def test_when_it_stays_broken_the_waiters_are_told_and_the_next_are_stored(
    database_url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", (0, 0))
    async with opened(database_url, 1, 2) as db, writing(db) as writer:
        with broken_commits(db.engine, times=3) as broken:
            outcomes = await asyncio.gather(*(writer.add(draft(1, 2)) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in outcomes] == [Unavailable] * 3
        assert len(broken) == 3
        assert (await writer.add(draft(1, 2))).positions == ((1, 1), (2, 1))
        await assert_sound(db, [1, 2])


async def test_what_is_not_over_in_seconds_is_told_at_once(postgres_url) -> None:
    """A database that only reads cannot have stored it: there is nothing to wait for, and nothing to look up."""
    async with opened(postgres_url, 1, 2) as db, writing(db) as writer:
        await db.write_batch(execute, "SET default_transaction_read_only = on")
        tries: list[object] = []
        with around_commits(db.engine, lambda commit: (tries.append(1), commit())[1]):
            with pytest.raises(Unavailable):
                await writer.add(draft(1, 2))
            assert tries == [1]
            # The connection was closed with the failure; the next one may write.
            assert (await writer.add(draft(1, 2))).positions == ((1, 1), (2, 1))
        await assert_sound(db, [1, 2])


async def test_a_backend_that_is_killed_while_it_commits_stores_once(postgres_url) -> None:
    async with opened(postgres_url, 1, 2) as db:
        await db.write(execute, SLOW_COMMIT)
        connection = psycopg2.connect(postgres_url)
        connection.autocommit = True
        connection.cursor().execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        async with writing(db) as writer:
            sending = writer.add(draft(1, 2))
            await asyncio.wait_for(db.read(execute, KILL_WHO_COMMITS), SECONDS)
            connection.close()  # lets go of the lock: the next commit does not wait
            stored = await asyncio.wait_for(sending, SECONDS)
        assert (stored.duplicate, stored.positions) == (None, ((1, 1), (2, 1)))
        assert len(await rows(db, "SELECT id FROM messages")) == 1
        await assert_sound(db, [1, 2])


async def test_a_server_that_crashes_under_load_loses_nothing_it_acknowledged(own_postgres: PostgresServer) -> None:
    people = [1, 2, 3, 4]
    acknowledged: dict[bytes, Stored] = {}
    enough = {count: asyncio.Event() for count in (50, 150, 400)}

    async def talk(writer: Writer, sender: int) -> None:
        while not enough[400].is_set():
            wanted = draft(sender, people[len(acknowledged) % len(people)])
            acknowledged[wanted.client_id] = await insist(writer, wanted)
            for count, event in enough.items():
                if len(acknowledged) >= count:
                    event.set()

    async with opened(own_postgres.create_database(), *people) as db, writing(db) as writer:
        talking = [asyncio.create_task(talk(writer, sender)) for sender in people * 3]
        for count in (50, 150):
            await asyncio.wait_for(enough[count].wait(), SECONDS)
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.to_thread(own_postgres.start)
        await asyncio.wait_for(asyncio.gather(*talking), SECONDS)
        stored = {
            bytes(client_id): message_id
            for message_id, client_id in await rows(db, "SELECT id, client_id FROM messages")
        }
        assert stored == {client_id: each.message_id for client_id, each in acknowledged.items()}
        logs = {(user, position): message for user in people for position, _, message in await timeline(db, user)}
        for each in acknowledged.values():
            assert all(logs[place] == each.message_id for place in each.positions)
        await assert_sound(db, people)


@contextmanager
def broken_commits(engine: Engine, times: int) -> Iterator[list[int]]:
    """The next commits do not happen: their connection breaks first."""
    happened: list[int] = []

    def break_or(commit: Callable[[], object]) -> object:
        if len(happened) < times:
            happened.append(1)
            raise peewee.OperationalError("server closed the connection unexpectedly")
        return commit()

    with around_commits(engine, break_or):
        yield happened
