"""The bus between several instances, over Redis: what anybody else listens to is told to all of them at once.

- Own connections are served first and by a plain call; Redis dead or alive, a publish costs the same.
- Nothing readable passes through Redis: an envelope is sealed, and opened only by a holder of the key.
- Each instance joins a channel for every user with a connection there. Nothing is ever published on these: they
  tell, exactly and also after a crash, whether anybody else wants to know. For most messages nobody does.
- What waits goes out in one envelope, on one channel that all instances have joined: sealing, Redis and opening
  cost by the batch, not by the message. An instance looks only into what is for somebody connected there.
- Everything is sent by one task over one link, in order, so that joining and leaving cannot cross, and
  Redis and this instance never disagree on which channels are its own.
- What comes from Redis is hostile until it was opened: dropped and counted, never an exception.
- It may lose events (it is a bell); it says by `up`, `on_down` and `on_up` when it may have.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence

import msgspec

from realtime.bus import nothing
from realtime.envelopes import ORIGIN_BYTES, Envelopes, Sealing
from realtime.events import Event, Letter, Receiver, event_of, letter
from realtime.hub import Hub
from realtime.outbox import Outbox, Outgoing
from realtime.redis_channels import Channels
from realtime.redis_link import Link, LinkBroken, Push, Refused, check_url

__all__ = ["ORIGIN_BYTES", "RedisBus"]

log = logging.getLogger("recado.bus")
_random = secrets.SystemRandom()

MAX_BATCH = 256
STEADY_SECONDS = 10.0
MAX_BATCH_BYTES = 1 << 18

# ARGV: one digit per channel, how many of its subscribers are this instance; then the channels.
# Answers one digit per channel: 1 when somebody else listens. On the link that also subscribes, and
# therefore exact: Redis runs the commands of a link in order.
_WHO_LISTENS = """
local answer = {}
for k = 2, #ARGV do
  local others = redis.call('PUBSUB', 'NUMSUB', ARGV[k])[2] - tonumber(string.sub(ARGV[1], k - 1, k - 1))
  answer[k - 1] = others > 0 and '1' or '0'
end
return table.concat(answer)
"""


def pause(failures: int) -> float:
    """Seconds before the next try, after so many failed ones: soon at first, never more than one."""
    return _random.uniform(0.5, 1.0) * min(1.0, 0.05 * 2.0 ** min(failures, 10))


class RedisBus:
    """A `Bus`. `origin` is 16 bytes that no other process has; `seal` and `open` undo each other, and `open`
    raises for what was not sealed with the key. MUST be used on one event loop only.
    """

    def __init__(
        self,
        url: str,
        hub: Hub,
        origin: bytes,
        seal: Sealing,
        open: Sealing,  # noqa: A002 - the pair of seal
        prefix: str = "recado",
        *,
        tick_seconds: float = 0.5,
        connect_seconds: float = 1.0,
        drain_seconds: float = 1.0,
        max_queued_bytes: int = 16 << 20,
        pause: Callable[[int], float] = pause,
    ) -> None:
        check_url(url)
        self.on_up = nothing
        self.on_down = nothing
        self.up = False
        self.published = 0  # events that went out to others
        self.received = 0  # events of others, delivered here
        self.echoed = 0  # own envelopes that came back
        self.refused = 0  # envelopes, and events in them, that are not what they should be
        self.lost = 0  # events that could not be sealed, or that Redis did not take
        self.connects = 0  # times it became up
        self._url = url
        self._hub = hub
        self._envelopes = Envelopes(origin, seal, open)
        self._tick_seconds = tick_seconds
        self._connect_seconds = connect_seconds
        self._drain_seconds = drain_seconds
        self._pause = pause
        self._wake = asyncio.Event()
        self._outbox = Outbox(max_queued_bytes)
        self._channels = Channels(f"{prefix}:u:", self._wake)
        self._everybody = f"{prefix}:all".encode()
        self._idle = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def queued_bytes(self) -> int:
        """What waits to be sent to other instances."""
        return self._outbox.size

    @property
    def overflowed(self) -> int:
        """How many events were not sent because too much waited."""
        return self._outbox.overflowed

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        """See `Bus`."""
        for user_id, position in receivers:
            self._hub.deliver(user_id, event, position)
        self._outbox.put(receivers, event)
        self._wake.set()

    async def join(self, user_id: int) -> bool:
        """See `Bus`. As long as the link lives, the answer comes within a few ticks."""
        return await self._channels.join(user_id, up=self.up)

    async def leave(self, user_id: int) -> None:
        """See `Bus`."""
        self._channels.leave(user_id)

    async def start(self) -> None:
        """See `Bus`. Returns after the first try, up or not."""
        self._task = asyncio.create_task(self._run(), name="redis-bus")
        await self._tried.wait()

    async def stop(self) -> None:
        """See `Bus`."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                self._idle.clear()
                self._wake.set()
                while self.up and not self._idle.is_set():
                    await self._idle.wait()
        self._task.cancel()
        await asyncio.wait((self._task,))
        self._task = None
        self._fall()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            reason = "internal error"
            try:
                await self._live()
            except* LinkBroken as broken:
                reason = str(_first(broken))
            except* Exception:
                log.exception("the bus failed")
            # A link that dies young is no success: else the pauses would stay short for ever.
            failures = 1 if loop.time() - began > STEADY_SECONDS else failures + 1
            if self.up or failures == 1:
                log.warning("bus down: %s", reason)
            self._fall()
            await asyncio.sleep(self._pause(failures))

    async def _live(self) -> None:
        """One link, from connecting to its death."""
        link = Link(
            self._url,
            self._take_push,
            tick_seconds=self._tick_seconds,
            connect_seconds=self._connect_seconds,
        )
        async with link, asyncio.TaskGroup() as tasks:
            tasks.create_task(link.read())
            tasks.create_task(link.watch())
            tasks.create_task(self._write(link))

    async def _write(self, link: Link) -> None:
        """The only task that sends, pings apart."""
        await self._try(link)
        self._channels.want_all()
        while self._channels.unsettled():  # also for those who come meanwhile: `on_up` MUST come after
            await self._channels.move(link)
        self._rise()
        while True:
            if self._channels.unsettled():
                await self._channels.move(link)
            if self._outbox:
                await self._flush(link)
            if not self._channels.unsettled() and not self._outbox:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()

    async def _try(self, link: Link) -> None:
        """Everything once, on the channel of nobody: a Redis that forbids it MUST not count as up. Then join all."""
        nobody = self._channels.name(0)
        await link.ask(("SUBSCRIBE", nobody), ("UNSUBSCRIBE", nobody), ("PING",))
        await link.ask(("EVAL", _WHO_LISTENS, 0, "0", nobody))
        await link.ask(("PUBLISH", nobody, b""))
        await link.ask(("SUBSCRIBE", self._everybody), ("PING",))

    async def _flush(self, link: Link) -> None:
        """Send a batch; when the link breaks, it waits for the next one."""
        batch = self._outbox.take(MAX_BATCH, MAX_BATCH_BYTES)
        try:
            await self._send(link, batch)
        except Refused:
            self.lost += len(batch)  # would be refused for ever
            raise
        except BaseException:
            self._outbox.give_back(batch)
            raise

    async def _send(self, link: Link, batch: Sequence[Outgoing]) -> None:
        users = list(dict.fromkeys(user_id for out in batch for user_id, _ in out.receivers))
        channels = [self._channels.name(user_id) for user_id in users]
        answer = await link.ask(("EVAL", _WHO_LISTENS, 0, self._channels.own(channels), *channels))
        if not isinstance(answer, bytes) or len(answer) != len(channels):
            raise LinkBroken("an answer to another question")
        # An instance that joins after this answer reads what was committed before it from the log.
        wanted = {user_id for user_id, digit in zip(users, answer, strict=True) if digit == ord("1")}
        heard = [out for out in batch if any(user_id in wanted for user_id, _ in out.receivers)]
        letters = [packed for out in heard if (packed := self._packed(out)) is not None]
        if letters and (payload := self._sealed(letters)) is not None:
            await link.ask(("PUBLISH", self._everybody, payload))
            self.published += len(letters)

    def _packed(self, out: Outgoing) -> Letter | None:
        try:
            return letter(out.receivers, out.event)
        except Exception:
            self.lost += 1
            log.exception("an event could not be told")
            return None

    def _sealed(self, letters: Sequence[Letter]) -> bytes | None:
        try:
            return self._envelopes.sealed(letters)
        except Exception:
            self.lost += len(letters)
            log.exception("an envelope could not be sealed")
            return None

    def _take_push(self, push: Push) -> None:
        """A message from Redis, of any kind, by anybody."""
        if len(push) != 3 or push[0] != b"message" or push[1] != self._everybody:
            return  # confirmations: the PING behind them is what counts; on other channels nothing is told
        payload = push[2]
        if not isinstance(payload, bytes):
            return
        if self._envelopes.is_own(payload):
            self.echoed += 1
            return
        try:
            letters = self._envelopes.opened(payload)
        except Exception as error:  # noqa: BLE001 - of whatever kind, it is counted and dropped
            self._refuse(error)
            return
        for sent in letters:
            self._deliver(sent)

    def _deliver(self, sent: Letter) -> None:
        """Give an event to those of its receivers who are here."""
        here = [receiver for receiver in sent.receivers if self._hub.connections_of(receiver[0])]
        if not here:
            return
        try:
            event = event_of(sent)
        except msgspec.DecodeError as error:
            self._refuse(error)
            return
        self.received += 1
        for user_id, position in here:
            self._hub.deliver(user_id, event, position)

    def _refuse(self, error: Exception) -> None:
        self.refused += 1
        if self.refused.bit_count() == 1:  # 1, 2, 4, 8 …: a flood does not fill the log
            log.warning("envelopes refused: %d, the last for %s", self.refused, type(error).__name__)

    def _rise(self) -> None:
        self.up = True
        self.connects += 1
        self._tried.set()
        log.info("bus up")
        _call(self.on_up)

    def _fall(self) -> None:
        was_up, self.up = self.up, False
        self._channels.lose_all()
        self._tried.set()
        self._idle.set()
        if was_up:
            _call(self.on_down)


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        log.exception("a callback of the bus failed")


def _first(group: BaseExceptionGroup[LinkBroken]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
