"""Frames of every broken kind from somebody who has not said who they are: what can they break, and for whom?

A binary frame ended a server (CVE-2026-5740, before any sign-in; CVE-2026-2454), a compressed one filled its memory
(CVE-2018-1000518). A socket of `recado.v1` opens before its token is shown, so all of this can be sent by anybody.
"""

import contextlib
import struct
from random import Random

import psutil
import pytest

from tests.adversary.attacker import V1, Target
from tests.adversary.doors import answered
from tests.handlers.hostile import hostile_frame
from tests.handlers.raw import BINARY, CLOSE, PING, PONG, TEXT, frame

CONTINUATION = 0
# What breaks the protocol itself; the code that the server closes with, None when it may just hang up.
FATAL: dict[str, tuple[bytes, int]] = {
    "a reserved bit": (frame(b"{}", rsv=4), 1008),
    "the bit of a compression nobody agreed on": (frame(b"\xaaV\xaa\x05\x00", rsv=4), 1008),
    "a reserved opcode": (frame(b"", 3), 1008),
    "a reserved control": (frame(b"", 11), 1008),
    "no mask": (frame(b"{}", masked=False), 1008),
    "not UTF-8": (frame(b"\xff\xfe"), 1007),
    "a long ping": (frame(b"x" * 126, PING), 1008),
    "a ping in pieces": (frame(b"x", PING, fin=False), 1008),
    "a continuation of nothing": (frame(b"x", CONTINUATION), 1008),
    "a beginning within a message": (frame(b"{", fin=False) + frame(b"}"), 1008),
    "a close of one byte": (frame(b"x", CLOSE), 1008),
    "a close for no reason that exists": (frame(struct.pack("!H", 1005), CLOSE), 1008),
    "a length of 2^63": (b"\x81\xff" + struct.pack("!Q", 2**63) + bytes(4), 1009),
    "a length of 2^62": (b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4), 1009),
    "a length of 4 GiB": (b"\x82\xff" + struct.pack("!Q", 2**32) + bytes(4), 1009),
}
# What is answered, or passed over.
HARMLESS: dict[str, bytes] = {
    "a binary frame": frame(b'{"type": "ping"}', BINARY),
    "an empty binary frame": frame(b"", BINARY),
    "nothing": frame(b""),
    "a pong that answers no ping": frame(b"x", PONG),
    "a thousand empty continuations": frame(b"", TEXT, fin=False) + frame(b"", CONTINUATION, fin=False) * 1000
    + frame(b"x", CONTINUATION),
    "a thousand pings": frame(b"", PING) * 1000,
    "nested lists": frame(b"[" * 16_000),
    "a number of all digits": frame(b'{"type": "hello", "position": ' + b"9" * 15_000 + b"}"),
}  # fmt: skip


def is_well(target: Target) -> None:
    """Somebody else is served."""
    alice = target.join()
    with target.socket(alice.token) as opened:
        opened.say({"recipient": alice.name, "content": "still here"})
        assert opened.hear()["message"] == "still here"


@pytest.mark.parametrize("what", FATAL)
def test_what_breaks_the_protocol_ends_that_socket_alone(target: Target, what: str) -> None:
    sent, code = FATAL[what]
    alice = target.join()
    with target.socket(alice.token) as neighbour:
        for signed_in in (False, True):
            with target.socket(alice.token if signed_in else None, [V1]) as opened:
                assert opened.status == 101
                opened.stream.sendall(sent)
                assert opened.close_code() in (code, None), signed_in
        neighbour.say({"recipient": alice.name, "content": "still here"})
        assert neighbour.hear()["message"] == "still here"


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_only_wrong_is_told_and_does_nothing(target: Target, what: str) -> None:
    alice = target.join()
    with target.socket(headers=[V1]) as opened:
        opened.stream.sendall(HARMLESS[what])
        opened.say({"type": "hello", "token": alice.token})
        while (answer := opened.read()) is not None:
            if answer[0] == TEXT and b'"welcome"' in answer[1]:
                break
        assert answer is not None
        opened.say({"type": "ping"})
        while answered(opened)["type"] != "pong":
            pass


def test_a_stranger_who_sends_whatever_comes_to_mind_harms_nobody(target: Target) -> None:
    chance, sent = Random(11), 0
    process = psutil.Process(target.server.process.pid if target.server.process else 0)
    before = len(target.server.log())
    memory = process.memory_info().rss
    while sent < 4000:
        with target.socket(headers=[V1]) as opened, contextlib.suppress(ConnectionError, TimeoutError):
            assert opened.status == 101
            opened.stream.settimeout(0.2)
            for _ in range(40):
                opened.stream.sendall(b"".join(hostile_frame(chance, "nobody") for _ in range(20)))
                sent += 20
    is_well(target)
    assert process.memory_info().rss - memory < 32 << 20
    written = target.server.log()[before:]
    assert '"level": "error"' not in written
    assert '"level": "warning"' not in written
    assert "Traceback" not in written


def test_no_compression_is_agreed_to(target: Target) -> None:
    alice = target.join()
    for offer in ("permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame"):
        with target.socket(alice.token, [("Sec-WebSocket-Extensions", offer)]) as opened:
            assert opened.status == 101
            assert "sec-websocket-extensions" not in opened.headers
