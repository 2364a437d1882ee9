"""`make bench`: PostgreSQL, Redis, the bare relay and Recado side by side, all rows, into bench/RESULTS.md.

    python bench/run.py                  # everything, some 35 minutes and 20 GB of free disk
    python bench/run.py --quick          # short and rough, and into another file
    python bench/run.py --rows M1,M4     # some rows

The databases are private, on loopback, with full durability. A benchmark is never a test: it fails nothing.
"""

import argparse
import datetime
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.goals import COLUMNS, GOALS, TITLES
from bench.machine import Cores, allow_many_sockets, busy_percent, description, own_cores, pinned, share
from bench.results import PAGE_TITLE, Session, markdown, section_of, to_json, with_section
from bench.rows import ROWS, run_rows
from bench.stage import QUICK, Bench, Size
from tests.child import Server
from tests.servers import running_postgres, running_redis

HERE = Path(__file__).resolve().parent
LIMITS = (
    "Recado is spoken to in `recado.v1`. Limits are on, so wide that they never bite (bench/recado.py);"
    " signing in costs bcrypt 4, but 12 in M3;"
    " the log says warnings only."
)
NO_SPARE = (
    "M5: there was no core to spare. The second instance shared its cores with the first one, the load generator and"
    " the databases, so that the throughput of two is bounded by the machine; the CPU that a message takes in both"
    " together tells what two would carry on cores of their own."
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="short and rough")
    made.add_argument("--rows", type=rows_of, default=tuple(ROWS), help=f"of {', '.join(ROWS)} (default: all)")
    made.add_argument("--table", type=int, help=f"messages in the large table of M7 (default: {Size().table:,})")
    made.add_argument("--databases-anywhere", action="store_true", help="do not pin PostgreSQL and Redis to cores")
    made.add_argument("--out", type=Path, help="file for the table; the JSON is beside it")
    return made


def rows_of(text: str) -> tuple[str, ...]:
    """`M1,M4` as names of rows."""
    names = tuple(part.strip().upper() for part in text.split(","))
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"no row {', '.join(unknown)}: there are {', '.join(ROWS)}")
    return names


def files_of(options: argparse.Namespace) -> tuple[Path, Path]:
    """Where the table and the JSON go. What is not the whole does not overwrite what is."""
    whole = not options.quick and options.table is None and set(options.rows) == set(ROWS)
    table = options.out or (HERE / "RESULTS.md" if whole else Path(tempfile.gettempdir()) / "recado-bench.md")
    return table, table.with_name("results.json") if whole and not options.out else table.with_suffix(".json")


def size_of(options: argparse.Namespace) -> Size:
    """How much is measured."""
    size = QUICK if options.quick else Size()
    return size if options.table is None else replace(size, table=options.table)


def remarks_of(size: Size, cores: Cores, busy: float, *, quick: bool) -> list[str]:
    """How it was measured."""
    told = [f"Cores: {cores.told()}.", LIMITS]
    told.append(f"{size.rounds} rounds of {size.seconds:g} s each, after {size.warmup_seconds:g} s of warm-up.")
    if not cores.has_spare:
        told.append(NO_SPARE)
    told.append(f"Before the start all cores together were {busy:.0f} % busy with something else.")
    return ["**Quick mode: short and rough, not for comparison.**", *told] if quick else told


def pids_of(*servers: object) -> tuple[int, ...]:
    """The processes of the servers that run here; one that was given by URL has none."""
    return tuple(each.process.pid for each in servers if isinstance(each, Server) and each.process is not None)


def tell(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, and print the table."""
    options = parser().parse_args(arguments)
    size, cores = size_of(options), share(own_cores(), databases_anywhere=options.databases_anywhere)
    allow_many_sockets()
    remarks = remarks_of(size, cores, busy_percent(), quick=options.quick)
    home = Path(tempfile.mkdtemp(prefix="recado-bench-"))
    try:
        with ExitStack() as stack:
            with pinned(cores.databases):
                postgres = stack.enter_context(running_postgres())
                redis = stack.enter_context(running_redis())
            pids = pids_of(postgres, redis)
            bench = Bench(home, cores, size, redis.url, pids, postgres.create_database, tell)
            runs = run_rows(bench, options.rows)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    session = Session(date, description(), remarks, runs)
    table, figures = files_of(options)
    page = section_of(table.read_text(), PAGE_TITLE) if table.exists() else ""
    text = markdown(session, GOALS, TITLES, COLUMNS)
    table.write_text(
        with_section(text, PAGE_TITLE, page) if page else text
    )  # what `make bench-page` has measured stays
    figures.write_text(to_json(session))
    tell(f"\n{table.read_text()}\nWritten: {table} and {figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
