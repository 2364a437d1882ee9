"""How long a client waits before it connects again: full jitter, and what a close code asks for. Pure."""

import enum
from random import Random

BASE_SECONDS = 0.1
MOST_SECONDS = 3.0
# After so many doublings the bound is reached in any case.
MOST_DOUBLINGS = 10


class Advice(enum.Enum):
    """What to do after a close."""

    RESUME = "resume"
    NEW_TOKEN = "new token"  # noqa: S105 - advice, not a secret
    STOP = "stop"


# The codes of the contract; any other (a cut connection has none) says: resume.
ADVICE = {
    4401: Advice.NEW_TOKEN,
    4403: Advice.STOP,
    1009: Advice.STOP,
    1008: Advice.STOP,
}


def advice(code: int | None) -> Advice:
    """What the code asks of a client."""
    return ADVICE.get(code or 0, Advice.RESUME)


def wait_seconds(failures: int, random: Random, asked_ms: int = 0) -> float:
    """So long after so many failures in a row; at least what a `bye` asked for."""
    most = min(MOST_SECONDS, BASE_SECONDS * 2 ** min(failures, MOST_DOUBLINGS))
    return asked_ms / 1000 + random.uniform(0, most)
