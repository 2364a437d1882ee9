"""HTTP and WebSocket as a stranger may speak them: any method, any header twice, any byte, any frame."""

import base64
import contextlib
import http.client
import json
import os
import re
import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from socket import create_connection, socket
from typing import Any, Self

from tests.instances import Instance, Reply

PATIENCE_SECONDS = 20.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    name: str
    token: str

    @property
    def bearer(self) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self.token}")


def ask(instance: Instance, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Reply:
    """One request with exactly these headers (and `Host`, `Content-Length`, when they are not given)."""
    names = {name.lower() for name, _ in headers}
    with closing(http.client.HTTPConnection("localhost", instance.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())


def chunked(body: bytes, size: int = 10_000) -> bytes:
    """The body in chunks (RFC 9112 §7.1)."""
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def told(instance: Instance, *parts: str) -> list[dict[str, Any]]:
    """The log's lines that hold all these parts; at least one, which may come a moment after the answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        lines = [line for line in instance.log().splitlines(keepends=True) if all(part in line for part in parts)]
        if lines and lines[-1].endswith("\n"):
            return [json.loads(line) for line in lines]
        time.sleep(0.002)  # a file tells nobody that it grew
    raise AssertionError(f"the log does not tell of {parts}")


def rows(instance: Instance) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(f"file:{instance.home / 'recado.db'}?mode=ro", uri=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


class RawSocket:
    """A WebSocket of which every byte is ours. Frames are masked unless they say otherwise."""

    def __init__(self, stream: socket) -> None:
        self.stream = stream
        self.waiting = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def shake(self, target: str, headers: Headers, port: int) -> Self:
        """Ask for the upgrade; what was answered is in `status`, `headers` and `body`."""
        self.ask(target, headers, port)
        return self.answered()

    def ask(self, target: str, headers: Headers, port: int) -> None:
        """The first half of `shake`."""
        given = {name.lower() for name, _ in headers}
        key = base64.b64encode(os.urandom(16)).decode()
        usual = [
            ("Host", f"localhost:{port}"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ]
        sent = [(name, value) for name, value in usual if name.lower() not in given] + list(headers)
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent), "", ""]
        self.stream.sendall("\r\n".join(lines).encode("latin-1"))

    def answered(self) -> Self:
        """The second half of `shake`."""
        while b"\r\n\r\n" not in self.waiting:
            self._fill()
        head, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.status != 101:
            self.body = self._take(int(self.headers.get("content-length", "0")))
        return self

    def send(self, payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True, rsv: int = 0) -> None:
        """One frame."""
        self.stream.sendall(frame(payload, opcode, fin=fin, masked=masked, rsv=rsv))

    def say(self, value: object) -> None:
        """One text frame: text as it is, all else as JSON."""
        self.send((value if isinstance(value, str) else json.dumps(value)).encode())

    def read(self) -> tuple[int, bytes] | None:
        """The next frame, or None when the server has hung up."""
        with contextlib.suppress(EOFError, ConnectionError):
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._take(8))
            return first & 0x0F, self._take(size)
        return None

    def hear(self) -> Any:
        """The next text frame as JSON; server pings are passed over."""
        while (got := self.read()) is not None:
            if got[0] == TEXT:
                return json.loads(got[1])
            assert got[0] == PING, got
        raise AssertionError("the server has hung up")

    def close_code(self) -> int | None:
        """Read to the end; the code the server closed with, or None when it just hung up."""
        code = None
        while (got := self.read()) is not None:
            if got[0] == CLOSE:
                code = int.from_bytes(got[1][:2]) or None
                with contextlib.suppress(OSError):
                    self.send(got[1], CLOSE)
        return code

    def _take(self, size: int) -> bytes:
        while len(self.waiting) < size:
            self._fill()
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken

    def _fill(self) -> None:
        got = self.stream.recv(65_536)
        if not got:
            raise EOFError
        self.waiting += got


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame (RFC 6455 §5.2)."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    return head + (bytes(4) if masked else b"") + payload  # a mask of zeros changes nothing


@contextmanager
def raw_socket(
    instance: Instance, token: str | None = None, headers: Headers = (), target: str = ""
) -> Iterator[RawSocket]:
    """A handshake, and the socket when it succeeded."""
    query = f"?token={token}" if token is not None else ""
    with create_connection(("localhost", instance.port), timeout=PATIENCE_SECONDS) as stream:
        yield RawSocket(stream).shake(target or f"/ws/chat/{query}", headers, instance.port)


def carries(opened: RawSocket, alice: Person, content: str) -> None:
    """The socket still carries a good message, and nothing came before it."""
    opened.say({"recipient": alice.name, "content": content})
    assert opened.hear()["message"] == content


def pages(instance: Instance, person: Person, target: str) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, as the `Link` headers lead."""
    for _ in range(100):
        reply = instance.call("GET", target, token=person.token)
        assert reply.status == 200, reply
        yield reply.json
        link = reply.headers.get("link")
        if link is None:
            return
        found = re.fullmatch(r'<(/[^>]+)>; rel="next"', link)
        assert found, link
        target = found[1]
    raise AssertionError("the pages do not end")


def listed(instance: Instance, person: Person) -> list[dict[str, Any]]:
    """The newest messages of this person, over HTTP."""
    return list(instance.call("GET", "/api/auth/messages/?limit=500", token=person.token).json)


class Silent:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.code: int | None = None

    def write(self, sent: bytes) -> None:
        self.frames.append(sent)

    def queued(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.code = code
