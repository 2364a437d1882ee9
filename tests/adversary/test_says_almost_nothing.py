"""The attacker holds hundreds of connections and says almost nothing on them: others are served all the same."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import create_connection, socket

import pytest

from tests.adversary.attacker import V1, Target
from tests.handlers.raw import CLOSE, RawSocket, frame
from tests.instances import Instance

PROGRAM = Path(__file__).with_name("impatient.py")
PATIENCE_SECONDS = 20.0
EACH = 60
# The beginnings of requests that never end.
BEGUN = {
    "nothing": b"",
    "a method": b"GE",
    "half a line": b"GET /api/users/me",
    "half a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b",
    "a body of one byte": b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{",
    "a chunk of one byte": b"POST /api/auth/send/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1\r\n{",
}


def hold(stack: ExitStack, port: int, begun: bytes) -> socket:
    """A connection on which so much was said."""
    held = stack.enter_context(create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
    held.sendall(begun)
    return held


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server on which a minute takes a second."""
    with Instance(tmp_path_factory.mktemp("impatient"), command=(sys.executable, str(PROGRAM))) as running:
        yield Target(running, running)


def served(target: Target) -> None:
    """Everything that somebody does in a day."""
    alice, bob = target.join(), target.join()
    with target.socket(bob.token) as device:
        assert device.status == 101
        target.send(alice, bob, "hi")
        assert device.hear()["message"] == "hi"
    assert target.ask("GET", "/").status == 200
    assert len(target.ask("GET", "/api/auth/messages/", token=bob.token).json) == 1


def test_while_hundreds_say_almost_nothing_everybody_else_is_served(target: Target) -> None:
    with ExitStack() as stack:
        held = [hold(stack, target.door.port, begun) for begun in BEGUN.values() for _ in range(EACH)]
        greeted = [stack.enter_context(target.socket(headers=[V1])) for _ in range(10)]
        for opened in greeted:
            opened.stream.sendall(frame(b'{"type": "hello", "token": "' + b"x" * 100)[:40])
        served(target)
        for each in held[EACH:]:
            each.sendall(b"x")  # one byte more, so that it looks alive
        served(target)


def ended(held: socket) -> bytes:
    """What was still said before the other side hung up."""
    told = b""
    try:
        while piece := held.recv(65_536):
            told += piece
    except ConnectionError:
        pass
    return told


def test_a_request_that_does_not_end_is_ended(impatient: Target) -> None:
    with ExitStack() as stack:
        held = [hold(stack, impatient.door.port, begun) for begun in BEGUN.values() for _ in range(5)]
        for each in held:
            told = ended(each)
            assert not told or told.split()[1] in {b"400", b"408"}, told
    assert impatient.ask("GET", "/livez").status == 200


def closed_with(opened: RawSocket) -> int:
    """The code of the server's close frame, which is not answered: half a frame lies before the answer."""
    while (got := opened.read()) is not None:
        if got[0] == CLOSE:
            return int.from_bytes(got[1][:2])
    raise AssertionError("it was not closed, but cut off")


def test_one_that_drips_byte_by_byte_is_ended_too(impatient: Target) -> None:
    with ExitStack() as stack:
        held = hold(stack, impatient.door.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        held.settimeout(0.05)
        for _ in range(400):
            try:
                if not held.recv(65_536):
                    return
            except TimeoutError:
                pass
            except ConnectionError:
                return
            try:
                held.sendall(b"X")
            except ConnectionError:
                return
    raise AssertionError("it may drip for ever")


def test_a_socket_that_says_no_hello_is_ended(impatient: Target) -> None:
    with impatient.socket(headers=[V1]) as silent, impatient.socket(headers=[V1]) as dripping:
        dripping.stream.sendall(frame(b'{"type": "hello"}')[:5])
        assert (silent.status, dripping.status) == (101, 101)
        assert closed_with(silent) == closed_with(dripping) == 4408
