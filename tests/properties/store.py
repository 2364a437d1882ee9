"""One database for all examples of a test: filled with people once, emptied before each, asked step by step."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from actions import accounts, sessions
from actions.app import Caller
from crypto.keyring import Keys
from models.db import Database, Engine, execute, fetch, is_postgres
from tests.properties.turns import Desk
from tests.rooms import ORIGIN, PASSWORD, running_app

P = ParamSpec("P")
T = TypeVar("T")

EMPTIED = ("messages", "timelines", "receipts", "blocks", "conversation_keys", "members", "conversations")


class SteppedDatabase(Database):
    """Every unit of work waits at the desk, and is run whole on the test's own thread."""

    desk: Desk

    async def _leave(self, pool: Executor, run: Callable[[Callable[[Engine], T]], T], work: Callable[[Engine], T]) -> T:
        found: T = await self.desk.ask(run.__name__, lambda: run(work))
        return found

    def now(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """At once, for the test itself."""
        return self._whole(lambda engine: work(engine, *args, **kwargs))

    def shut(self) -> None:
        for connection in self._connections:
            connection.close()


@contextmanager
def stepped(database_url: str) -> Iterator[SteppedDatabase]:
    """A connection to a database that is filled already. It does not wait for the disk: nothing here loses power."""
    db = SteppedDatabase(database_url, threads=1)
    quick = "SET synchronous_commit = off" if is_postgres(db.engine) else "PRAGMA synchronous = off"
    db._once(lambda engine: execute(engine, quick))
    try:
        yield db
    finally:
        db.shut()


async def fill(database_url: str, keys: Keys, devices: dict[str, int]) -> dict[str, Caller]:
    """Sign people up, and in on so many devices each: `alice/1`, `alice/2`."""
    callers = {}
    async with running_app(database_url, keys) as app:
        for person, count in devices.items():
            await accounts.register(app, ORIGIN, username=person, password=PASSWORD)
            for number in range(1, count + 1):
                tokens = await accounts.login(app, ORIGIN, username=person, password=PASSWORD)
                caller = await sessions.authenticate(app, tokens.access, ORIGIN)
                callers[f"{person}/{number}"] = replace(caller, until=None)
    return callers


def empty(engine: Engine) -> None:
    """Back to where `fill` has left it."""
    for table in EMPTIED:
        execute(engine, f"DELETE FROM {table}")
    execute(engine, "UPDATE heads SET position = 0, acked = 0, floor = 0, blocks = 0")
    execute(engine, "UPDATE sessions SET cursor = 0")
    execute(engine, "UPDATE users SET receipts = TRUE")
    if is_postgres(engine):
        execute(engine, "ALTER SEQUENCE messages_id_seq RESTART")
    else:
        execute(engine, "DELETE FROM sqlite_sequence WHERE name = 'messages'")


def heads(engine: Engine) -> dict[int, int]:
    """How far everybody's log goes."""
    return dict(fetch(engine, "SELECT user_id, position FROM heads"))


def keeps(engine: Engine, user_id: int, position: int) -> bool:
    """Whether somebody who has everything up to `position` can be told all that came after it."""
    if heads(engine)[user_id] == position:
        return True
    return bool(fetch(engine, "SELECT 1 FROM timelines WHERE user_id = %s AND position = %s", (user_id, position + 1)))
