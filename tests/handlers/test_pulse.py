"""The pulse of all sockets: each is asked in its turn, and closed when its time to answer is over."""

import asyncio
from collections import Counter
from typing import Any

from handlers.pulse import Pulse
from realtime.codes import TOO_SLOW, CloseCode


class Heart:
    """As much of a wire as a pulse sees."""

    def __init__(self, *, answers: bool = True) -> None:
        self.turn = 0
        self.answers = answers
        self.pings = 0
        self.is_silent = False
        self.ended: list[CloseCode] = []

    def ping(self) -> None:
        self.pings += 1
        self.is_silent = not self.answers

    def end(self, code: CloseCode) -> None:
        self.ended.append(code)


def hearts(pulse: Pulse, count: int, **how: Any) -> list[Heart]:
    made = [Heart(**how) for _ in range(count)]
    for heart in made:
        pulse.add(heart)  # type: ignore[arg-type]
    return made


async def test_each_is_asked_once_in_a_round_and_never_all_at_once() -> None:
    pulse = Pulse(10, 5)
    made = hearts(pulse, 100)
    for _ in range(10):
        before = sum(heart.pings for heart in made)
        await pulse.beat()
        assert sum(heart.pings for heart in made) - before == 10
    assert Counter(heart.pings for heart in made) == {1: 100}
    assert len(pulse) == len(set(pulse)) == 100


async def test_whoever_does_not_answer_in_time_is_closed_and_nobody_else() -> None:
    for seconds, timeout in ((10, 5), (5, 5), (3, 1), (1, 1)):
        pulse = Pulse(seconds, timeout)
        (good,), (bad,) = hearts(pulse, 1), hearts(pulse, 1, answers=False)
        beats = 0
        while not bad.ended:
            await pulse.beat()
            beats += 1
        assert bad.ended == [TOO_SLOW]
        assert timeout < beats <= seconds + timeout
        for _ in range(seconds * 3):
            await pulse.beat()
        assert (good.ended, good.pings >= 3) == ([], True)


async def test_who_has_gone_is_not_asked() -> None:
    pulse = Pulse(2, 1)
    first, second = hearts(pulse, 2)
    pulse.discard(first)  # type: ignore[arg-type]
    pulse.discard(Heart())  # type: ignore[arg-type]
    for _ in range(4):
        await pulse.beat()
    assert (first.pings, second.pings, len(pulse)) == (0, 2, 1)


async def test_the_others_go_on_while_many_are_asked() -> None:
    pulse = Pulse(1, 1)
    hearts(pulse, 1000)
    seen = 0
    beating = asyncio.ensure_future(pulse.beat())
    while not beating.done():
        seen += 1
        await asyncio.sleep(0)
    assert seen >= 10
