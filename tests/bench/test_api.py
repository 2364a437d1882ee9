"""The API's client waits when it is told to, and says what went wrong."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from bench.api import CallFailed, Client, join_all, wait_alive


class Door(BaseHTTPRequestHandler):
    """Answers what the test put on the list, then 200 with a token."""

    protocol_version = "HTTP/1.1"
    answers: list[tuple[int, dict[str, str]]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        body = json.dumps({"access": "a token", "code": "some_code"}).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[tuple[str, list[tuple[int, dict[str, str]]]]]:
    Door.answers = []
    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", Door.answers
        server.shutdown()
        thread.join()


def test_who_is_told_to_wait_waits_and_tries_again(door):
    url, answers = door
    answers += [(429, {"Retry-After": "0"}), (201, {}), (429, {"Retry-After": "0"}), (200, {})]
    with Client(url) as client:
        assert client.join("alice") == "a token"
    assert not answers


def test_people_who_exist_already_are_signed_in(door):
    url, answers = door
    answers += [(409, {}), (200, {})]
    assert join_all(url, ["alice"], threads=1) == {"alice": "a token"}


@pytest.mark.parametrize("answers_of_server", [[(400, {})], [(201, {}), (401, {})]], ids=["register", "login"])
def test_a_refusal_is_told_with_its_status_and_body(door, answers_of_server):
    url, answers = door
    answers += answers_of_server
    with Client(url) as client, pytest.raises(CallFailed, match=r"40[01].*some_code"):
        client.join("alice")


def test_waiting_ends_when_the_server_does():
    with pytest.raises(CallFailed, match="nothing answers"):
        wait_alive("127.0.0.1", 9, lambda: False)
