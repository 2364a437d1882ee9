"""What docker-compose.yml describes, without containers: its programs, commands, secrets and environment.

Everything runs on loopback, so hosts and ports differ; the rest is what stands in the file.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis
from psycopg2 import sql

from tests.child import Server
from tests.deploy import compose
from tests.deploy.proxy import Proxy
from tests.instances import Instance
from tests.programs import chosen, make_directory, plain_environment, redis_sources, unprivileged
from tests.servers import PostgresServer

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Stack:
    """The running services, by their names in docker-compose.yml."""

    secrets: Path
    postgres: PostgresServer
    redis: "Bus"
    recado1: Instance
    recado2: Instance
    proxy: Proxy

    @property
    def instances(self) -> tuple[Instance, Instance]:
        return self.recado1, self.recado2


class Bus(Server):
    """Valkey (or Redis) with the command and the access list of the service `redis`."""

    title = "Redis"

    def __init__(self, secrets: Path) -> None:
        super().__init__(chosen(redis_sources(), self.title))
        self.secrets = secrets

    @property
    def url(self) -> str:
        text = (self.secrets / "current/recado/redis-url").read_text()
        return text.replace("redis:6379", f"127.0.0.1:{self.port}")

    def _command(self) -> list[str]:
        arguments = [word.replace("/secrets", str(self.secrets)) for word in compose.services()["redis"]["command"][1:]]
        here = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        return [str(self.program), *arguments, *here]

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=5, retry=None)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@contextlib.contextmanager
def running_stack(home: Path) -> Iterator[Stack]:
    """All services, started in the order of their `depends_on`."""
    with contextlib.ExitStack() as stack:
        secrets = make_directory("recado-secrets-")
        stack.callback(shutil.rmtree, secrets, ignore_errors=True)
        first_start(secrets)
        postgres = stack.enter_context(PostgresServer())
        make_database(postgres, secrets)
        bus = stack.enter_context(Bus(secrets))
        _place(secrets / "current/recado/redis-url", bus.url)
        url = (secrets / "current/recado/database-url").read_text()
        _place(secrets / "current/recado/database-url", url.replace("postgres:5432", f"127.0.0.1:{postgres.port}"))
        instances = [_instance(name, home, secrets) for name in ("recado1", "recado2")]
        for instance in instances:
            stack.enter_context(instance)
        proxy = stack.enter_context(Proxy([instance.port for instance in instances]))
        yield Stack(secrets, postgres, bus, instances[0], instances[1], proxy)


def first_start(secrets: Path) -> subprocess.CompletedProcess[str]:
    """The command of the service `secrets`, for readers that this machine has."""
    bus = unprivileged() or {"user": os.geteuid(), "group": os.getegid()}
    readers = {
        "recado": f"{os.geteuid()}:{os.getegid()}",
        "postgres": f"{os.geteuid()}:{os.getegid()}",
        "redis": f"{bus['user']}:{bus['group']}",
    }
    python, script, volume, *options = compose.services()["secrets"]["command"]
    assert (python, volume) == ("python", "/secrets")
    named = [option.partition("=")[0] for option in options]
    command = [sys.executable, script, str(secrets), *(f"{name}={readers[name[2:]]}" for name in named)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)


def make_database(postgres: PostgresServer, secrets: Path) -> None:
    """What the image of the service `postgres` does the first time."""
    postgres.databases.run(sql.SQL("DROP ROLE IF EXISTS recado"))  # the tests' own
    subprocess.run(
        ["/bin/sh", str(ROOT / "deploy/database.sh")],
        env=plain_environment(postgres.directory)
        | {
            "PATH": f"{postgres.program.parent}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres.port),
            "PGPASSWORD": postgres.admin_password,
            "RECADO_PASSWORD_FILE": str(secrets / "current/postgres/recado-password"),
        },
        check=True,
    )


def _instance(name: str, home: Path, secrets: Path) -> Instance:
    environment = compose.services()[name]["environment"]
    settings = {key: value.replace("/secrets", str(secrets)) for key, value in environment.items() if value is not None}
    settings["RECADO_SERVER_TRUSTED_PROXIES"] = "127.0.0.1/32"
    settings |= {
        "RECADO_LIMITS_ENABLED": "true",
        "RECADO_WEBSOCKET_PING_SECONDS": "1",
        "RECADO_WEBSOCKET_PING_TIMEOUT_SECONDS": "1",
    }
    return Instance(home / name, settings=settings)


def _place(file: Path, text: str) -> None:
    """Put this machine's address into a private file."""
    file.unlink()
    file.write_text(text)
    file.chmod(0o400)
