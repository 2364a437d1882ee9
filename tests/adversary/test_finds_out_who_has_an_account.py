"""Names are tried at every door that takes one, to learn by the answer or by its time who has an account.

Who does not exist was refused sooner (no hash to compare), or with other words, or by an error of its own for a long
password; CVE-2023-43796 asked without signing in at all. That a name is taken can be learned here by signing up and by
the operation for that, both counted by address; nothing else tells, and nothing tells more than that.
"""

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.adversary.attacker import PASSWORD, Target, fresh_name
from tests.instances import ROOT, SERVER, Instance, Reply

LEAKY = (sys.executable, str(ROOT / "tests/adversary/leaky.py"))
# So dear that it shows: some milliseconds for each password.
SETTINGS = {"RECADO_AUTH_BCRYPT_ROUNDS": "6"}
ROUNDS = 120
# How far the chance that the one takes longer than the other may be from even: five standard errors for so many.
SUSPICIOUS = 0.19

Ask = Callable[[str], None]


def advantage(one: list[float], other: list[float]) -> float:
    """How far from 0.5 the chance is that a time of the one is above one of the other (Mann and Whitney's U)."""
    ordered = sorted([(seconds, 0) for seconds in one] + [(seconds, 1) for seconds in other])
    above = sum(rank for rank, (_, which) in enumerate(ordered, start=1) if which == 0) - len(one) * (len(one) + 1) / 2
    return abs(above / (len(one) * len(other)) - 0.5)


def timed(ask: Ask, one: str, other: str) -> float:
    """The advantage of whoever measures both in turn, in an order by lot: whatever else goes on touches both alike."""
    chance, times = Random(7), {one: [], other: []}  # type: ignore[var-annotated]
    for _ in range(10):
        ask(one)
        ask(other)
    for _ in range(ROUNDS):
        for name in chance.sample((one, other), 2):
            began = time.perf_counter()
            ask(name)
            times[name].append(time.perf_counter() - began)
    return advantage(times[one], times[other])


@contextmanager
def signing_in(instance: Instance) -> Iterator[Ask]:
    """Wrong sign-ins on one connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", instance.port, timeout=20)) as connection:

        def ask(name: str) -> None:
            body = json.dumps({"username": name, "password": "wrong horse battery"})
            connection.request("POST", "/api/auth/login/", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 401

        yield ask


def told(reply: Reply) -> tuple[Any, ...]:
    """All of an answer that could say something."""
    body = {name: value for name, value in reply.json.items() if name not in ("request_id", "challenge")}
    shape = {name: len(value) if isinstance(value, list) else value for name, value in body.items()}
    headers = {name: value for name, value in reply.headers.items() if name not in ("x-request-id", "date")}
    return reply.status, shape, headers


def test_the_time_of_a_refused_sign_in_tells_nothing(tmp_path: Path) -> None:
    for command, leaks in ((SERVER, False), (LEAKY, True)):
        home = tmp_path / str(leaks)
        home.mkdir()
        with Instance(home, settings=SETTINGS, command=command) as running, signing_in(running) as ask:
            known = fresh_name()
            running.register(known)
            assert (timed(ask, known, fresh_name("nobody")) > SUSPICIOUS) == leaks


def test_the_measure_tells_what_differs_from_what_does_not() -> None:
    chance = Random(3)

    def times(mean: float) -> list[float]:
        return [chance.gauss(mean, 1) for _ in range(ROUNDS)]

    assert advantage(times(5), times(5)) < SUSPICIOUS < advantage(times(5), times(6.5))
    assert advantage([2.0, 3.0], [0.0, 1.0]) == advantage([0.0, 1.0], [2.0, 3.0]) == 0.5


def test_a_refused_sign_in_says_the_same_of_everybody(target: Target) -> None:
    known, gone = target.join(), fresh_name("nobody")
    wrong = ("wrong horse battery", "", "x" * 10_000, "\u202e", "a\0b", PASSWORD + " ")
    for password in wrong:
        answers = [
            told(target.ask("POST", "/api/auth/login/", {"username": name, "password": password}))
            for name in (known.name, known.name.upper(), gone, "a b", "", "x" * 500, "*", "%")
        ]
        assert all(answer == answers[0] for answer in answers), password
        assert answers[0][0] == (400 if "\0" in password else 401)


def test_a_sign_in_by_passkey_begins_alike_for_everybody(target: Target) -> None:
    known, host = target.join(), f"localhost:{target.door.port}"
    page = [("Host", host), ("Origin", f"http://{host}")]
    answers = []
    for name in (known.name, fresh_name("nobody"), "a b", "", "x" * 500):
        asked = [
            target.ask("POST", "/api/auth/login/passkey/options/", {"username": name}, headers=page) for _ in range(2)
        ]
        # Who asks twice is told the same keys twice, as of somebody who has some.
        keys = [[each["id"] for each in reply.json["allowCredentials"]] for reply in asked]
        assert keys[0] == keys[1] != []
        answers.append(told(asked[0]))
    assert all(answer[0] == 200 for answer in answers)
    assert [sorted(answer[1]) for answer in answers] == [sorted(answers[0][1])] * len(answers)


def test_to_the_blocked_a_block_looks_like_nothing(target: Target) -> None:
    alice, bob, carol = target.join(), target.join(), target.join()
    assert target.ask("PUT", f"/api/blocks/{bob.name}/", token=alice.token).status == 204
    asked = []
    for peer in (alice, carol):
        sent = target.ask("POST", "/api/auth/send/", {"recipient": peer.name, "content": "hi"}, token=bob.token)
        path = f"/api/messages/{sent.json['id']}/"
        replies = [
            sent,
            target.ask("GET", path, token=bob.token),
            target.ask("PATCH", path, {"content": "better"}, token=bob.token),
            target.ask("GET", f"/api/auth/messages/?with={peer.name}", token=bob.token),
            target.ask("POST", f"/api/conversations/{peer.name}/read/", {"up_to": sent.json["id"]}, token=bob.token),
            target.ask("PATCH", f"/api/conversations/{peer.name}/", {"ttl_seconds": 60}, token=bob.token),
            target.ask("GET", "/api/conversations/", token=bob.token),
            target.ask("GET", f"/api/conversations/{peer.name}/", token=bob.token),
            target.ask("DELETE", path, token=bob.token),
        ]
        asked.append([(reply.status, sorted(reply.headers), _fields(reply)) for reply in replies])
    assert asked[0] == asked[1]


def _fields(reply: Reply) -> Any:
    if not reply.body:
        return None
    return [sorted(each) for each in reply.json] if isinstance(reply.json, list) else sorted(reply.json)
