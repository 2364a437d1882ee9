"""One device and its way to the server: what a socket and a long poll have in common, which is the calls."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from random import Random
from typing import Any

from prove import api
from prove.api import UNAUTHORIZED, Account, Api, CallFailed
from prove.backoff import wait_seconds
from prove.client import Device
from prove.outbox import Job, Kind
from prove.wire import JSON


class Line:
    """See the module. `run` MUST be a task of its own; `tick` is called again and again beside it."""

    def __init__(self, device: Device, account: Account, api: Api, random: Random) -> None:
        self.device = device
        self.account = account
        self.stopped = False
        self.next_wish = 0.0
        self.api = api
        self.random = random
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen, and again after every loss, until `stop`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Hang up, and do not come back."""
        self.stopped = True
        for call in self._calls:
            call.cancel()

    def tick(self, now: float) -> None:
        """Whatever is due."""
        for job in self.device.due(now):
            self.device.say(job, "rest", now)
            self.call(job)
        if self.device.reload_upto is not None and not self._calls:
            self._spawn(self._reload())

    async def renew(self) -> None:
        """Show the server a fresh token, where it is not shown with every call."""

    def call(self, job: Job) -> None:
        """Ask for a job by REST; what is not answered is tried again."""
        self._spawn(self._call(job))

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, job: Job) -> None:
        method, path, body = _request(job)
        with contextlib.suppress(CallFailed):
            reply = await self.api.call(method, path, body, token=await self.account.token())
            if reply.status == UNAUTHORIZED:
                self.account.spoil()
            wait = reply.retry_after or wait_seconds(job.tries, self.random)
            self.device.answered_call(job, reply.status, reply.body, time.monotonic(), wait)
            return
        self.device.answered_call(job, 0, b"", time.monotonic(), 1.0)

    async def _reload(self) -> None:
        """After a reset: everything again, by REST."""
        messages = await api.whole_list(self.api, await self.account.token())
        self.device.reloaded(messages)


def _request(job: Job) -> tuple[str, str, JSON | None]:
    fields = job.fields
    match job.kind:
        case Kind.SEND:
            return "POST", "/api/auth/send/", fields
        case Kind.EDIT:
            return "PATCH", f"/api/messages/{fields['id']}/", {"content": fields["content"]}
        case Kind.DELETE:
            return "DELETE", f"/api/messages/{fields['id']}/", None
        case Kind.READ:
            return "POST", f"/api/conversations/{fields['peer']}/read/", {"up_to": fields["up_to"]}
        case Kind.BLOCK:
            return "PUT", f"/api/blocks/{fields['peer']}/", None
        case Kind.UNBLOCK:
            return "DELETE", f"/api/blocks/{fields['peer']}/", None
        case Kind.TIMER:
            return "PATCH", f"/api/conversations/{fields['peer']}/", {"ttl_seconds": fields["ttl_seconds"]}
