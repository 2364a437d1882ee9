"""The log by long poll: page by page, at once or when something comes, and what is told when the place is lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.handlers.raw import Person
from tests.instances import Instance

Join = Callable[[], Person]


def send(server: Instance, sender: Person, recipient: Person, content: str) -> None:
    body = {"recipient": recipient.name, "content": content}
    assert server.call("POST", "/api/auth/send/", body, token=sender.token).status == 201


def poll(server: Instance, person: Person, query: str) -> dict[str, Any]:
    reply = server.call("GET", f"/api/events/?{query}", token=person.token)
    assert reply.status == 200, reply
    return dict(reply.json)


def texts(answer: dict[str, Any]) -> list[str]:
    return [event["message"]["content"] for event in answer["events"] if event["type"] == "message"]


def test_the_log_is_read_page_by_page(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    for number in range(5):
        send(server, alice, bob, str(number))
    found: list[dict[str, Any]] = []
    while page := poll(server, bob, f"after={len(found)}&limit=2")["events"]:
        assert len(page) <= 2
        found += page
    assert [event["position"] for event in found] == [1, 2, 3, 4, 5]
    assert texts({"events": found}) == ["0", "1", "2", "3", "4"]
    whole = poll(server, bob, "after=0")
    assert (whole["events"], whole["position"], whole["outcome"]) == (found, 5, "recovered")


def test_nothing_new_is_told_at_once_or_after_the_wait(server: Instance, joined: Join) -> None:
    alice = joined()
    before = time.monotonic()
    assert poll(server, alice, "after=0")["events"] == []
    assert time.monotonic() - before < 0.9
    assert poll(server, alice, "after=0&wait=1")["events"] == []
    assert 0.9 < time.monotonic() - before < 10


def test_who_waits_is_answered_when_something_comes(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    with ThreadPoolExecutor(1) as pool:
        before = time.monotonic()
        waiting = pool.submit(poll, server, bob, "after=0&wait=20")
        time.sleep(0.2)
        send(server, alice, bob, "wake up")
        answer = waiting.result()
    assert texts(answer) == ["wake up"]
    assert time.monotonic() - before < 10


def test_a_place_that_is_not_in_this_log_is_a_reset_at_once(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    send(server, alice, bob, "hi")
    epoch = poll(server, bob, "after=0")["epoch"]
    assert texts(poll(server, bob, f"after=0&epoch={epoch}")) == ["hi"]
    for query in ("after=0&epoch=another", f"after=99&epoch={epoch}"):
        for wait in (0, 20):
            before = time.monotonic()
            answer = poll(server, bob, f"{query}&wait={wait}")
            assert (answer["outcome"], answer["events"], answer["position"]) == ("reset", [], 1)
            assert time.monotonic() - before < 10


def test_who_waits_is_sent_away_when_the_session_ends(server: Instance, joined: Join) -> None:
    alice = joined()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.call, "GET", "/api/events/?after=0&wait=20", token=alice.token)
        time.sleep(0.2)
        assert server.call("POST", "/api/auth/logout/", token=alice.token).status == 204
        assert waiting.result().status == 401
