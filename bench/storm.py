"""A reconnect storm: clients were connected, went away, messages wait for each, and all come back at once.

    python bench/storm.py --url http://localhost:8000 --clients 5000 --waiting 20

First it is prepared: people sign up and in, all are connected and go away, and then they are written to, over the
server's own sockets. Then comes the storm: each opens a socket in the same moment, resumes behind the position it
knew, and is done when it has every event behind it. Who is turned away comes again after a while, as clients do.
Meanwhile /readyz is asked again and again, on a new connection each time. In the end each event must have come
exactly once, in order, with its text; else the exit code is 1.

With --keep the prepared state is kept in a file, and the next call with the same file goes straight to the storm,
behind the same positions; the server may have been restarted in between. The limits of a server are for people:
start one that is to be measured with RECADO_LIMITS_ENABLED=false.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from bench.api import CallFailed, join_all
from bench.away import Away, State, found, prepare
from bench.catchup import TURNED_AWAY, Storm, come_back
from bench.machine import allow_many_sockets
from bench.readiness import Probes
from bench.report import number, text_table
from bench.stats import percentile
from bench.talk import LoadFailed

Figures = dict[str, float]

# Key in the JSON → what a person reads.
TITLES = {
    "seconds": "seconds until all have everything",
    "p50_s": "one client, p50, s",
    "p99_s": "one client, p99, s",
    "clients": "clients",
    "events": "events in all",
    "lost": "lost",
    "wrong": "doubled, out of order or not as sent",
    "again": "tries turned away",
    "probes": "/readyz asked",
    "not_ready": "times not ready",
    "slowest_ready_ms": "slowest answer of /readyz, ms",
    "server_cpu_us": "server CPU per event, µs",
    "server_cpu_percent": "server CPU, % of a core",
    "database_cpu_percent": "databases' CPU, % of a core",
    "load_cpu_percent": "load generator CPU, % of a core",
    "prepared_seconds": "seconds to prepare",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--url", default="http://127.0.0.1:8000", help="of the server (default: %(default)s)")
    made.add_argument("--dialect", choices=("v1",), default="v1", help="the one that can resume")
    made.add_argument("--clients", type=int, default=5000, help="people with one socket each (default: %(default)s)")
    made.add_argument("--waiting", type=int, default=20, help="messages for each (default: %(default)s)")
    made.add_argument("--writers", type=int, default=50, help="people who write them (default: %(default)s)")
    made.add_argument("--length", type=int, default=100, help="characters (default: %(default)s)")
    made.add_argument("--settle", type=float, default=2.0, help="seconds before and behind (default: %(default)s)")
    made.add_argument("--prefix", default="", help="of the people's names (default: a new one)")
    made.add_argument("--keep", type=Path, help="file of the prepared state, taken from there if it exists")
    for whose in ("server", "database"):
        told = f"measure the CPU time of this process and its children, as the {whose}'s; may be repeated"
        made.add_argument(f"--{whose}-pid", type=int, action="append", default=[], help=told)
    made.add_argument("--json", action="store_true", help="print JSON only")
    return made


def prepared(options: argparse.Namespace, loop: asyncio.Runner) -> State:
    """Who is away, from the file or made now."""
    if options.keep is not None and options.keep.exists():
        return found(options.keep)
    prefix = options.prefix or f"storm{secrets.token_hex(3)}"
    writers = join_all(options.url, [f"{prefix}from{index}" for index in range(options.writers)])
    tokens = join_all(options.url, [f"{prefix}to{index}" for index in range(options.clients)])
    people = [Away(name, token) for name, token in tokens.items()]
    state = State(prefix, options.waiting, options.length, people)
    loop.run(prepare(options.url, state, writers))
    if options.keep is not None:
        state.keep(options.keep)
    return state


def figures_of(storm: Storm, state: State, probes: Probes, prepared_seconds: float) -> Figures:
    """What is told of a storm, by the keys of `TITLES`."""
    took, events = sorted(storm.took), state.waiting * len(state.people)
    figures: Figures = {
        "seconds": storm.seconds,
        "p50_s": percentile(took, 50),
        "p99_s": percentile(took, 99),
        "clients": len(state.people),
        "events": events,
        "lost": storm.lost,
        "wrong": storm.wrong,
        "again": storm.again,
        "probes": probes.asked,
        "not_ready": probes.not_ready,
        "slowest_ready_ms": 1000 * probes.slowest_seconds,
        "load_cpu_percent": 100 * storm.own_cpu_seconds / storm.seconds,
        "prepared_seconds": prepared_seconds,
    }
    if storm.server_cpu_seconds:
        figures["server_cpu_us"] = 1e6 * storm.server_cpu_seconds / events
        figures["server_cpu_percent"] = 100 * storm.server_cpu_seconds / storm.seconds
    if storm.database_cpu_seconds:
        figures["database_cpu_percent"] = 100 * storm.database_cpu_seconds / storm.seconds
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parser().parse_args(arguments)
    allow_many_sockets()
    began = time.perf_counter()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            state = prepared(options, loop)
            prepared_seconds = time.perf_counter() - began
            coming = come_back(options.url, state, options.settle, options.server_pid, options.database_pid)
            with Probes(options.url) as probes:
                storm = loop.run(coming)
    except (CallFailed, LoadFailed, *TURNED_AWAY) as error:
        print(f"storm: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    figures = figures_of(storm, state, probes, prepared_seconds)
    if not options.json:
        rows = [[title, number(figures[key])] for key, title in TITLES.items() if key in figures]
        print(text_table(["", "value"], rows))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 1 if storm.lost or storm.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
