"""Recado's HTTP API as the measurements need it: sign up, sign in, and calls over one connection that is kept."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any, Self
from urllib.parse import urlsplit

PASSWORD = "a sentence nobody would guess"  # noqa: S105 - of people who live as long as a measurement
SECONDS = 60.0
MOST_PATIENCE = 600.0


class CallFailed(Exception):
    """The server answered something else than what the measurement needs."""


class Client:
    """One kept connection to a server. For one thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "localhost", parts.port, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: object = None, *, token: str = "") -> tuple[int, Any]:
        """Status and JSON of the answer. Waits as long as a 429 says, and tries again."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        deadline = time.monotonic() + MOST_PATIENCE
        while True:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self._connection.getresponse()
            read = answer.read()
            if answer.status != http.client.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                return answer.status, json.loads(read or b"null")
            time.sleep(float(answer.headers.get("Retry-After", 1)))

    def wanted(self, status: int, method: str, path: str, body: object = None, *, token: str = "") -> Any:
        """The JSON of an answer with this status; `CallFailed` for any other."""
        found, answer = self.call(method, path, body, token=token)
        if found != status:
            raise CallFailed(f"{method} {path}: {found} {json.dumps(answer)[:300]}")
        return answer

    def join(self, name: str) -> str:
        """An access token for this person, who is signed up unless they exist."""
        account = {"username": name, "password": PASSWORD}
        status, answer = self.call("POST", "/api/auth/register/", account)
        if status not in (http.client.CREATED, http.client.CONFLICT):
            raise CallFailed(f"cannot sign up {name}: {status} {json.dumps(answer)[:300]}")
        return self.sign_in(name)

    def sign_in(self, name: str) -> str:
        """An access token for this person, in a session of its own."""
        account = {"username": name, "password": PASSWORD}
        answer = self.wanted(http.client.OK, "POST", "/api/auth/login/", account)
        return str(answer["access"])


def join_all(url: str, names: Iterable[str], *, threads: int = 4) -> Mapping[str, str]:
    """Access tokens by name, for people who are signed up unless they exist; some at a time."""
    with ExitStack() as stack, ThreadPoolExecutor(threads) as pool:
        free = SimpleQueue[Client]()
        for _ in range(threads):
            free.put(stack.enter_context(Client(url)))

        def join(name: str) -> tuple[str, str]:
            client = free.get()
            try:
                return name, client.join(name)
            finally:
                free.put(client)

        return dict(pool.map(join, names))


class SigningIn:
    """People who sign in again and again, so many at a time, inside the block; `count` says how often."""

    def __init__(self, url: str, names: Iterable[str]) -> None:
        self.count = 0
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._again, args=(name,), daemon=True) for name in names]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS)

    def _again(self, name: str) -> None:
        with Client(self._url) as client:
            while not self._stop.is_set():
                client.sign_in(name)
                self.count += 1  # a lost update between threads would be one of thousands


def wait_alive(host: str, port: int, runs: Callable[[], bool], *, seconds: float = 30.0, pause: float = 0.002) -> float:
    """The moment (`time.perf_counter`) of the first 200 of /livez; `CallFailed` when `runs` says no before it."""
    deadline = time.perf_counter() + seconds
    while runs() and time.perf_counter() < deadline:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connection.request("GET", "/livez")
            if connection.getresponse().status == http.client.OK:
                return time.perf_counter()
        except OSError:
            time.sleep(pause)
        finally:
            connection.close()
    raise CallFailed(f"nothing answers on {host}:{port}")
