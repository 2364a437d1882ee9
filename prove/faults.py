"""What is broken when, from a seed. Pure: `breakage.py` does it.

Each kind comes before any kind comes again; nothing is broken that is broken already, and one instance always lives.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

# The first fault comes when there is something to lose; the last is mended within the time.
FIRST_SECONDS = 2.0
LAST_SECONDS = 1.0
PAUSE_SECONDS = (0.5, 3.0)
INSTANCE, INSTANCES, REDIS, POSTGRES, CLIENTS = "instance", "instances", "redis", "postgres", "clients"


class Excuse(enum.Enum):
    """How long somebody who is connected may have to wait for a message because of a fault."""

    NONE = "no longer than ever"  # with the bus away each instance looks into the log by itself
    MENDED = "until it is mended"  # nobody can read the log, or nothing reaches the client
    SWEEP = "until the next sweep"  # who wrote it cannot ring, and the others cannot know


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to break something: what, in words, and for how long at least and at most."""

    name: str
    part: str
    text: str
    lasts: tuple[float, float]
    excuse: Excuse = Excuse.NONE


KINDS = (
    Kind("kill-instance", INSTANCE, "SIGKILL, and started again", (0.5, 4.0), Excuse.SWEEP),
    Kind("stop-instance", INSTANCE, "SIGTERM, and started again", (0.5, 3.0)),
    Kind("rolling-restart", INSTANCES, "each in turn: SIGTERM, and started again", (4.0, 8.0)),
    Kind("cut-redis-link", INSTANCE, "its connections to Redis are cut, new ones too", (0.2, 4.0), Excuse.SWEEP),
    Kind("stall-redis-link", INSTANCE, "nothing passes between it and Redis", (0.5, 5.0), Excuse.SWEEP),
    Kind("slow-redis-link", INSTANCE, "each packet to and from Redis waits", (1.0, 5.0)),
    Kind(
        "cut-postgres-link",
        INSTANCE,
        "its connections to PostgreSQL are cut, new ones too",
        (0.1, 2.0),
        Excuse.MENDED,
    ),
    Kind("slow-postgres-link", INSTANCE, "each packet to and from PostgreSQL waits", (1.0, 4.0), Excuse.MENDED),
    Kind("kill-redis", REDIS, "SIGKILL, and started again, empty", (0.5, 6.0)),
    Kind("stop-redis", REDIS, "SIGTERM, and started again, empty", (0.5, 4.0)),
    Kind("freeze-redis", REDIS, "SIGSTOP, SIGCONT", (1.0, 5.0)),
    Kind("crash-postgres", POSTGRES, "shut down in immediate mode, and started again", (0.2, 3.0), Excuse.MENDED),
    Kind("cut-clients", CLIENTS, "a part of the clients' connections is cut", (0.1, 0.2)),
    Kind("slow-clients", CLIENTS, "what goes to and from all clients waits", (1.0, 4.0), Excuse.MENDED),
    Kind(
        "stall-clients",
        CLIENTS,
        "nothing passes between a part of the clients and the proxy",
        (0.5, 4.0),
        Excuse.MENDED,
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault: when it begins and ends, in seconds since the load began. `target` names an instance, or the part."""

    kind: str
    target: str
    begins: float
    ends: float


def schedule(
    seed: int, seconds: float, instances: int = 3, *, kinds: Sequence[Kind] = KINDS, most: int | None = None
) -> list[Planned]:
    """The faults of a run, by their beginning; the same for the same arguments."""
    random = Random(f"faults {seed}")  # noqa: S311 - a run can be repeated
    planned: list[Planned] = []
    begins = FIRST_SECONDS
    for kind in _turns(kinds, random):
        if most is not None and len(planned) >= most:
            break
        ends = round(begins + random.uniform(*kind.lasts), 2)
        if ends > seconds - LAST_SECONDS:
            break
        target = _target(kind, instances, planned, begins, random)
        if target is not None:
            planned.append(Planned(kind.name, target, begins, ends))
        begins = round(begins + random.uniform(*PAUSE_SECONDS), 2)
    return planned


def _turns(kinds: Sequence[Kind], random: Random) -> Iterator[Kind]:
    while kinds:
        yield from random.sample(kinds, len(kinds))


def _target(kind: Kind, instances: int, planned: Sequence[Planned], now: float, random: Random) -> str | None:
    """Something of this kind's part that is whole now; None when nothing is."""
    broken = {each.target for each in planned if each.ends >= now}
    if kind.part not in (INSTANCE, INSTANCES):
        return None if kind.part in broken else kind.part
    free = [name for n in range(instances) if (name := f"{INSTANCE} {n + 1}") not in broken]
    if INSTANCES in broken:
        return None
    if kind.part == INSTANCES:
        return INSTANCES if len(free) == instances else None
    if not free or (len(free) == 1 and instances > 1):
        return None
    return random.choice(free)
