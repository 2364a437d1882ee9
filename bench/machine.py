"""The machine: which core is whose, and what there is to say about it.

The server alone has the first core. The load generator has the second. PostgreSQL and Redis have the rest; where
there is no rest (two cores), they are beside the load generator, so that nothing but the server's own work counts
against the server's core; or, if that is asked for, anywhere. A second instance has the last core alone where there
are four or more; with fewer it has all of them together with everything else. Where cores cannot be given away
(macOS), nothing is pinned, and the results say so.
"""

import os
import platform
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

import psutil

ENOUGH_FOR_TWO = 4  # the server, the load generator, the databases, a second instance
LIBRARIES = ("tornado", "uvloop", "msgspec", "cryptography", "peewee", "psycopg2-binary", "redis", "picows")


@dataclass(frozen=True, slots=True)
class Cores:
    """Whose core is which; all empty where nothing is pinned."""

    server: frozenset[int] = frozenset()
    load: frozenset[int] = frozenset()
    databases: frozenset[int] = frozenset()
    second: frozenset[int] = frozenset()

    @property
    def has_spare(self) -> bool:
        """Whether a second instance has a core that nobody else uses."""
        return bool(self.second) and self.second.isdisjoint(self.server | self.load | self.databases)

    def told(self) -> str:
        """For a person."""
        if not self.server:
            return "not pinned"
        shown = {each.name: ", ".join(map(str, sorted(getattr(self, each.name)))) for each in fields(self)}
        text = "server {server}; load generator {load}; PostgreSQL and Redis {databases}; second instance {second}"
        return text.format(**shown)


def share(cores: Sequence[int], *, databases_anywhere: bool = False) -> Cores:
    """Who gets which of these; nobody any with fewer than two."""
    if len(cores) < 2:
        return Cores()
    server, load, *rest = sorted(cores)
    second = {rest.pop()} if len(cores) >= ENOUGH_FOR_TWO else cores
    databases = cores if databases_anywhere else rest or {load}
    return Cores(frozenset({server}), frozenset({load}), frozenset(databases), frozenset(second))


def own_cores() -> Sequence[int]:
    """Those that this process may use, as far as that can be known."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ()


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Whatever is started inside the block runs on these cores, and its children too."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_sockets(wanted: int = 65_536) -> int:
    """Raise the bound on open files of this process and its children as far as may be; the bound then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, hard), max(wanted, hard)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def busy_percent() -> float:
    """How busy all cores were in the last half second: others who work here make every number worse."""
    return float(psutil.cpu_percent(0.5))


def description() -> dict[str, str]:
    """What a reader needs to know to compare."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
