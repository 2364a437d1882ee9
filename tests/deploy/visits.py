"""Requests as a stranger may send them: from an address of their own, any header, any byte."""

import http.client
import socket
from collections.abc import Sequence
from contextlib import closing

from tests.instances import Reply

PATIENCE_SECONDS = 20.0
Headers = Sequence[tuple[str, str]]


def visit(
    port: int, method: str, target: str, headers: Headers = (), body: bytes | None = None, *, source: str = "127.0.0.1"
) -> Reply:
    """One request, from the loopback address `source`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS, source_address=(source, 0))
    names = {name.lower() for name, _ in headers}
    with closing(connection):
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())


def send_raw(port: int, data: bytes, *, source: str = "127.0.0.1") -> bytes:
    """Send bytes, and read until the other side closes."""
    address = ("127.0.0.1", port)
    with socket.create_connection(address, timeout=PATIENCE_SECONDS, source_address=(source, 0)) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


def hurry(port: int, count: int, headers: Sequence[Headers], *, source: str = "127.0.0.1") -> list[int]:
    """`count` requests for /livez on one connection, as fast as they go; their statuses. `headers` go in turn."""
    address = ("127.0.0.1", port)
    statuses = []
    with socket.create_connection(address, timeout=PATIENCE_SECONDS, source_address=(source, 0)) as connection:
        answers = connection.makefile("rb")
        for begin in range(0, count, 50):
            block = b""
            for number in range(begin, min(begin + 50, count)):
                own = "".join(f"{name}: {value}\r\n" for name, value in headers[number % len(headers)])
                block += f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{own}\r\n".encode()
            connection.sendall(block)
            statuses += [_status(answers) for _ in range(begin, min(begin + 50, count))]
    return statuses


def _status(answers: socket.SocketIO) -> int:
    status = int(answers.readline().split()[1])
    length = 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
    answers.read(length)
    return status
