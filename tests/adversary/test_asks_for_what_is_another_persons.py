"""Every operation, asked by somebody whom it does not concern: with the ids, the names and the numbers of others.

The check that is forgotten is that of the side entrance: search (CVE-2026-24692), mentions (CVE-2025-14350), export
(CVE-2025-27149), lists of rooms (CVE-2021-39163, CVE-2021-39164). So this goes over all there are: a new operation
needs a rule here before anything passes.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from handlers.routes import OPERATIONS
from tests.adversary.attacker import PAGE, Store, Target
from tests.handlers.corpus import GOOD, NEEDED_QUERY
from tests.handlers.raw import Person

# Anybody may ask. | It is about the caller alone. | It takes the number of something, which must be the caller's own:
# of anybody else's it says what it says of one that does not exist. | It names another person, and changes what the
# caller has with them, never what they have. | It names another person, and tells them something, as a message does.
ANYBODY, SELF, OWN, PEER, SPEAKS = "anybody", "self", "own", "peer", "speaks"
RULES = {
    "POST /api/auth/register/": ANYBODY,
    "POST /api/auth/login/": ANYBODY,
    "POST /api/auth/login/second-factor/": ANYBODY,
    "POST /api/auth/login/passkey/options/": ANYBODY,
    "POST /api/auth/login/passkey/": ANYBODY,
    "POST /api/auth/refresh/": ANYBODY,
    "POST /api/auth/password/reset/": ANYBODY,
    "GET /api/auth/check-username/": ANYBODY,
    "GET /livez": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /api/openapi.json": ANYBODY,
    "GET /api/asyncapi.json": ANYBODY,
    "POST /api/auth/logout/": SELF,
    "POST /api/auth/logout/everywhere/": SELF,
    "POST /api/auth/ws-ticket/": SELF,
    "GET /api/auth/sessions/": SELF,
    "DELETE /api/auth/sessions/": SELF,
    "POST /api/auth/step-up/": SELF,
    "POST /api/auth/password/": SELF,
    "GET /api/auth/factors/": SELF,
    "POST /api/auth/totp/": SELF,
    "POST /api/auth/totp/confirm/": SELF,
    "DELETE /api/auth/totp/": SELF,
    "POST /api/auth/recovery-codes/": SELF,
    "POST /api/auth/passkeys/options/": SELF,
    "POST /api/auth/passkeys/": SELF,
    "GET /api/auth/passkeys/": SELF,
    "POST /api/auth/passkeys/step-up/options/": SELF,
    "POST /api/auth/passkeys/step-up/": SELF,
    "GET /api/users/me/": SELF,
    "PATCH /api/users/me/": SELF,
    "GET /api/auth/messages/": SELF,
    "POST /api/auth/send/": SELF,
    "GET /api/conversations/": SELF,
    "GET /api/events/": SELF,
    "GET /api/blocks/": SELF,
    "GET /api/auth/audit/": SELF,
    "POST /api/auth/export/": SELF,
    "DELETE /api/auth/account/": SELF,
    "GET /api/mutes/": SELF,
    "GET /api/push/key/": SELF,
    "GET /api/push/subscriptions/": SELF,
    "POST /api/push/subscriptions/": SELF,
    "DELETE /api/push/subscriptions/": SELF,
    "DELETE /api/auth/sessions/{session_id}/": OWN,
    "DELETE /api/push/subscriptions/{session_id}/": OWN,
    "PATCH /api/auth/passkeys/{passkey_id}/": OWN,
    "DELETE /api/auth/passkeys/{passkey_id}/": OWN,
    "GET /api/messages/{message_id}/": OWN,
    "PATCH /api/messages/{message_id}/": OWN,
    "DELETE /api/messages/{message_id}/": OWN,
    "POST /api/conversations/{username}/read/": PEER,
    "DELETE /api/conversations/{username}/": PEER,
    "GET /api/conversations/{username}/": PEER,
    "PATCH /api/conversations/{username}/": SPEAKS,
    "PUT /api/blocks/{username}/": PEER,
    "DELETE /api/blocks/{username}/": PEER,
    "PUT /api/mutes/{username}/": PEER,
    "DELETE /api/mutes/{username}/": PEER,
}
ALL = {f"{operation.method} {operation.path}": operation for operation in OPERATIONS}
MISSING = 2**53 - 7
# What changes by itself, in the caller's own lists.
RESTLESS = {"request_id", "used_at", "last_used", "expires_at"}


@dataclass
class World:
    """Two people and what is theirs, each thing with a number."""

    target: Target
    alice: Person
    bob: Person
    numbers: dict[str, int] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)


@pytest.fixture
def world(target: Target) -> World:
    made = World(target, target.join(), target.join())
    alice, bob = made.alice, made.bob
    words = [f"{word}-of-{alice.name}-only" for word in ("letter", "note", "device", "display", "passkey")]
    made.numbers["message_id"] = target.send(alice, bob, words[0])["id"]
    target.send(alice, alice, words[1])
    target.pair(alice.name, device=words[2])
    assert target.ask("PATCH", "/api/users/me/", {"display_name": words[3]}, token=bob.token).status == 200
    assert target.ask("PUT", f"/api/blocks/{target.join().name}/", token=alice.token).status == 204
    sessions = target.ask("GET", "/api/auth/sessions/", token=alice.token).json
    made.numbers["session_id"] = next(each["id"] for each in listed(sessions) if words[2] in str(each))
    made.numbers["passkey_id"] = plant_passkey(made, words[4])
    made.marks = words
    return made


def plant_passkey(made: World, name: str) -> int:
    """A row like that of a passkey of alice's; it need not work to be somebody's."""
    store = Store(f"sqlite:///{made.target.server.home / 'recado.db'}")
    number = made.numbers["message_id"] + 2**40
    ((alice,),) = store.run("SELECT id FROM users WHERE name = ?", made.alice.name)
    store.run(
        "INSERT INTO passkeys (id, user_id, credential_id, public_key, handle, rp_id, sign_count, backup_eligible,"
        " backed_up, name, created_at, key_id, mac) VALUES (?, ?, ?, ?, ?, 'localhost', 0, 0, 0, ?, 1, 'none', ?)",
        *(number, alice, name.encode(), b"key", b"handle", name, b"mac"),
    )
    return number


def listed(answer: Any) -> list[Any]:
    return list(answer if isinstance(answer, list) else next(iter(answer.values())))


def path_of(name: str, numbers: dict[str, int], username: str) -> str:
    path = ALL[name].path.replace("{username}", username)
    for parameter, number in numbers.items():
        path = path.replace(f"{{{parameter}}}", str(number))
    assert "{" not in path, f"{name} takes something whose number is not known here"
    query = "&".join(f"{key}={value}" for key, value in NEEDED_QUERY.get(name, {}).items())
    return f"{path}?{query}" if query else path


def state(made: World, who: Person) -> dict[str, Any]:
    """What this person sees of their own."""
    own = [name for name, rule in RULES.items() if name.startswith("GET ") and rule == SELF]
    return {
        name: calm(made.target.ask("GET", path_of(name, made.numbers, made.bob.name), token=who.token).json)
        for name in own
        if name != "GET /api/auth/passkeys/"  # a row that was planted is nothing to show
    }


def calm(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: calm(each) for name, each in value.items() if name not in RESTLESS}
    return [calm(each) for each in value] if isinstance(value, list) else value


def test_every_operation_has_a_rule_for_who_may_ask() -> None:
    assert {name: name in RULES for name in ALL} == dict.fromkeys(RULES, True)
    for name, operation in ALL.items():
        assert (RULES[name] == ANYBODY) == (not operation.signed_in), name
        assert (RULES[name] == OWN) == ("_id}" in operation.path), name
        assert (RULES[name] in (PEER, SPEAKS)) == ("{username}" in operation.path), name


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule != ANYBODY])
def test_without_a_token_or_with_a_page_cookie_alone_nothing_is_told(target: Target, name: str) -> None:
    path = path_of(name, dict.fromkeys(("message_id", "session_id", "passkey_id"), 1), "nobody")
    host = f"localhost:{target.door.port}"
    page = [PAGE, ("Host", host), ("Origin", f"http://{host}"), ("Cookie", "__Host-recado=rt1_x")]
    for headers in ((), page):
        reply = target.ask(ALL[name].method, path, GOOD.get(name), headers=headers)
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


def test_what_is_anothers_looks_like_what_is_not_there(world: World) -> None:
    for name in (name for name, rule in RULES.items() if rule == OWN):
        mallory = world.target.join()
        told = []
        for numbers in (world.numbers, dict.fromkeys(world.numbers, MISSING)):
            path = path_of(name, numbers, world.alice.name)
            reply = world.target.ask(ALL[name].method, path, GOOD.get(name), token=mallory.token)
            told.append((reply.status, calm(reply.json), sorted(reply.headers)))
        assert told[0] == told[1], name
        assert told[0][0] == 404, name


def test_nobody_learns_or_changes_anything_of_others_by_any_operation(world: World) -> None:
    target = world.target
    before = state(world, world.alice), state(world, world.bob)
    learned = []
    for name, rule in RULES.items():
        if rule in (ANYBODY, SPEAKS):
            continue
        mallory = target.join()
        for peer in (world.alice, world.bob):
            path = path_of(name, world.numbers, peer.name)
            body = GOOD.get(name)
            if body is not None and "up_to" in body:
                body = {"up_to": world.numbers["message_id"]}
            if name == "GET /api/auth/messages/":
                path += f"?with={peer.name}&after=0&before={MISSING}"
            reply = target.ask(ALL[name].method, path, body, token=mallory.token)
            assert reply.status < 500, (name, reply)
            learned += [(name, mark) for mark in world.marks if mark.encode() in reply.body]
            mallory = target.join() if reply.status in (204, 401) else mallory
    assert learned == []
    assert (state(world, world.alice), state(world, world.bob)) == before


def test_nothing_is_quoted_that_the_sender_cannot_see_there(world: World) -> None:
    """A quote that the reader's client looks up would else carry a message from one talk into another."""
    target, letter = world.target, world.numbers["message_id"]
    mallory = target.join()
    own = target.send(mallory, mallory, "a note")["id"]
    target.send(mallory, world.alice, "hi")
    told = []
    for quoted in (letter, own, MISSING):
        for more in ({}, {"client_id": "0d4d8e9c-1c35-4c0b-9a55-2b8f4a3f7c11"}):
            body = {"recipient": world.alice.name, "content": "look", "reply_to": quoted} | more
            reply = target.ask("POST", "/api/auth/send/", body, token=mallory.token)
            told.append((reply.status, calm(reply.json), sorted(reply.headers)))
    assert told == [told[0]] * len(told)
    assert told[0][0] == 400
    # To Bob it is a message of his own talk with Alice, and to nobody else.
    assert target.send(world.bob, world.alice, "that one", reply_to=letter)["reply_to"] == letter


def test_a_timer_is_an_affair_of_two_people(target: Target) -> None:
    alice, bob, mallory = target.join(), target.join(), target.join()
    for pair in ((alice, bob), (mallory, alice)):
        target.send(*pair, "hi")
    assert set_timer(target, alice, bob, 60).json == {"peer": bob.name, "ttl_seconds": 60}
    before = events_of(target, bob)
    for peer in (alice, bob, mallory):
        assert set_timer(target, mallory, peer, 5).json == {"peer": peer.name, "ttl_seconds": 5}
    # Bob is told of his own talk with Mallory, Alice of hers; what the two have is as it was.
    assert events_of(target, bob)[len(before) :] == [(mallory.name, mallory.name, 5)]
    assert events_of(target, alice) == [(bob.name, alice.name, 60), (mallory.name, mallory.name, 5)]
    assert events_of(target, mallory) == [(peer.name, mallory.name, 5) for peer in (alice, bob, mallory)]
    assert timers_of(target, alice) == {bob.name: 60, mallory.name: 5}
    assert timers_of(target, bob) == {alice.name: 60}


def set_timer(target: Target, who: Person, peer: Person, seconds: int | None) -> Any:
    return target.ask("PATCH", f"/api/conversations/{peer.name}/", {"ttl_seconds": seconds}, token=who.token)


def events_of(target: Target, who: Person) -> list[tuple[str, str, int | None]]:
    told = target.ask("GET", "/api/events/?after=0", token=who.token).json["events"]
    return [(one["peer"], one["by"], one.get("ttl_seconds")) for one in told if one["type"] == "timer"]


def timers_of(target: Target, who: Person) -> dict[str, int | None]:
    listed = target.ask("GET", "/api/conversations/", token=who.token).json
    shown = {each["peer"]: each.get("ttl_seconds") for each in listed}
    for peer, seconds in shown.items():
        alone = target.ask("GET", f"/api/conversations/{peer}/", token=who.token).json
        assert (alone["peer"], alone.get("ttl_seconds")) == (peer, seconds)
    return shown


def test_who_blocks_somebody_is_told_nothing_of_them_from_then_on(target: Target) -> None:
    """The nearest thing to being put out of a room: of a talk of two nobody can be, but either can end it for them."""
    alice, bob = target.join(), target.join()
    before = target.send(bob, alice, "before the block")
    assert target.ask("PUT", f"/api/blocks/{bob.name}/", token=alice.token).status == 204
    target.send(bob, alice, "behind the block")
    edited = target.ask("PATCH", f"/api/messages/{before['id']}/", {"content": "changed behind it"}, token=bob.token)
    assert edited.status == 200
    assert set_timer(target, bob, alice, 60).status == 200
    for path in ("/api/auth/messages/", f"/api/auth/messages/?with={bob.name}", "/api/conversations/"):
        told = target.ask("GET", path, token=alice.token).body.decode()
        assert "behind" not in told, path
        assert "before the block" in told, path
        assert "ttl_seconds" not in told, path
    told = target.ask("GET", "/api/events/?after=0", token=alice.token).body.decode()
    assert "behind" not in told
    assert "timer" not in told
