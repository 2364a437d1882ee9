"""One request to the proxy that is two to the server behind it, or half of one: the other half is somebody else's.

Where two programs disagree on where a request ends (its length told twice, its chunks told oddly, an upgrade that was
refused and that one of them takes for granted), what is left over begins the next person's request. So: the server
answers exactly as many requests as the proxy has passed on, and whoever comes next gets their own answer.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.adversary.attacker import Target, many_addresses
from tests.adversary.conftest import SETTINGS
from tests.deploy.conftest import require_nginx
from tests.deploy.proxy import Proxy
from tests.handlers.raw import PATIENCE_SECONDS, Person
from tests.instances import Instance

HIDDEN = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"
POST = b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"

# Ends that two readers may see in two places. What follows each is a request that nobody must hear.
ENDS: dict[str, bytes] = {
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN),
    "a length of two": POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN),
    "a length in hexadecimal": POST + b"Content-Length: 0x10\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a length below nothing": POST + b"Content-Length: -1\r\n\r\n",
    "a length of 2^64": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "a length with a blank": POST + b"Content-Length: 1 0\r\n\r\n0",
    "a blank before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "a tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a NUL in the name": POST + b"Content-Length\x00: 0\r\n\r\n",
    "a folded line": POST + b"X: y\r\n Content-Length: 0\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n 0\r\n\r\n",
    "line feeds alone": POST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n",
    "a carriage return alone": POST + b"X: y\rContent-Length: %d\r\n\r\n" % len(HIDDEN),
    "another word for chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked and more": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "packed and chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked behind a letter": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "an underscore": POST + b"Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "a chunk with an extension": POST + b"Transfer-Encoding: chunked\r\n\r\n0;x=y\r\n\r\n",
    "an extension that ends in a line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n",
    "a chunk of 2^64": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
    "a chunk in 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk below nothing": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "chunks that end in a line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "a chunk longer than told": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a length in a trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 50\r\n\r\n",
    "a body of a GET": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    "a body of a HEAD": b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a connection that names the length": POST
    + b"Connection: keep-alive, Content-Length\r\nContent-Length: 2\r\n\r\n{}",
    "an expectation": POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "an expectation of something else": POST + b"Expect: x\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
    "another host in the line": b"GET http://other/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /livez\r\n",
    "a line break in the path": b"GET /livez%0d%0aX:%20y HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "blanks in the line": b"GET  /livez  HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
# Upgrades that the server refuses: whoever lets bytes pass from then on has made a tunnel to it.
UPGRADES: dict[str, bytes] = {
    "another version": b"GET /ws/chat/ HTTP/1.1\r\n" + UPGRADE + KEY + b"Sec-WebSocket-Version: 777\r\n\r\n",
    "no token": b"GET /ws/chat/ HTTP/1.1\r\n" + UPGRADE + KEY + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "no key": b"GET /ws/chat/ HTTP/1.1\r\n" + UPGRADE + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "another method": b"POST /ws/chat/ HTTP/1.1\r\n" + UPGRADE + KEY + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "a body": b"GET /ws/chat/ HTTP/1.1\r\n" + UPGRADE + KEY + b"Content-Length: 2\r\nSec-WebSocket-Version: 13\r\n\r\n"
    b"{}",
    "another place": b"GET /livez HTTP/1.1\r\n" + UPGRADE + KEY + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "HTTP/2": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "HTTP/2 in place of a socket": b"GET /ws/chat/ HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "HTTP/2 from the beginning": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}  # fmt: skip


FINAL = re.compile(rb"HTTP/1\.[01] [2-5]")


@dataclass(frozen=True)
class Way:
    """The proxy, the server behind it, and somebody who uses both. Nobody else does: all requests are counted."""

    proxy: Proxy
    through: Target
    alice: Person

    def exchange(self, sent: bytes) -> bytes:
        """Send these bytes, wait for an answer, hang up, and read the rest."""
        got = b""
        with self.through.connect() as stream, contextlib.suppress(ConnectionError):
            stream.sendall(sent)
            # Whoever hangs up before it is answered leaves the proxy without a word about what became of it.
            while not FINAL.search(got) and (piece := stream.recv(65_536)):
                got += piece
            stream.shutdown(1)
            while piece := stream.recv(65_536):
                got += piece
        return got

    def answered(self) -> int:
        """How many requests the server has answered."""
        return self.through.server.log().count('"event": "answered"')

    def passed(self) -> int:
        """How many requests the proxy has passed on."""
        statuses = [status for line in self.proxy.lines() for status in line["instance_status"].split(", ")]
        return sum(status not in ("", "-") for status in statuses)

    def surplus(self) -> int:
        """How many requests the server has answered that were not passed on; who comes next gets their own answer."""
        for _ in range(2):  # of each upstream of the proxy
            reply = self.through.ask("GET", "/api/users/me/", token=self.alice.token)
            assert (reply.status, reply.json["username"]) == (200, self.alice.name)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not all(
                reply.headers["x-request-id"] in log for log in (self.through.server.log(), self.proxy.log())
            ):
                assert time.monotonic() < deadline
                time.sleep(0.002)
        return self.answered() - self.passed()


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    require_nginx()
    with Instance(tmp_path_factory.mktemp("way"), settings=SETTINGS) as server, Proxy([server.port] * 2) as proxy:
        through = Target(proxy.visitor, server, many_addresses())
        yield Way(proxy, through, through.join())


@pytest.mark.parametrize("what", ENDS)
def test_a_second_request_is_not_heard_whatever_the_first_one_says_of_its_end(way: Way, what: str) -> None:
    before = way.surplus()
    answer = way.exchange(ENDS[what] + HIDDEN)
    # As the beginning of the next person's request, too: cut in the middle of a header.
    answer += way.exchange(ENDS[what] + HIDDEN.partition(b"X-Smuggled")[0] + b"X-Rest: ")
    assert b'"database"' not in answer
    # What the server takes for no request at all it refuses without a line.
    assert way.surplus() <= before


@pytest.mark.parametrize("what", UPGRADES)
def test_an_upgrade_that_is_refused_opens_no_tunnel(way: Way, what: str) -> None:
    before = way.surplus()
    answer = way.exchange(UPGRADES[what] + HIDDEN * 3)
    assert b'"database"' not in answer
    assert b" 101 " not in answer.partition(b"\r\n")[0]
    assert way.surplus() <= before


def test_behind_a_true_upgrade_there_is_a_socket_and_nothing_else(way: Way) -> None:
    before, got = way.surplus(), b""
    with way.through.socket(way.alice.token) as opened, contextlib.suppress(ConnectionError):
        assert opened.status == 101
        opened.stream.sendall(HIDDEN)
        while piece := opened.stream.recv(65_536):
            got += piece
    assert b"HTTP/1.1" not in got
    assert b'"database"' not in got
    assert way.surplus() <= before


def test_the_counting_would_tell(way: Way) -> None:
    """A request that does not come through the proxy, as one that was smuggled would not."""
    before = way.surplus()
    assert way.through.server.call("GET", "/livez").status == 200
    assert way.surplus() == before + 1
