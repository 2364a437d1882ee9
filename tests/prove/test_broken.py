"""The real server with one bug at a time, under load and faults: each is reported, and the server without one is not.

Some runs go at once, each with a stack of its own: they mostly wait. A fault may miss its moment on a busy machine;
then the run is repeated.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove import crowd
from prove.checker import check
from prove.faults import CLIENTS, INSTANCE, REDIS, Planned
from prove.history import FILE, History, read
from prove.run import Plan, run
from prove.violation import Violation
from tests.instances import SERVER

BROKEN = Path(__file__).parent / "broken"
SECONDS = 8.0
# A server without a bug fills every hole within two seconds; it is given as long as it needs.
DRAIN_SECONDS, MOST_DRAIN_SECONDS = 6.0, 60.0
AT_ONCE = 3
TRIES = 3
FIRST, SECOND = f"{INSTANCE} 1", f"{INSTANCE} 2"
SLOW_BUS = [Planned("slow-redis-link", each, 0.5, 7.5) for each in (FIRST, SECOND)]
SLOW_LOG = [Planned("slow-postgres-link", each, 0.5, 7.5) for each in (FIRST, SECOND)]
CUTS = [Planned("cut-clients", CLIENTS, second, second + 0.1) for second in (2.0, 3.0, 4.0, 5.0, 6.0)]
# Transactions that are open then come to nothing.
LOG_CUTS = [
    Planned("cut-postgres-link", (FIRST, SECOND)[turn % 2], 1.5 + 0.7 * turn, 1.9 + 0.7 * turn) for turn in range(8)
]
NO_BUS = Planned("kill-redis", REDIS, 0.5, 7.0)
# With what it had to tell the others.
KILLED_WITHOUT_BUS = Planned("kill-instance", FIRST, 5.5, 6.0)
HOLE = {"every device has everything", "who is connected hears in time"}
# Bug → the faults that bring it out, and the rules of which one at least tells of it.
BUGS: dict[str, tuple[list[Planned], set[str]]] = {
    "publish_before_commit": (LOG_CUTS, {"the same order on every device"}),
    "highest_seen": (SLOW_BUS, HOLE),
    "no_dedupe": ([*SLOW_LOG, *CUTS], {"every message once in a log"}),
    "read_before_subscribe": ([*SLOW_BUS, *CUTS], HOLE),
    "lost_sweep": ([NO_BUS, KILLED_WITHOUT_BUS], HOLE),
}
# A server without a bug must stand all of them together.
INTACT = [
    Planned("slow-postgres-link", FIRST, 0.5, 2.5),
    Planned("slow-redis-link", SECOND, 0.5, 3.5),
    *LOG_CUTS[3:],
    *CUTS,
    NO_BUS,
    KILLED_WITHOUT_BUS,
]


async def judged(directory: Path, bug: str, planned: list[Planned], seed: int) -> list[Violation]:
    """What is found in a run of the server with this bug, or without one ("")."""
    plan = Plan(
        server=[sys.executable, str(BROKEN), bug] if bug else SERVER,
        seed=seed,
        clients=12,
        seconds=SECONDS,
        rate=20.0,
        instances=2,
        drain_seconds=DRAIN_SECONDS if bug else MOST_DRAIN_SECONDS,
        faults=planned,
    )
    history = History(directory)
    try:
        await run(plan, history, lambda line: None)
    finally:
        history.close()
    return check(read(directory / FILE))


async def all_judged(directory: Path) -> dict[str, list[Violation]]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(bug: str, planned: list[Planned], rules: set[str]) -> list[Violation]:
        found: list[Violation] = []
        for seed in range(TRIES):
            async with places:
                found = await judged(directory / (bug or "intact") / str(seed), bug, planned, seed)
            if not bug or rules & {violation.rule for violation in found}:
                break
        return found

    runs: dict[str, tuple[list[Planned], set[str]]] = {**BUGS, "": (INTACT, set())}
    found = await asyncio.gather(*(one(bug, *each) for bug, each in runs.items()))
    return dict(zip(runs, found, strict=True))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Violation]]]:
    """What was found with each bug, and without one ("")."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowd, "TTL_SHARE", 0.0)  # nobody waits until something expires
        yield asyncio.run(all_judged(tmp_path_factory.mktemp("broken")))


@pytest.mark.parametrize("bug", BUGS)
def test_a_broken_server_is_reported(bug: str, reports: dict[str, list[Violation]]) -> None:
    assert BUGS[bug][1] & {violation.rule for violation in reports[bug]}, reports[bug]


def test_the_server_as_it_is_breaks_no_promise_under_the_same_faults(reports: dict[str, list[Violation]]) -> None:
    assert reports[""] == []


def test_every_bug_has_its_test() -> None:
    assert {path.stem for path in BROKEN.glob("*.py")} == {*BUGS, "__main__"}
