"""Carries a schedule of faults out: break, wait, mend. What was done goes into the history."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

from prove.faults import BY_NAME, Planned
from prove.history import Fault, Record
from prove.stack import Stack
from prove.tcp import Wire
from tests.child import Server

SHARE_CUT = 0.5
SHARE_STALLED = 0.4
SLOW_SECONDS = (0.05, 0.3)
SLOW_DATABASE_SECONDS = (0.01, 0.05)
SLOW_REDIS_SECONDS = (0.05, 0.15)

Step = Callable[[], Awaitable[None]]


class Breakage:
    """See the module. Whoever ends it early calls `Stack.heal`."""

    def __init__(self, stack: Stack, seed: int, record: Record, tell: Callable[[str], None]) -> None:
        self.stack = stack
        self.done = 0
        self._record = record
        self._tell = tell
        self._random = Random(f"breakage {seed}")  # noqa: S311 - a run can be repeated

    async def carry_out(self, planned: Sequence[Planned]) -> None:
        """All of them, each at its time; some are on at once."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for each in planned:
                group.create_task(self._one(each, began))

    async def _one(self, planned: Planned, began: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(began + planned.begins - loop.time())
        hurt, mend = STEPS[planned.kind](self, planned.target)
        lock = self.stack.locks.get(planned.target) or self.stack.node(planned.target).lock
        async with lock:
            self._note(planned, "begin")
            await hurt()
            await asyncio.sleep(max(0.0, began + planned.ends - loop.time()))
            await mend()
            self._note(planned, "end")
        self.done += 1

    def _note(self, planned: Planned, phase: str) -> None:
        self._record(Fault(fault=planned.kind, target=planned.target, phase=phase))
        if phase == "begin":
            self._tell(f"  fault: {planned.kind} ({planned.target}): {BY_NAME[planned.kind].text}")

    # --- Ways to break, and to mend ---

    def kill_instance(self, target: str) -> tuple[Step, Step]:
        """The process is gone between two instructions."""
        node = self.stack.node(target)
        return _in_thread(node.instance.kill), lambda: self.stack.start_instance(node)

    def stop_instance(self, target: str) -> tuple[Step, Step]:
        """A polite end."""
        node = self.stack.node(target)
        return lambda: self.stack.stop_instance(node), lambda: self.stack.start_instance(node)

    def roll(self, _target: str) -> tuple[Step, Step]:
        """As an upgrade does it; the next goes when the one before is ready."""

        async def one_after_another() -> None:
            for node in self.stack.nodes:
                async with node.lock:
                    await self.stack.stop_instance(node)
                    await self.stack.start_instance(node)
                    await self.stack.ready([node])

        return one_after_another, _at_once(lambda: None)

    def cut_redis(self, target: str) -> tuple[Step, Step]:
        """No way from this instance to Redis."""
        return self._cut(self.stack.node(target).redis)

    def stall_redis(self, target: str) -> tuple[Step, Step]:
        """Connections to Redis that live and say nothing."""
        wire = self.stack.node(target).redis
        return _at_once(wire.stall), _at_once(wire.heal)

    def slow_redis(self, target: str) -> tuple[Step, Step]:
        """A slow network to Redis: what others tell comes behind what is told here."""
        return self._slow(self.stack.node(target).redis, SLOW_REDIS_SECONDS)

    def cut_postgres(self, target: str) -> tuple[Step, Step]:
        """No way from this instance to PostgreSQL."""
        return self._cut(self.stack.node(target).postgres)

    def slow_postgres(self, target: str) -> tuple[Step, Step]:
        """A slow network to the database."""
        return self._slow(self.stack.node(target).postgres, SLOW_DATABASE_SECONDS)

    def kill_redis(self, _target: str) -> tuple[Step, Step]:
        """Redis is gone, with all it knew."""
        return _in_thread(self.stack.redis.kill), _in_thread(self.stack.redis.start)

    def stop_redis(self, _target: str) -> tuple[Step, Step]:
        """Redis ends politely."""
        return _in_thread(self.stack.redis.stop), _in_thread(self.stack.redis.start)

    def freeze_redis(self, _target: str) -> tuple[Step, Step]:
        """Redis takes connections and answers nothing."""
        redis = self.stack.redis
        return _signal(redis, signal.SIGSTOP), _signal(redis, signal.SIGCONT)

    def crash_postgres(self, _target: str) -> tuple[Step, Step]:
        """Immediate mode: no checkpoint, no rollback; the next start recovers from the log."""
        postgres = self.stack.postgres

        def crash() -> None:
            postgres.kill(signal.SIGQUIT)

        return _in_thread(crash), _in_thread(postgres.start)

    def cut_clients(self, _target: str) -> tuple[Step, Step]:
        """Some clients lose their connections."""
        front = self.stack.front
        return _at_once(lambda: front.cut(SHARE_CUT, self._random)), _at_once(front.heal)

    def slow_clients(self, _target: str) -> tuple[Step, Step]:
        """A slow network to all clients."""
        return self._slow(self.stack.front, SLOW_SECONDS)

    def stall_clients(self, _target: str) -> tuple[Step, Step]:
        """Some clients' connections live and say nothing."""
        front = self.stack.front
        return _at_once(lambda: front.stall(SHARE_STALLED, self._random)), _at_once(front.heal)

    def _cut(self, wire: Wire) -> tuple[Step, Step]:
        def hurt() -> None:
            wire.refuses = True
            wire.cut()

        return _at_once(hurt), _at_once(wire.heal)

    def _slow(self, wire: Wire, seconds: tuple[float, float]) -> tuple[Step, Step]:
        def hurt() -> None:
            wire.delay_seconds = self._random.uniform(*seconds)

        return _at_once(hurt), _at_once(wire.heal)


STEPS: Mapping[str, Callable[[Breakage, str], tuple[Step, Step]]] = {
    "kill-instance": Breakage.kill_instance,
    "stop-instance": Breakage.stop_instance,
    "rolling-restart": Breakage.roll,
    "cut-redis-link": Breakage.cut_redis,
    "stall-redis-link": Breakage.stall_redis,
    "slow-redis-link": Breakage.slow_redis,
    "cut-postgres-link": Breakage.cut_postgres,
    "slow-postgres-link": Breakage.slow_postgres,
    "kill-redis": Breakage.kill_redis,
    "stop-redis": Breakage.stop_redis,
    "freeze-redis": Breakage.freeze_redis,
    "crash-postgres": Breakage.crash_postgres,
    "cut-clients": Breakage.cut_clients,
    "slow-clients": Breakage.slow_clients,
    "stall-clients": Breakage.stall_clients,
}


def _in_thread(blocking: Callable[[], object]) -> Step:
    async def step() -> None:
        await asyncio.to_thread(blocking)

    return step


def _at_once(quick: Callable[[], object]) -> Step:
    async def step() -> None:
        quick()

    return step


def _signal(server: Server, signum: signal.Signals) -> Step:
    async def step() -> None:
        if server.process is not None:
            server.process.send_signal(signum)

    return step
