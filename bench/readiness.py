"""Asking /readyz again and again while something else is measured, as a load balancer does."""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 10.0


def is_ready(url: str) -> bool:
    """Whether /readyz says 200 in time, on a connection of its own."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "localhost", parts.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Probes:
    """Inside the block a thread asks; behind it `asked`, `not_ready` and `slowest_seconds` say what it was told."""

    def __init__(self, url: str, ask: Callable[[str], bool] = is_ready) -> None:
        self.asked = 0
        self.not_ready = 0
        self.slowest_seconds = 0.0
        self._url = url
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._again, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * PATIENCE_SECONDS)

    def _again(self) -> None:
        while True:
            began = time.perf_counter()
            ready = self._ask(self._url)
            self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - began)
            self.asked += 1
            self.not_ready += not ready
            if self._stop.wait(PAUSE_SECONDS):
                return
