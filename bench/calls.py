"""What single HTTP calls cost the server in CPU: a name looked up, a page of 50 messages read."""

import secrets
import time
from collections.abc import Mapping, Sequence

from bench.api import Client
from bench.goals import CHECK, LIST
from bench.stats import family_cpu_seconds
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
        return {case: repeated(subject, client, path, token, count) for case, path in paths.items()}


def repeated(
    subject: Subject, client: Client, path: str, token: str, count: int, database_pids: Sequence[int] = ()
) -> Mapping[str, float]:
    """The server's CPU, the time, and the databases' CPU for one such call, in microseconds; the first do not count."""
    for _ in range(count // 10):
        client.wanted(OK, "GET", path, token=token)
    cpu, databases, began = subject.cpu_seconds(), family_cpu_seconds(database_pids), time.perf_counter()
    for _ in range(count):
        client.wanted(OK, "GET", path, token=token)
    seconds = time.perf_counter() - began
    spent = {"cpu_us": subject.cpu_seconds() - cpu, "wall_us": seconds}
    if database_pids:
        spent["database_cpu_us"] = family_cpu_seconds(database_pids) - databases
    return {key: 1e6 * value / count for key, value in spent.items()}
