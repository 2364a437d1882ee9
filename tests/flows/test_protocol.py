"""The examples of docs/protocol.md happen as they stand there: each play on a fresh server, every answer compared."""

import re
from pathlib import Path

import pytest

from tests.instances import ROOT
from tests.markdown import Play, plays
from tests.plays import staged

TEXT = (ROOT / "docs" / "protocol.md").read_text()
CALL = """POST /api/auth/send/
Authorization: Bearer <access token of alice>

{"recipient": "bob", "content": "hi"}

HTTP/1.1 201 Created

{"id": 1, "sender": "alice", "recipient": "bob", "content": "hi", "timestamp": "2026-11-22T09:11:53.373Z"}
"""
TALK = """-- alice connects by recado.v1
alice > {"type": "hello", "token": "<access token of alice>"}
alice < {"type": "welcome", "username": "alice", "position": 0, "epoch": "<epoch>", "outcome": "live",
         "heartbeat_seconds": 25}
"""


@pytest.mark.parametrize("play", plays(TEXT), ids=lambda play: play.name)
async def test_a_play_happens_as_it_stands_there(tmp_path: Path, play: Play) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(play)


def test_every_example_belongs_to_a_play() -> None:
    outside = re.sub(r"<!-- play: \w+ -->\n.*?<!-- play: end -->", "", TEXT, flags=re.DOTALL)
    assert re.findall(r"^```(\w+)", outside, re.MULTILINE) == ["python"]


async def test_a_play_that_does_not_happen_is_noticed(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.play(Play("good", [("text", TALK)]))
        for spoilt in (
            CALL.replace("201 Created", "200 OK"),
            CALL.replace('"id": 1', '"id": 7'),
            CALL.replace('"id": 1, ', ""),
            CALL.replace("09:11:53.373Z", "09:11:53Z"),
            CALL.replace('recipient": "bob", "content": "hi"}\n\nHTTP', 'recipient": "bob"}\n\nHTTP'),
            TALK.replace('"position": 0', '"position": 1'),
            TALK.replace('"outcome": "live",', '"outcome": "live", "more": 1,'),
            TALK.replace('"hello", ', '"hello", "further": 1, '),
        ):
            assert spoilt not in (CALL, TALK)
            with pytest.raises(AssertionError):
                await stage.play(Play("spoilt", [("http" if "HTTP" in spoilt else "text", spoilt)]))
