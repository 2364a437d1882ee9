"""Requests that are cheap to send and dear to read: cookies, forms, headers, queries, JSON.

One thread serves everybody, so what one request costs all others wait for. Tornado's parsers took time in the square
of what they were given (CVE-2024-52804, CVE-2025-67725, CVE-2025-67726, CVE-2026-31958, GHSA-mpf4-983q-p7j4,
GHSA-8423-8fgw-73vq, GHSA-5w76-955r-9v8r). No time is measured here, but the work of the server's own process: a hostile
request is not to cost more than something linear that is not cheap.
"""

import json
import random
import time
import zlib

import psutil
import pytest

from tests.adversary.attacker import JSON, PAGE, Target
from tests.handlers.raw import Headers

SIZE = 200_000
HEADER = 7_500
TIMES = 12
# What a request may cost: packing so many bytes, twice; and what the counting of work is coarse by.
DEARER, COARSE_SECONDS = 2, 0.1
FORM = ("Content-Type", "application/x-www-form-urlencoded")
PARTS = ("Content-Type", "multipart/form-data; boundary=b")
NAMES = "".join(f"n{number}=1;" for number in range(1200))[:HEADER]


def body(text: bytes, kind: tuple[str, str] = JSON) -> tuple[Headers, bytes]:
    return [kind], text[:SIZE]


DEAR: dict[str, tuple[Headers, bytes]] = {
    "cookies with escapes": ([JSON, ("Cookie", 'a="' + "\\400" * 1800 + '"')], b"{}"),
    "a cookie of quotes": ([JSON, ("Cookie", '"' * HEADER)], b"{}"),
    "a cookie of backslashes": ([JSON, ("Cookie", 'a="' + "\\" * HEADER)], b"{}"),
    "many cookies": ([JSON, ("Cookie", NAMES)], b"{}"),
    "a cookie of semicolons": ([JSON, ("Cookie", ";" * HEADER)], b"{}"),
    "one header many times": ([JSON, *[("X-Many", "x")] * 60], b"{}"),
    "a header of commas": ([JSON, ("Accept", "," * HEADER)], b"{}"),
    "hops without end": ([JSON, ("X-Forwarded-For", ",".join(["1"] * 3700))], b"{}"),
    "languages": ([JSON, ("Accept-Language", ",".join(f"a-{n};q=0.{n}" for n in range(600)))], b"{}"),
    "a media type": ([("Content-Type", "application/json" + ";a=b" * 1800)], b"{}"),
    "a media type of quotes": ([("Content-Type", 'application/json; a="' + '\\"' * 3500)], b"{}"),
    "a form": body(b"a=1&" * 50_000, FORM),
    "a form of signs": body(b"&" * SIZE, FORM),
    "a form of percents": body(b"%" * SIZE, FORM),
    "a form of names": body(b"&".join(b"n%d=" % n for n in range(30_000)), FORM),
    "parts": body(b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n" * 4_000, PARTS),
    "parts of nothing": body(b"--b\r\n" * 40_000, PARTS),
    "a part of parameters": body(b'--b\r\nContent-Disposition: form-data; name="a"' + b'; x="y"' * 28_000, PARTS),
    "a part of quotes": body(b'--b\r\nContent-Disposition: form-data; name="' + b'\\"' * 99_000, PARTS),
    "a long boundary": body(b"-" * SIZE, ("Content-Type", "multipart/form-data; boundary=" + "-" * 3000)),
    "lists in lists": body(b"[" * SIZE),
    "objects in objects": body(b'{"a":' * 40_000),
    "a number": body(b'{"a":' + b"9" * SIZE),
    "a number with a point": body(b'{"a":0.' + b"9" * SIZE),
    "an exponent": body(b'{"a":1e' + b"9" * SIZE),
    "escapes": body(b'{"a":"' + b"\\ud83d" * 33_000),
    "names": body(("{" + ",".join(f'"n{n}":1' for n in range(18_000)) + "}").encode()),
    "the same name": body(b"{" + b'"a":1,' * 33_000),
    "accents": body(json.dumps({"username": "a" + "\u0301" * 60_000}, ensure_ascii=False).encode()),
    "a password of accents": body(
        json.dumps({"username": "x", "password": "a" + "\u0315\u0301" * 40_000}, ensure_ascii=False).encode()
    ),
    "a password of ligatures": body(
        json.dumps({"username": "x", "password": "\ufdfa" * 60_000}, ensure_ascii=False).encode()
    ),
}


def work(target: Target, headers: Headers, sent: bytes, path: str, times: int = TIMES) -> float:
    """The seconds of work that the server's process takes for so many of these requests."""
    assert target.server.process is not None
    process = psutil.Process(target.server.process.pid)
    before = process.cpu_times()
    for _ in range(times):
        reply = target.ask("POST", path, headers=headers, raw=sent)
        assert 400 <= reply.status < 500, reply
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


@pytest.fixture(scope="module")
def own(straight: Target) -> list[tuple[str, str]]:
    """What makes the server look at all of a request: somebody is signed in, and the page asks."""
    host = f"localhost:{straight.door.port}"
    bearer = ("Authorization", f"Bearer {straight.join().token}")
    return [bearer, PAGE, ("Host", host), ("Origin", f"http://{host}")]


@pytest.fixture(scope="module")
def packing() -> float:
    """The work of packing so many bytes, as often: what this machine takes for what is linear and not cheap."""
    text = random.Random(1).randbytes(SIZE // 2).hex().encode()
    before = time.process_time()
    for _ in range(TIMES):
        zlib.compress(text, 9)
    return time.process_time() - before


@pytest.mark.parametrize("what", DEAR)
def test_what_is_dear_to_read_costs_no_more_than_packing_it(
    straight: Target, own: list[tuple[str, str]], packing: float, what: str
) -> None:
    headers, sent = DEAR[what]
    for path in ("/api/auth/login/", "/api/auth/refresh/", "/api/auth/send/"):
        assert work(straight, [*headers, *own], sent, path) <= packing * DEARER + COARSE_SECONDS, path
