"""How long it takes from the commit of a message to the write on the sockets of this instance."""

import asyncio
import time

from metrics import Histogram


class Lateness:
    """One observation for all messages of a batch, when their frames have gone to the kernel."""

    def __init__(self) -> None:
        self.seconds = Histogram()
        self._committed_at = 0.0
        self._messages = 0

    def note(self, committed_at: float) -> None:
        """A message that was committed then (`time.monotonic`) has just been published.

        What is published in one turn of the loop is written at its end, before what is called later.
        """
        self._committed_at = committed_at
        self._messages += 1
        if self._messages == 1:
            asyncio.get_running_loop().call_soon(self._observe)

    def _observe(self) -> None:
        self.seconds.observe(time.monotonic() - self._committed_at, self._messages)
        self._messages = 0
