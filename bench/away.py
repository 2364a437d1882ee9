"""Clients who were connected and went away, and what waits for each of them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from bench.dialects import DIALECTS, Person
from bench.ledger import Texts
from bench.talk import LoadFailed, connect

V1 = DIALECTS["v1"]
AT_A_TIME = 50  # sockets that open together
IN_FLIGHT = 8  # messages of one who writes
WRITERS_EACH = 2  # who write to one person
PATIENCE_SECONDS = 60.0


class _Content(msgspec.Struct):
    content: str


class Heard(msgspec.Struct):
    """What matters of a frame of the server."""

    type: str
    position: int = 0
    epoch: str = ""
    outcome: str = ""
    message: _Content | None = None
    code: str | int = ""
    detail: str = ""


_heard = msgspec.json.Decoder(Heard).decode


class Ear(WSListener):
    """One socket: its frames go to `take`, and `gone` is done when it is."""

    def __init__(self, take: Callable[[Heard], object]) -> None:
        self.take = take
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        """One frame."""
        if frame.msg_type == WSMsgType.TEXT:
            self.take(_heard(frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The socket is gone."""
        if not self.gone.done():
            self.gone.set_result(None)


@dataclass(slots=True)
class Away:
    """One client, and where their log stood when they were last here."""

    name: str
    token: str
    position: int = 0
    epoch: str = ""

    @property
    def person(self) -> Person:
        """Whose socket it is."""
        return Person(self.name, "", self.token)


@dataclass(frozen=True, slots=True)
class State:
    """Who is away, and how many messages wait for each: their texts are of the run `run`, of `length` characters."""

    run: str
    waiting: int
    length: int
    people: Sequence[Away]

    @property
    def texts(self) -> Texts:
        """What each was written: message `number` to the person `index`."""
        return Texts(self.run, self.length)

    def keep(self, path: Path) -> None:
        """Write it where only its owner can read it: there are tokens in it."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))


def found(path: Path) -> State:
    """What `keep` has written."""
    values = json.loads(path.read_text())
    return State(**(values | {"people": [Away(**person) for person in values["people"]]}))


async def prepare(url: str, state: State, writers: Mapping[str, str]) -> None:
    """Let everybody connect, then go away, and write to them. `writers`: name → access token."""
    kept: list[WSTransport] = []
    for start in range(0, len(state.people), AT_A_TIME):
        kept += await asyncio.gather(*(_visit(url, person) for person in state.people[start : start + AT_A_TIME]))
    for transport in kept:
        transport.disconnect()
    names = list(writers)
    said = letters(state, names)
    await asyncio.gather(*(_Writing(said[name]).run(url, Person(name, "", writers[name])) for name in names))


def letters(state: State, writers: Sequence[str]) -> Mapping[str, list[tuple[str, str]]]:
    """Writer → (recipient, text) in order. Each person is written to by a few, the same ones each time."""
    said: dict[str, list[tuple[str, str]]] = {name: [] for name in writers}
    for number in range(state.waiting):
        for index, person in enumerate(state.people):
            writer = writers[(index + number % WRITERS_EACH) % len(writers)]
            said[writer].append((person.name, state.texts.make(index, number)))
    return said


async def _visit(url: str, away: Away) -> WSTransport:
    """An open socket, and note where the log stands."""
    welcome: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()

    def take(heard: Heard) -> None:
        if not welcome.done():
            welcome.set_result(heard)

    transport = await connect(url, V1, away.person, Ear(take))
    told = await asyncio.wait_for(welcome, PATIENCE_SECONDS)
    if told.type != "welcome":
        raise LoadFailed(f"{away.name} is not welcome: {told.code} {told.detail}")
    away.position, away.epoch = told.position, told.epoch
    return transport


class _Writing:
    """One who writes: so many in flight, until all of it is durable."""

    def __init__(self, letters: Sequence[tuple[str, str]]) -> None:
        self._letters = iter(letters)
        self._left = len(letters)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: WSTransport | None = None

    async def run(self, url: str, person: Person) -> None:
        """Write everything. Raises `LoadFailed`."""
        ear = Ear(self._take)
        self._transport = await connect(url, V1, person, ear)
        await asyncio.wait((self._done, ear.gone), return_when=asyncio.FIRST_COMPLETED)
        if not self._done.done():
            raise LoadFailed("the socket of one who writes was closed")
        self._transport.disconnect()
        self._done.result()

    def _take(self, heard: Heard) -> None:
        if heard.type == "welcome":
            for _ in range(IN_FLIGHT):
                self._say()
        elif heard.type == "sent":
            self._left -= 1
            self._say()
        elif heard.type == "error" and not self._done.done():
            self._done.set_exception(LoadFailed(f"a message was refused: {heard.code} {heard.detail}"))
        if not self._left and not self._done.done():
            self._done.set_result(None)

    def _say(self) -> None:
        letter = next(self._letters, None)
        if letter is not None and self._transport is not None:
            self._transport.send(WSMsgType.TEXT, V1.frame(*letter))
