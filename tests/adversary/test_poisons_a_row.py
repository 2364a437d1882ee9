"""The attacker writes rubbish into rows that others read: one poisoned row breaks neither a list nor the sync.

A message that is hidden or spoilt ends no paging, and whatever was not touched is shown as it was.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.adversary.attacker import V1, Plundered, Store
from tests.handlers.raw import Person
from tests.instances import Instance

Spoil = Callable[[Plundered, int], None]
FAR = 2**62
UNREADABLE = "damaged"


def setting(statement: str, *values: object) -> Spoil:
    """Set columns of the message."""

    def spoil(target: Plundered, message_id: int) -> None:
        target.store.run(f"UPDATE messages SET {statement} WHERE id = ?", *values, message_id)

    return spoil


def from_another(target: Plundered, message_id: int) -> None:
    """The text of the message before, in the place of this one's."""
    ((body,),) = target.store.run("SELECT body FROM messages WHERE id = ?", message_id - 1)
    target.store.run("UPDATE messages SET body = ? WHERE id = ?", bytes(body), message_id)


# What can be done to the row of a message; each on a message of its own.
SPOILT: dict[str, Spoil] = {
    "a body that is none": setting("body = ?", b"gAAAAA" + b"\xff" * 40),
    "a body that is cut": setting("body = substr(body, 1, 60)"),
    "another message's body": from_another,
    "another algorithm": setting("alg = 99"),
    "a key that is not there": setting("key_generation = 2147483647"),
    "another revision": setting("revision = 77"),
    "a sender who is nobody": setting("sender_id = 9"),
    "sent before all time": setting("sent_at = ?", -FAR),
    "sent after all time": setting("sent_at = ?", FAR),
    "edited after all time": setting("edited_at = ?", FAR),
    "gone after all time": setting("expires_at = ?", FAR),
    "gone at once": setting("expires_at = 1"),
    "a client's id that is none": setting("client_id = ?, client_made = (1 = 1)", b"x"),
    "a conversation that is not there": setting("conversation_id = 7"),
    "a recipient who is nobody": setting("recipient_id = 9"),
    "destroyed by hand": setting("body = NULL"),
    "a kept text that is none": setting("kept_body = ?, kept_alg = 1, kept_revision = 0", b"gAAAAA" + b"\xff" * 9),
}

# What is told of a message beside what it says: it may be shown as it was.
HARMLESS = {"a kept text that is none"}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plundered]:
    """A server that tells who is online, and when somebody was last here."""
    home = tmp_path_factory.mktemp("seeing")
    with Instance(home, settings={"RECADO_WEBSOCKET_PRESENCE": "true"}) as running:
        yield Plundered(running, running, store=Store(f"sqlite:///{home / 'recado.db'}"))


def pages(target: Plundered, reader: Person, path: str, key: Callable[[dict], int]) -> list[dict]:  # type: ignore[type-arg]
    """Everything of a list, page by page; each page must be answered."""
    found, before = [], ""
    for _ in range(100):
        reply = target.ask("GET", f"{path}&limit=3{before}", token=reader.token)
        assert reply.status == 200, (path, before, reply)
        found += reply.json
        if "link" not in reply.headers:
            return found
        before = f"&before={key(reply.json[-1])}"
    raise AssertionError("the list does not end")


def test_a_poisoned_message_spoils_nothing_but_itself(plundered: Plundered) -> None:
    alice, bob = plundered.join(), plundered.join()
    sent: dict[str, int] = {}
    for name in SPOILT:
        sent[f"before {name}"] = plundered.send(alice, bob, f"before {name}")["id"]
        sent[name] = plundered.send(alice, bob, name)["id"]
    for name, spoil in SPOILT.items():
        spoil(plundered, sent[name])
    good = {content for content in sent if content.startswith("before ")}
    # "another message's body" was taken from one that stays as it is.
    for reader in (alice, bob):
        for path in ("/api/auth/messages/?", f"/api/auth/messages/?with={alice.name if reader is bob else bob.name}"):
            listed = pages(plundered, reader, path, lambda message: message["id"])
            contents = [message["content"] for message in listed]
            assert good <= set(contents), path
            assert {each for each in contents if each not in good and UNREADABLE not in each} <= HARMLESS
            assert len({message["id"] for message in listed}) == len(listed)
        for content, message_id in sent.items():
            reply = plundered.ask("GET", f"/api/messages/{message_id}/", token=reader.token)
            assert reply.status == 200 if content in good else reply.status in {200, 404}, (content, reply)
        assert plundered.ask("GET", "/api/conversations/", token=reader.token).status == 200
    events = plundered.ask("GET", "/api/events/?after=0&limit=500", token=bob.token)
    assert events.status == 200
    positions = [event["position"] for event in events.json["events"]]
    assert positions == list(range(1, events.json["position"] + 1))
    told = {event["message"]["content"] for event in events.json["events"] if "message" in event}
    assert good <= told
    with plundered.socket(bob.token, [V1]) as device:
        device.say({"type": "hello", "position": 0, "epoch": events.json["epoch"]})
        assert device.hear()["outcome"] == "recovered"
        assert [device.hear()["position"] for _ in positions] == positions
        device.say({"type": "ack", "position": positions[-1]})
        device.say({"type": "read", "peer": alice.name, "up_to": max(sent.values())})
        device.say({"type": "ping", "ref": "still here"})
        while device.hear().get("ref") != "still here":
            pass


# Rows beside the messages: what is spoilt, in a statement about the people `?` and `?`.
BESIDE = {
    "a name that is long and coloured": "UPDATE users SET display_name = '{long}' WHERE id IN (?, ?)",
    "a language that is none": "UPDATE users SET language = '{long}' WHERE id IN (?, ?)",
    "a day after all time": "UPDATE users SET seen_on = 2147483647 WHERE id IN (?, ?)",
    "a day before all time": "UPDATE users SET seen_on = -2147483648 WHERE id IN (?, ?)",
    "what was read after all time": "UPDATE receipts SET at = 4611686018427387904 WHERE user_id IN (?, ?)",
    "marks beyond the end": "UPDATE members SET read_up_to = 9, delivered_up_to = 9007199254740991"
    " WHERE user_id IN (?, ?)",
    "a kind that is not known": "UPDATE timelines SET kind = 99 WHERE position = 1 AND user_id IN (?, ?)",
    "a log of messages that are not there": "UPDATE timelines SET message_id = 9007199254740991"
    " WHERE position = 2 AND user_id IN (?, ?)",
    "when it happened, before all time": "UPDATE timelines SET at = -4611686018427387904 WHERE user_id IN (?, ?)",
    "a device with everything in its name": "UPDATE sessions SET device = '{long}', network = '{long}'"
    " WHERE user_id IN (?, ?)",
}


@pytest.mark.parametrize("statement", BESIDE.values(), ids=BESIDE)
def test_what_is_spoilt_beside_the_messages_breaks_no_list(plundered: Plundered, statement: str) -> None:
    alice, bob, carol = plundered.join(), plundered.join(), plundered.join()
    for number in range(3):
        plundered.send(alice, bob, f"to bob {number}")
        plundered.send(carol, bob, f"from carol {number}")
    long = "\x1b[31m\u202e<b>" + "x" * 100_000
    plundered.store.run(statement.format(long=long), plundered.id_of(alice), plundered.id_of(carol))
    for path in (
        "/api/auth/messages/",
        f"/api/auth/messages/?with={alice.name}",
        "/api/conversations/",
        "/api/events/?after=0",
        "/api/users/me/",
    ):
        for reader in (bob, alice):
            reply = plundered.ask("GET", path, token=reader.token)
            assert reply.status == 200, (path, reply)
    assert len(plundered.ask("GET", "/api/auth/messages/", token=bob.token).json) == 6
    assert len(plundered.ask("GET", "/api/conversations/", token=bob.token).json) == 2
    plundered.send(bob, alice, "an answer")


@pytest.mark.parametrize(("column", "value"), [("created_at", FAR), ("used_at", FAR), ("used_at", -FAR)])
def test_a_poisoned_session_hides_no_other_session(plundered: Plundered, column: str, value: int) -> None:
    alice = plundered.join()
    other = plundered.pair(alice.name)["access"]
    listed = plundered.ask("GET", "/api/auth/sessions/", token=other).json
    (poisoned,) = [session["id"] for session in listed if not session["current"]]
    plundered.store.run(f"UPDATE sessions SET {column} = ? WHERE id = ?", value, poisoned)
    reply = plundered.ask("GET", "/api/auth/sessions/", token=other)
    assert reply.status == 200, reply
    assert [session["current"] for session in reply.json if session["id"] != poisoned] == [True]
    assert plundered.ask("DELETE", "/api/auth/sessions/", token=other).status == 204
    assert len(plundered.ask("GET", "/api/auth/sessions/", token=other).json) == 1


def test_whoever_was_here_before_all_time_sees_their_profile(plundered: Plundered) -> None:
    alice = plundered.join()
    plundered.store.run("UPDATE users SET created_at = ? WHERE id = ?", -FAR, plundered.id_of(alice))
    shown = plundered.ask("GET", "/api/users/me/", token=alice.token)
    assert (shown.status, shown.json["username"]) == (200, alice.name)


@pytest.mark.parametrize("wrapped", [b"", b"gAAAAA" + b"\xff" * 50], ids=["empty", "rubbish"])
def test_a_poisoned_key_spoils_one_conversation(plundered: Plundered, wrapped: bytes) -> None:
    alice, bob, carol = plundered.join(), plundered.join(), plundered.join()
    plundered.send(alice, bob, "from alice")
    plundered.send(carol, bob, "from carol")
    low, high = sorted((plundered.id_of(alice), plundered.id_of(bob)))
    plundered.store.run(
        "UPDATE conversation_keys SET wrapped = ? WHERE conversation_id ="
        " (SELECT id FROM conversations WHERE pair_low = ? AND pair_high = ?)",
        wrapped,
        low,
        high,
    )
    # Another instance, which has no key in its memory yet.
    url = plundered.server.environment.get("DATABASE_URL")
    with Instance(plundered.server.home, database_url=url) as fresh:
        contents = [each["content"] for each in fresh.call("GET", "/api/auth/messages/", token=bob.token).json]
        assert contents[0] == "from carol"
        assert UNREADABLE in contents[1]
        for path in ("/api/conversations/", "/api/events/?after=0", f"/api/auth/messages/?with={alice.name}"):
            assert fresh.call("GET", path, token=bob.token).status == 200
        for recipient, status in ((alice, 503), (carol, 201)):
            body = {"recipient": recipient.name, "content": "an answer"}
            assert fresh.call("POST", "/api/auth/send/", body, token=bob.token).status == status


@pytest.mark.parametrize("day", [2147483647, -2147483648])
def test_a_day_that_no_calendar_has_breaks_no_list_of_whoever_talks_with_them(seeing: Plundered, day: int) -> None:
    alice, bob = seeing.join(), seeing.join()
    seeing.send(alice, bob, "hi")
    seeing.store.run("UPDATE users SET seen_on = ? WHERE id = ?", day, seeing.id_of(alice))
    reply = seeing.ask("GET", "/api/conversations/", token=bob.token)
    assert reply.status == 200, reply
    (shown,) = reply.json
    assert (shown["peer"], shown["online"], "last_seen" in shown) == (alice.name, False, False)
