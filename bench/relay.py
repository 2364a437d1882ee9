"""The bare relay: one frame in, two out (sender and peer), nothing checked, nothing stored. What Tornado can do.

    python bench/relay.py --port 9000

A socket says who it is and to whom it writes in its URL: `/ws/chat/?name=alice&peer=bob`.
"""

import argparse
import asyncio
from typing import Any

import uvloop
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

PEOPLE: dict[str, "Relay"] = {}


class Relay(WebSocketHandler):
    """One person's socket."""

    peer = ""

    def open(self, *_: Any, **__: Any) -> None:
        """Remember who it is; the last socket of a name is the one that hears."""
        self.set_nodelay(True)
        self.peer = self.get_query_argument("peer", "")
        PEOPLE[self.get_query_argument("name", "")] = self

    def on_message(self, message: str | bytes) -> None:
        """Pass it on, as it is."""
        self.write_message(message)  # type: ignore[unused-awaitable]
        peer = PEOPLE.get(self.peer)
        if peer is not None:
            peer.write_message(message)  # type: ignore[unused-awaitable]


class Alive(RequestHandler):
    """Answers when the relay has started."""

    def get(self) -> None:
        """Say so."""
        self.write({"alive": True})


async def serve(port: int) -> None:
    """Listen on loopback for ever."""
    Application([("/livez", Alive), ("/ws/chat/", Relay)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


def main() -> None:
    """Run until a signal ends it."""
    parser = argparse.ArgumentParser(description="The bare relay: one frame in, two out, nothing stored.")
    parser.add_argument("--port", type=int, default=9000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
