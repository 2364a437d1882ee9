"""Receipts for what one did not get: of others' messages, of one's own, of the future, backwards, in others' names.

Synapse took a receipt for any event from anybody (CVE-2023-42453): who had read what could be forged.
"""

from typing import Any

import pytest

from tests.adversary.attacker import V1, Target
from tests.handlers.raw import Person, RawSocket

FUTURE = 2**53 - 1


def listening(opened: RawSocket) -> RawSocket:
    opened.say({"type": "hello"})
    while opened.hear()["type"] != "welcome":
        pass
    return opened


def until(opened: RawSocket, content: str) -> list[Any]:
    """What is told up to this message."""
    told: list[Any] = []
    while True:
        frame = opened.hear()
        if frame["type"] in ("message", "sent") and frame["message"]["content"] == content:
            return told
        told.append(frame)


def receipts(told: list[Any]) -> list[tuple[str, str, int]]:
    return [(frame["kind"], frame["by"], frame["up_to"]) for frame in told if frame["type"] == "receipt"]


def claim_by_api(target: Target, who: Person, peer: str, up_to: int) -> int:
    body = {"up_to": up_to}
    return target.ask("POST", f"/api/conversations/{peer}/read/", body, token=who.token).status


def test_no_receipt_is_told_that_its_reader_did_not_cause(target: Target) -> None:
    alice, bob, mallory = target.join(), target.join(), target.join()
    first = target.send(alice, bob, "one")["id"]
    target.send(mallory, bob, "from the outside")
    with target.socket(alice.token, [V1]) as hers, target.socket(bob.token, [V1]) as his:
        listening(hers)
        listening(his)
        with target.socket(mallory.token, [V1]) as evil:
            listening(evil)
            forged = [
                (mallory, alice.name, first),  # a talk that is not theirs
                (mallory, alice.name, FUTURE),
                (mallory, bob.name, first),  # a message of the other talk
                (mallory, bob.name, FUTURE),
                (mallory, mallory.name, first),
                (alice, bob.name, first),  # her own
                (alice, bob.name, FUTURE),
                (alice, alice.name, first),
                (bob, alice.name, 0),
            ]
            for who, peer, up_to in forged:
                assert claim_by_api(target, who, peer, up_to) in (204, 400, 404)
            for peer, up_to in ((alice.name, first), (bob.name, first), (bob.name, FUTURE)):
                for more in ({}, {"by": alice.name}, {"by": bob.name, "kind": "read"}):
                    evil.say({"type": "read", "peer": peer, "up_to": up_to, **more})
            for position in (FUTURE, 10**6):
                evil.say({"type": "ack", "position": position})
            evil.say({"type": "receipt", "kind": "read", "by": bob.name, "peer": alice.name, "up_to": first})
            evil.say({"type": "ping"})
            while evil.hear()["type"] != "pong":
                pass
        target.send(bob, alice, "the end")
        assert receipts(until(hers, "the end")) == []
        assert receipts(until(his, "the end")) == []
    shown = target.ask("GET", f"/api/messages/{first}/", token=alice.token).json
    assert not {"read_at", "delivered_at"} & shown.keys()


def test_a_receipt_is_counted_once_and_never_goes_back(target: Target) -> None:
    alice, bob = target.join(), target.join()
    ids = [target.send(alice, bob, f"number {n}")["id"] for n in range(3)]
    with target.socket(alice.token, [V1]) as hers:
        listening(hers)
        for up_to in (ids[1], ids[0], ids[1], 0):
            assert claim_by_api(target, bob, alice.name, up_to) in (204, 400)
        target.send(bob, alice, "the end")
        told = receipts(until(hers, "the end"))
        assert {(kind, by) for kind, by, _ in told} <= {("read", bob.name), ("delivered", bob.name)}
        assert [up_to for kind, _, up_to in told if kind == "read"] == [ids[1]]
    read = {n: "read_at" in target.ask("GET", f"/api/messages/{n}/", token=alice.token).json for n in ids}
    assert read == {ids[0]: True, ids[1]: True, ids[2]: False}


@pytest.mark.parametrize("field", ["by", "at", "kind", "read_at", "user_id"])
def test_nobody_reads_in_anothers_name_or_at_another_time(target: Target, field: str) -> None:
    alice, bob = target.join(), target.join()
    sent = target.send(alice, bob, "hi")["id"]
    body = {"up_to": sent, field: alice.name}
    reply = target.ask("POST", f"/api/conversations/{alice.name}/read/", body, token=bob.token)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, field)
