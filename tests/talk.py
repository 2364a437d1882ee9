"""A WebSocket client for the tests: frames in and out as JSON, closed behind the test whatever happens."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PATIENCE_SECONDS = 20.0


class Talk:
    """One side of a WebSocket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.ended = False

    async def say(self, frame: object) -> None:
        """Send one frame: text as it is, bytes as a binary frame, anything else as JSON."""
        if isinstance(frame, bytes):
            await self.connection.write_message(frame, binary=True)
            return
        await self.connection.write_message(frame if isinstance(frame, str) else json.dumps(frame))

    async def hear(self) -> Any:
        """The next frame; None when the server has closed. Fails when nothing comes for a long time."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self.connection.read_message()
        self.ended = text is None
        return None if text is None else json.loads(text)

    async def closed(self) -> int | None:
        """Read to the end; the code the server closed with."""
        while not self.ended:
            await self.hear()
        return self.connection.close_code


@asynccontextmanager
async def talking(
    url: str,
    token: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> AsyncIterator[Talk]:
    """A connection to `url`, signed in by `?token=` when one is given."""
    request = HTTPRequest(url if token is None else f"{url}?token={token}", headers=dict(headers or {}))
    connection = await websocket_connect(request, subprotocols=subprotocols)
    talk = Talk(connection)
    try:
        yield talk
    finally:
        connection.close()
        await talk.closed()
