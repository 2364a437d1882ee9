"""The event log is right, on both engines: what a device loaded once, and the events since, are the present state.

For any interleaving of sends, edits, deletions, receipts, timers, expiries, blocks, disconnects and resumes on two
instances, with a bus that delays, reorders, doubles and drops, instances that die, and a clock that jumps. A failure is
told as the few steps that lead to it. `RECADO_STORM_EXAMPLES=20000` makes a long run of it.
"""

from collections.abc import Callable

from tests.properties.storms import storm

__all__ = ["storm"]


def test_state_loaded_once_and_events_are_the_state_loaded_fresh(database_url: str, storm: Callable[..., None]) -> None:
    storm(database_url)
