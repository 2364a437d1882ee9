"""A device without a socket: one long poll after another, and calls for everything else."""

import asyncio
from urllib.parse import urlencode

from prove.api import UNAUTHORIZED
from prove.backoff import wait_seconds
from prove.line import Line

WAIT_SECONDS = 20
# So much longer than it was to wait a call may take, before it counts as dead.
SLACK_SECONDS = 10.0
LIMIT = 100


class PollLine(Line):
    """One device's long polls, one after another."""

    async def run(self) -> None:
        """Ask, and again after every answer, until `stop`."""
        failures = 0
        while not self.stopped:
            if await self._poll():
                failures = 0
                continue
            if self.device.welcomed:
                self.device.lost(reason="a poll failed")
            failures += 1
            await asyncio.sleep(wait_seconds(failures, self.random))

    async def _poll(self) -> bool:
        """Whether it was answered."""
        token = await self.account.token()
        # The first, and whichever comes after a loss, shows at once where the log stands.
        wait = WAIT_SECONDS if self.device.welcomed else 0
        query = urlencode(self.device.listen() | {"limit": str(LIMIT), "wait": str(wait)})
        reply = await self.api.call("GET", f"/api/events/?{query}", token=token, seconds=wait + SLACK_SECONDS)
        if reply.status == UNAUTHORIZED:
            self.account.spoil()
        if reply.status != 200:
            return False
        self.device.listened(reply.body)
        return True
