"""Every list and every check is an index scan, on both engines, in a database of a realistic size."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from models import batch_at_once
from models.batch import write
from models.db import Database, Engine, execute, fetch, is_postgres, rows_of_marks
from models.writer import MOST_IN_BATCH
from tests.models.drives import DRIVES, SOME
from tests.models.storage import NOW, draft, opened

PEOPLE = 10_000
PARTS = 40
OLD_PARTS = 4
NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"
# The person of whom everything is asked talks with very many.
FRIENDS = 300
BIG = {
    "users",
    "heads",
    "sessions",
    "tickets",
    "conversations",
    "members",
    "conversation_keys",
    "messages",
    "timelines",
    "receipts",
    "blocks",
    "mutes",
    "push_subscriptions",
}
# What the commands for the keys ask, they ask of everything there is; `scrub` reads nothing.
UNPLANNED = {"migrate", "audit", "audit_log", "facts", "checkup", "keys"}
DRIVEN = [name for name in DRIVES if name.partition(".")[0] not in UNPLANNED and name != "erasure.scrub"]
# These sort more than two pages, and have to: they put all the conversations of one person in order.
SORTS_FRIENDS = {"conversations.newest_of", "conversations.newest_of unread", "presence.circles_of"}
# This looks at all of them, and drops those in which all is read; of those in which little is, PostgreSQL tells one.
LOOKS_AT_FRIENDS = {"conversations.newest_of unread"}


@dataclass
class Plan:
    """What the engine does for one statement: the tables it reads whole, and how many rows it sorts."""

    statement: str
    whole: list[str] = field(default_factory=list)
    sorted: list[int] = field(default_factory=list)
    dropped: int = 0


Plans = dict[str, list[Plan]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def plans(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plans]:
    """The plans of the statements of each function, in a database that is filled once."""
    if request.param == "sqlite":
        yield asyncio.run(_plans(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'recado.db'}"))
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield asyncio.run(_plans(url))
    server.drop_database(url)


@pytest.mark.parametrize("name", DRIVEN)
def test_no_large_table_is_read_whole(plans: Plans, name: str) -> None:
    assert plans[name], "it ran no statement"
    assert [plan.statement for plan in plans[name] if set(plan.whole) & BIG] == []


@pytest.mark.parametrize("name", DRIVEN)
def test_no_more_is_sorted_than_two_pages(plans: Plans, name: str) -> None:
    most = FRIENDS if name in SORTS_FRIENDS else 2 * SOME
    batches = [plan for plan in plans[name] if plan.statement.startswith("EXECUTE")]  # sort what was sent, no more
    others = [plan for plan in plans[name] if plan not in batches]
    assert [plan.statement for plan in others if any(rows > most for rows in plan.sorted)] == []
    assert all(rows <= 2 * MOST_IN_BATCH for plan in batches for rows in plan.sorted)


@pytest.mark.parametrize("name", DRIVEN)
def test_few_rows_are_looked_at_in_vain(plans: Plans, name: str) -> None:
    most = 2 * FRIENDS if name in LOOKS_AT_FRIENDS else SOME
    assert [plan.statement for plan in plans[name] if plan.dropped > most] == []


def test_a_plan_without_an_index_is_noticed(plans: Plans) -> None:
    (plan,) = plans["without an index"]
    assert plan.whole == ["messages"]
    assert plan.sorted


async def _plans(url: str) -> Plans:
    async with opened(url) as db:
        await db.write(_fill_people)
        for part in range(PARTS):
            await db.write(_fill_messages, part)
        await db.read(execute, "ANALYZE")
        message = (await db.read(fetch, "SELECT id FROM messages WHERE sender_id = 1 ORDER BY id DESC LIMIT 1"))[0][0]
        found: Plans = {}
        for name in DRIVEN:
            with _noted(db) as statements:
                await DRIVES[name](db, message - 10 * SOME)
            # Explained afterwards, as what it would do now: rolled back.
            found[name] = [await db.read(_explain, text, params) for text, params in statements]
        unaided = "SELECT id FROM messages WHERE sent_at > 1 ORDER BY revision"
        found["without an index"] = [await db.read(_explain, unaided, ())]
        return found


def _fill_people(engine: Engine) -> None:
    for table, select, *values in [
        ("users", "n, 'person' || n, 'person' || n, 'p1$hash', 0, NULL, TRUE, TRUE, NULL, NULL, NULL, 0 FROM numbers"),
        ("looks", "'person' || n, n FROM numbers"),
        ("heads", "n, 0, 0, 0, 0 FROM numbers"),
        (
            "sessions",
            "n, n, 0, n, 0, %s, %s, '', '', 1, 0, %s, NULL, NULL, NULL, 0, %s FROM numbers",
            NOW + 9,
            NOW + 9,
            b"mac",
            b"seal",
        ),
        (
            "push_subscriptions",
            "n, n, CAST('mark ' || n AS {blob}), 'm1', %s, 'p1', 0, 1000000, NULL, 0, 0, 0 FROM numbers",
            b"sealed",
        ),
        # The first person talks with many, everybody else with one or two.
        ("conversations", "1000000 + n, 1, n, 0 FROM numbers WHERE n < %s", FRIENDS),
        ("conversations", "n * 1000000 + n + 1, n, n + 1, 0 FROM numbers WHERE n > 1"),
        ("members", "pair_low, id, 0, 0, NULL FROM conversations"),
        (
            "members",
            "pair_high, id, 0, 0, NULL FROM conversations WHERE pair_high <> pair_low AND pair_high <= %s",
            PEOPLE,
        ),
        ("blocks", "2, n, 0 FROM numbers WHERE n > %s", PEOPLE // 2),
        ("mutes", "2, n, 0 FROM numbers WHERE n > %s", PEOPLE // 2),
        ("receipts", "%s, 1 + n - n / 2 * 2, 5 + n - n / 2 * 2, n, n FROM numbers", draft(1, 2).conversation_id),
        ("conversation_keys", "id, 1, 'master', %s FROM conversations", b"wrapped"),
    ]:
        blob = "BYTEA" if is_postgres(engine) else "BLOB"
        text = f"INSERT INTO {table} {NUMBERS} SELECT {select.replace('{blob}', blob)}"
        execute(engine, text, (PEOPLE, *values))
    tickets = [(b"%d" % number, number, NOW + number) for number in range(5_000)]
    text = "INSERT INTO tickets VALUES " + rows_of_marks(len(tickets), 3)
    execute(engine, text, [value for row in tickets for value in row])


def _fill_messages(engine: Engine, part: int) -> None:
    chance = random.Random(part)
    drafts = []
    for number in range(500):
        other = chance.randrange(2, FRIENDS)
        # What the first person wrote and got is old: whoever seeks it from the newest end would read all.
        mine = [(1, other), (other, 1), (1, 2), (2, 1), (1, 1)]
        pair = mine[number % 5] if part < OLD_PARTS else (other + FRIENDS, other + FRIENDS + 1)
        # A few are due now, more later, most never.
        expiry = [NOW, NOW + 1000][number % 2] if number % 100 < 4 else None
        drafts.append(draft(*pair, expires_at=expiry))
    write(engine, drafts, careful=False)


@contextmanager
def _noted(db: Database) -> Iterator[list[tuple[str, Any]]]:
    statements: list[tuple[str, Any]] = []

    def note(event: Any) -> None:
        if event.sql.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "INSERT", "EXECUTE")):
            statements.append((event.sql, event.params))

    db.engine.query_hooks.append(note)
    try:
        yield statements
    finally:
        db.engine.query_hooks.remove(note)


def _explain(engine: Engine, text: str, params: Any) -> Plan:
    plan = Plan(text)
    if not is_postgres(engine):
        for row in engine.execute_sql(f"EXPLAIN QUERY PLAN {text}", params).fetchall():
            _read_sqlite(plan, row[3])
        if plan.sorted:
            plan.sorted = [_sorted_by_sqlite(engine, text, params)]
        return plan
    if text.startswith("EXECUTE"):
        batch_at_once.prepare(engine)
    engine.begin()
    try:
        engine.execute_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        for statement, param in zip(text.split("; "), _shares(text, params), strict=True):
            if not text.startswith("INSERT"):
                # What inserts cannot be done once more: only what is planned is known of it.
                inserts = "INSERT INTO" in text or text.startswith("EXECUTE")
                options = "FORMAT JSON" if inserts else "ANALYZE, FORMAT JSON"
                answer = engine.execute_sql(f"EXPLAIN ({options}) {statement}", param).fetchall()[0][0]
                _read_postgres(plan, (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"])
    finally:
        engine.rollback()
    return plan


def _shares(text: str, params: Any) -> list[Any]:
    """The values of each of the statements that are divided by `; `."""
    values = list(params or ())
    return [[values.pop(0) for _ in range(one.count("%s"))] for one in text.split("; ")]


def _read_sqlite(plan: Plan, detail: str) -> None:
    words = detail.split()
    if words[0] == "SCAN" and words[1] not in {"newest", "page", "sent", "received", "v", "CONSTANT"}:
        plan.whole.append(_ALIASES.get(words[1], words[1]))
    if "TEMP B-TREE FOR" in detail:
        plan.sorted.append(-1)


_ALIASES = {
    "m": "messages",
    "g": "messages",
    "s": "sessions",
    "u": "users",
    "c": "conversations",
    "k": "conversation_keys",
    "p": "users",
    "me": "users",
    "b": "blocks",
}


def _sorted_by_sqlite(engine: Engine, text: str, params: Any) -> int:
    """How many rows go into the one sort: those of the statement without its last limit."""
    if text.endswith("LIMIT ?"):
        text, params = text.removesuffix("LIMIT ?"), params[:-1]
    return len(engine.execute_sql(text, params).fetchall())


def _read_postgres(plan: Plan, node: dict[str, Any]) -> None:
    if node["Node Type"] == "Seq Scan":
        plan.whole.append(node["Relation Name"])
    if node["Node Type"] in {"Sort", "Incremental Sort"}:
        below = node["Plans"][0]
        plan.sorted.append(below.get("Actual Rows", below["Plan Rows"]) * below.get("Actual Loops", 1))
    removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
    plan.dropped += removed * node.get("Actual Loops", 1)
    for inner in node.get("Plans", []):
        _read_postgres(plan, inner)
