"""What PostgreSQL does for the statements behind a call: how it finds the rows, and how many pages it looks at.

The very actions that serve the call are run in this process against the same database, with empty memory; each
statement they run is noted, and then explained as it is, with its values and the settings of the server's sessions.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions import sessions
from actions.app import App, Caller, Origin
from models.db import Database, fetch
from settings import load
from wiring.build import build_app, load_keys, open_database

ROOT = Path(__file__).resolve().parents[1]
HERE = Origin("bench", "127.0.0.1", "127.0.0.0/24")
ON_AN_INDEX = frozenset({"Index Scan", "Index Only Scan"})
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
# So small that nobody asks how they are read.
SMALL_TABLES = frozenset({"facts", "schema_checksum", "migration_history"})

Ask = Callable[[App, Caller], Awaitable[object]]
Statement = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of all statements of one call: how many, the pages they touch, and the scans that use no index, by table."""

    statements: int
    pages: int
    other_scans: tuple[str, ...]


async def costs(environment: Mapping[str, str], asked: Mapping[str, tuple[str, Ask]]) -> dict[str, Cost]:
    """Case → what it costs. `environment`: a server's; `asked`: case → whose access token, and what is done."""
    alone = {name: value for name, value in environment.items() if name != "REDIS_URL"}
    settings = load(alone, ROOT / "settings.toml")
    db = await open_database(settings)
    try:
        keys = await load_keys(settings, alone, db)
        found = {}
        for case, (token, ask) in asked.items():
            app = build_app(settings, db, keys)  # afresh: what is remembered is not asked for
            with _noted(db) as statements:
                await ask(app, await sessions.authenticate(app, token, HERE))
            app.hashing.close()
            found[case] = cost_of([await _plan(db, statement) for statement in statements])
        return found
    finally:
        await db.close()


def cost_of(plans: Sequence[Mapping[str, Any]]) -> Cost:
    """The sum of these plans (the nodes at the top of `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)`)."""
    nodes = [node for plan in plans for node in nodes_of(plan)]
    scans = [f"{node['Node Type']} on {node['Relation Name']}" for node in nodes if _is_other_scan(node)]
    # A node's count holds those of the nodes below it.
    pages = sum(plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0) for plan in plans)
    return Cost(len(plans), pages, tuple(scans))


def nodes_of(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The node and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def _is_other_scan(node: Mapping[str, Any]) -> bool:
    return node.get("Relation Name", "facts") not in SMALL_TABLES and node["Node Type"] not in ON_AN_INDEX


async def _plan(db: Database, statement: Statement) -> Mapping[str, Any]:
    text, values = statement
    ((answer,),) = await db.read(fetch, EXPLAIN + text, values)
    plan: Mapping[str, Any] = (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"]
    return plan


@contextmanager
def _noted(db: Database) -> Iterator[list[Statement]]:
    statements: list[Statement] = []

    def note(event: Any) -> None:
        if event.sql.startswith(("SELECT", "WITH")):
            statements.append((event.sql, event.params))

    db.engine.query_hooks.append(note)
    try:
        yield statements
    finally:
        db.engine.query_hooks.remove(note)
