"""A server as a child process: start, stop, crash, and start again on the same port and folder."""

import contextlib
import re
import shutil
import signal
import subprocess
import time
from typing import Self

import psutil

from tests.programs import Source, free_port, make_directory, plain_environment, reachable, unprivileged

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02


class ServerFailed(Exception):
    """A server could not be found, started or stopped; the message ends with the tail of its log."""


class Server:
    """A child process with a folder and a port of its own; it keeps both over `kill` and `start`.

    Used as a context manager it runs inside the block, and its folder is deleted behind it.
    """

    title = "server"
    stop_signal: int = signal.SIGTERM

    def __init__(self, source: Source) -> None:
        self.source = source
        self.directory = make_directory(f"recado-{self.title.lower()}-")
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.program = reachable(source, self.directory)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start, and return when it answers. The first start takes a free port, later ones take it again."""
        if self.running:
            return
        first = self.port == 0
        for _attempt in range(5):
            if first:
                self.port = free_port()
            self._launch()
            if self._answers_in_time():
                return
            log = self.log_tail()
            # A port may be lost between asking and binding; a killed server's last child may still be going.
            if not re.search(r"in use|could not bind|Could not create server", log):
                break
        self.process = None
        raise ServerFailed(f"{self.title} ({self.source.name}) did not start:\n{log}")

    def stop(self) -> None:
        """Ask it to end, and return when it has."""
        if self.process is None:
            return
        if self.running:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ServerFailed(f"{self.title} did not stop:\n{self.log_tail()}") from None
        self.process = None

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """End it and its children at once, as a crash does; return when all are gone."""
        if self.process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            children = parent.children(recursive=True)
            parent.send_signal(signum)
            self.process.wait(STOP_SECONDS)
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            self._wait_for_all(children)
        self.process = None

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same port and folder."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and delete its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self) -> str:
        """The last lines of what it logged."""
        try:
            lines = (self.directory / "server.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-20:])

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _wait_for_all(self, processes: list[psutil.Process]) -> None:
        """Until each has ended; one that nobody has collected yet counts as ended."""
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            psutil.wait_procs(processes, POLL_SECONDS)
            processes = [process for process in processes if not _has_ended(process)]
            if not processes:
                return
        raise ServerFailed(f"{self.title}: processes survive SIGKILL: {processes}")

    def _launch(self) -> None:
        log_path = self.directory / "server.log"
        with log_path.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                env=plain_environment(self.directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal ends the tests, which then end the servers
                **unprivileged(),
            )

    def _answers_in_time(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return self.process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(POLL_SECONDS)
                return False
        self.kill()
        return False


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
