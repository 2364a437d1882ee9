"""The proof can fail: each of these breakages of the server, or of a client, is found by it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import Phase

from actions import events, listen, presentation, repair
from actions import timers as asked
from actions.app import App, Caller
from models import batch, receipts, timelines, timers
from realtime.connection import Connection
from realtime.events import Edited
from realtime.positions import Given
from tests.properties.air import AirBus
from tests.properties.device import Device
from tests.properties.storms import storm

__all__ = ["storm"]

add, release, take, plain = Given.add, Connection.release, events.after, events._plain_event
knows_better = Device._knows_better


def add_what_is_highest(given: Given, position: int) -> bool:
    return position > max(given._above, default=0) and add(given, position)


def release_twice(connection: Connection) -> None:
    for frame, _ in connection._held or ():
        connection.transport.write(frame)
    release(connection)


async def repair_nothing(app: App) -> None: ...


def tell_edited_without_position(app: App, entries: Any, message: Any) -> None:
    app.bus.publish([(entry.user_id, None) for entry in entries], Edited(message))


async def skip_one(app: App, user_id: int, *, position: int, limit: int) -> Any:
    return (await take(app, user_id, position=position, limit=limit))[1:]


def append_for_one(engine: Any, heads: Any, kind: Any, talk: int, by: int, what: int, at: int, told: set[int]) -> Any:
    return timelines.append(engine, heads, kind, talk, by, what, at, told & {by})


def told_as_set_by_the_other(entry: Any, peer: str, by: str) -> Any:
    return plain(entry, peer, peer if entry.kind == timelines.Kind.TIMER else by)


async def knows_no_timer(app: App, caller: Caller, peer: str) -> tuple[str, None]:
    return peer, None


async def quotes_nothing(app: App, stored: Any) -> None: ...


def knows_better_of_messages(device: Device, about: int | str, position: int) -> bool:
    return isinstance(about, int) and knows_better(device, about, position)


async def join_later(bus: AirBus, user_id: int) -> bool:
    bus._wanted[user_id] += 1
    asyncio.ensure_future(bus._desk.ask("subscribe", lambda: bus._subscribe(user_id)))  # noqa: RUF006 - the desk holds it
    return True


# Some need a rare turn of things, which the steps of this number come to soon.
NUMBER = 2
MOST = 5000

FOR_ONE = SimpleNamespace(take_heads_and_blocking=timelines.take_heads_and_blocking, append=append_for_one)
DAMAGES: dict[str, tuple[Any, str, Any]] = {
    "live events below the highest seen are dropped": (Given, "add", add_what_is_highest),
    "the log is read before the bus is joined": (AirBus, "join", join_later),
    "what was held is given though the log has told it": (Connection, "release", release_twice),
    "the sweep repairs nothing": (repair, "repair", repair_nothing),
    "a repeat is not known": (batch, "_existing", lambda *_: {}),
    "an edit forgets what was quoted": (presentation, "reply_of", quotes_nothing),
    "an edit has no position": (events, "tell_edited", tell_edited_without_position),
    "the log leaves one out": (events, "after", skip_one),
    "who waits does not wake": (listen.Ear, "write", lambda *_: None),
    "receipts go back": (receipts, "ADVANCE_READ", receipts.ADVANCE_READ.replace("read_up_to < %s", "%s > 0")),
    "more is forgotten than is gone": (
        timelines,
        "RAISE_FLOOR",
        timelines.RAISE_FLOOR.replace("floor = %s", "floor = %s + 1"),
    ),
    "a timer is told to nobody but who sets it": (timers, "timelines", FOR_ONE),
    "a timer that is set already is told again": (timers, "SET", timers.SET.replace("<> %s", "> %s - 9999")),
    "who is blocked sets the timer for both": (timers, "blocks", SimpleNamespace(among=lambda *_: set())),
    "a timer is told as set by the other": (events, "_plain_event", told_as_set_by_the_other),
    "a timer is not shown to who asks for it by name": (asked, "own", knows_no_timer),
    "a client takes what comes last for the newest": (Device, "_knows_better", lambda *_: False),
    "a client goes by the timer that comes last": (Device, "_knows_better", knows_better_of_messages),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_breakage_is_found(
    sqlite_url: str, storm: Callable[..., None], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name, broken = DAMAGES[damage]
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(AssertionError) as found:
        storm(sqlite_url, NUMBER, phases=[Phase.generate], max_examples=MOST)
    assert "Exception in callback" not in str(found.value)  # it was judged, and did not just fail
