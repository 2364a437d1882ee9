"""Whether a server says that it is ready is asked until the block ends, and nothing but a 200 counts."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bench.readiness import Probes, is_ready


@pytest.mark.parametrize(("status", "expected"), [(200, True), (503, False), (404, False)])
def test_only_a_200_says_ready(status, expected):
    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/readyz" else 500)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert is_ready(f"http://127.0.0.1:{server.server_port}") is expected
        thread.join()


def test_a_server_that_does_not_answer_is_not_ready():
    assert not is_ready("http://127.0.0.1:9")


def test_every_answer_is_counted(monkeypatch):
    monkeypatch.setattr("bench.readiness.PAUSE_SECONDS", 0.0)
    answers, empty = [True, False, True, False, False], threading.Event()

    def ask(url: str) -> bool:
        assert url == "http://server"
        if answers:
            return answers.pop()
        empty.set()
        return True

    with Probes("http://server", ask) as probes:
        assert empty.wait(10)
    assert probes.not_ready == 3
    assert probes.asked >= 6
    assert probes.slowest_seconds > 0
