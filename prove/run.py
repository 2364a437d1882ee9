"""A whole run: start everything, let people write, break things, mend them, read the truth at the end."""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from prove.api import Api, CallFailed
from prove.breakage import Breakage
from prove.crowd import Crowd, people_of
from prove.faults import Planned
from prove.finish import drain, tell_the_end, watch
from prove.history import Began, History
from prove.sockets import WrongDialect
from prove.stack import Stack, running_stack
from tests.child import ServerFailed
from tests.programs import NoProgram

CONNECT_SECONDS = 60.0
PROGRESS_SECONDS = 5.0
COMPLAINT = re.compile(r'"level":\s*"(?:error|critical)"|^Traceback', re.MULTILINE)
# The run did not come to its end; that is no verdict.
FAILURES = (CallFailed, WrongDialect, ServerFailed, NoProgram, TimeoutError, AssertionError)


@dataclass(frozen=True, slots=True)
class Plan:
    """How large, how long, what is broken. `rate`: wishes a second, all together; `server`: an instance's command."""

    server: Sequence[str]
    seed: int
    clients: int
    seconds: float
    rate: float
    instances: int
    drain_seconds: float
    faults: Sequence[Planned]


async def run(plan: Plan, history: History, tell: Callable[[str], None]) -> None:
    """Everything, up to the last line of the history. Raises groups of `FAILURES`."""
    random = Random(f"load {plan.seed}")  # noqa: S311 - a run can be repeated
    people = people_of(plan.clients, random)
    history.record(Began(seed=plan.seed, seconds=plan.seconds, people=people))
    home = Path(tempfile.mkdtemp(prefix="recado-prove-"))
    try:
        async with (
            asyncio.TaskGroup() as group,
            running_stack(home, plan.server, plan.instances, tell, history.record) as stack,
        ):
            api = Api(stack.url, random)
            try:
                crowd = Crowd(api, people, history.record, random, plan.rate)
                tell(f"{len(people)} people with {len(crowd.lines)} devices sign up ...")
                await crowd.sign_up()
                async with _living(crowd, history, tell, group):
                    await _trouble(plan, stack, crowd, history, tell)
                    tell("All is mended; everybody gets what they lack ...")
                    await drain(crowd, api, history.record, plan.drain_seconds)
                await tell_the_end(crowd, api, history.record)
            finally:
                api.close()
                _keep_logs(stack.logs(), history.path.parent, tell)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.asynccontextmanager
async def _living(
    crowd: Crowd, history: History, tell: Callable[[str], None], group: asyncio.TaskGroup
) -> AsyncIterator[None]:
    """All devices connected inside the block, with a line of progress now and then."""
    tasks = [
        group.create_task(crowd.live()),
        group.create_task(watch(crowd, tell, lambda: counts(history), PROGRESS_SECONDS)),
    ]
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            while not all(line.device.welcomed for line in crowd.lines):  # noqa: ASYNC110 - they tell nobody
                await asyncio.sleep(0.05)
        yield
    finally:
        for line in crowd.lines:
            line.stop()
        for task in tasks:
            task.cancel()


async def _trouble(plan: Plan, stack: Stack, crowd: Crowd, history: History, tell: Callable[[str], None]) -> None:
    tell(f"All are connected. {plan.seconds:g} s of load, {len(plan.faults)} faults:")
    breakage = Breakage(stack, plan.seed, history.record, tell)
    crowd.begin()
    await asyncio.gather(breakage.carry_out(plan.faults), asyncio.sleep(plan.seconds))
    crowd.wishing = False
    await stack.heal()


def counts(history: History) -> str:
    """How far it is."""
    told = history.counts
    return f"{told['Answered']} acknowledged, {told['Heard']} events heard, {told['Closed']} connections lost"


def _keep_logs(logs: dict[str, str], directory: Path, tell: Callable[[str], None]) -> None:
    """What the servers wrote, beside the history."""
    for name, text in logs.items():
        (directory / f"{name}.log").write_text(text)
    complaints = {name: len(COMPLAINT.findall(text)) for name, text in logs.items() if name.startswith("instance")}
    tell("Errors in the logs of the instances: " + ", ".join(f"{name} {count}" for name, count in complaints.items()))
