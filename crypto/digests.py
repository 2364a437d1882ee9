"""SHA-256 of what is written piece by piece, so that whoever holds a file can see whether it is whole."""

import hashlib


class Digest:
    """Of everything that it was given so far."""

    __slots__ = ("_hash", "size")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Go on with these bytes."""
        self._hash.update(piece)
        self.size += len(piece)

    def hex(self) -> str:
        """64 hex digits."""
        return self._hash.hexdigest()
