"""From a frame to an action and back: what is told to whoever sent it, and what is not."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actions import messages
from actions.app import App
from actions.errors import Conflict, Invalid, NotFound, TooMany, TryLater
from actions.messages import Outgoing
from handlers.commands import COMMANDS, Talk, mistake
from handlers.websocket import DIALECTS
from models.db import Unavailable
from realtime.connection import Connection
from realtime.dialects import Frame, FrameError
from realtime.dialects.plain import PLAIN, Send
from realtime.dialects.v1 import Ping
from tests.actions.stage import DeafBus
from tests.rooms import join, running_app


class Kept:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    def write(self, sent: bytes) -> None:
        self.frames.append(json.loads(sent))

    def queued(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))


@asynccontextmanager
async def talking(url: str, **policy: Any) -> AsyncIterator[tuple[App, Talk, Kept]]:
    async with running_app(url, **policy) as app:
        alice = await join(app, "alice")
        kept = Kept()
        connection = Connection(alice.user_id, alice.session_id, PLAIN, kept, 1_000_000)
        app.hub.join(connection)
        yield app, Talk(app, alice, connection), kept


def kinds(of: type) -> set[type]:
    return {kind for child in of.__subclasses__() for kind in {child, *kinds(child)}}


def test_every_frame_of_every_dialect_has_its_command() -> None:
    assert kinds(Frame) >= set(COMMANDS)
    assert Send in COMMANDS
    assert set(DIALECTS) >= {None}


async def test_a_send_is_answered_by_its_event_alone(sqlite_url: str) -> None:
    async with talking(sqlite_url) as (_, talk, kept):
        await COMMANDS[Send](talk, Send("alice", "hi"))
        assert talk.in_flight == 1
        await talk.room()
        assert talk.in_flight == 0
        assert [frame["message"] for frame in kept.frames] == ["hi"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotFound("x"), {"error": "x", "code": "not_found"}),
        (Conflict("x"), {"error": "x", "code": "conflict"}),
        (TooMany("x", retry_after=3), {"error": "x", "code": "too_many_requests"}),
        (TryLater("x"), {"error": "x", "code": "unavailable"}),
        (Invalid.field("content", "empty", "x"), {"error": "x", "code": "invalid", "field": "content"}),
        (Unavailable("hunter2"), {"error": "The database cannot be reached now. Try again.", "code": "unavailable"}),
        (ValueError("hunter2"), {"error": "Something went wrong here.", "code": "internal"}),
    ],
)
async def test_a_refusal_is_told_and_a_failure_hides_its_cause(
    sqlite_url: str, written: io.StringIO, error: Exception, expected: dict[str, str]
) -> None:
    async with talking(sqlite_url) as (_, talk, kept):
        talk.refuse(error)
        late: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        talk.track(late)
        late.set_exception(error)
        await talk.room()
        assert kept.frames == [expected, expected]
    assert "hunter2" not in written.getvalue()
    assert written.getvalue().count("unexpected error") == (2 if isinstance(error, ValueError) else 0)


def test_a_mistake_names_its_field() -> None:
    named, plain = FrameError("invalid", "unknown field", "x"), FrameError("invalid", "not valid JSON")
    assert json.loads(mistake(PLAIN, named)) == {"error": "unknown field", "code": "invalid", "field": "x"}
    assert json.loads(mistake(PLAIN, plain)) == {"error": "not valid JSON", "code": "invalid"}


async def test_a_send_that_was_given_up_is_not_counted_any_more(sqlite_url: str) -> None:
    async with talking(sqlite_url) as (_, talk, kept):
        faults: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        late: asyncio.Future[Any] = loop.create_future()
        talk.track(late)
        late.cancel()
        await talk.room()
        assert (talk.in_flight, kept.frames, faults) == (0, [], [])


async def test_a_sender_who_has_gone_is_no_fault(sqlite_url: str, written: io.StringIO) -> None:
    async with talking(sqlite_url) as (app, talk, _):
        sending = COMMANDS[Send](talk, Send("alice", "hi", None, None))
        await sending
        app.hub.leave(talk.connection)
        await talk.room()
    assert written.getvalue() == ""


async def test_a_ping_is_answered_with_the_head_that_the_database_knows(sqlite_url: str) -> None:
    async with talking(sqlite_url) as (app, talk, kept):
        DeafBus(app)  # whatever is told gets lost
        for content in ("one", "two"):
            await messages.send(app, talk.caller, Outgoing("alice", content))
        await COMMANDS[Ping](talk, Ping(ref="r"))
        assert kept.frames == [{"type": "pong", "position": 2, "ref": "r"}]
