"""Frames that no client of ours would send, made from a seed: the same seed, the same frames."""

import contextlib
import json
import select
import time
from collections.abc import Callable
from random import Random
from socket import socket
from typing import Any

from handlers.framing import framed
from tests.handlers.raw import BINARY, CLOSE, PING, PONG, TEXT, Person, frame, raw_socket
from tests.instances import Instance

AT_ONCE = 50
MARK = b"so far"
STUCK_SECONDS = 0.3
V1 = [("Sec-WebSocket-Protocol", "recado.v1")]
CHARACTERS = '{}[]",:\\ \n\0aé漢😀0123456789eE+-.tfn\u202e\ufeff\ud800'
NAMES = ["type", "ref", "token", "position", "client_id", "recipient", "content", "id", "peer", "up_to", "", "\0"]


def some_text(chance: Random) -> str:
    return "".join(chance.choices(CHARACTERS, k=int(chance.expovariate(0.05))))


def some_json(chance: Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 4 else 5)
    if kind < 5:
        numbers = (0, -1, 2**53, 1e308, chance.getrandbits(200))
        return (None, True, chance.choice(numbers), some_text(chance), chance.choice(NAMES))[kind]
    if kind == 5:
        return [some_json(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): some_json(chance, depth + 1) for _ in range(chance.randrange(6))}


def good_frame(chance: Random, me: str) -> dict[str, Any]:
    """One that could be meant."""
    number = chance.randrange(-1, 10)
    kinds: list[dict[str, Any]] = [
        {"type": "send", "client_id": f"{chance.getrandbits(128):032x}", "recipient": me, "content": "hi"},
        {"type": "ack", "position": number},
        {"type": "read", "peer": me, "up_to": number},
        {"type": "edit", "id": number, "content": "x"},
        {"type": "delete", "id": number},
        {"type": "typing", "peer": me},
        {"type": "auth", "token": "x.y.z"},
        {"type": "ping", "ref": "r"},
        {"type": "hello", "position": number},
        {"recipient": me, "content": "hi"},
    ]
    return chance.choice(kinds)


def text_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def mutated(chance: Random, me: str) -> bytes:
    """A good frame with some of it changed: a member, or some bytes."""
    good = good_frame(chance, me)
    if chance.random() < 0.5:
        name = chance.choice([*good, *NAMES])
        return text_of(good | {name: some_json(chance)})
    text = text_of(good)
    place = chance.randrange(len(text))
    put = some_text(chance)[:4].encode(errors="ignore")
    return text[:place] + put + text[place + chance.randrange(3) :]


def nested(chance: Random, me: str) -> bytes:
    depth = chance.choice((31, 33, 500, 20_000))
    inner = b"[" * depth + b"]" * (depth if chance.random() < 0.7 else 0)
    return b'{"type": "ping", "ref": ' + inner + b"}"


def fragments(chance: Random, me: str) -> bytes:
    whole = chance.choice((mutated(chance, me), some_text(chance).encode(errors="ignore")))
    cuts = sorted(chance.randrange(len(whole) + 1) for _ in range(chance.randrange(1, 6)))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    made = b""
    for number, part in enumerate(parts):
        made += frame(part, 0 if number else TEXT, fin=number == len(parts) - 1)
        made += frame(part[:100], PING) if chance.random() < 0.3 else b""
    return made


def broken(chance: Random, me: str) -> bytes:
    """What ends the connection."""
    return chance.choice(
        (
            chance.randbytes(chance.randrange(1, 100)),
            frame(chance.randbytes(20), chance.randrange(16), rsv=chance.randrange(8)),
            frame(b"", chance.randrange(16), fin=False),
            frame(b"{}", masked=False),
            frame(b"\xff\xfe"),
            frame(b"x" * 126, PING),
            frame(chance.randbytes(chance.randrange(4)), CLOSE),
            b"\x81\xff" + chance.randbytes(12),
            frame(b" " * 300_000)[: chance.randrange(300_000)],
        )
    )


# How to make one, and how often.
KINDS: list[tuple[Callable[[Random, str], bytes], float]] = [
    (lambda chance, me: frame(some_text(chance).encode(errors="ignore")), 15),
    (lambda chance, me: frame(text_of(some_json(chance))), 20),
    (lambda chance, me: frame(mutated(chance, me)), 30),
    (lambda chance, me: frame(chance.randbytes(chance.randrange(200)), BINARY), 8),
    (lambda chance, me: frame(chance.randbytes(chance.randrange(126)), chance.choice((PING, PONG))), 10),
    (fragments, 12),
    (lambda chance, me: frame(nested(chance, me)), 0.5),
    (lambda chance, me: frame(b'{"type": "' + b"x" * chance.choice((70_000, 270_000)) + b'"}'), 0.1),
    (broken, 0.5),
]


def hostile_frame(chance: Random, me: str) -> bytes:
    (make,) = chance.choices([make for make, _ in KINDS], [often for _, often in KINDS])
    return make(chance, me)


def attack(instance: Instance, person: Person, seed: int, count: int) -> int:
    """Send so many hostile frames, over a new socket whenever the server closes; how many sockets that took."""
    chance, sockets, sent = Random(seed), 0, 0
    while sent < count:
        sockets += 1
        asked = V1 if chance.random() < 0.7 else []
        greeted = chance.random() < 0.9
        with raw_socket(instance, headers=[person.bearer, *asked]) as opened, contextlib.suppress(ConnectionError):
            if opened.status == 429:  # the ends of the last ones have not been seen yet
                time.sleep(0.01)
                continue
            assert opened.status == 101
            if greeted and asked:
                opened.say({"type": "hello"})
            while sent < count:
                batch = b"".join(hostile_frame(chance, person.name) for _ in range(AT_ONCE))
                opened.stream.sendall(batch + frame(MARK, PING))
                sent += AT_ONCE
                if not _handled(opened.stream):
                    break
    return sockets


def _handled(stream: socket) -> bool:
    """Read until the server has come to the mark; False when it has ended it, or waits for the rest of a frame."""
    heard = b""
    while framed(MARK, PONG) not in heard:
        if not select.select([stream], [], [], STUCK_SECONDS)[0]:
            return False
        got = stream.recv(1 << 20)
        if not got:
            return False
        heard = heard[-len(MARK) - 1 :] + got
    return True
