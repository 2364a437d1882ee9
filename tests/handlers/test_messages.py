"""The contract of messages over HTTP: send, list, page to either end, read one."""

import itertools
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.handlers.raw import Person, ask, pages, rows
from tests.instances import Instance, Reply

Join = Callable[[], Person]
SEND = "/api/auth/send/"
LIST = "/api/auth/messages/"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def send(server: Instance, sender: Person, recipient: str, content: str, **more: object) -> Reply:
    return server.call("POST", SEND, {"recipient": recipient, "content": content, **more}, token=sender.token)


def listed(server: Instance, person: Person, query: str = "") -> list[dict[str, Any]]:
    reply = server.call("GET", f"{LIST}?{query}", token=person.token)
    assert reply.status == 200, reply
    return list(reply.json)


def test_a_message_is_answered_as_it_was_stored(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    reply = send(server, alice, bob.name, "hi")
    assert reply.status == 201
    message = reply.json
    assert set(message) == {"id", "sender", "recipient", "content", "timestamp"}
    assert (message["sender"], message["recipient"], message["content"]) == (alice.name, bob.name, "hi")
    assert 0 < message["id"] < 2**53
    assert TIME.fullmatch(message["timestamp"])
    assert listed(server, alice) == listed(server, bob) == [message]
    assert server.call("GET", f"/api/messages/{message['id']}/", token=bob.token).json == message


def test_what_was_given_comes_back_with_the_message(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    identity = str(uuid.uuid4())
    message = send(server, alice, bob.name, "hi", client_id=identity, ttl_seconds=60).json
    assert set(message) == {"id", "sender", "recipient", "content", "timestamp", "client_id", "expires_at"}
    assert message["client_id"] == identity
    assert TIME.fullmatch(message["expires_at"])
    assert message["expires_at"] > message["timestamp"]
    assert listed(server, bob) == [message]


def test_the_same_client_id_is_the_same_message(server: Instance, joined: Join) -> None:
    alice, bob, carol = joined(), joined(), joined()
    identity = str(uuid.uuid4())
    first = send(server, alice, bob.name, "hi", client_id=identity)
    again = send(server, alice, bob.name, "hi", client_id=identity.upper())
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    before = {table: rows(server)[table] for table in ("messages", "timelines")}
    for body in ({"content": "ho"}, {"recipient": carol.name}, {"ttl_seconds": 5}, {"reply_to": first.json["id"]}):
        wanted = {"recipient": bob.name, "content": "hi", "client_id": identity} | body
        reply = server.call("POST", SEND, wanted, token=alice.token)
        assert (reply.status, reply.json["code"]) == (409, "conflict"), body
    assert {table: rows(server)[table] for table in ("messages", "timelines")} == before
    assert send(server, bob, alice.name, "hi", client_id=identity).status == 201  # another's id is another id


def test_a_recipient_who_does_not_exist_is_404(server: Instance, joined: Join) -> None:
    alice = joined()
    before = rows(server)
    for name in ("nobody-at-all", "", " ", "x" * 10_000, "\u202e", "a\nb", "*[", "%s{0.__class__}", "' OR 1=1 --"):
        reply = send(server, alice, name, "hi")
        assert (reply.status, reply.json["code"]) == (404, "not_found"), name
    assert rows(server) == before


@pytest.mark.parametrize("content", ["", " ", "\n\t\r ", "\u3000\u2003"])
def test_an_empty_message_is_refused_by_its_field(server: Instance, joined: Join, content: str) -> None:
    alice = joined()
    reply = send(server, alice, alice.name, content)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "content")
    assert listed(server, alice) == []


@pytest.mark.parametrize("sign", ["a", "\u00e9", "\u6f22", "\U0001f600", '"', "\\", "\u2028", "\x7f", "\x01"])
def test_the_longest_content_passes_however_it_is_escaped(server: Instance, joined: Join, sign: str) -> None:
    alice = joined()
    content = "x" + sign * 16_383
    # Every character as \uXXXX, the way a cautious client writes it; those beyond the first plane take two.
    escaped = "".join(f"\\u{unit:04x}" for unit in memoryview(content.encode("utf-16-le")).cast("H"))
    raw = f'{{"recipient": "{alice.name}", "content": "{escaped}"}}'.encode()
    reply = server.call("POST", SEND, raw=raw, token=alice.token)
    assert (reply.status, reply.json.get("content")) == (201, content), (reply.status, len(raw))
    assert listed(server, alice)[0]["content"] == content
    over = server.call("POST", SEND, {"recipient": alice.name, "content": content + sign}, token=alice.token)
    assert (over.status, over.json["code"]) in {(400, "invalid"), (413, "too_large")}


@pytest.mark.parametrize(
    "content",
    [
        "<b>&amp;'\"</b></script>",
        "{{7*7}} {% raw %} ${x}",
        "%s%n{0.__class__}",
        "%253Cb%253E \\u003c",
        "javascript:alert(1)",
        "'; DROP TABLE messages; --",
        "e\u0301 \u202e\u2066 \ufeff \U000e0001",
        "  blanks stay  \n",
        "=1+1\t@x",
    ],
)
def test_content_comes_back_to_the_letter(server: Instance, joined: Join, content: str) -> None:
    alice = joined()
    assert send(server, alice, alice.name, content).json["content"] == content
    assert listed(server, alice)[0]["content"] == content


def test_a_note_to_oneself_is_one_message(server: Instance, joined: Join) -> None:
    alice = joined()
    note = send(server, alice, alice.name.upper(), "remember").json
    assert (note["sender"], note["recipient"]) == (alice.name, alice.name)
    assert listed(server, alice) == listed(server, alice, f"with={alice.name}") == [note]


@pytest.fixture
def history(server: Instance, joined: Join) -> tuple[Person, Person, Person, list[int]]:
    """Three people; alice and bob wrote seven messages, alice and carol four, in turn."""
    alice, bob, carol = joined(), joined(), joined()
    plan = [(alice, bob), (bob, alice), (carol, alice), (alice, bob), (alice, carol), (bob, alice), (carol, alice)]
    plan += [(alice, bob), (alice, bob), (alice, carol), (bob, alice)]
    ids = [
        send(server, sender, recipient.name, f"{number}").json["id"] for number, (sender, recipient) in enumerate(plan)
    ]
    assert send(server, bob, carol.name, "not for alice").status == 201
    return alice, bob, carol, ids


def test_the_list_is_an_array_newest_first(server: Instance, history: tuple[Person, Person, Person, list[int]]) -> None:
    alice, _, _, ids = history
    assert [message["id"] for message in listed(server, alice)] == ids[::-1]
    assert ids == sorted(ids)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 12, 500])
def test_paging_back_and_forward_misses_and_doubles_nothing(
    server: Instance, history: tuple[Person, Person, Person, list[int]], limit: int
) -> None:
    alice, bob, _, ids = history
    back = list(pages(server, alice, f"{LIST}?limit={limit}"))
    assert [message["id"] for page in back for message in page] == ids[::-1]
    assert len(back) == -(-len(ids) // limit)  # no empty page at the end
    forward = list(pages(server, alice, f"{LIST}?limit={limit}&after=0"))
    assert [message["id"] for page in forward[::-1] for message in page] == ids[::-1]
    with_bob = [message["id"] for message in listed(server, alice, f"with={bob.name}")]
    assert len(with_bob) == 7
    walked = list(pages(server, alice, f"{LIST}?limit={limit}&with={bob.name}"))
    assert [message["id"] for page in walked for message in page] == with_bob
    walked = list(pages(server, alice, f"{LIST}?limit={limit}&with={bob.name}&after={with_bob[-1]}"))
    assert [message["id"] for page in walked[::-1] for message in page] == with_bob[:-1]


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_both_bounds_together_hold_to_the_end(
    server: Instance, history: tuple[Person, Person, Person, list[int]], limit: int
) -> None:
    alice, _, _, ids = history
    walked = list(pages(server, alice, f"{LIST}?limit={limit}&after={ids[1]}&before={ids[8]}"))
    found = [message["id"] for page in walked for message in page]
    assert sorted(found) == ids[2:8]
    assert all(list(page) == sorted(page, key=lambda message: -message["id"]) for page in walked)


def test_bounds_are_not_included(server: Instance, history: tuple[Person, Person, Person, list[int]]) -> None:
    alice, _, _, ids = history
    assert [message["id"] for message in listed(server, alice, f"before={ids[3]}")] == ids[2::-1]
    assert [message["id"] for message in listed(server, alice, f"after={ids[-3]}")] == ids[:-3:-1]
    assert listed(server, alice, f"before={ids[0]}") == listed(server, alice, f"after={ids[-1]}") == []
    assert listed(server, alice, "before=0") == []
    # The page after a message is the one that is nearest to it.
    assert [message["id"] for message in listed(server, alice, f"after={ids[0]}&limit=2")] == [ids[2], ids[1]]


def test_with_nobody_is_404_and_with_a_stranger_empty(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    assert listed(server, alice, f"with={bob.name}") == []
    for name in ("nobody-at-all", "", "%F0%9F%98%80", "a%26b%3Dc%23%2F..%2F", "*", "%25", "_"):
        reply = server.call("GET", f"{LIST}?with={name}", token=alice.token)
        assert (reply.status, reply.json["code"]) == (404, "not_found"), name


def test_the_limit_has_a_default_and_an_end(server: Instance, joined: Join) -> None:
    alice = joined()
    ids = [send(server, alice, alice.name, "x").json["id"] for _ in range(101)]
    assert [message["id"] for message in listed(server, alice)] == ids[:0:-1]
    assert len(listed(server, alice, "limit=500")) == 101
    for limit in ("0", "501", "-1"):
        reply = server.call("GET", f"{LIST}?limit={limit}", token=alice.token)
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, "limit")


def test_unknown_fields_and_parameters_are_ignored(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = send(server, alice, alice.name, "hi", chat_id=7, nested={"a": [1]}, id="x")
    assert reply.status == 201
    assert listed(server, alice, "page=2&callback=x") == [reply.json]
    target = f"{SEND}?page=2"
    assert server.call("POST", target, {"recipient": alice.name, "content": "ho"}, token=alice.token).status == 201


def test_what_is_somebody_elses_looks_like_what_does_not_exist(server: Instance, joined: Join) -> None:
    alice, bob, eve = joined(), joined(), joined()
    message = send(server, alice, bob.name, "for bob").json
    theirs = server.call("GET", f"/api/messages/{message['id']}/", token=eve.token)
    nobodys = server.call("GET", f"/api/messages/{2**52}/", token=eve.token)
    assert theirs.status == nobodys.status == 404
    assert theirs.json | {"request_id": ""} == nobodys.json | {"request_id": ""}
    assert set(theirs.headers) == set(nobodys.headers)
    assert listed(server, eve) == listed(server, eve, f"with={alice.name}") == []


@pytest.mark.parametrize("ttl", [0, -1, 31_536_001, 2**53 - 1])
def test_a_lifetime_out_of_range_is_refused_by_its_field(server: Instance, joined: Join, ttl: int) -> None:
    alice = joined()
    reply = send(server, alice, alice.name, "hi", ttl_seconds=ttl)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "ttl_seconds")


def test_a_reply_names_what_it_quotes(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    question = send(server, alice, bob.name, "tea?").json
    reply = send(server, bob, alice.name, "yes", reply_to=question["id"])
    answer = reply.json
    assert reply.status == 201
    assert set(answer) == {"id", "sender", "recipient", "content", "timestamp", "reply_to"}
    assert answer["reply_to"] == question["id"]
    assert listed(server, alice) == listed(server, bob) == [answer, question]
    assert server.call("GET", f"/api/messages/{answer['id']}/", token=alice.token).json == answer
    assert server.call("GET", "/api/conversations/", token=alice.token).json[0]["last_message"] == answer
    log = server.call("GET", "/api/events/?after=0", token=alice.token).json
    assert [event["message"] for event in log["events"]] == [question, answer]
    edited = server.call("PATCH", f"/api/messages/{answer['id']}/", {"content": "yes!"}, token=bob.token).json
    assert edited == {**answer, "content": "yes!", "edited_at": edited["edited_at"]}
    assert "reply_to" not in send(server, bob, alice.name, "by itself", reply_to=None).json


@pytest.mark.parametrize("value", [-1, 2**53, -(2**53), "1", "", 1.0, 1.5, True, [], [1], {}, {"id": 1}])
def test_what_is_no_message_id_is_refused_by_its_field(server: Instance, joined: Join, value: object) -> None:
    alice = joined()
    before = rows(server)
    reply = send(server, alice, alice.name, "hi", reply_to=value)
    assert (reply.status, reply.json["code"]) == (400, "invalid")
    # Beyond 2^53 it is refused as JSON already.
    code = "malformed" if value in (2**53, -(2**53)) else "invalid"
    assert [(error["field"], error["code"]) for error in reply.json["errors"]] == [("reply_to", code)]
    assert rows(server) == before


def test_what_cannot_be_quoted_is_told_apart_by_nothing(server: Instance, joined: Join) -> None:
    alice, bob, eve = joined(), joined(), joined()
    send(server, alice, bob.name, "here")
    deleted = send(server, alice, bob.name, "taken back").json["id"]
    assert server.call("DELETE", f"/api/messages/{deleted}/", token=alice.token).status == 204
    assert server.call("PUT", f"/api/blocks/{alice.name}/", token=bob.token).status == 204
    hidden = send(server, alice, bob.name, "withheld").json["id"]
    assert server.call("DELETE", f"/api/blocks/{alice.name}/", token=bob.token).status == 204
    others = send(server, eve, alice.name, "for alice").json["id"]
    elsewhere = send(server, bob, eve.name, "for eve").json["id"]
    before = rows(server)
    told = []
    for reply_to in (deleted, hidden, others, elsewhere, 0, 2**52, 2**53 - 1):
        reply = send(server, bob, alice.name, "hi", reply_to=reply_to)
        told.append((reply.status, reply.json | {"request_id": ""}, set(reply.headers)))
    assert rows(server) == before
    assert told == [told[0]] * len(told)
    assert (told[0][0], told[0][1]["errors"][0]["code"]) == (400, "not_found")
    assert send(server, alice, bob.name, "and my own", reply_to=hidden).status == 201


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_last_slash_may_be_left_out(server: Instance, joined: Join, slash: str) -> None:
    alice = joined()
    body = {"recipient": alice.name, "content": "hi"}
    message = server.call("POST", f"/api/auth/send{slash}", body, token=alice.token)
    assert message.status == 201
    assert server.call("GET", f"/api/auth/messages{slash}?limit=1", token=alice.token).json == [message.json]
    assert server.call("GET", f"/api/messages/{message.json['id']}{slash}", token=alice.token).json == message.json


def test_two_slashes_or_an_ending_of_a_file_are_not_the_path(server: Instance, joined: Join) -> None:
    alice = joined()
    paths = ("//", "/x.css", ";/a.js", "/;a", ".json", "%2f")
    for start, end in itertools.product(("/api/auth/messages", "/api/events", "/api/users/me"), paths):
        assert ask(server, "GET", start + end, [alice.bearer]).status == 404, start + end
