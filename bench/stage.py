"""What the rows are measured with: the subjects, how long and how often, and the programs of this folder."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import subjects
from bench.api import CallFailed
from bench.goals import MAIN, ON_SQLITE
from bench.machine import Cores, pinned
from bench.subjects import Subject

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Size:
    """How long, how often, how much."""

    rounds: int = 5
    seconds: float = 10.0
    warmup_seconds: float = 3.0
    sockets: tuple[int, int] = (1000, 10_000)
    starts: int = 9
    calls: int = 2000
    pairs: int = 50  # enough to keep two instances busy
    clients: int = 5000  # of a storm
    storms: int = 2  # with warm memory, and as many after a restart
    settle_seconds: float = 2.0  # before and behind a storm
    table: int = 10_000_000  # messages in the large table of M7


QUICK = Size(
    rounds=2,
    seconds=3.0,
    warmup_seconds=1.0,
    sockets=(500, 2000),
    starts=3,
    calls=300,
    clients=300,
    storms=1,
    table=100_000,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What the rows are measured with. `new_database` gives the URL of a fresh PostgreSQL database."""

    home: Path
    cores: Cores
    size: Size
    redis_url: str
    database_pids: tuple[int, ...]
    new_database: Callable[[], str]
    tell: Callable[[str], None]

    def relay(self) -> Subject:
        """The bare relay."""
        return subjects.relay(self.home / "relay", self.cores.server)

    def main(self, *, rounds: int = 4, database_url: str = "", title: str = MAIN) -> Subject:
        """Recado with everything on. Each has a database, keys and a place in Redis of its own."""
        return self._instance(database_url or self.new_database(), title=title, rounds=rounds)

    def pair(self) -> tuple[Subject, Subject]:
        """Two instances of one service. The first MUST be started first: it makes the keys."""
        database_url = self.new_database()
        first = self._instance(database_url)
        return first, self._instance(database_url, home=first.home / "second", cores=self.cores.second)

    def _instance(
        self,
        database_url: str,
        *,
        title: str = MAIN,
        rounds: int = 4,
        home: Path | None = None,
        cores: frozenset[int] | None = None,
    ) -> Subject:
        name = database_url.rpartition("/")[2]
        shared = self.home / name
        return subjects.recado(
            title,
            home or shared,
            self.cores.server if cores is None else cores,
            database_url=database_url,
            redis_url=self.redis_url,
            rounds=rounds,
            settings={"RECADO_REDIS_PREFIX": name, "RECADO_SECRETS_DIR": str(shared / "secrets")},
        )

    def on_sqlite(self) -> Subject:
        """Recado as `make run` starts it."""
        return subjects.recado(ON_SQLITE, self.home / "sqlite", self.cores.server)

    def as_shipped(self) -> Subject:
        """The same without wide limits: nothing is loaded but what `make run` loads."""
        return subjects.recado(ON_SQLITE, self.home / "shipped", self.cores.server, program="server.py")

    def load(self, subject: Subject, *options: object, others: tuple[Subject, ...] = ()) -> dict[str, float]:
        """What load.py measures, also of other instances; the databases' share only where the subject uses them."""
        size = self.size
        instances = [option for other in others for option in ("--url", other.url, "--server-pid", other.pid)]
        return self.measure(
            "load.py",
            subject,
            *("--seconds", size.seconds, "--warm-up", size.warmup_seconds, "--prefix", "pair", *options, *instances),
            *(self.databases if subject.title == MAIN else ()),
        )

    @property
    def databases(self) -> list[str]:
        """The options that have the databases' CPU measured."""
        return [f"--database-pid={pid}" for pid in self.database_pids]

    def measure(self, program: str, subject: Subject, *options: object, faults: bool = False) -> dict[str, Any]:
        """The JSON that a program of this folder prints about the subject, from the load generator's core.

        `faults`: also when it found some, which the figures tell.
        """
        command = [sys.executable, str(HERE / program), "--json", "--url", subject.url, "--dialect", subject.dialect]
        command += ["--server-pid", str(subject.pid), *map(str, options)]
        with pinned(self.cores.load):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode and not (faults and ran.stdout):
            raise CallFailed(f"{subject.title}: {program}: {ran.stderr or ran.stdout}")
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return found
