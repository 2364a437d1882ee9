"""What single HTTP calls cost the server in CPU: a name looked up, a page of 50 messages read."""

import secrets
import time
from collections.abc import Mapping

from bench.api import Client
from bench.goals import CHECK, LIST
from bench.subjects import Subject

PAGE = 50
CREATED = 201
OK = 200


def measure(subject: Subject, count: int) -> Mapping[str, Mapping[str, float]]:
    """Case → CPU and time per call, in microseconds, over `count` calls one after the other."""
    prefix = f"call{secrets.token_hex(3)}"
    with Client(subject.url) as client:
        token, peer = client.join(f"{prefix}a"), f"{prefix}b"
        client.join(peer)
        for index in range(PAGE):
            said = {"recipient": peer, "content": f"message {index} ".ljust(100, ".")}
            client.wanted(CREATED, "POST", "/api/auth/send/", said, token=token)
        paths = {CHECK: f"/api/auth/check-username/?username={peer}", LIST: f"/api/auth/messages/?limit={PAGE}"}
        return {case: _repeated(subject, client, path, token, count) for case, path in paths.items()}


def _repeated(subject: Subject, client: Client, path: str, token: str, count: int) -> Mapping[str, float]:
    for _ in range(count // 10):
        client.wanted(OK, "GET", path, token=token)
    cpu, began = subject.cpu_seconds(), time.perf_counter()
    for _ in range(count):
        client.wanted(OK, "GET", path, token=token)
    seconds = time.perf_counter() - began
    return {"cpu_us": 1e6 * (subject.cpu_seconds() - cpu) / count, "wall_us": 1e6 * seconds / count}
