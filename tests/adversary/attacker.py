"""What an attacker can do: knock on the server or on the proxy before it, hold any account, write its database."""

import itertools
import json
import socket as network
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg2

from tests.deploy.visits import visit
from tests.handlers.raw import PATIENCE_SECONDS, Headers, Person, RawSocket
from tests.instances import Instance, Reply

PASSWORD = "correct horse battery"
JSON = ("Content-Type", "application/json")
V1 = ("Sec-WebSocket-Protocol", "recado.v1")
PAGE = ("X-Recado-Session", "cookie")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Target:
    """A running server, as it is reached from outside.

    `door` is whom the attacker asks (the server, or nginx before it), `server` the process behind it: its log, its
    secrets. Through nginx each request comes from another address, so that its limits by address refuse nothing.
    """

    door: Instance
    server: Instance
    addresses: "itertools.cycle[str]" = field(default_factory=lambda: itertools.cycle(("127.0.0.1",)))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Headers = (),
        raw: bytes | None = None,
        source: str | None = None,
    ) -> Reply:
        """One request: `body` as JSON or `raw` bytes; a refusal is a reply like any other."""
        sent = list(headers)
        if body is not None:
            raw, sent = json.dumps(body).encode(), [*sent, JSON]
        if token is not None:
            sent.append(("Authorization", f"Bearer {token}"))
        return visit(self.door.port, method, path, sent, raw, source=source or next(self.addresses))

    def join(self, name: str | None = None) -> Person:
        """Somebody new, signed in; with a name that nobody has yet."""
        name = name or fresh_name()
        made = self.ask("POST", "/api/auth/register/", {"username": name, "password": PASSWORD})
        assert made.status == 201, made
        return Person(name, self.pair(name)["access"])

    def pair(self, name: str, password: str = PASSWORD, **more: object) -> dict[str, str]:
        """Sign in: an access and a refresh token of a session of its own."""
        reply = self.ask("POST", "/api/auth/login/", {"username": name, "password": password, **more})
        assert reply.status == 200, reply
        tokens: dict[str, str] = reply.json
        return tokens

    def send(self, sender: Person, recipient: Person, content: str, **more: object) -> dict[str, Any]:
        """A message between these two, as it is shown to its sender."""
        body = {"recipient": recipient.name, "content": content, **more}
        reply = self.ask("POST", "/api/auth/send/", body, token=sender.token)
        assert reply.status == 201, reply
        message: dict[str, Any] = reply.json
        return message

    @contextmanager
    def socket(self, token: str | None = None, headers: Headers = (), path: str = "") -> Iterator[RawSocket]:
        """A WebSocket handshake; `status` says whether it succeeded. `path` is asked for instead of the usual."""
        query = "" if token is None else f"?token={quote(token, safe='')}"
        with self.connect() as stream:
            yield RawSocket(stream).shake(path or f"/ws/chat/{query}", headers, self.door.port)

    def connect(self) -> network.socket:
        """A connection of which every byte is the attacker's."""
        address = ("127.0.0.1", self.door.port)
        return network.create_connection(address, timeout=PATIENCE_SECONDS, source_address=(next(self.addresses), 0))


class Store:
    """The database, for somebody who has its password: any statement, `?` for a value."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.embedded = url.startswith("sqlite:")

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the statement returns; it is committed."""
        connection: Any
        if self.embedded:
            connection = sqlite3.connect(urlsplit(self.url).path, timeout=20)
        else:
            connection = psycopg2.connect(self.url)
            statement = statement.replace("?", "%s")
        with closing(connection), connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []


@dataclass(frozen=True)
class Plundered(Target):
    """A target whose database the attacker may read and write."""

    store: Store = field(kw_only=True)

    def id_of(self, person: Person) -> int:
        """The row of this person."""
        ((found,),) = self.store.run("SELECT id FROM users WHERE name = ?", person.name)
        return int(found)


def fresh_name(begin: str = "somebody") -> str:
    """A name that nobody has yet."""
    return f"{begin}{next(_numbers)}"


def many_addresses() -> "itertools.cycle[str]":
    """Addresses of loopback, one after the other."""
    return itertools.cycle([f"127.66.{third}.{fourth}" for third in range(8) for fourth in range(1, 250)])
