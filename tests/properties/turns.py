"""Nothing happens before its turn: a loop whose time the test turns, and a desk where all that would wait lies.

A step (a transaction, a subscription) takes two turns: in the first it is done, in the second whoever waits is
told. What others do in between is what a pool of threads and a network allow, and here it is chosen.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

# On which instance what runs now runs.
HERE: contextvars.ContextVar[str] = contextvars.ContextVar("HERE", default="")


class TurnedLoop(asyncio.SelectorEventLoop):
    """A loop that is run until nothing is left to do at once, and for which time passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.faults: list[str] = []
        self._tasks: dict[str, dict[asyncio.Task[Any], None]] = {}  # not yet done, in the order of their beginning
        super().__init__()
        self.set_task_factory(self._make_task)
        self.set_exception_handler(lambda _, told: self.faults.append(f"{told['message']}: {told.get('exception')!r}"))

    def time(self) -> float:
        return self.seconds

    def settle(self) -> None:
        """Run until everybody waits for a turn, for a time, or for a client."""
        self.call_soon(self._stop_when_idle)
        self.run_forever()

    def _stop_when_idle(self) -> None:
        is_due = self._scheduled and self._scheduled[0].when() <= self.seconds
        if self._ready or is_due:
            self.call_soon(self._stop_when_idle)
        else:
            self.stop()

    def start(self, here: str, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin something on the instance `here`."""
        return self.create_task(work, context=_context(here))

    def call(self, here: str, act: Callable[[], object]) -> None:
        """A plain call on the instance `here`, and what follows from it at once."""
        self.call_soon(act, context=_context(here))
        self.settle()

    def end(self, here: str) -> None:
        """End all that runs on the instance `here`."""
        for task in list(self._tasks.pop(here, ())):
            task.cancel()
        self.settle()

    def end_all(self) -> None:
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.settle()
        self.close()

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(work, loop=loop, context=context)
        here = HERE.get() if context is None else context.get(HERE, "")
        running = self._tasks.setdefault(here, {})
        running[task] = None
        task.add_done_callback(lambda _: running.pop(task, None))
        return task


def _context(here: str) -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(HERE.set, here)
    return context


@dataclass(eq=False, slots=True)
class Step:
    """Something asked for: `act` does it."""

    here: str
    label: str
    act: Callable[[], object]
    answer: "asyncio.Future[Any]"
    done: bool = False
    result: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        return f"{self.here}: {self.label}{' (done, not told)' if self.done else ''}"


@dataclass(slots=True)
class Desk:
    """The steps that wait for a turn, the oldest first; `ticks` counts those that were done."""

    loop: TurnedLoop
    steps: list[Step] = field(default_factory=list)
    ticks: int = 0
    turns: int = 0

    def ask(self, label: str, act: Callable[[], object]) -> Awaitable[Any]:
        """What `act` returns, when its turns have come."""
        step = Step(HERE.get(), label, act, self.loop.create_future())
        self.steps.append(step)
        return step.answer

    def turn(self, index: int = 0) -> None:
        """Do one step, or tell what came of it, and let the loop settle."""
        step = self.steps[index % len(self.steps)]
        self.turns += 1
        if step.answer.cancelled() or step.done:
            self.steps.remove(step)
            self._tell(step)
            self.loop.settle()
            return
        self.ticks += 1
        try:
            step.result = step.act()
        except Exception as error:  # noqa: BLE001 - it is whoever asked who is told
            step.error = error
        step.done = True

    def drop(self, here: str) -> None:
        """Forget what waits on the instance `here`: it has died."""
        self.steps = [step for step in self.steps if step.here != here]

    def _tell(self, step: Step) -> None:
        if step.answer.done():
            return
        if step.error is not None:
            step.answer.set_exception(step.error)
        else:
            step.answer.set_result(step.result)
