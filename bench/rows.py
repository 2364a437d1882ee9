"""How each row is measured. A function takes the bench and gives its runs; the table says which there are."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import calls, subjects
from bench.api import CallFailed
from bench.goals import EIGHT, MAIN, ON_SQLITE, ONE, SIGNING_IN, STEADY
from bench.machine import Cores, pinned
from bench.results import Run
from bench.subjects import Subject

HERE = Path(__file__).resolve().parent
COST = 12  # of a password's hash, where signing in is a part of what is measured
RATE = 2000
SIGNERS = 4
PER_PERSON = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 10.0
    warmup_seconds: float = 3.0
    sockets: tuple[int, int] = (1000, 10_000)
    starts: int = 9
    calls: int = 2000


QUICK = Size(rounds=2, seconds=3.0, warmup_seconds=1.0, sockets=(500, 2000), starts=3, calls=300)


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

    def main(self, *, rounds: int = 4) -> Subject:
        """Recado with everything on. Each has a database, keys and a place in Redis of its own."""
        database_url = self.new_database()
        name = database_url.rpartition("/")[2]
        settings = {"RECADO_REDIS_PREFIX": name}
        home = self.home / name
        return subjects.recado(
            MAIN, home, self.cores.server, database_url=database_url, redis_url=self.redis_url, rounds=rounds,
            settings=settings,
        )  # fmt: skip

    def on_sqlite(self) -> Subject:
        """Recado as `make run` starts it."""
        return subjects.recado(ON_SQLITE, self.home / "sqlite", self.cores.server)

    def as_shipped(self) -> Subject:
        """The same without wide limits: nothing is loaded but what `make run` loads."""
        return subjects.recado(ON_SQLITE, self.home / "shipped", self.cores.server, program="server.py")

    def load(self, subject: Subject, *options: object) -> dict[str, float]:
        """What load.py measures; the databases' share only where the subject uses them."""
        size = self.size
        uses = subject.title == MAIN
        return self.measure(
            "load.py",
            subject,
            *("--seconds", size.seconds, "--warm-up", size.warmup_seconds, "--prefix", "pair", *options),
            *(f"--database-pid={pid}" for pid in self.database_pids if uses),
        )

    def measure(self, program: str, subject: Subject, *options: object) -> dict[str, Any]:
        """The JSON that a program of this folder prints about the subject, from the load generator's core."""
        command = [sys.executable, str(HERE / program), "--json", "--url", subject.url, "--dialect", subject.dialect]
        command += ["--server-pid", str(subject.pid), *map(str, options)]
        with pinned(self.cores.load):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise CallFailed(f"{subject.title}: {program}: {ran.stderr or ran.stdout}")
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return found


def talk(bench: Bench) -> Iterator[Run]:
    """M1 and M2: closed loop."""
    with bench.relay() as relay, bench.main() as main, bench.on_sqlite() as on_sqlite:
        for turn in range(bench.size.rounds):
            for case, in_flight in ((ONE, 1), (EIGHT, 8)):
                for subject in (relay, main, on_sqlite):
                    found = bench.load(subject, "--in-flight", in_flight)
                    told = f"{found['per_second']:,.0f}/s, {found['server_cpu_us']:.0f} µs"
                    bench.tell(f"M1 {case}: {subject.title}: {told}")
                    run = Run("M1", case, subject.title, turn, found)
                    yield run
                    yield replace(run, row="M2")


def latency(bench: Bench) -> Iterator[Run]:
    """M3: open loop, alone and while people sign in."""
    with bench.relay() as relay, bench.main(rounds=COST) as main:
        for turn in range(bench.size.rounds):
            for case, subject, signers in ((STEADY, relay, 0), (STEADY, main, 0), (SIGNING_IN, main, SIGNERS)):
                found = bench.load(subject, "--rate", RATE, "--sign-ins", signers)
                bench.tell(f"M3 {case}: {subject.title}: p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms")
                yield Run("M3", case, subject.title, turn, found)


def memory(bench: Bench) -> Iterator[Run]:
    """M4: a fresh process for each, because memory once used is kept."""
    steps = ",".join(map(str, bench.size.sockets))
    for start in (bench.relay, bench.main):
        with start() as subject:
            found = bench.measure("idle.py", subject, "--steps", steps, "--per-person", PER_PERSON)
        bench.tell(f"M4: {subject.title}: {found['kb_per_socket']:.1f} KB")
        yield Run("M4", "", subject.title, 0, {"kb_per_socket": found["kb_per_socket"]})


def start(bench: Bench) -> Iterator[Run]:
    """M8: the first start fills the caches and makes the database, and does not count."""
    for subject in (bench.relay(), bench.as_shipped()):
        for turn in range(-1, bench.size.starts):
            with pinned(bench.cores.load):
                milliseconds = subject.start() * 1000
            subject.stop()
            if turn >= 0:
                bench.tell(f"M8: {subject.title}: {milliseconds:.0f} ms")
                yield Run("M8", "", subject.title, turn, {"milliseconds": milliseconds})


def single_calls(bench: Bench) -> Iterator[Run]:
    """M9."""
    with bench.main() as main:
        for turn in range(bench.size.rounds):
            with pinned(bench.cores.load):
                found = calls.measure(main, bench.size.calls)
            for case, values in found.items():
                bench.tell(f"M9 {case}: {values['cpu_us']:.0f} µs of CPU")
                yield Run("M9", case, main.title, turn, values)


# Row → how. M2 comes with M1; M5, M6 and M7 have no function yet.
ROWS: Mapping[str, Callable[[Bench], Iterator[Run]]] = {
    "M1": talk,
    "M3": latency,
    "M4": memory,
    "M8": start,
    "M9": single_calls,
}


def run_rows(bench: Bench, names: Sequence[str]) -> list[Run]:
    """All runs of these rows; one that fails is told, and the others go on."""
    runs: list[Run] = []
    for name in names:
        try:
            runs += ROWS[name](bench)
        except CallFailed as error:
            bench.tell(f"{name} failed: {error}")
    return runs
