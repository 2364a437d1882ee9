"""Nobody looks at the end before what was to expire has: so long after the last send was answered, not the load."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from prove import finish

CALM = 0.2


class Device:
    """One that has everything, and for some rounds still owes an answer."""

    person = "alice"
    head = 0

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.answered = time.monotonic()

    @property
    def has_everything(self) -> bool:
        return not self.rounds

    @property
    def outbox(self) -> list[str]:
        if self.rounds:
            self.rounds -= 1
            self.answered = time.monotonic()
            return ["a send"]
        return []


async def head(*_: object) -> int:
    """Of the log of anybody: there is nothing in it."""
    return 0


@pytest.mark.parametrize("rounds", [0, 40])
async def test_the_end_is_looked_at_when_all_that_was_sent_has_had_time_to_expire(
    monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(finish, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(finish, "CALM_SECONDS", CALM)
    monkeypatch.setattr(finish, "_head", head)
    device = Device(rounds)
    crowd: Any = SimpleNamespace(lines=[SimpleNamespace(device=device)], people=["alice"], mortal=True)
    told: list[Any] = []
    api: Any = None
    await finish.drain(crowd, api, told.append, 20.0)
    assert [entry.whole for entry in told] == [True]
    assert time.monotonic() - device.answered > CALM
