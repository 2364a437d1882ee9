"""Running the machine: one database for a whole test, the same examples each time, or for long other ones."""

import asyncio
import gc
import os
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from actions import accounts, conversation_keys, repair, sessions
from tests.properties.machine import PEOPLE, POLLER, Storm
from tests.properties.store import fill, stepped
from tests.properties.world import World
from tests.rooms import make_keys

# So many examples, of other steps each time.
LONG = os.environ.get("RECADO_STORM_EXAMPLES")
EXAMPLES = {"sqlite": 400, "postgresql": 80}
SETTINGS = settings(
    stateful_step_count=25,
    phases=[Phase.generate, Phase.shrink],
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def storm(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs it on the database of a URL; with a number by other steps, the same each time; perhaps with other settings.

    Pages are small, ids are counted.
    """
    ids = count(1000)
    for room in (accounts, sessions, conversation_keys):
        monkeypatch.setattr(room, "new_id", lambda: next(ids))
    monkeypatch.setattr(repair, "PAGE", 3)
    monkeypatch.setattr(repair, "SETTLE_SECONDS", 0)
    return _run


def _run(database_url: str, number: int | None = None, **other: Any) -> None:
    gc.collect()  # a task of an earlier test that failed unheard complains when it goes: not in here
    keys = make_keys()
    callers = asyncio.run(fill(database_url, keys, PEOPLE | {"carol": 2}))
    callers[POLLER] = callers.pop("carol/2")
    examples = int(LONG) if LONG else EXAMPLES[database_url.partition(":")[0]]
    with stepped(database_url) as one, stepped(database_url) as another:

        class Here(Storm):
            make = staticmethod(lambda: World({"A": one, "B": another}, keys, callers))

        if number is not None:
            seed(number)(Here)
        run_state_machine_as_test(Here, settings=settings(SETTINGS, **{"max_examples": examples, **other}))
