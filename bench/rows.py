"""How each row is measured. A function takes the bench and gives its runs; the table says which there are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench import calls
from bench.api import CallFailed
from bench.goals import COLD, EIGHT, ONE, SIGNING_IN, STEADY, WARM
from bench.machine import pinned
from bench.pages import pages
from bench.replicas import two_instances
from bench.results import Run
from bench.stage import Bench

COST = 12  # of a password's hash, where signing in is a part of what is measured
RATE = 2000
SIGNERS = 4
PER_PERSON = 20


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


def storm(bench: Bench) -> Iterator[Run]:
    """M6: prepared once; the same clients come back again and again behind the same positions."""
    size = bench.size
    options = ("--clients", size.clients, "--settle", size.settle_seconds, "--keep", bench.home / "storm.json")
    with bench.main() as main:
        for case in (WARM, COLD):
            for turn in range(size.storms):
                if case == COLD:
                    main.stop()
                    main.start()
                found = bench.measure("storm.py", main, *options, *bench.databases, faults=True)
                told = f"{found['seconds']:.1f} s, {found['lost']:,.0f} lost, {found['not_ready']:.0f} times not ready"
                bench.tell(f"M6 {case}: {told}")
                yield Run("M6", case, main.title, turn, found)


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


# Row → how, in this order: what leaves much behind comes last. M2 comes with M1.
ROWS: Mapping[str, Callable[[Bench], Iterator[Run]]] = {
    "M1": talk,
    "M3": latency,
    "M4": memory,
    "M5": two_instances,
    "M6": storm,
    "M8": start,
    "M9": single_calls,
    "M7": pages,
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
