"""Somebody holds a lock in the database and does not let go: nothing is lost or doubled, and the rest goes on."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest

from tests.adversary.attacker import Plundered, Store, Target
from tests.instances import Instance

PATIENCE_SECONDS = 20.0


@pytest.fixture
def target(victim_on_postgresql: Instance) -> Plundered:
    """On SQLite there is one lock for all, and whoever has the file has everything."""
    url = victim_on_postgresql.environment["DATABASE_URL"]
    return Plundered(victim_on_postgresql, victim_on_postgresql, store=Store(url))


def until_somebody_waits(target: Plundered) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while target.store.run(asked) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def goes_on(target: Target, name: str) -> None:
    """What needs no lock of theirs."""
    someone = target.join()
    assert target.ask("GET", "/api/users/me/", token=someone.token).status == 200
    assert target.ask("GET", "/api/auth/messages/", token=someone.token).status == 200
    assert target.ask("GET", f"/api/auth/check-username/?username={name}").json == {"exists": True}
    assert target.ask("GET", "/readyz").status == 200


def test_a_holder_that_is_killed_costs_a_wait_and_no_message(target: Plundered) -> None:
    alice, bob = target.join(), target.join()
    body = {"recipient": bob.name, "content": "once", "client_id": str(uuid4())}
    target.send(alice, bob, "the first, so that there is a conversation")
    with (
        closing(psycopg2.connect(target.store.url)) as holder,
        ThreadPoolExecutor(2) as pool,
        holder.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_backend_pid()")
        ((pid,),) = cursor.fetchall()
        cursor.execute("SELECT * FROM heads WHERE user_id = %s FOR UPDATE", (target.id_of(bob),))
        waiting = [pool.submit(target.ask, "POST", "/api/auth/send/", body, token=alice.token) for _ in range(2)]
        until_somebody_waits(target)
        goes_on(target, bob.name)
        assert not any(each.done() for each in waiting)
        target.store.run("SELECT pg_terminate_backend(?)", pid)
        assert sorted(each.result().status for each in waiting) == [200, 201]
    newest, _ = target.ask("GET", "/api/auth/messages/", token=bob.token).json
    assert newest["content"] == "once"
