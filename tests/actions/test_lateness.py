"""From the commit to the socket: every message counts, once, when its frame has been written."""

import asyncio
import time

from actions.lateness import Lateness


async def test_a_message_is_observed_after_what_was_published_in_the_same_turn() -> None:
    lateness, order = Lateness(), []
    asyncio.get_running_loop().call_soon(order.append, "written")
    lateness.note(time.monotonic() - 1)
    lateness.note(time.monotonic() - 1)
    assert lateness.seconds.cumulated[-1][1] == 0
    await asyncio.sleep(0)
    assert order == ["written"]
    assert lateness.seconds.cumulated[-1][1] == 2
    assert lateness.seconds.sum >= 2
