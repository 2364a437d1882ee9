"""Recado itself for the tests: instances as child processes with real sockets, databases and keys.

Two instances that share a `home` share their secrets (and SQLite's file), as replicas do.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).parent.parent
SERVER = (sys.executable, str(ROOT / "server.py"))
START_SECONDS = 30.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.01


class Instance:
    """`python server.py`, or another command, on a free port; as a context manager it runs inside the block.

    `settings` are environment variables; bcrypt is cheap, limits and presence are off unless they say otherwise.
    """

    def __init__(
        self,
        home: Path,
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        settings: Mapping[str, str] | None = None,
        port: int = 0,
        command: Sequence[str] = SERVER,
    ) -> None:
        self.home = home
        self.command = command
        self.port = port
        self.log_path = home / f"server-{id(self)}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.has_left = False  # once asked to end, it refuses what comes meanwhile
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "error",
            "RECADO_SERVER_DATA_DIR": str(home),
            "RECADO_AUTH_BCRYPT_ROUNDS": "4",
            "RECADO_LIMITS_ENABLED": "false",
            "RECADO_WEBSOCKET_PRESENCE": "false",
        }
        if database_url is not None:
            self.environment["DATABASE_URL"] = database_url
        if redis_url is not None:
            self.environment["REDIS_URL"] = redis_url
        self.environment |= settings or {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://localhost:{self.port}/ws/chat/"

    def start(self) -> None:
        """Start, and return when it says where it is."""
        seen = len(self.log())
        log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            self.command,
            env=self.environment | {"PORT": str(self.port)},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            told = re.findall(r"Recado is at http://[^:]+:(\d+)", self.log()[seen:])
            if told:
                self.port = int(told[-1])
                return
            if self.process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"the instance did not start:\n{self.log()}")

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.has_left |= signum != signal.SIGKILL
            self.process.send_signal(signum)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the instance did not stop:\n{self.log()}") from None
        finally:
            self.process = None

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.stop(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It runs, takes what is sent, and does nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Everything it has written to standard output and standard error."""
        with contextlib.suppress(FileNotFoundError):
            return self.log_path.read_text(errors="replace")
        return ""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> "Reply":
        """One HTTP request; a refusal is a reply like any other."""
        sent = dict(headers or {})
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        request = Request(self.url + path, data=data, headers=sent, method=method)
        try:
            with urlopen(request, timeout=30) as response:
                return Reply(response.status, dict(response.headers.items()), response.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers.items()), error.read())

    def register(self, name: str, password: str = "correct horse battery") -> None:
        """Make an account."""
        reply = self.call("POST", "/api/auth/register/", {"username": name, "password": password})
        assert reply.status == 201, reply

    def sign_in(self, name: str, password: str = "correct horse battery") -> str:
        """An access token."""
        reply = self.call("POST", "/api/auth/login/", {"username": name, "password": password})
        assert reply.status == 200, reply
        token: str = reply.json["access"]
        return token

    def join(self, name: str) -> str:
        """An account and an access token for it."""
        self.register(name)
        return self.sign_in(name)


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.body[:500]!r})"
