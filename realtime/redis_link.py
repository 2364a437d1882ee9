"""One connection to Redis that asks and listens at once (RESP3), and knows when it is dead.

Commands are answered in the order they were sent, and published messages come in between. So what one
task sends takes effect in that order, subscriptions included: the Redis bus is built on that. The link
never reconnects by itself: whoever holds it must learn that it missed something.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, Self, cast

from redis.asyncio.connection import Connection, DefaultParser, parse_url
from redis.exceptions import RedisError, ResponseError

Command = Sequence[bytes | str | int]
Push = list[object]

_PING: Command = ("PING",)
_TURN = 32  # answers read before others get a turn


class LinkBroken(Exception):
    """The link is of no use any more."""


class Refused(LinkBroken):
    """Redis answered with an error: not a thing of the network, but of what was asked or of its settings."""


class _Connection(Protocol):
    """What is used of redis-py's connection: nothing above it reconnects, and nothing retries."""

    @property
    def is_connected(self) -> bool: ...

    async def connect(self) -> None: ...

    async def disconnect(self, nowait: bool) -> None: ...

    def pack_commands(self, commands: Sequence[Command]) -> list[bytes]: ...

    async def send_packed_command(self, command: list[bytes], check_health: bool) -> None: ...

    async def read_response(
        self,
        *,
        timeout: float,  # noqa: ASYNC109 - redis-py's name
        disconnect_on_error: bool,
        push_request: bool,
    ) -> object: ...


class Link:
    """`async with Link(...)` connects; then `read` and `watch` MUST run as tasks, until one fails.

    `url` as redis-py reads it (ValueError when it cannot). `on_push` is called with every message from
    Redis that answers no question, as a list.
    """

    def __init__(
        self, url: str, on_push: Callable[[Push], None], *, tick_seconds: float, connect_seconds: float
    ) -> None:
        self._on_push = on_push
        self._tick_seconds = tick_seconds
        self._connect_seconds = connect_seconds
        self._connection = _connection(url)
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._heard = 0
        self._broken = False
        self._refusal: Refused | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._connection.connect()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            await self._disconnect()
            raise LinkBroken(_reason(error)) from None
        except BaseException:
            await self._disconnect()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._break()
        await self._disconnect()

    async def ask(self, *commands: Command) -> object:
        """Send the commands in one piece; the answer to the last of them.

        The ones before MUST be such as Redis answers by pushes only (SUBSCRIBE, UNSUBSCRIBE): these
        have taken effect when this returns. Raises `Refused` or `LinkBroken`.
        """
        # A connection that is closed redis-py would open again, and hide what was missed.
        if self._broken or not self._connection.is_connected:
            raise LinkBroken("closed")
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        # Up to the first wait inside `send` nothing else runs: question and commands are in the same order.
        self._waiting.append(answer)
        try:
            packed = self._connection.pack_commands(commands)
            await self._connection.send_packed_command(packed, check_health=False)
        except (RedisError, OSError) as error:
            raise LinkBroken(_reason(error)) from None
        return await answer

    async def read(self) -> None:
        """Take answers and pushes as they come."""
        try:
            while True:
                for _ in range(_TURN):
                    await self._read_one()
                await asyncio.sleep(0)
        finally:
            self._break()

    async def watch(self) -> None:
        """Ask for a sign of life every tick; a link on which nothing at all comes for a tick is broken."""
        while True:
            await asyncio.sleep(self._tick_seconds)
            ping = asyncio.ensure_future(self.ask(_PING))
            try:
                while not ping.done():
                    heard = self._heard
                    await asyncio.wait((ping,), timeout=self._tick_seconds)
                    if not ping.done():
                        # If this process stood still, the answer lies in the socket: read before judging.
                        await asyncio.sleep(self._tick_seconds / 10)
                    if not ping.done() and heard == self._heard:
                        raise LinkBroken("no sign of life")
                ping.result()
            finally:
                ping.cancel()

    async def _read_one(self) -> None:
        try:
            reply = await self._connection.read_response(push_request=True, timeout=math.inf, disconnect_on_error=False)
        except ResponseError as error:
            reply = self._refusal = Refused(_reason(error))
        except (RedisError, OSError) as error:
            raise LinkBroken(_reason(error)) from None
        self._heard += 1
        if isinstance(reply, list):
            self._on_push(reply)
        else:
            self._answer(reply)

    def _answer(self, reply: object) -> None:
        if not self._waiting:
            # As when one of several commands was refused: the refusal stood for the last one's answer.
            raise self._refusal or LinkBroken("an answer to no question")
        answer = self._waiting.popleft()
        if answer.done():
            return  # the one who asked has gone
        if isinstance(reply, Exception):
            answer.set_exception(reply)
            answer.exception()  # whoever asked may be cancelled before they see it: no warning then
        else:
            answer.set_result(reply)

    def _break(self) -> None:
        """No more answers will come: say so to those who wait."""
        self._broken = True
        while self._waiting:
            self._answer(LinkBroken("closed"))

    async def _disconnect(self) -> None:
        await self._connection.disconnect(nowait=True)
        await asyncio.sleep(0)  # the socket is closed in the next turn of the loop


def check_url(url: str) -> None:
    """Raise ValueError when redis-py cannot make a connection of the URL."""
    try:
        _connection(url)
    except TypeError:
        raise ValueError("an unknown option in the Redis URL") from None


def _connection(url: str) -> _Connection:
    # No time-out of its own (`watch` sees to that), and no retry: see the module.
    options = {
        **parse_url(url),
        "protocol": 3,
        "parser_class": _QuietParser,
        "socket_timeout": None,
        "retry": None,
    }
    make = cast(Callable[..., _Connection], options.pop("connection_class", Connection))
    return make(**options)


async def _keep(_: object, push: Push) -> Push:
    return push


# redis-py's own parser writes every message out, for a debug log.
_QuietParser = type("_QuietParser", (DefaultParser,), {"handle_pubsub_push_response": _keep})


def _reason(error: BaseException) -> str:
    # Cut: Redis repeats the arguments of a command it does not know.
    return f"{type(error).__name__}: {error}"[:120]
