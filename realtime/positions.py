"""Which positions of a user's log one connection was given, so that none is given twice and a gap is seen.

Positions start at 1 and have no gaps, but live events may arrive in any order: kept are the highest
position up to which everything was given, and the few above it. The highest position *seen* is never
kept: it hides gaps.
"""

_NOTHING: frozenset[int] = frozenset()


class Given:
    """The positions given to one connection.

    Until `begin` says where the connection started, gaps cannot be known: positions are then only
    remembered, the latest `limit` of them, so that none is repeated. After it, at most `limit` positions
    beyond a gap are taken; further ones are refused (`refused` counts them), to be given in order when
    the gap is filled from the log.
    """

    __slots__ = ("_above", "_begun", "_floor", "limit", "refused")

    def __init__(self, upto: int | None = None, limit: int = 4096) -> None:
        self.limit = limit
        self.refused = 0
        self._above: set[int] | frozenset[int] = _NOTHING  # a set only while something is there: most have no gap
        self._begun = upto is not None
        self._floor = upto or 0

    @property
    def upto(self) -> int | None:
        """The highest position up to which everything was given; None before `begin`."""
        return self._floor if self._begun else None

    @property
    def has_gap(self) -> bool:
        """Whether something below a position that was given is missing."""
        return self._begun and bool(self._above)

    def begin(self, upto: int) -> None:
        """Count everything up to `upto` as given. Once begun, this only ever moves forward."""
        self._floor = max(self._floor, upto) if self._begun else upto
        self._begun = True
        self._above = {position for position in self._above if position > self._floor} or _NOTHING
        self._close_up()

    def is_new(self, position: int) -> bool:
        """Whether the position was not given yet."""
        return position > self._floor and position not in self._above

    def add(self, position: int) -> bool:
        """Note the position as given; False when it was before, or must wait for a gap to be filled."""
        if self._begun and position == self._floor + 1:
            self._floor = position
            if self._above:
                self._close_up()
            return True
        if not self.is_new(position):
            return False
        if len(self._above) >= self.limit:
            if self._begun:
                self.refused += 1
                return False
            self._forget()
        if isinstance(self._above, frozenset):
            self._above = set()
        self._above.add(position)
        return True

    def _close_up(self) -> None:
        above = self._above
        while isinstance(above, set) and (following := self._floor + 1) in above:
            above.remove(following)
            self._floor = following
        if not above:
            self._above = _NOTHING

    def _forget(self) -> None:
        """Drop the older half of what is remembered; what lies below it counts as given."""
        ordered = sorted(self._above)
        middle = len(ordered) // 2
        self._floor = ordered[middle]
        self._above = set(ordered[middle + 1 :])
