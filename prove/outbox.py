"""What a device wants from the server and has no answer to yet. Pure: the time is an argument.

A job is kept until it is answered for good, and asked for again with the same name after every loss.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from prove.wire import JSON


class Kind(enum.StrEnum):
    """The jobs there are."""

    SEND = "send"
    EDIT = "edit"
    DELETE = "delete"
    READ = "read"
    BLOCK = "block"
    UNBLOCK = "unblock"
    TIMER = "timer"


@dataclass(slots=True)
class Job:
    """One wish. `ref` is its name over all tries: of a send the `client_id`. `via`: `v1` or `rest`."""

    kind: Kind
    ref: str
    fields: JSON
    via: str = "v1"
    tries: int = 0
    in_flight: bool = False
    since: float = 0.0  # when it was last sent
    not_before: float = 0.0

    def frame(self) -> JSON:
        """The job as a frame of the dialect."""
        return {"type": self.kind.value, "ref": self.ref, **self.fields}


class Outbox:
    """The jobs of one device, oldest first."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def add(self, job: Job) -> None:
        """One more wish; its name must be new."""
        if job.ref in self._jobs:
            raise ValueError(f"{job.ref} is in the outbox already")
        self._jobs[job.ref] = job

    def due(self, now: float) -> list[Job]:
        """What should be sent now."""
        return [job for job in self._jobs.values() if not job.in_flight and job.not_before <= now]

    def start(self, job: Job, now: float) -> None:
        """The job is on its way."""
        job.in_flight, job.since, job.tries = True, now, job.tries + 1

    def finish(self, ref: str | None) -> Job | None:
        """The job is answered for good. None: it was before, by an answer to another try."""
        return self._jobs.pop(ref or "", None)

    def postpone(self, ref: str | None, until: float) -> None:
        """The answer was: not now."""
        if job := self._jobs.get(ref or ""):
            job.in_flight, job.not_before = False, until

    def lose(self, via: str) -> None:
        """The way is gone, and with it whatever answers were to come."""
        for job in self._jobs.values():
            if job.via == via:
                job.in_flight = False

    def oldest(self, via: str) -> float | None:
        """Since when the longest has waited on this way for its answer; None when nothing does."""
        return min((job.since for job in self._jobs.values() if job.in_flight and job.via == via), default=None)
