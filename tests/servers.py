"""Real PostgreSQL and Redis servers for tests and benchmarks: private, on loopback, never as root.

`RECADO_TEST_SERVERS=installed|wheel` says where the programs come from; else what is installed goes first.
Durability stays as in production: what was committed before a `kill` is there after the next `start`.
"""

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator

import psycopg2
import redis
from psycopg2 import sql

from tests.child import Server, ServerFailed
from tests.databases import Databases
from tests.programs import (
    Source,
    chosen,
    give_away,
    plain_environment,
    postgres_sources,
    redis_sources,
    unprivileged,
)


class PostgresServer(Server):
    """A PostgreSQL cluster: a superuser for housekeeping, a plain role that owns the test databases."""

    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": roll back what is open, write a checkpoint, end

    def __init__(self, source: Source | None = None) -> None:
        super().__init__(source or chosen(postgres_sources(), self.title))
        self.admin_password = secrets.token_hex(16)
        self.password = secrets.token_hex(16)
        self.databases = Databases(self._admin_url, self._url)

    @property
    def url(self) -> str:
        """The database `postgres` as the plain role; tests take one of their own from `create_database`."""
        return self._url()

    def start(self) -> None:
        fresh = not (self.directory / "cluster").exists()
        if fresh:
            self._initialise()
        super().start()
        if fresh:
            self._create_role()

    def create_database(self, template: str | None = None) -> str:
        """The URL of a fresh database, a copy of `template` when one is named."""
        return self.databases.create(template)

    def drop_database(self, url: str) -> None:
        self.databases.drop(url)

    def template(self, name: str, prepare: Callable[[str], object]) -> str:
        """The name of a database that `prepare(url)` filled, once; for `create_database(template=...)`."""
        return self.databases.template(name, prepare)

    def _admin_url(self) -> str:
        return f"postgresql://postgres:{self.admin_password}@127.0.0.1:{self.port}/postgres"

    def _url(self) -> str:
        return f"postgresql://recado:{self.password}@127.0.0.1:{self.port}/postgres"

    def _initialise(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self.admin_password)
        give_away(password_file)
        made = subprocess.run(
            [
                self.program.with_name("initdb"),
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                f"--pgdata={self.directory / 'cluster'}",
            ],
            cwd=self.directory,
            env=plain_environment(self.directory),
            capture_output=True,
            text=True,
            check=False,
            **unprivileged(),
        )
        password_file.unlink()
        if made.returncode:
            raise ServerFailed(f"initdb ({self.source.name}) failed:\n{made.stdout}{made.stderr}")

    def _create_role(self) -> None:
        self.databases.run(
            sql.SQL("CREATE ROLE recado LOGIN PASSWORD {}").format(sql.Literal(self.password)),
        )

    def _command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "max_connections": 200,
            "shared_buffers": "64MB",
            "logging_collector": "off",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program), "-D", str(self.directory / "cluster"), *options]

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self._admin_url(), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True


class GivenPostgres:
    """A PostgreSQL server somebody else runs, named by URL; its role must be allowed to create databases."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.databases = Databases(lambda: url, lambda: url)
        self.create_database = self.databases.create
        self.drop_database = self.databases.drop
        self.template = self.databases.template


class RedisServer(Server):
    """A Redis (or Valkey) server that keeps nothing: after `kill` and `start` it is empty."""

    title = "Redis"

    def __init__(self, source: Source | None = None) -> None:
        super().__init__(source or chosen(redis_sources(), self.title))
        self.password = secrets.token_hex(16)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        config = self.directory / "redis.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f'save ""\nappendonly no\ndir "{self.directory}"\n'
        )
        give_away(config)
        return [str(self.program), str(config)]

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=5, retry=None)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


class GivenRedis:
    """A Redis server somebody else runs, named by URL."""

    def __init__(self, url: str) -> None:
        self.url = url


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer | GivenPostgres]:
    """The server named by `RECADO_TEST_POSTGRES_URL`, or else a fresh one for the time of the block."""
    if url := os.environ.get("RECADO_TEST_POSTGRES_URL"):
        yield GivenPostgres(url)
        return
    with PostgresServer() as server:
        yield server


@contextlib.contextmanager
def running_redis() -> Iterator[RedisServer | GivenRedis]:
    """The server named by `RECADO_TEST_REDIS_URL`, or else a fresh one for the time of the block."""
    if url := os.environ.get("RECADO_TEST_REDIS_URL"):
        yield GivenRedis(url)
        return
    with RedisServer() as server:
        yield server
