"""Load for a running server: pairs of people write to each other, and each message is counted at its recipient.

    python bench/load.py --url http://localhost:8000 --pairs 25 --in-flight 8 --seconds 10
    python bench/load.py --url http://localhost:8000 --rate 2000          # latency at a steady rate (open loop)
    python bench/load.py --url http://localhost:8000 --url http://localhost:8001 --apart        # two instances

People are signed up through the API, with names that begin with --prefix, and stay. The limits of a server are
for people: start one that is to be measured with RECADO_LIMITS_ENABLED=false. With --server-pid and
--database-pid (processes of this machine) their CPU time is measured too. At the end each message must have
arrived exactly once, at its recipient and at its sender; else the exit code is 1.
"""

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from bench.api import CallFailed, SigningIn, join_all
from bench.dialects import DIALECTS, Person, Refused
from bench.report import number, text_table
from bench.stats import percentile
from bench.talk import LoadFailed, Measured, Plan, Talk

Figures = dict[str, float]

URL = "http://localhost:8000"

# Key in the JSON → what a person reads.
TITLES = {
    "messages": "messages in the window",
    "seconds": "seconds",
    "per_second": "messages/s",
    "p50_ms": "latency p50, ms",
    "p90_ms": "latency p90, ms",
    "p99_ms": "latency p99, ms",
    "max_ms": "latency max, ms",
    "lag_p99_ms": "generator late by p99, ms",
    "server_cpu_us": "server CPU per message, µs",
    "server_cpu_percent": "server CPU, % of a core",
    "database_cpu_us": "databases' CPU per message, µs",
    "database_cpu_percent": "databases' CPU, % of a core",
    "load_cpu_percent": "load generator CPU, % of a core",
    "sign_ins": "sign-ins meanwhile",
    "sent": "messages sent in all",
    "lost": "lost",
    "doubled": "doubled",
    "strange": "not as sent",
    "disordered": "out of order",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told = f"of the server, or of each instance: the pairs take them in turn (default: {URL})"
    made.add_argument("--url", action="append", help=told)
    made.add_argument("--apart", action="store_true", help="the two of a pair are on different instances")
    made.add_argument("--dialect", choices=sorted(DIALECTS), default="plain", help="(default: %(default)s)")
    made.add_argument("--pairs", type=_positive, default=25, help="pairs of people (default: %(default)s)")
    made.add_argument("--in-flight", type=_positive, default=1, help="messages per pair (default: %(default)s)")
    made.add_argument("--rate", type=float, help="messages/s in all, instead of --in-flight: an open loop")
    made.add_argument("--length", type=_positive, default=100, help="characters (default: %(default)s)")
    how_long = made.add_mutually_exclusive_group()
    how_long.add_argument("--seconds", type=float, default=10.0, help="measured (default: %(default)s)")
    how_long.add_argument("--messages", type=_positive, help="so many instead, without a warm-up")
    made.add_argument("--warm-up", type=float, default=2.0, help="seconds before (default: %(default)s)")
    made.add_argument("--prefix", default="", help="of the people's names (default: a new one)")
    made.add_argument("--sign-ins", type=int, default=0, help="people who sign in again and again meanwhile")
    for whose in ("server", "database"):
        told = f"measure the CPU time of this process and its children, as the {whose}'s; may be repeated"
        made.add_argument(f"--{whose}-pid", type=int, action="append", default=[], help=told)
    made.add_argument("--json", action="store_true", help="print JSON only")
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def plan_of(options: argparse.Namespace) -> Plan:
    """What was asked for."""
    return Plan(
        urls=[url.rstrip("/") for url in options.url or [URL]],
        dialect=DIALECTS[options.dialect],
        in_flight=options.in_flight,
        seconds=options.seconds,
        messages=options.messages,
        warmup_seconds=options.warm_up,
        rate=options.rate,
        length=options.length,
        apart=options.apart,
        server_pids=options.server_pid,
        database_pids=options.database_pid,
    )


def names_of(prefix: str, pairs: int) -> list[tuple[str, str]]:
    """Who writes to whom. No name looks like another one."""
    return [(f"{prefix}from{index}", f"{prefix}to{index}") for index in range(pairs)]


def people_of(plan: Plan, names: Sequence[tuple[str, str]]) -> list[tuple[Person, Person]]:
    """The pairs, signed in where the dialect needs it."""
    tokens = join_all(plan.urls[0], [name for pair in names for name in pair]) if plan.dialect.needs_account else {}
    return [(Person(a, b, tokens.get(a, "")), Person(b, a, tokens.get(b, ""))) for a, b in names]


def figures_of(measured: Measured, sign_ins: int | None = None) -> Figures:
    """What is told of a run, by the keys of `TITLES`."""
    ordered, verdict = measured.latencies, measured.verdict
    figures: Figures = {
        "messages": measured.messages,
        "seconds": measured.seconds,
        "per_second": measured.messages / measured.seconds,
        **{f"p{percent}_ms": percentile(ordered, percent) * 1000 for percent in (50, 90, 99)},
        "max_ms": percentile(ordered, 100) * 1000,
        "load_cpu_percent": 100 * measured.own_cpu_seconds / measured.seconds,
        "sent": measured.sent_in_all,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "strange": verdict.strange,
        "disordered": verdict.disordered,
    }
    if measured.lags:
        figures["lag_p99_ms"] = percentile(measured.lags, 99) * 1000
    for whose, spent in (("server", measured.server_cpu_seconds), ("database", measured.database_cpu_seconds)):
        if spent:
            figures[f"{whose}_cpu_us"] = 1e6 * spent / max(1, measured.messages)
            figures[f"{whose}_cpu_percent"] = 100 * spent / measured.seconds
    if sign_ins is not None:
        figures["sign_ins"] = sign_ins
    return figures


def table_of(figures: Figures) -> str:
    """The figures for a person."""
    rows = [[title, number(figures[key])] for key, title in TITLES.items() if key in figures]
    return text_table(["", "value"], rows)


async def measure(plan: Plan, pairs: Sequence[tuple[Person, Person]], prefix: str) -> Measured:
    """One run."""
    return await Talk(plan, pairs, prefix).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parser().parse_args(arguments)
    plan = plan_of(options)
    prefix = options.prefix or f"load{secrets.token_hex(3)}"
    try:
        pairs = people_of(plan, names_of(prefix, options.pairs))
        others = [f"{prefix}signs{index}" for index in range(options.sign_ins)]
        join_all(plan.urls[0], others)
        with SigningIn(plan.urls[0], others) as signing_in, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            measured = loop.run(measure(plan, pairs, prefix))
    except (CallFailed, LoadFailed, Refused, OSError) as error:
        print(f"load: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    figures = figures_of(measured, signing_in.count if options.sign_ins else None)
    if not options.json:
        print(table_of(figures))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 0 if measured.verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
