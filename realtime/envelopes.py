"""What an instance puts on the bus and takes from it: an origin anybody can read, and a sealed envelope.

The clear origin lets an instance drop its own echo before it opens anything. All else is believed only
after it was opened.
"""

from collections.abc import Callable, Sequence

from realtime.events import Envelope, Letter, decode, encode

ORIGIN_BYTES = 16
MAX_BYTES = 1 << 20

Sealing = Callable[[bytes], bytes]


class Envelopes:
    """Those of one instance. `seal` and `open` undo each other; `open` raises for what was not sealed so."""

    def __init__(self, origin: bytes, seal: Sealing, open: Sealing) -> None:  # noqa: A002 - seal's pair
        if len(origin) != ORIGIN_BYTES:
            raise ValueError(f"an origin has {ORIGIN_BYTES} bytes")
        self._origin = origin
        self._name = origin.hex()
        self._seal = seal
        self._open = open

    def sealed(self, letters: Sequence[Letter]) -> bytes:
        """The letters in one envelope. Raises what `seal` raises."""
        return self._origin + self._seal(encode(Envelope(self._name, list(letters))))

    def is_own(self, payload: bytes) -> bool:
        """Whether it says that it comes from this instance."""
        return payload.startswith(self._origin)

    def opened(self, payload: bytes) -> list[Letter]:
        """The letters, in order. Raises, whatever is wrong with the envelope."""
        if len(payload) > MAX_BYTES:
            raise ValueError("too big")
        envelope = decode(self._open(payload[ORIGIN_BYTES:]))
        # The clear origin is anybody's to write; the sealed one is not.
        if envelope.origin != payload[:ORIGIN_BYTES].hex():
            raise ValueError("another origin")
        return envelope.letters
