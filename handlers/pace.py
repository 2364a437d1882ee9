"""How fast one connection may talk: an allowance of frames that comes back with time. The clock is the caller's.

Whoever has used it up is not read from for a while: TCP makes the client wait, and nothing is lost. That alone
keeps a flood from costing much, so only one thing ends a connection: to go on like that, with far more frames
waiting than any client has on its way that listens to the answers.
"""

from dataclasses import dataclass

WRONG_COST = 10  # a frame that was answered by an error
PAUSE_SECONDS = 0.1
# Pauses with more than this between them are not one flood.
REST_SECONDS = 1.0
# Twice as many as a client may have on their way (handlers.line.MOST_IN_FLIGHT).
FAIR_FRAMES = 128


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` frames at once, `per_second` on and on; over it for `patience_seconds` is a flood."""

    per_second: float
    burst: float
    patience_seconds: float


class Pace:
    """One connection's use of its allowance."""

    __slots__ = ("_allowed", "_at", "_left", "_over", "_since")

    def __init__(self, allowed: Allowance, now: float) -> None:
        self._allowed = allowed
        self._at = now
        self._left = allowed.burst
        self._since: float | None = None  # when it began to flood
        self._over = now  # when the latest pause ended

    def spend(self, cost: int, now: float) -> float:
        """Take so much; how many seconds to wait before the next frame is taken."""
        allowed = self._allowed
        left = min(allowed.burst, self._left + (now - self._at) * allowed.per_second)
        self._at, self._left = now, left - cost
        # One pause for many frames: long enough that a client with a few on their way has them all answered.
        return 0.0 if left >= cost else PAUSE_SECONDS + (cost - left) / allowed.per_second

    def is_flood(self, now: float, *, waiting: int) -> bool:
        """Asked after each pause, with how many frames have come meanwhile: whether this has gone on for too long."""
        rested = self._at - self._over > REST_SECONDS
        self._over = now
        if waiting <= FAIR_FRAMES:
            self._since = None
            return False
        if self._since is None or rested:
            self._since = now
        return now - self._since >= self._allowed.patience_seconds
