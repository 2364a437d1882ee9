"""The toy as a real server: `recado.v1` and the calls that the clients of the proof need, in this process."""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from types import SimpleNamespace
from typing import Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from prove import wire
from prove.history import Entry, Listed
from tests.prove.toy import EPOCH, Connection, World

TOKEN_SECONDS = 60
POLL_ROUNDS, POLL_SECONDS = 20, 0.05


class Stub:
    """One server with everything in memory. `refuse_next` answers that many v1 jobs with a passing error."""

    def __init__(self) -> None:
        self.world = World(1, people=0)
        self.sockets: dict[str, Socket] = {}
        self.refuse_next = 0
        self.names = itertools.count()
        self.refreshed = 0
        given = {"stub": self}
        application = Application([(r"/ws/chat/", Socket, given), (r"/api/(.*?)/?", Calls, given)])
        self.server = HTTPServer(application)
        sockets = bind_sockets(0, "127.0.0.1")
        self.server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]

    def flush(self) -> None:
        """Send everybody what is waiting for them."""
        self.world.bus.clear()
        for name, connection in list(self.world.connections.items()):
            while connection.outbox:
                self.sockets[name].say(connection.outbox.popleft())

    def close(self) -> None:
        self.server.stop()


class Socket(WebSocketHandler):
    """One connection."""

    def initialize(self, stub: Stub) -> None:
        self.stub = stub
        self.name = f"socket {next(stub.names)}"

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "recado.v1" if "recado.v1" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        frame = json.loads(message)
        if frame["type"] == "hello":
            person = person_in(frame.get("token") or self.request.headers["Authorization"].split()[1])
            device: Any = SimpleNamespace(person=person, name=self.name)
            self.stub.sockets[self.name] = self
            self.stub.world.connections[self.name] = Connection(device, 0)
            frame = {"position": None} | frame
        connection = self.stub.world.connections[self.name]
        if frame["type"] != "auth" and not self.refused(frame):
            connection.inbox.append(frame)
            self.stub.world.serve(connection)
            self.stub.flush()

    def refused(self, frame: dict[str, Any]) -> bool:
        if frame["type"] in ("hello", "ack", "ping") or not self.stub.refuse_next:
            return False
        self.stub.refuse_next -= 1
        self.say(wire.Error("unavailable", "Later.", frame["ref"], 0.05))
        return True

    def say(self, frame: wire.Frame) -> None:
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(msgspec.json.encode(frame))

    def on_close(self) -> None:
        self.stub.world.connections.pop(self.name, None)


class Calls(RequestHandler):
    """The REST side."""

    def initialize(self, stub: Stub) -> None:
        self.stub = stub
        self.world = stub.world

    def post(self, path: str) -> None:
        body = json.loads(self.request.body)
        if path == "auth/register":
            self.world.logs.setdefault(body["username"], [])
            self.world.people.append(body["username"])
            self.set_status(201)
        elif path == "auth/login":
            self.write(tokens(body["username"]))
        elif path == "auth/refresh":
            self.stub.refreshed += 1
            self.write(tokens(body["refresh"]))
        elif path == "auth/send":
            answer = self.act({"type": "send", "ref": body["client_id"], **body})
            assert isinstance(answer, wire.Sent)
            self.set_status(200 if answer.duplicate else 201)
            self.write(msgspec.json.encode(answer.message))
        else:
            self.act({"type": "read", "ref": "", "peer": path.split("/")[1], **body})

    def patch(self, path: str) -> None:
        body = json.loads(self.request.body)
        if path.startswith("conversations/"):
            timer = self.act({"type": "timer", "ref": "", "peer": path.split("/")[1], **body})
            self.write(msgspec.json.encode(timer))
            return
        self.change({"type": "edit", "ref": "", "id": int(path.split("/")[1]), **body})

    def put(self, path: str) -> None:
        self.act({"type": "block", "ref": "", "peer": path.split("/")[1]})

    def delete(self, path: str) -> None:
        if path.startswith("blocks/"):
            self.act({"type": "unblock", "ref": "", "peer": path.split("/")[1]})
        else:
            self.change({"type": "delete", "ref": "", "id": int(path.split("/")[1])})

    async def get(self, path: str) -> None:
        person = person_in(self.request.headers["Authorization"].split()[1])
        after, limit = int(self.get_query_argument("after", "0")), int(self.get_query_argument("limit", "100"))
        if path == "events":
            rounds = int(self.get_query_argument("wait", "0")) and POLL_ROUNDS
            while rounds and len(self.world.logs[person]) == after:
                await asyncio.sleep(POLL_SECONDS)
                rounds -= 1
            head = len(self.world.logs[person])
            events = [self.world.show(person, n) for n in range(after + 1, min(head, after + limit) + 1)]
            self.write(msgspec.json.encode(wire.Page(head, EPOCH, "recovered", events)))
            return
        if path.startswith("conversations/"):
            peer = path.split("/")[1]
            self.write(msgspec.json.encode(wire.Timer(peer, self.world.timers.get((person, peer)))))
            return
        listed = listed_of(self.world, person)
        if path == "conversations":
            self.write(msgspec.json.encode(listed.talks))
            return
        before = int(self.get_query_argument("before", str(2**53)))
        page = [message for message in listed.messages if message.id < before][:limit]
        self.write(msgspec.json.encode(page))

    def change(self, frame: dict[str, Any]) -> None:
        if isinstance(self.act(frame), wire.Error):
            self.set_status(404)
            self.write({"code": "not_found", "detail": "There is no such message."})

    def act(self, frame: dict[str, Any]) -> Any:
        person = person_in(self.request.headers["Authorization"].split()[1])
        answer = self.world.act(person, frame, 0)
        self.stub.flush()
        return answer


def tokens(person: str) -> dict[str, str]:
    """A pair that says whose it is."""
    now = int(time.time())
    claims = json.dumps({"sub": person, "iat": now, "exp": now + TOKEN_SECONDS}).encode()
    return {"access": f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s", "refresh": person}


def person_in(token: str) -> str:
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if claims["exp"] < time.time():
        raise HTTPError(401)
    return str(claims["sub"])


def listed_of(world: World, person: str) -> Listed:
    """What the lists say."""
    before: list[Entry] = world.entries
    world.entries = []
    world.finish(whole=True)
    found = next(each for each in world.entries if isinstance(each, Listed) and each.person == person)
    world.entries = before
    return found
