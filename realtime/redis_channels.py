"""Which users' channels this instance has joined in Redis, and which it wants to.

Callers change what is wanted, at any time; one task (`move`) makes it so, over a link that keeps order.
So a join and a leave of one user cannot cross, however they interleave: only the last wish counts.
"""

import asyncio
from collections.abc import Iterable

from realtime.redis_link import Link

MAX_MOVES = 2000  # at once: Redis confirms each channel, and other answers must not wait for long


class _Member:
    """A user with connections here."""

    __slots__ = ("count", "joined", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.joined = False  # Redis has confirmed
        self.waiting: asyncio.Future[bool] | None = None

    def tell(self) -> None:
        """Answer those who wait for a join."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.set_result(self.joined)


class Channels:
    """The channels `<prefix><user id>`; `wake` is set when there is something to move."""

    def __init__(self, prefix: str, wake: asyncio.Event) -> None:
        self._prefix = prefix.encode()
        self._wake = wake
        self._members: dict[int, _Member] = {}
        self._changed: dict[int, None] = {}  # users to look at, in order
        self._joined: set[bytes] = set()  # the last thing written to the link was SUBSCRIBE

    def unsettled(self) -> bool:
        """Whether there is something to move."""
        return bool(self._changed)

    def name(self, user_id: int) -> bytes:
        """The user's channel."""
        return self._prefix + b"%d" % user_id

    def own(self, channels: Iterable[bytes]) -> str:
        """One digit per channel: 1 when this instance has joined it, as of what is sent next."""
        joined = self._joined
        return "".join(["1" if channel in joined else "0" for channel in channels])

    async def join(self, user_id: int, *, up: bool) -> bool:
        """Want the user's channel once more; whether it is joined. Waits only when the bus is up."""
        member = self._members.get(user_id)
        if member is None:
            member = self._members[user_id] = _Member()
            self._change(user_id)
        member.count += 1
        if member.joined or not up:
            return member.joined
        if member.waiting is None:
            member.waiting = asyncio.get_running_loop().create_future()
        return await asyncio.shield(member.waiting)  # shared with others who wait

    def leave(self, user_id: int) -> None:
        """Want the user's channel once less."""
        member = self._members.get(user_id)
        if member is None:
            return
        member.count -= 1
        if not member.count:
            del self._members[user_id]
            member.tell()
            self._change(user_id)

    def want_all(self) -> None:
        """The link is fresh: look at every member."""
        self._changed = dict.fromkeys(self._members)

    def lose_all(self) -> None:
        """The link is gone, and all that was joined on it."""
        self._joined.clear()
        for member in self._members.values():
            member.joined = False
            member.tell()

    async def move(self, link: Link) -> None:
        """Join and leave what is wanted, then tell those who wait. MUST be called by one task only.

        Raises `LinkBroken`.
        """
        users = list(self._changed)[:MAX_MOVES]
        joining: list[bytes | str] = ["SUBSCRIBE"]
        leaving: list[bytes | str] = ["UNSUBSCRIBE"]
        for user_id in users:
            del self._changed[user_id]
            channel = self.name(user_id)
            wanted = user_id in self._members
            if wanted and channel not in self._joined:
                self._joined.add(channel)
                joining.append(channel)
            elif not wanted and channel in self._joined:
                self._joined.remove(channel)
                leaving.append(channel)
        await link.ask(*(command for command in (joining, leaving) if len(command) > 1), ["PING"])
        for user_id in users:
            member = self._members.get(user_id)
            # Whoever left and came back meanwhile is joined as well: nothing was sent in between.
            if member is not None and self.name(user_id) in self._joined:
                member.joined = True
                member.tell()

    def _change(self, user_id: int) -> None:
        self._changed[user_id] = None
        self._wake.set()
