"""What is measured, as child processes: Recado on each database, and the bare relay."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.api import CallFailed, wait_alive
from bench.machine import pinned
from bench.stats import cpu_seconds, rss_bytes
from tests.programs import free_port

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
STOP_SECONDS = 20.0


@dataclass(slots=True)
class Subject:
    """One server; inside `with` it runs, pinned to `cores`. `home` is a folder of its own."""

    title: str
    command: list[str]
    home: Path
    dialect: str
    environment: Mapping[str, str] = field(default_factory=dict)
    cores: frozenset[int] = frozenset()
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it on a free port; the seconds until /livez answered."""
        self.port = free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        command = [part.replace("{port}", str(self.port)) for part in self.command]
        with (self.home / "server.log").open("ab") as log, pinned(self.cores):
            began = time.perf_counter()
            self.process = subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return wait_alive(HOST, self.port, lambda: self.process is not None and self.process.poll() is None) - began
        except CallFailed as error:
            self.stop()
            raise CallFailed(f"{self.title} did not start:\n{self.log_tail()}") from error

    def stop(self) -> None:
        """End it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log_tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join((self.home / "server.log").read_text(errors="replace").splitlines()[-15:])

    def cpu_seconds(self) -> float:
        """CPU time used so far."""
        return cpu_seconds(self.pid)

    def rss_bytes(self) -> int:
        """Memory used now."""
        return rss_bytes(self.pid)

    def _environment(self) -> dict[str, str]:
        # A place for bytecode of its own: a warm start is warm whatever the rights on the installed libraries.
        own = {"PATH": os.environ.get("PATH", os.defpath), "PORT": str(self.port)}
        cache = {"PYTHONPYCACHEPREFIX": str(self.home.parent / "bytecode")}
        return own | cache | dict(self.environment)


def relay(home: Path, cores: frozenset[int]) -> Subject:
    """The bare relay."""
    return Subject(
        "relay", [sys.executable, str(ROOT / "bench" / "relay.py"), "--port", "{port}"], home, "relay", {}, cores
    )


def recado(
    title: str,
    home: Path,
    cores: frozenset[int],
    *,
    database_url: str = "",
    redis_url: str = "",
    rounds: int = 4,
    settings: Mapping[str, str] | None = None,
    program: str = "bench/recado.py",
) -> Subject:
    """Recado with wide limits, on SQLite without a URL. Hashes are cheap: signing in is not what is measured."""
    environment = {
        "RECADO_SERVER_DATA_DIR": str(home),
        "RECADO_SERVER_HOST": HOST,
        "RECADO_AUTH_BCRYPT_ROUNDS": str(rounds),
        "RECADO_AUTH_ACCESS_MINUTES": "60",
        "RECADO_LOG_LEVEL": "warning",
        **({"DATABASE_URL": database_url} if database_url else {}),
        **({"REDIS_URL": redis_url} if redis_url else {}),
        **(settings or {}),
    }
    return Subject(title, [sys.executable, str(ROOT / program)], home, "v1", environment, cores)
