"""How a query leaves the event loop: a bounded pool of threads, one connection each.

Invariants: no query runs on the loop's thread; a unit of work is one function, run whole on one
thread, and nothing lazy leaves it; a write is one transaction. A connection that failed is closed
here, and so are all that are as old, each by its own thread before its next unit of work; the caller
is told `Unavailable`, never a driver's error.
"""

import asyncio
import functools
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import peewee
import psycopg2

log = logging.getLogger("recado.database")

P = ParamSpec("P")
T = TypeVar("T")
Engine = peewee.Database
Row = tuple[Any, ...]

# These rise as they are: what was asked is at fault, not the database's state or the way to it.
FAULTS_OF_A_STATEMENT = (peewee.IntegrityError, peewee.DataError, peewee.ProgrammingError, peewee.NotSupportedError)
# … but not these: insufficient_privilege is also PostgreSQL's word for a file system that is read-only.
FAULTS_OF_THE_PLACE = frozenset({"42501"})
# Retried once by `write`: PostgreSQL asks for it (deadlock_detected, serialization_failure).
RETRYABLE_STATES = frozenset({"40P01", "40001"})
RETRY_SECONDS = 0.05
SQLITE_BUSY_SECONDS = 30
# While one connection switches a new file to WAL, SQLite does not let others wait for it: it refuses them.
WAL_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 30_000
# How long what runs may go on when all is closed, and once more after it was cut off.
CLOSE_SECONDS = 0.5
# Of failures of the database no more is logged than one in so many seconds.
SILENT_SECONDS = 10.0
SESSION = {
    "statement_timeout": STATEMENT_MILLISECONDS,
    "lock_timeout": STATEMENT_MILLISECONDS,
    # Every list is read in the order of its index. Where two columns depend on one another PostgreSQL expects too
    # few rows, and would gather and sort all of a long conversation for one page of it.
    "enable_bitmapscan": "off",
    "random_page_cost": 1.1,  # there is no turning disk to wait for
}
# A server that is gone without a word is noticed by the kernel: nothing else would wake the thread.
ALIVE = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_MILLISECONDS,
}


class Unavailable(Exception):
    """The database cannot be reached, or cannot write, now; the same work may succeed later."""

    def __init__(self, reason: str, state: str | None = None) -> None:
        super().__init__(reason)
        self.state = state


class Database:
    """A database and the threads that may talk to it. `url` is `sqlite:///…` or `postgresql://…`."""

    def __init__(self, url: str, *, threads: int = 4) -> None:
        self.engine = open_engine(url)
        # Each thread has a connection of its own. Peewee would let one that cannot be opened hold up all the others.
        self.engine._lock = nullcontext()  # type: ignore[attr-defined]  # noqa: SLF001
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recado-db")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="recado-db-writer")
        self._lock = threading.Lock()
        self._failures = 0
        self._was_open = False  # whether there ever was a connection
        self._silent_until = 0.0
        # Each open connection, with the number of failures there had been when it was opened.
        self._connections: dict[Any, int] = {}
        self._running: set[Future[Any]] = set()

    async def read(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(engine, …)` on a thread of the pool; each statement sees the newest committed state."""
        return await self._leave(self._pool, self._once, lambda engine: work(engine, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(engine, …)` on a thread of the pool, as one transaction."""
        return await self._leave(self._pool, self._whole, lambda engine: work(engine, *args, **kwargs))

    async def write_batch(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(engine, …)`, which makes a transaction of its own, on the thread of the group-commit writer."""
        return await self._leave(self._writing, self._again, lambda engine: work(engine, *args, **kwargs))

    async def close(self) -> None:
        """Wait for what runs, and close every connection; what still runs after a while is cut off.

        What has not begun is told `Unavailable`, and so is whoever comes later.
        """
        for pool in (self._writing, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)
        if not await self._has_ended():
            with self._lock:
                connections = tuple(self._connections)
            for connection in connections:
                _cut_off(connection)
            if not await self._has_ended():
                return  # a connection that is in use cannot be closed; it ends with the process
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    async def _has_ended(self) -> bool:
        """Wait, within bounds, for what runs."""
        running = [asyncio.wrap_future(job) for job in tuple(self._running)]
        if not running:
            return True
        _, pending = await asyncio.wait(running, timeout=CLOSE_SECONDS)
        for each in pending:
            each.cancel()  # of the waiting; what runs cannot be cancelled
        return not pending

    async def _leave(self, pool: Executor, run: Callable[[Callable[[Engine], T]], T], work: Callable[[Engine], T]) -> T:
        try:
            job = pool.submit(run, work)
        except RuntimeError as error:
            raise Unavailable("closed") from error
        self._running.add(job)
        job.add_done_callback(self._running.discard)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if job.cancelled() and task is not None and not task.cancelling():
                raise Unavailable("closed") from None
            raise

    def _once(self, work: Callable[[Engine], T]) -> T:
        self._connect()
        try:
            result = work(self.engine)
            if isinstance(result, sqlite3.Cursor):
                # Another thread may free it, and would wait for a lock of this one's connection, which may wait for it.
                result.close()
            return result
        except (peewee.DatabaseError, peewee.InterfaceError) as error:
            state = sql_state(error)
            if isinstance(error, FAULTS_OF_A_STATEMENT) and state not in FAULTS_OF_THE_PLACE:
                raise
            if state not in RETRYABLE_STATES:
                self._disconnect()
                self._note_failure(error)
            raise Unavailable(reason_of(error), state) from error

    def _whole(self, work: Callable[[Engine], T]) -> T:
        return self._again(functools.partial(_in_transaction, work))

    def _again(self, work: Callable[[Engine], T]) -> T:
        try:
            return self._once(work)
        except Unavailable as error:
            if error.state not in RETRYABLE_STATES:
                raise
        # After those that it stood in the way of: at once, it could meet them again.
        time.sleep(RETRY_SECONDS)
        return self._once(work)

    def _connect(self) -> None:
        with self._lock:
            failures = self._failures
        if not self.engine.is_closed():
            if self._connections[self.engine.connection()] == failures:
                return
            # A failure since it was opened: a server that was restarted has dropped every connection.
            self._disconnect()
        try:
            _open(self.engine)
        except (peewee.DatabaseError, peewee.InterfaceError) as error:
            reason = f"cannot connect: {reason_of(error)}"
            if self._was_open:  # else whoever starts is told, and tells it
                self._tell(reason)
            raise Unavailable(reason) from error
        with self._lock:
            self._was_open = True
            self._connections[self.engine.connection()] = failures

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            self._failures += 1
        self._tell(reason_of(error))

    def _tell(self, reason: str) -> None:
        """Log why, but not of each: every query fails while a server is away."""
        now = time.monotonic()
        with self._lock:
            if now < self._silent_until:
                return
            self._silent_until = now + SILENT_SECONDS
        log.warning("the database failed", extra={"reason": reason})

    def _disconnect(self) -> None:
        with self._lock:
            del self._connections[self.engine.connection()]
        self.engine.close()


def _cut_off(connection: Any) -> None:
    """End what runs on a connection from another thread: a server that does not answer is not waited for."""
    if isinstance(connection, sqlite3.Connection):
        connection.interrupt()
        return
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def _open(engine: Engine) -> None:
    for pause in WAL_PAUSES:
        try:
            engine.connect()
        except peewee.OperationalError as error:
            if str(error) != "database is locked":
                raise
            time.sleep(pause)
        else:
            return
    engine.connect()


def _in_transaction(work: Callable[[Engine], T], engine: Engine) -> T:
    with transaction(engine):
        return work(engine)


def transaction(engine: Engine) -> AbstractContextManager[Any]:
    """All or nothing of what is done inside `with`."""
    # IMMEDIATE: a SQLite transaction that reads first and writes later would fail, not wait.
    atomic: AbstractContextManager[Any] = engine.atomic() if is_postgres(engine) else engine.atomic("IMMEDIATE")
    return atomic


def is_postgres(engine: Engine) -> bool:
    """Whether this is PostgreSQL; else it is SQLite."""
    return isinstance(engine, peewee.PostgresqlDatabase)


def open_engine(url: str) -> Engine:
    """A Peewee database for `url`, not yet connected.

    SQLite runs in WAL mode and waits for the disk at every commit (`synchronous=FULL`); what is
    deleted is overwritten (`secure_delete`).
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return peewee.SqliteDatabase(
            unquote(parts.path[1:]),
            timeout=SQLITE_BUSY_SECONDS,
            check_same_thread=False,
            pragmas={"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "secure_delete": 1},
        )
    options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "recado", **ALIVE}
    options["options"] = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    options.update(parse_qsl(parts.query))
    return peewee.PostgresqlDatabase(
        unquote(parts.path[1:]),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        host=unquote(parts.hostname) if parts.hostname else None,
        port=parts.port,
        **options,
    )


def sql_state(error: Exception) -> str | None:
    """The SQLSTATE of a PostgreSQL error, or None."""
    return getattr(_cause_of(error), "pgcode", None)


def reason_of(error: Exception) -> str:
    """What kind of failure it is, and what the engine calls it; never its text, which may quote what was asked."""
    code = sql_state(error) or getattr(_cause_of(error), "sqlite_errorname", None)
    return f"{type(error).__name__} {code or ''}".strip()


def _cause_of(error: Exception) -> BaseException:
    return getattr(error, "orig", None) or error.__cause__ or error


def fetch(engine: Engine, text: str, params: Sequence[Any] = ()) -> list[Row]:
    """Run one constant statement, written with `%s` marks, and return all its rows."""
    rows: list[Row] = engine.execute_sql(text.replace("%s", engine.param), params).fetchall()
    return rows


def execute(engine: Engine, text: str, params: Sequence[Any] = ()) -> int:
    """Run one constant statement, written with `%s` marks, and return how many rows it changed."""
    cursor = engine.execute_sql(text.replace("%s", engine.param), params)
    count = int(cursor.rowcount)
    cursor.close()  # here, and not by the collector of garbage on whatever thread: see `Database._once`
    return count


def rows_of_marks(rows: int, columns: int) -> str:
    """`(%s, %s), (%s, %s)` for a statement with several rows."""
    row = "(" + ", ".join(["%s"] * columns) + ")"
    return ", ".join([row] * rows)


def as_bytes(value: Any) -> bytes | None:
    """A binary column as bytes: psycopg2 gives a memoryview."""
    return None if value is None else bytes(value)
