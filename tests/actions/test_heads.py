"""Many who ask how far their logs go are few questions to the database, and each gets what is true after they asked."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from actions.heads import Heads
from models.db import Unavailable
from tests.actions.stage import say
from tests.rooms import join, running_app


class Slow:
    """Answers when the test says so, with what is true at that moment."""

    def __init__(self) -> None:
        self.heads = {1: 5, 2: 7}
        self.questions: list[Sequence[int]] = []
        self.asked = asyncio.Event()
        self.answers: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def ask(self, user_ids: Sequence[int]) -> dict[int, int]:
        self.questions.append(user_ids)
        self.asked.set()
        found = {user_id: self.heads[user_id] for user_id in user_ids if user_id in self.heads}
        if error := await self.answers.get():
            raise error
        return found


async def test_who_asks_while_a_question_is_under_way_is_in_the_next_one() -> None:
    slow = Slow()
    heads = Heads(slow.ask)
    first = [asyncio.create_task(heads.of(1)) for _ in range(3)]
    await slow.asked.wait()
    slow.heads[1] = 6
    later = [asyncio.create_task(heads.of(user_id)) for user_id in (1, 2, 2, 3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert slow.questions == [[1]]  # one at a time
    slow.answers.put_nowait(None)
    slow.answers.put_nowait(None)
    assert await asyncio.gather(*first) == [5, 5, 5]
    assert await asyncio.gather(*later) == [6, 7, 7, 0]
    assert slow.questions == [[1], [1, 2, 3]]


async def test_a_failure_is_told_to_all_who_shared_the_question_and_to_nobody_else() -> None:
    slow = Slow()
    heads = Heads(slow.ask)
    first = [asyncio.create_task(heads.of(1)) for _ in range(2)]
    await slow.asked.wait()
    later = asyncio.create_task(heads.of(1))
    await asyncio.sleep(0)
    slow.answers.put_nowait(Unavailable("gone"))
    slow.answers.put_nowait(None)
    assert [type(each) for each in await asyncio.gather(*first, return_exceptions=True)] == [Unavailable] * 2
    assert await later == 5


async def test_whoever_goes_away_takes_nothing_from_the_others() -> None:
    slow = Slow()
    heads = Heads(slow.ask)
    going, staying = (asyncio.create_task(heads.of(1)) for _ in range(2))
    await slow.asked.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    slow.answers.put_nowait(None)
    assert await staying == 5


async def test_an_instance_asks_its_database(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "hi")
        await say(app, alice, "alice", "note")
        assert await asyncio.gather(*(app.heads.of(each) for each in (alice.user_id, bob.user_id, 1))) == [2, 1, 0]


async def test_a_failure_after_all_who_asked_have_gone_is_nobodys_error() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    slow = Slow()
    heads = Heads(slow.ask)
    gone = asyncio.create_task(heads.of(1))
    await slow.asked.wait()
    gone.cancel()
    await asyncio.wait([gone])
    slow.answers.put_nowait(Unavailable("away"))
    for _ in range(5):
        await asyncio.sleep(0)
    del heads
    gc.collect()
    assert told == []
