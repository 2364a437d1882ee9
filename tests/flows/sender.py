"""Clients of `recado.v1` that keep sending, and count what they are answered: every try exactly once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from tornado.websocket import WebSocketClosedError

from tests.instances import Instance
from tests.talk import Talk, talking

Frame = dict[str, Any]
IN_FLIGHT = 8


@asynccontextmanager
async def device(instance: Instance, token: str, **hello: object) -> AsyncIterator[tuple[Talk, Frame]]:
    """A connection that has said hello, and the welcome."""
    async with talking(instance.socket_url, subprotocols=["recado.v1"]) as talk:
        await talk.say({"type": "hello", "token": token} | hello)
        welcome = await talk.hear()
        assert welcome["type"] == "welcome", welcome
        yield talk, welcome


async def until(talk: Talk, kind: str) -> Frame:
    """The next frame of this type; those before it are dropped."""
    while (frame := await talk.hear())["type"] != kind:
        pass
    frame_of_kind: Frame = frame
    return frame_of_kind


class Sender:
    """A client that always has some sends under way, until it is sent away or told to finish.

    What was refused is sent again, under the same `client_id`, when the answer says so.
    """

    def __init__(self, talk: Talk, recipient: str = "bob") -> None:
        self.talk = talk
        self.recipient = recipient
        self.open: set[str] = set()  # tries that have no answer yet, by ref
        self.sent: list[str] = []
        self.refused: list[Frame] = []
        self.tries: Counter[str] = Counter()  # by client_id
        self.again: set[asyncio.Task[None]] = set()
        self.finishing = False
        self.progress = asyncio.Event()

    async def run(self) -> int | None:
        """Until everything is answered, or the server closes: the code with which it did."""
        for _ in range(IN_FLIGHT):
            await self._send(str(uuid4()))
        while self.open or self.again or not self.finishing:
            frame = await self.talk.hear()
            if frame is None:
                break
            await self._take(frame)
        for task in self.again:
            task.cancel()
        return self.talk.connection.close_code

    async def sends_more(self, count: int = 1) -> None:
        """Until so many more are durable."""
        goal = len(self.sent) + count
        while len(self.sent) < goal:
            self.progress.clear()
            await self.progress.wait()

    async def _take(self, frame: Frame) -> None:
        if frame["type"] not in ("sent", "error"):
            return
        self.open.remove(frame["ref"])  # an answer that nobody waits for, or a second one, fails here
        client_id = frame["ref"].partition(" ")[0]
        if frame["type"] == "sent":
            self.sent.append(client_id)
            self.progress.set()
            if not self.finishing:
                await self._send(str(uuid4()))
            return
        self.refused.append(frame)
        task = asyncio.create_task(self._later(client_id, frame["retry_after"]))
        self.again.add(task)
        task.add_done_callback(self.again.discard)

    async def _later(self, client_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._send(client_id)

    async def _send(self, client_id: str) -> None:
        if self.talk.connection.close_code is not None:
            return
        self.tries[client_id] += 1
        ref = f"{client_id} {self.tries[client_id]}"
        self.open.add(ref)
        frame = {"type": "send", "client_id": client_id, "ref": ref, "recipient": self.recipient, "content": "hi"}
        with suppress(WebSocketClosedError):  # it was closed a moment ago: the next thing to hear is why
            await self.talk.say(frame)


def stored(instance: Instance, token: str) -> Counter[str]:
    """How often each client_id is in somebody's history."""
    found: Counter[str] = Counter()
    before = 2**53 - 1
    while page := instance.call("GET", f"/api/auth/messages/?limit=500&before={before}", token=token).json:
        found.update(message["client_id"] for message in page)
        before = page[-1]["id"]
    return found
