"""One open socket and its talk: hello, bounds before and after it, work in flight, and what is undone at the end."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from tornado.websocket import WebSocketClosedError

from actions.messages import Outgoing, send
from handlers import line
from handlers.line import HELLO_BYTES, MOST_IN_FLIGHT, Line
from handlers.pace import WRONG_COST
from models.db import Unavailable
from realtime.dialects import Dialect
from realtime.dialects.plain import PLAIN
from realtime.dialects.v1 import V1_DIALECT
from tests.handlers.inside import doorway_of, running_door
from tests.handlers.raw import PATIENCE_SECONDS
from tests.rooms import ORIGIN, Clock, join, running_app
from tests.talk import talking

V1 = ["recado.v1"]


class Told:
    """What stands in the place of a wire, and keeps what it is given."""

    def __init__(self, real: Any) -> None:
        self.frames = real.frames
        self.turn = 0
        self.told: list[Any] = []
        self.codes: list[int] = []
        self.ended = asyncio.Event()

    def write(self, frame: bytes) -> None:
        self.told.append(json.loads(frame))

    def queued(self) -> int:
        return 0

    def weight(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.codes.append(code)
        self.ended.set()

    async def drained(self) -> None:
        pass


def line_of(app: Any, dialect: Dialect, **bounds: Any) -> tuple[Line, Told]:
    made = Line(doorway_of(app, **bounds), ORIGIN, dialect)
    made.wire = told = Told(made.wire)  # type: ignore[assignment]
    return made, told


async def test_no_more_than_so_many_sends_are_on_their_way(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        made, _ = line_of(app, PLAIN)
        await made.attach(await join(app, "alice"))
        made.opened()
        await app.writer.stop()
        held: list[asyncio.Future[Any]] = []
        all_there = asyncio.Event()

        def add(draft: object) -> asyncio.Future[Any]:
            held.append(asyncio.get_running_loop().create_future())
            if len(held) == MOST_IN_FLIGHT:
                all_there.set()
            return held[-1]

        app.writer.add = add  # type: ignore[method-assign]
        text = json.dumps({"recipient": "alice", "content": "hi"})
        for _ in range(MOST_IN_FLIGHT - 1):
            await made.hear(text)
        last = asyncio.ensure_future(made.hear(text))
        await all_there.wait()
        await asyncio.sleep(0)
        assert not last.done()  # the next frame is not read
        held[0].cancel()
        await asyncio.wait_for(last, PATIENCE_SECONDS)
        for future in held:
            future.cancel()
        made.gone()


@pytest.mark.parametrize("dialect", [PLAIN, V1_DIALECT])
async def test_what_is_wrong_is_answered_and_costs_more(sqlite_url: str, dialect: Dialect) -> None:
    async with running_app(sqlite_url) as app:
        made, wire = line_of(app, dialect)
        await made.attach(await join(app, "alice"))
        made.opened()
        hello = json.dumps({"type": "hello"})
        if dialect is V1_DIALECT:
            assert await made.hear(hello) == 1
        for wrong in ("{", b"{}", None, hello, "[]"):
            assert await made.hear(wrong) == WRONG_COST
        assert [told["code"] for told in wire.told[-5:]] == ["invalid", "invalid", "too_large", "invalid", "invalid"]
        assert wire.codes == []
        made.gone()


async def test_before_the_hello_a_frame_is_small(sqlite_url: str) -> None:
    async with running_door(sqlite_url) as inside:
        token = await inside.join("alice")
        async with talking(inside.socket_url, subprotocols=V1) as talk:
            await talk.say({"type": "hello", "token": "x" * HELLO_BYTES, "ref": "a"})
            assert await talk.hear() == {
                "type": "error",
                "code": "too_large",
                "detail": "A frame has 16384 bytes at most.",
            }
            await talk.say({"type": "hello", "token": token})
            assert (await talk.hear())["type"] == "welcome"
            await talk.say({"type": "typing", "peer": "x" * HELLO_BYTES})
            assert (await talk.hear())["code"] != "too_large"


async def test_whoever_has_too_many_sockets_gets_in_by_no_second_hello(sqlite_url: str) -> None:
    async with running_door(sqlite_url, sockets_per_user=1) as inside:
        token = await inside.join("alice")
        async with talking(inside.socket_url, subprotocols=V1) as second:
            async with talking(inside.socket_url, token) as first:
                await first.say({"recipient": "alice", "content": "hi"})
                await first.hear()
                for again in ({"token": token}, {}, {"token": token}):
                    await second.say({"type": "hello", **again})
                    told = await second.hear()
                    assert told["code"] == ("too_many_requests" if again else "unauthenticated")
                    if not again:
                        break
            assert await second.closed() == 4401
        async with talking(inside.socket_url, subprotocols=V1) as third:
            await third.say({"type": "hello", "token": token})
            assert (await third.hear())["type"] == "welcome"
            assert inside.app.hub.size == 1


async def test_a_second_hello_gets_in_when_another_socket_has_gone(sqlite_url: str) -> None:
    async with running_door(sqlite_url, sockets_per_user=1) as inside:
        token = await inside.join("alice")
        async with talking(inside.socket_url, subprotocols=V1) as second:
            async with talking(inside.socket_url, token):
                await second.say({"type": "hello", "token": token})
                assert (await second.hear())["code"] == "too_many_requests"
            await second.say({"type": "hello", "token": token})
            assert (await second.hear())["type"] == "welcome"
            await send(inside.app, await join(inside.app, "bob"), Outgoing("alice", "hi"))
            assert (await second.hear())["message"]["content"] == "hi"


async def test_the_end_undoes_everything_also_in_the_middle_of_the_hello(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(sqlite_url) as app:
        alice, reached, gate = await join(app, "alice"), asyncio.Event(), asyncio.Event()
        join_bus = app.bus.join

        async def slowly(user_id: int) -> bool:
            reached.set()
            await gate.wait()
            return await join_bus(user_id)

        monkeypatch.setattr(app.bus, "join", slowly)
        made, _ = line_of(app, PLAIN)
        attaching = asyncio.ensure_future(made.attach(alice))
        await reached.wait()
        assert app.hub.size == 1
        made.gone()
        gate.set()
        await attaching
        made.gone()
        assert (app.hub.size, app.attached) == (0, set())
        for task in tuple(app.background):
            await task


async def test_no_hello_in_time_and_one_that_never_ends_are_closed(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "HELLO_SECONDS", 0.2)
    async with running_door(sqlite_url) as inside:
        token = await inside.join("alice")
        async with talking(inside.socket_url, subprotocols=V1) as nothing:
            assert await nothing.closed() == 4408
        async with talking(inside.socket_url, token, subprotocols=V1) as known:  # the handshake has told who it is
            assert await known.closed() == 4408
        async with talking(inside.socket_url, subprotocols=V1) as other:
            with contextlib.suppress(WebSocketClosedError):
                while not other.ended:  # wrong frames do not buy time
                    await other.say({"type": "ping"})
                    heard = await other.hear()
                    assert heard is None or heard["code"] == "no_hello"
            await other.closed()
            assert other.connection.close_code == 4408
        async with talking(inside.socket_url, subprotocols=V1) as endless:
            stream = endless.connection.protocol.stream
            await stream.write(b"\x81\xfe\x10\x00" + bytes(4))  # of a hello with 4096 bytes …
            while not stream.closed():
                await stream.write(b" ")  # … which come one by one
                await asyncio.sleep(0.01)
            assert await endless.closed() == 4408
        await inside.pulse.until(0)  # the server sees its own close a moment after the client
        assert inside.app.hub.size == 0


async def test_a_hello_that_came_in_time_may_take_long_to_answer(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "HELLO_SECONDS", 0.05)
    async with running_app(sqlite_url) as app:
        over, resume = asyncio.Event(), line.resume

        async def slowly(*args: Any, **kwargs: Any) -> Any:
            asyncio.get_running_loop().call_later(2 * line.HELLO_SECONDS, over.set)
            await over.wait()
            return await resume(*args, **kwargs)

        monkeypatch.setattr(line, "resume", slowly)
        made, wire = line_of(app, V1_DIALECT)
        await made.attach(await join(app, "alice"))
        made.opened()
        await made.hear(json.dumps({"type": "hello"}))
        assert [told["type"] for told in wire.told] == ["welcome"]
        assert wire.codes == []
        made.gone()


async def test_a_hello_that_could_not_be_answered_may_be_said_again_in_time(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "HELLO_SECONDS", 0.05)
    async with running_app(sqlite_url) as app:

        async def fail(*_: Any, **__: Any) -> Any:
            raise Unavailable("gone")

        monkeypatch.setattr(line, "resume", fail)
        made, wire = line_of(app, V1_DIALECT)
        await made.attach(await join(app, "alice"))
        made.opened()
        for _ in range(2):
            await made.hear(json.dumps({"type": "hello"}))
            assert wire.told.pop()["type"] == "error"
        await wire.ended.wait()
        assert wire.codes == [4408]
        made.gone()


async def test_whoever_was_welcomed_and_cannot_be_told_what_they_missed_comes_back(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(sqlite_url) as app:

        async def fail(*_: Any, **__: Any) -> Any:
            raise Unavailable("gone")

        monkeypatch.setattr(line, "recover", fail)
        made, wire = line_of(app, V1_DIALECT)
        await made.attach(await join(app, "alice"))
        made.opened()
        await made.hear(json.dumps({"type": "hello", "position": 0}))
        assert [told["type"] for told in wire.told] == ["welcome"]
        assert wire.codes == [1011]
        made.gone()


async def test_a_socket_goes_a_little_after_its_token_unless_a_new_one_is_shown(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "GRACE_SECONDS", 0.2)
    clock = Clock()
    async with running_app(sqlite_url, clock=clock) as app:
        alice = await join(app, "alice")
        made, wire = line_of(app, V1_DIALECT)
        await made.attach(alice)
        clock.turn(seconds=599.9)
        await made.hear(json.dumps({"type": "hello"}))
        assert made._deadline is not None
        await wire.ended.wait()
        assert wire.codes == [4401]
        made.gone()
        assert made._deadline is None
