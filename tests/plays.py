"""Acting out the plays of docs/protocol.md on a running server: what is told there must happen."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyotp

from realtime.dialects.v1 import SUBPROTOCOL
from tests.authenticator import Authenticator
from tests.frames import fits
from tests.instances import Instance
from tests.markdown import Play
from tests.talk import PATIENCE_SECONDS, Talk, talking

PEOPLE = ("alice", "bob")
# What may come at any time; it is looked at where it is expected.
AMBIENT = {"presence", "heartbeat"}
QUICK = {
    "RECADO_MESSAGES_SWEEP_SECONDS": "1",
    "RECADO_WEBSOCKET_HEARTBEAT_SECONDS": "1",
    "RECADO_WEBSOCKET_PRESENCE": "true",
    "RECADO_WEBSOCKET_PRESENCE_GRACE_SECONDS": "1",
}
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}Z)?")
# What stands for a body that is no text.
FILE = "<the file>"
PLACEHOLDER = re.compile(r"<[a-z ]+>")
# A number of this length stands for another one, as a placeholder does.
STANDS_FOR = 2**52
LONG_NUMBER = re.compile(r"\b\d{16}\b")
CONNECTS = re.compile(r"-- (\w+) connects (by recado\.v1|without a subprotocol)")
SPEAKS = re.compile(r"(\w+) *([<>]) (\{.*)")
HEADER = re.compile(r"^([\w-]+): (.+)$", re.MULTILINE)
# What the settings above, or chance, decide.
VARYING = {"heartbeat_seconds", "resume_after_ms"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is connected; `own` ends the connection."""

    talk: Talk
    own: AsyncExitStack
    dialect: str
    heard: list[Any] = field(default_factory=list)

    async def hear(self, kind: str | None) -> Any:
        """The next frame, less what may come at any time: it is of another type than this, or told again."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame = await self.talk.hear()
                ambient = frame is not None and frame.get("type") in AMBIENT
                if not ambient or (frame["type"] == kind and frame not in self.heard):
                    self.heard.append(frame)
                    return frame


class Stage:
    """One play: the server, who is connected, and what the placeholders stand for by now."""

    def __init__(self, instance: Instance, stack: AsyncExitStack) -> None:
        self.instance = instance
        self.stack = stack
        self.known: dict[str, str] = {}
        self.actors: dict[str, Actor] = {}
        self.device = Authenticator(instance.url)
        self.answered: Any = None

    async def play(self, play: Play) -> None:
        """The whole play; `AssertionError` where something else happens than stands there."""
        for language, text in play.blocks:
            await (self.call(text) if language == "http" else self.tell(text))

    async def call(self, text: str) -> None:
        """A request, and the answer that the document promises."""
        asked, told = text.strip().split("\n\nHTTP/1.1 ")
        (head, _, body), (told_head, _, told_body) = asked.partition("\n\n"), told.partition("\n\n")
        method, target = self.filled(head.splitlines()[0]).split(" ")
        headers = dict(HEADER.findall(self.filled(head)))
        sent = json.loads(self.filled(body)) if body else None
        reply = await asyncio.to_thread(self.instance.call, method, target, sent, headers=headers)
        assert f"{reply.status} {HTTPStatus(reply.status).phrase}" == told_head.splitlines()[0], (text, reply)
        for name, value in HEADER.findall(told_head):
            assert reply.headers[name.lower()] == value
        assert bool(told_body) == bool(reply.body), text
        if told_body == FILE:
            return
        if told_body:
            self.answered = reply.json
            self.compare(json.loads(told_body), reply.json, text)

    async def tell(self, text: str) -> None:
        """A transcript, line by line; one that is indented goes on with the line above."""
        for line in re.sub(r"\n +", " ", text).splitlines():
            if line.startswith("--"):
                await self.direct(line)
            elif line:
                await self.speak(line)

    async def direct(self, line: str) -> None:
        """What happens beside the words."""
        if line == "-- the server stops":
            await asyncio.to_thread(self.instance.stop)
        elif leaves := re.fullmatch(r"-- (\w+) leaves", line):
            await self.actors.pop(leaves[1]).own.aclose()
        else:
            connects = CONNECTS.fullmatch(line)
            assert connects, line
            who, how = connects.groups()
            by_v1 = how == "by recado.v1"
            own = await self.stack.enter_async_context(AsyncExitStack())
            token = None if by_v1 else self.known[f"<access token of {who}>"]
            names = [SUBPROTOCOL] if by_v1 else None
            talk = await own.enter_async_context(talking(self.instance.socket_url, token, subprotocols=names))
            self.actors[who] = Actor(talk, own, "v1" if by_v1 else "plain")

    async def speak(self, line: str) -> None:
        """Somebody says a frame, or hears one."""
        found = SPEAKS.fullmatch(line)
        assert found, line
        who, way, text = found.groups()
        actor = self.actors[who]
        if way == ">":
            frame = json.loads(self.filled(text))
            await actor.talk.say(frame)
        else:
            frame = json.loads(text)
            self.compare(frame, await actor.hear(frame.get("type")), line)
        side = "client" if way == ">" else "server"
        assert fits(actor.dialect, side, kind_of(actor.dialect, side, frame), frame) == [], line

    def filled(self, text: str) -> str:
        """The text with what its placeholders stand for."""
        text = PLACEHOLDER.sub(lambda found: self.meant(found[0]), text)
        return LONG_NUMBER.sub(lambda found: self.known.get(found[0], found[0]), text)

    def meant(self, placeholder: str) -> str:
        """What a placeholder stands for: learned before, or made now by an app or an authenticator."""
        if placeholder == "<one time password of alice>":
            return str(pyotp.TOTP(self.known["<seed of alice>"]).now())
        if placeholder == "<a new passkey>":
            return json.dumps(self.device.create(self.answered))
        if placeholder == "<a used passkey>":
            return json.dumps(self.device.get(self.answered))
        return self.known[placeholder]

    def compare(self, told: Any, real: Any, where: str) -> None:
        """`real` is what was told: times differ, placeholders are learned, everything else is the same."""
        if isinstance(told, dict):
            assert set(told) == set(real), (where, real)
            for name, value in told.items():
                if name not in VARYING:
                    self.compare(value, real[name], where)
        elif isinstance(told, list):
            assert len(told) == len(real), (where, real)
            for one, other in zip(told, real, strict=True):
                self.compare(one, other, where)
        elif isinstance(told, str) and PLACEHOLDER.fullmatch(told):
            assert isinstance(real, str)
            assert told != "<epoch>" or self.known.get(told, real) == real
            self.known[told] = real
        elif isinstance(told, int) and told >= STANDS_FOR:
            assert self.known.setdefault(str(told), str(real)) == str(real), (where, real)
        elif isinstance(told, str) and TIME.fullmatch(told):
            assert TIME.fullmatch(real), (where, real)
            assert len(real) == len(told), (where, real)
        else:
            assert told == real, (where, real)


def kind_of(dialect: str, side: str, frame: Mapping[str, Any]) -> str:
    """What the AsyncAPI document calls a frame."""
    if dialect == "v1":
        return str(frame["type"])
    if side == "client":
        return "send"
    return "error" if "error" in frame else "message"


@asynccontextmanager
async def staged(home: Path) -> AsyncIterator[Stage]:
    """A fresh server on which the people of the document have signed in."""
    with Instance(home, settings=QUICK) as instance:
        async with AsyncExitStack() as stack:
            stage = Stage(instance, stack)
            for name in PEOPLE:
                stage.known[f"<access token of {name}>"] = await asyncio.to_thread(instance.join, name)
            yield stage
