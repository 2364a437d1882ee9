"""Sockets that are open and silent, and what each costs the server in memory.

    python bench/idle.py --url http://localhost:8000 --server-pid 1234 --steps 1000,10000

The cost of one is the difference between two counts of sockets: what a server needs once does not count.
A person has --per-person sockets, in one session: at most `sockets_per_user` of the server's settings.
"""

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop
from picows import WSListener, WSTransport

from bench.api import CallFailed, join_all
from bench.dialects import DIALECTS, Dialect, Person
from bench.machine import allow_many_sockets
from bench.report import number, text_table
from bench.stats import rss_bytes
from bench.talk import LoadFailed, connect

AT_A_TIME = 50
SETTLE_SECONDS = 2.0
SOCKETS_PER_SOURCE = 20_000  # of some 28,000 ports that an address has for one destination
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Step:
    """So many sockets, and the server's memory with them."""

    sockets: int
    rss: int


class Silent(WSListener):
    """Hears nothing, and notes when its socket is gone."""

    def __init__(self, gone: list[int], index: int) -> None:
        self.gone = gone
        self.index = index

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The server closed it, or died."""
        self.gone.append(self.index)


def source_of(index: int, host: str) -> str | None:
    """The address to come from: on loopback another one when the ports of the first are used up."""
    return f"127.0.0.{2 + index // SOCKETS_PER_SOURCE}" if host == LOOPBACK else None


def per_socket(steps: Sequence[Step]) -> float:
    """Bytes per socket, from the first count to the last."""
    return (steps[-1].rss - steps[0].rss) / (steps[-1].sockets - steps[0].sockets)


async def climb(url: str, dialect: Dialect, people: Sequence[Person], counts: Sequence[int], pid: int) -> list[Step]:
    """Open sockets up to each count, the people in turn, and look at the server's memory there."""
    host = url.partition("://")[2].partition(":")[0]
    gone: list[int] = []
    kept: list[WSTransport] = []

    async def open_one(index: int) -> None:
        person = people[index % len(people)]
        kept.append(await connect(url, dialect, person, Silent(gone, index), source_of(index, host)))

    steps = []
    for count in counts:
        while len(kept) < count:
            more = range(len(kept), min(count, len(kept) + AT_A_TIME))
            await asyncio.gather(*map(open_one, more))
        await asyncio.sleep(SETTLE_SECONDS)
        if gone:
            raise LoadFailed(f"{len(gone)} of {count} sockets were closed by the server")
        steps.append(Step(count, rss_bytes(pid)))
    for transport in kept:
        transport.disconnect()
    return steps


def people_of(url: str, dialect: Dialect, count: int, prefix: str) -> list[Person]:
    """So many people, signed in where the dialect needs it."""
    names = [f"{prefix}idle{index}" for index in range(count)]
    tokens = join_all(url, names) if dialect.needs_account else {}
    return [Person(name, name, tokens.get(name, "")) for name in names]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--url", default="http://127.0.0.1:8000", help="of the server (default: %(default)s)")
    made.add_argument("--dialect", choices=sorted(DIALECTS), default="plain", help="(default: %(default)s)")
    made.add_argument("--server-pid", type=int, required=True, help="whose memory is measured")
    made.add_argument("--steps", type=counts_of, default=(1000, 10_000), help="counts (default: 1000,10000)")
    made.add_argument("--per-person", type=int, default=20, help="sockets of one person (default: %(default)s)")
    made.add_argument("--prefix", default="", help="of the people's names (default: a new one)")
    made.add_argument("--json", action="store_true", help="print JSON only")
    return made


def counts_of(text: str) -> tuple[int, ...]:
    """`1000,10000` as counts, at least two, rising."""
    counts = tuple(int(part) for part in text.split(","))
    if len(counts) < 2 or list(counts) != sorted(set(counts)) or counts[0] < 1:
        raise argparse.ArgumentTypeError("must be two or more counts, rising, as 1000,10000")
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parser().parse_args(arguments)
    dialect = DIALECTS[options.dialect]
    prefix = options.prefix or f"idle{secrets.token_hex(3)}"
    allow_many_sockets()
    try:
        people = people_of(options.url, dialect, -(-options.steps[-1] // options.per_person), prefix)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            steps = loop.run(climb(options.url, dialect, people, options.steps, options.server_pid))
    except (CallFailed, LoadFailed, OSError) as error:
        print(f"idle: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if not options.json:
        print(text_table(["sockets", "RSS, KB"], [[number(s.sockets), number(s.rss / 1024)] for s in steps]))
    kilobytes = per_socket(steps) / 1024
    print(json.dumps({"kb_per_socket": round(kilobytes, 3), "rss_kb": {s.sockets: s.rss // 1024 for s in steps}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
