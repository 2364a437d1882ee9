"""Running a coroutine at once, as far as it goes: one that never has to wait costs no task."""

from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any


def run_eagerly(work: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run `work` by a plain call. None when it came to its end; else what must be awaited for the rest of it."""
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    return _rest(work, waits_for)


@coroutine
def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, None, None]:
    """Hand on what the coroutine waits for, and what becomes of it back to the coroutine."""
    while True:
        failed: BaseException | None = None
        try:
            yield waits_for
        except BaseException as error:  # noqa: BLE001 - the coroutine decides what to do with it
            failed = error
        try:
            waits_for = work.send(None) if failed is None else work.throw(failed)
        except StopIteration:
            return
