"""A bounded memory of what was looked up: the least used goes first, the too old is not believed."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """At most `most` values, each believed for `keep` milliseconds by `clock`."""

    def __init__(self, *, most: int, keep: int, clock: Callable[[], int]) -> None:
        self._most = most
        self._keep = keep
        self._clock = clock
        self._values: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None when it is not known (any more)."""
        found = self._values.get(key)
        if found is None:
            return None
        at, value = found
        if abs(self._clock() - at) > self._keep:  # a clock that jumped back makes it too old as well
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V:
        """Remember a value and return it."""
        self._values[key] = (self._clock(), value)
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        """Forget a value."""
        self._values.pop(key, None)
