"""What every test may ask for: an event loop, fresh databases of both engines, Redis, a browser.

`async def` tests run on the `io_loop` of pytest-tornado without a mark of their own. With `CI=true` or
`RECADO_TEST_NO_SKIPS=1` a test that is skipped fails instead.
"""

import asyncio
import inspect
import os
import shutil
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from playwright.sync_api import Browser
from tornado.ioloop import IOLoop

import models.migrate
from models.db import Database
from tests.browser import run_chromium
from tests.instances import Instance
from tests.servers import (
    GivenPostgres,
    GivenRedis,
    PostgresServer,
    RedisServer,
    running_postgres,
    running_redis,
)


def migrate(url: str) -> None:
    """Bring a database to the present version; on a thread, for a loop may be running on this one."""

    async def up() -> None:
        db = Database(url, threads=1)
        await models.migrate.up(db)
        await db.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, up()).result()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer | GivenPostgres]:
    """One PostgreSQL for all tests; make databases on it, but kill only an `own_postgres`."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | GivenRedis]:
    """One Redis for all tests; kill only an `own_redis`."""
    with running_redis() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test alone, to stop, kill and restart."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of this test alone, to stop, kill and restart."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer | GivenRedis) -> Iterator[str]:
    """The URL of the shared Redis. It is emptied behind the test, unless somebody else runs it."""
    yield redis_server.url
    if isinstance(redis_server, RedisServer):
        client = redis.Redis.from_url(redis_server.url)
        client.flushdb()
        client.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer | GivenPostgres) -> Iterator[str]:
    """The name of a PostgreSQL database with the tables of the present version, and nothing in them."""
    url = postgres_server.create_database()
    migrate(url)
    yield urlsplit(url).path.removeprefix("/")
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the tables of the present version, and nothing in them."""
    path = tmp_path_factory.mktemp("template") / "recado.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def postgres_url(postgres_server: PostgresServer | GivenPostgres, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database with all tables, dropped behind the test."""
    url = postgres_server.create_database(postgres_template)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a fresh SQLite database with all tables."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'recado.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with all tables; the test runs once on each engine."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer | GivenPostgres) -> Iterator[str]:
    """The URL of a PostgreSQL database without a table, dropped behind the test."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'recado.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without a table; the test runs once on each engine."""
    url: str = request.getfixturevalue(
        {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[request.param]
    )
    return url


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The loop of an `async def` test, replacing pytest-tornado's, which makes deprecated calls."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
    else:
        # Playwright keeps a loop running under a synchronous test for as long as `chromium` lives.
        pytest.fail("browser tests and async tests need modules of their own")
    asyncio.set_event_loop(loop)
    io_loop = IOLoop(asyncio_loop=loop, make_current=False)
    yield io_loop
    _end_tasks(loop)
    io_loop.close(all_fds=True)
    asyncio.set_event_loop(None)


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """What `asyncio.run` does at its end, so that nothing is destroyed while it is pending."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium (Playwright's synchronous API) for a module whose tests are all synchronous.

    Give each person a `chromium.new_context()`; run the server as a subprocess.
    """
    yield from run_chromium()


# With files whose single tests take long begun first, several processes end at about the same time.
SLOW = frozenset({"prove", "properties", "flows"})


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: much of a test is waiting."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow folders first; each `async def` test on the loop, which is made before its other fixtures."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW)
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            if item.get_closest_marker("gen_test") is None:
                item.add_marker(pytest.mark.gen_test)
            if "io_loop" not in item.fixturenames:
                item.fixturenames.insert(0, "io_loop")


def _no_skips() -> bool:
    return os.environ.get("CI") == "true" or os.environ.get("RECADO_TEST_NO_SKIPS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _no_skips():
        report.outcome = "failed"
        report.longrepr = f"no skips allowed here: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _no_skips():
        report.outcome = "failed"
        report.longrepr = f"no skips allowed here: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    place = report.longrepr
    return place[2] if isinstance(place, tuple) else str(place)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One running Recado on SQLite, as `make run` starts it."""
    with Instance(tmp_path) as running:
        yield running


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[tuple[Instance, Instance]]:
    """Two running instances on one PostgreSQL, one Redis and the same secrets."""
    with (
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url) as first,
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url) as second,
    ):
        yield first, second
