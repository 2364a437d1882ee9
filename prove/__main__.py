"""`make prove`: people write to each other while everything behind them is killed; then it is judged what they saw.

    python -m prove                       # 200 devices, three instances, a minute of faults
    python -m prove --seconds 600         # longer
    python -m prove --seed 17             # the same faults again
    python -m prove --check DIRECTORY     # judge a history that was kept
    python -m prove --server COMMAND      # another build: `COMMAND` starts an instance, as `python server.py` does

Everything runs on loopback and is private. The exit code is 1 when a promise was broken, 2 when the run itself failed.
What is promised, how it is judged and how a history is read: docs/reliability.md.
"""

import argparse
import asyncio
import contextlib
import resource
import secrets
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prove import faults
from prove.checker import check
from prove.figures import figures
from prove.history import FILE, History, lines_of, read
from prove.run import FAILURES, Plan, run
from prove.violation import Violation
from tests.instances import SERVER

MOST_SHOWN = 10
MOST_LINE = 600
SOCKETS_EACH = 6  # the client's, both ends of the wire, the calls


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m prove", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--clients", type=int, default=200, help="devices; some people have two (default: 200)")
    made.add_argument("--seconds", type=float, default=60.0, help="of load and faults (default: 60)")
    made.add_argument("--rate", type=float, default=40.0, help="wishes a second, all together (default: 40)")
    made.add_argument("--instances", type=int, default=3, help="of Recado (default: 3)")
    made.add_argument("--seed", type=int, help="of the faults and of the load (default: by chance; it is printed)")
    made.add_argument("--faults", type=int, help="at most so many (default: as many as there is time for)")
    made.add_argument("--only", type=kinds_of, default=faults.KINDS, help=f"of {', '.join(faults.BY_NAME)}")
    made.add_argument("--drain", type=float, default=90.0, help="seconds for the end, when all is mended (default: 90)")
    made.add_argument("--server", default=shlex.join(SERVER), help="the command of an instance (default: this build's)")
    made.add_argument("--markdown", action="store_true", help="print the figures as Markdown tables")
    made.add_argument("--out", type=Path, help="a new directory for the history (default: a temporary one, kept)")
    made.add_argument("--check", type=Path, metavar="DIRECTORY", help="judge the history in there, and run nothing")
    return made


def kinds_of(names: str) -> tuple[faults.Kind, ...]:
    """`kill-redis,cut-clients` as kinds of faults."""
    if unknown := [name for name in names.split(",") if name not in faults.BY_NAME]:
        raise argparse.ArgumentTypeError(f"no fault {', '.join(unknown)}: there are {', '.join(faults.BY_NAME)}")
    return tuple(faults.BY_NAME[name] for name in names.split(","))


def tell(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, flush=True)  # noqa: T201 - what it is for


def judge(directory: Path, *, markdown: bool) -> int:
    """Check the history, print the figures and what was found; the exit code."""
    path = directory / FILE
    for table in figures(read(path)):
        tell("\n" + "\n".join(table.markdown() if markdown else table.lines()))
    violations = check(read(path))
    if not violations:
        tell(f"\nNo promise was broken. The history: {path}")
        return 0
    show(violations, path)
    return 1


def show(violations: Sequence[Violation], path: Path) -> None:
    """The first of each kind, and for the very first the lines that show it."""
    kinds = Counter(violation.rule for violation in violations)
    tell(f"\n{len(violations)} VIOLATIONS")
    for rule, times in kinds.items():
        first = next(violation for violation in violations if violation.rule == rule)
        tell(f"  {times} x {rule}; the first: {first.text[:MOST_LINE]}")
    first = violations[0]
    tell(f"\nEvidence of the first ({first.rule}), lines {', '.join(map(str, first.lines))} of {path}:")
    for line in lines_of(path, first.lines[:MOST_SHOWN]):
        tell("  " + line[:MOST_LINE])


def leaves(group: BaseExceptionGroup[Exception]) -> list[BaseException]:
    """What went wrong, out of the groups that it came in."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def allow_many_files(clients: int) -> None:
    """As many sockets as are needed, if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = clients * SOCKETS_EACH + 500
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or judge; the exit code."""
    options = parser().parse_args(arguments)
    if options.check is not None:
        return judge(options.check, markdown=options.markdown)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    directory = options.out or Path(tempfile.mkdtemp(prefix="recado-history-"))
    tell(f"Seed {seed}. The history is kept in {directory}")
    allow_many_files(options.clients)
    history = History(directory)
    plan = Plan(
        server=shlex.split(options.server),
        seed=seed,
        clients=options.clients,
        seconds=options.seconds,
        rate=options.rate,
        instances=options.instances,
        drain_seconds=options.drain,
        faults=faults.schedule(seed, options.seconds, options.instances, kinds=options.only, most=options.faults),
    )
    failure = None
    try:
        asyncio.run(run(plan, history, tell))
    except* FAILURES as failed:
        failure = failed
    finally:
        history.close()
    if failure is None:
        return judge(directory, markdown=options.markdown)
    for error in leaves(failure):
        tell(f"The run failed: {error!r}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
