"""How an event reaches the connections of its receivers, wherever these are: the interface, and the twin
for a single process.

Only the bus delivers. It is a bell, not a store: what it loses is found again in the log.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from realtime.events import Event, Receiver
from realtime.hub import Hub


class Bus(Protocol):
    """What actions see of it. Everything MUST be called on the event loop's thread."""

    on_up: Callable[[], None]  # called whenever it has become up: the moment to look for gaps
    on_down: Callable[[], None]  # called whenever it is no longer up: events of other instances are missing

    @property
    def up(self) -> bool:
        """Whether events of other instances arrive."""

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        """Tell every connection of the receivers, here and on other instances. Never waits, never raises.

        MUST follow the commit of what the event tells.
        """

    async def join(self, user_id: int) -> bool:
        """Hear this user's events from now on: they are heard when this returns True.

        False when the bus is down; then `on_up` comes after they are heard. Called for every connection,
        not only the first (the second must wait as well), and answered by one `leave` in each case, also
        when it was cancelled.
        """

    async def leave(self, user_id: int) -> None:
        """Undo one `join`. Returns at once."""

    async def start(self) -> None:
        """Begin. Never fails: what is out of reach is tried again for ever."""

    async def stop(self) -> None:
        """Send what still waits, for a short time, and end."""


def nothing() -> None:
    """The callback of nobody."""


class LocalBus:
    """The bus of a single process: a plain call to its hub."""

    def __init__(self, hub: Hub) -> None:
        self.on_up = nothing
        self.on_down = nothing
        self.up = True
        self._hub = hub

    def publish(self, receivers: Sequence[Receiver], event: Event) -> None:
        """Deliver to the hub."""
        for user_id, position in receivers:
            self._hub.deliver(user_id, event, position)

    async def join(self, user_id: int) -> bool:  # noqa: ARG002
        """True: there is nothing to wait for."""
        return True

    async def leave(self, user_id: int) -> None:
        """Nothing to do."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""
