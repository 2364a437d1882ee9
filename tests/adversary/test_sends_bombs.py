"""Bodies that are small to send and large to read: packed, nested, endless, in another format; and letters that break.

A JSON text nested deep enough, or a number with enough digits, ended in an error of ours or in no answer at all
(CVE-2022-31052, CVE-2021-29471, CVE-2024-24988); a packed body unpacks to a thousand times its size.
"""

import contextlib
import gzip
import select
import zlib
from typing import Any

import psutil
import pytest

from tests.adversary.attacker import JSON, V1, Plundered, Target
from tests.adversary.doors import answered
from tests.handlers.raw import CLOSE

ZEROS = bytes(64 << 20)
NAMES = {"password": "correct horse battery", "username": "nobody"}
PACKED = {
    "gzip": gzip.compress(ZEROS, 9),
    "x-gzip": gzip.compress(ZEROS, 9),
    "deflate": zlib.compress(ZEROS, 9),
    "gzip, gzip": gzip.compress(gzip.compress(ZEROS, 9), 9),
    "br": b"\x1b\x00\x00\x00\x00" * 10,
    "zstd": b"\x28\xb5\x2f\xfd" * 10,
}
ENTITIES = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">' + "".join(
    f'<!ENTITY c{n} "{f"&c{n - 1};" * 10}">' for n in range(1, 10)
)
NESTED: dict[str, bytes] = {
    "lists": b"[" * 100_000 + b"]" * 100_000,
    "open lists": b"[" * 200_000,
    "objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "a field of lists": b'{"username": "x", "recipient": "x", "content": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "digits": b'{"username": ' + b"9" * 200_000 + b"}",
    "an exponent": b'{"username": 1e999999999}',
    "half a letter": b'{"username": "\\ud800", "password": "\\udfff", "recipient": "\\ud800", "content": "\\ud800"}',
    "NUL": b'{"username": "a\\u0000b", "password": "a\\u0000b", "recipient": "a\\u0000b", "content": "a\\u0000b"}',
    "names": b"{" + b",".join(b'"n%d": 1' % n for n in range(15_000)) + b"}",
    "XML": ENTITIES.encode(),
    "YAML": b"a: &a [x]\nb: &b [" + b"*a," * 1000 + b"]",
    "a pickle": b"cos\nsystem\n(S'true'\ntR.",
}
PATHS = ("/api/auth/login/", "/api/auth/register/", "/api/auth/refresh/", "/api/auth/send/", "/api/users/me/")


TOO_BIG = (CLOSE, (1009).to_bytes(2) + b"frame too big")


def is_well(target: Target) -> None:
    assert target.ask("GET", "/livez").json == {"alive": True}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_is_not_unpacked(target: Target, encoding: str) -> None:
    assert target.server.process is not None
    alice, process = target.join(), psutil.Process(target.server.process.pid)
    memory = process.memory_info().rss
    for path in PATHS[:4]:
        sent = [JSON, ("Content-Encoding", encoding)]
        reply = target.ask("POST", path, token=alice.token, headers=sent, raw=PACKED[encoding])
        assert 400 <= reply.status < 500, (path, reply)
    assert process.memory_info().rss - memory < 16 << 20
    is_well(target)


@pytest.mark.parametrize("what", NESTED)
def test_a_strange_text_is_refused_whatever_it_is_sent_to(target: Target, what: str) -> None:
    alice = target.join()
    before = len(target.server.log())
    for path in PATHS:
        method = "PATCH" if path.endswith("/me/") else "POST"
        for kind in (JSON, ("Content-Type", "text/xml"), ("Content-Type", "application/x-yaml")):
            reply = target.ask(method, path, token=alice.token, headers=[kind], raw=NESTED[what])
            # A name or a password that nobody could have is only wrong.
            assert reply.status in (400, 401, 404, 409, 413, 415), (path, reply)
    for token, headers in ((alice.token, ()), (alice.token, [V1]), (None, [V1])):
        with target.socket(token, headers) as opened:
            opened.send(NESTED[what])
            answer = opened.read()
            assert answer is not None
            # A stranger's frame may have some words; what is far longer ends the socket.
            assert b"invalid" in answer[1] or b"too_large" in answer[1] or answer[:2] == TOO_BIG, answer
    assert '"level": "error"' not in target.server.log()[before:]
    is_well(target)


def test_a_body_without_an_end_is_cut_off(target: Target) -> None:
    """Chunk after chunk: the answer comes when it is too much, and the connection ends."""
    with target.connect() as stream:
        head = f"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost:{target.door.port}\r\n"
        stream.sendall(f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sent, chunk = 0, b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with contextlib.suppress(ConnectionError):  # it was cut off while more was on its way
            while not select.select([stream], [], [], 0)[0]:
                stream.sendall(chunk)
                sent += 0x10000
                assert sent < 8 << 20
            assert stream.recv(65_536).split(b" ")[1] in (b"400", b"413")
    is_well(target)


@pytest.mark.parametrize("letter", ["\0", "\ud800", "\uffff", "\U0010ffff", "\x7f", "\u2028", "\ufeff"])
def test_no_letter_is_too_strange_for_the_database(plundered: Plundered, letter: str) -> None:
    """On both engines: what one takes, the other may not. It is refused as what it is, or comes back as it was."""
    alice = plundered.join()
    text = f"a{letter}b"
    said: list[Any] = []
    for content in (text, letter, text * 100):
        reply = plundered.ask(
            "POST", "/api/auth/send/", {"recipient": alice.name, "content": content}, token=alice.token
        )
        assert reply.status in (201, 400), reply
        if reply.status == 201:
            said.append(content)
    listed = plundered.ask("GET", "/api/auth/messages/", token=alice.token).json
    assert [message["content"] for message in listed][::-1] == said
    for method, path, body in (
        ("PATCH", "/api/users/me/", {"display_name": text, "language": text}),
        ("POST", "/api/auth/register/", {"username": text, "password": text * 4}),
        ("POST", "/api/auth/login/", {"username": text, "password": text}),
        ("POST", "/api/auth/login/", {"username": alice.name, "password": "correct horse battery", "device": text}),
        ("POST", "/api/auth/refresh/", {"refresh": text}),
        ("POST", "/api/auth/send/", {"recipient": text, "content": "x"}),
    ):
        reply = plundered.ask(method, path, body, token=alice.token)
        assert reply.status < 500, (path, reply)
    with plundered.socket(alice.token, [V1]) as opened:
        opened.say({"type": "hello", "device": text})
        assert answered(opened)["type"] in ("welcome", "error")
