"""How many bytes wait in memory for all connections of an instance together, and who goes when it is too much.

Bytes are counted as they come and never as they go: a plain sum, which is at least what waits. Only when that
sum reaches the bound is everything counted anew, over all connections; so it costs one addition a frame, and
the bound holds at every moment, not once in a while.
"""

from collections.abc import Callable, Iterable

from realtime.codes import TOO_SLOW
from realtime.connection import Connection

UNBOUNDED = 2**62
# Down to this part of the bound: from there it takes a while until everything has to be counted again.
RELIEVED = 0.75


class Backlog:
    """The sum of one instance. `connections` gives those there are, the closing ones included."""

    def __init__(self, connections: Callable[[], Iterable[Connection]], most: int = UNBOUNDED) -> None:
        self.most = most
        self.closed = 0  # connections that had to go
        self._connections = connections
        self._at_most = 0  # nothing has been taken off since everything was counted

    def add(self, size: int) -> None:
        """So many bytes more wait, in either direction. Whoever calls it may find its own connection closed."""
        self._at_most += size
        if self._at_most > self.most:
            self.relieve()

    def relieve(self) -> None:
        """Count everything; while it is too much, the connection with the most goes, to resume later.

        One that was told so before and still has not taken its last bytes is cut off first.
        """
        weights = [(weight, connection) for connection in self._connections() if (weight := connection.weight())]
        total = sum(weight for weight, _ in weights)
        if total > self.most * RELIEVED:
            for weight, connection in sorted(weights, key=_heaviest):
                if total <= self.most * RELIEVED:
                    break
                if connection.closed is None:
                    connection.close(TOO_SLOW)
                    self.closed += 1
                else:
                    connection.transport.abort()
                total -= weight - connection.weight()
        self._at_most = total


def _heaviest(entry: tuple[int, Connection]) -> tuple[bool, int]:
    weight, connection = entry
    return connection.closed is None, -weight
