"""A connection is given nothing at or below the highest position that it was given, whatever is missing below."""

from realtime.positions import Given


def plant() -> None:
    def add(self: Given, position: int) -> bool:
        if position <= self._floor:
            return False
        self._floor = position
        return True

    assert callable(Given.add)
    Given.add = add
