"""The socket below an open WebSocket: messages to whoever hears them, frames out, pings, and the closing handshake.

It is an asyncio protocol on the bare socket, which Tornado has given up after the upgrade: nothing of the HTTP
request stays in memory, an idle socket has neither a task nor a buffer.

Invariants: messages are handled one after the other, in the order in which they came; after so many of one
client the others go first; what has been read and not yet handled is bounded by not reading on; whatever the peer
does, seconds after a goodbye nothing of it is left.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol, cast

from handlers.framing import BINARY, CLOSE, PING, PONG, TEXT, Broken, Frames, close_code, close_frame, framed
from handlers.logs import told
from handlers.outlet import Outlet
from handlers.pace import Pace
from realtime import codes

log = logging.getLogger("recado.socket")

MOST_PER_TURN = 16
# After so many turns without a pause, a pause. Without it one who always has more would keep the loop busy for ever,
# and the threads beside it, which commit what others said, would wait for each bit of Python (the GIL).
TURNS_TO_BREATHE = 4
BREATH_SECONDS = 0.001
# A long message counts once more for each so many bytes.
LONG = 16_384
MOST_UNREAD = 65_536
# How long a peer has to take its last bytes and to answer a close.
CLOSE_SECONDS = 5.0


class Hearer(Protocol):
    """Whoever a wire belongs to."""

    def opened(self) -> None:
        """The wire can be written to."""

    async def hear(self, message: str | bytes | None) -> int:
        """One message, None for one that was too large; what it costs of the allowance. MUST not raise."""

    def close(self, code: codes.CloseCode) -> None:
        """Close the wire, and let nothing more be written to it."""

    def gone(self) -> None:
        """The socket is gone, whoever closed it. May be called twice."""


class Wire(Outlet):
    """One socket: a `Transport` (realtime.connection). Before the upgrade it drops what it is given."""

    __slots__ = (
        *("_count", "_deaf", "_ending", "_flooded", "_hearer", "_pace", "_reading"),
        *("frames", "turn", "unanswered"),
    )

    def __init__(self, hearer: Hearer, frames: Frames, pace: Pace | None, count: Callable[[int], None]) -> None:
        super().__init__()
        self.frames = frames
        self.turn = 0  # when it is pinged (handlers.pulse)
        self.unanswered = False  # it was pinged, and has not answered
        self._hearer: Hearer | None = hearer
        self._pace = pace
        self._count = count  # told of every byte that was read
        self._reading: asyncio.Task[None] | None = None
        self._deaf = False  # nothing that comes now can be understood, or matters; it is dropped
        self._flooded = False  # it is not even read any more
        self._ending: asyncio.TimerHandle | None = None

    # A transport.

    def weight(self) -> int:
        """How many bytes are in memory here, in both directions."""
        return self.queued() + self.frames.kept

    def close(self, code: int | None, reason: str = "") -> None:
        """Say goodbye, once. A peer that does not answer within seconds is cut off."""
        if self._closing or self._transport is None:
            return
        self._closing = True
        if code == codes.TOO_SLOW.code:
            self._deaf = True  # its answer may stand behind a frame that never ends
        if self._deaf:
            self._drop()
            self.frames.clear()
        last, self._out, self._out_bytes = self._out or [], None, 0
        self._hurry()
        self._transport.write(b"".join((*last, close_frame(code, reason))))
        if self._deaf:
            with contextlib.suppress(OSError):  # asyncio, unlike uvloop, tells that the peer is gone
                self._transport.write_eof()  # the peer reads our reason, and then the end

    def abort(self) -> None:
        """Cut the peer off, and forget what waits for it."""
        self._drop()
        self.frames.clear()
        self._deaf = True
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def end(self, code: codes.CloseCode) -> None:
        """Close it through whoever it belongs to."""
        if self._hearer is not None:
            self._hearer.close(code)

    # Whether it is alive.

    def ping(self) -> None:
        """Ask for a sign of life. Whoever is being heard now shows one, or waits for us: then it is not asked."""
        if self._reading is None:
            self.unanswered = True
            self._put(framed(b"", PING))

    @property
    def is_silent(self) -> bool:
        """Whether it was asked, and there is nothing from it, neither an answer nor anything that waits for us."""
        return self.unanswered and self._reading is None

    # An asyncio protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        self.connected(cast("asyncio.Transport", transport))
        if self._hearer is not None:
            self._hearer.opened()
        if self.frames.waiting:  # it came close behind the handshake
            self._read_on()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        if self._deaf:
            return
        self.frames.feed(data)
        self._count(len(data))
        self._read_on()

    def eof_received(self) -> None:
        """The peer says no more: so the socket closes, when the peer has taken what was written."""
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone. What was read is still handled, as far as that can be done at once."""
        self._transport = None
        self._drop()
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self._settle()
        self._leave()

    # In.

    def _read_on(self) -> None:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
        if self.frames.waiting > MOST_UNREAD and self._transport is not None:
            self._transport.pause_reading()

    async def _read(self) -> None:
        """Handle what was read, message by message; after so many, the others go first."""
        turn = turns = 0
        try:
            while not self._deaf and (message := self.frames.next()) is not None:
                opcode, payload = message
                weight = 1 + (self.frames.most if payload is None else len(payload)) // LONG
                if not await self._take(opcode, payload, weight):
                    break
                turn += weight
                if turn >= MOST_PER_TURN:
                    turn, turns = 0, turns + 1
                    await asyncio.sleep(0 if turns % TURNS_TO_BREATHE else BREATH_SECONDS)
        except Broken as broken:
            self._break_off(broken.code)
        except Exception as error:  # noqa: BLE001 - a fault of ours, that must not go on for ever
            log.error("unexpected error", extra=told(error))
            self._break_off(codes.INTERNAL)
        finally:
            self._reading = None
        if self._transport is None:
            self._leave()
        elif not self._flooded:
            self._transport.resume_reading()  # if only to see the end of one who is not heard any more

    async def _take(self, opcode: int, payload: str | bytes | None, weight: int) -> bool:
        """Handle one message; whether the next one may be taken."""
        cost = 1
        if opcode in (TEXT, BINARY):
            if self._closing or self._hearer is None:
                return True  # it may have been under way when we said goodbye
            cost = await self._hearer.hear(payload)
        elif opcode == PING:
            self._pong(cast("bytes", payload))
        elif opcode == PONG:
            self.unanswered = False
        elif opcode == CLOSE:
            self.close(close_code(cast("bytes", payload)))  # RFC 6455 §5.5.1: the same code back
            self._deaf = True
            if self._transport is not None:
                self._transport.close()
            return False
        if self._pace is None:
            return True
        return await self._keep_pace(self._pace, cost + weight - 1)

    async def _keep_pace(self, pace: Pace, cost: int) -> bool:
        """Wait as long as the allowance asks; whether the next message may be taken."""
        loop = asyncio.get_running_loop()
        wait = pace.spend(cost, loop.time())
        if not wait:
            return True
        if self._transport is not None:
            if self.frames.waiting <= MOST_UNREAD:
                self._transport.resume_reading()  # so that it is seen what comes meanwhile
            await asyncio.sleep(wait)
        if self._transport is None:
            return False
        # Unread bytes up to the brim are as good as many frames: what else there is waits in the system.
        waiting = MOST_UNREAD if self.frames.waiting > MOST_UNREAD else self.frames.count(MOST_UNREAD)
        if pace.is_flood(loop.time(), waiting=waiting):
            self._break_off(codes.TOO_MANY)
            return False
        return True

    def _break_off(self, code: codes.CloseCode) -> None:
        """Say why, and hear no more: it cannot be understood, or is too much."""
        self._deaf = True
        self.end(code)
        if code is codes.TOO_MANY and self._transport is not None:
            self._flooded = True
            self._transport.pause_reading()

    # The end.

    def _hurry(self) -> None:
        if self._ending is None:
            self._ending = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)

    def _leave(self) -> None:
        if self._hearer is not None:
            self._hearer.gone()
            if self._reading is None:
                self._hearer = None  # they know each other: without this it would take a while to forget both
