"""The real nginx with the real configuration of deploy/, other addresses apart, as the Dockerfile starts it."""

import json
import re
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.child import Server
from tests.deploy import dockerfile
from tests.instances import Instance, Reply
from tests.programs import Source, give_away

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PATIENCE_SECONDS = 20.0
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/opt/homebrew/bin:/usr/local/bin:/usr/bin")


class Proxy(Server):
    """nginx before the instances that listen on these ports of loopback; `front` is who may end TLS before it."""

    title = "nginx"

    def __init__(self, ports: Sequence[int], *, front: str | None = None) -> None:
        assert NGINX is not None
        super().__init__(Source("installed", Path(NGINX)))
        self.ports = ports
        self.front = front
        # nginx opens its standard output again by name, and so must be allowed to.
        log = self.directory / "server.log"
        log.touch()
        give_away(log)

    @property
    def visitor(self) -> Instance:
        """Somebody who comes through the proxy: an `Instance` that is only asked, never started."""
        return Instance(self.directory, port=self.port)

    def log(self) -> str:
        """Everything it has written: the access log and the error log."""
        return (self.directory / "server.log").read_text(errors="replace")

    def log_since(self, start: int, statuses: set[int]) -> str:
        """What it has written behind `start`, once it tells of all of these: a line may come after its answer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            written = self.log()[start:]
            if statuses <= {line["status"] for line in lines(written)}:
                return written
            assert time.monotonic() < deadline, written
            time.sleep(0.01)

    def lines(self, after: int = 0, *, least: int = 0) -> list[dict[str, Any]]:
        """The access log's lines but for the first `after`; at least so many, which may come after the answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := lines(self.log())[after:]) < least:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        return found

    def lines_for(self, path: str) -> list[dict[str, Any]]:
        """What the access log says of the requests for this path; at least one, which may come after the answer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := [line for line in self.lines() if line["path"] == path]):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        return found

    def line_of(self, reply: Reply) -> dict[str, Any]:
        """What the access log says of this answer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for line in reversed(self.lines()):
                if line["request_id"] == reply.headers["x-request-id"]:
                    return line
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)

    def _command(self) -> list[str]:
        folder = self.directory / "etc"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in _configuration():
            (folder / name).write_text(self._placed(name, (DEPLOY / name).read_text()))
        for path in (folder, *folder.iterdir()):
            give_away(path)
        run = self.directory / "run"
        run.mkdir(exist_ok=True)
        give_away(run)
        command = dockerfile.stages()["proxy"].last("ENTRYPOINT").words
        places = {"/tmp/": f"{run}/", "/etc/recado/nginx.conf": str(folder / "nginx.conf"), "nginx": str(NGINX)}
        assert set(places) < set(command), "the Dockerfile starts nginx otherwise"
        shell = ["/bin/sh", "-c", 'exec "$@" >>server.log 2>&1', "sh"]  # appending, as to a pipe
        return [*shell, *(places.get(word, word) for word in command)]

    def _placed(self, name: str, text: str) -> str:
        """The file with this machine's addresses."""
        if name == "listen.conf":
            return _replaced(text, "listen 8000", f"listen 127.0.0.1:{self.port}")
        if name == "instances.conf":
            for number, port in enumerate(self.ports, start=1):
                text = _replaced(text, f"recado{number}:8000", f"127.0.0.1:{port}")
        if name == "front.conf" and self.front is not None:
            recipe = re.findall(r"^#   (.*)$", text, re.MULTILINE)
            kept = [line for line in text.splitlines() if not line.startswith("geo")]
            text = _replaced("\n".join([*kept, *recipe, ""]), "10.213.77.17 1", f"{self.front} 1")
            text = _replaced(text, "set_real_ip_from 10.213.77.17", f"set_real_ip_from {self.front}")
        return text

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


def _configuration() -> list[str]:
    """The files that the Dockerfile puts where the proxy looks for them."""
    copied = next(each for each in dockerfile.stages()["proxy"].all("COPY") if "nginx.conf" in each.text)
    return [Path(word).name for word in copied.words[:-1]]


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not there any more"
    return text.replace(old, new)


def lines(log: str) -> list[dict[str, Any]]:
    """The access log's objects."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
