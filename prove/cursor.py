"""How much of the log a device has: the highest contiguous position, and what came early.

Never the highest position seen: that would hide a hole for ever.
"""


class Cursor:
    """See the module."""

    __slots__ = ("_above", "upto")

    def __init__(self, upto: int) -> None:
        self.upto = upto
        self._above: set[int] = set()

    @property
    def has_gap(self) -> bool:
        """Whether something came that was not next."""
        return bool(self._above)

    def add(self, position: int) -> bool:
        """Note the position; False when it was there already."""
        if position <= self.upto or position in self._above:
            return False
        self._above.add(position)
        self._close_up()
        return True

    def skip(self, upto: int) -> None:
        """Everything up to here is there by other means."""
        self.upto = max(self.upto, upto)
        self._above = {position for position in self._above if position > self.upto}
        self._close_up()

    def _close_up(self) -> None:
        while self.upto + 1 in self._above:
            self.upto += 1
            self._above.remove(self.upto)
