"""The attacker adds fields that nobody asked for, and hopes that they are stored: a role, an owner, a date."""

import pytest

from tests.adversary.attacker import PASSWORD, V1, Plundered, fresh_name
from tests.handlers.raw import Person

# What an account, a session or a token holds somewhere.
FIELDS = {
    name: value
    for value, names in {
        1: "id user_id session_id sid disabled_at is_admin admin",
        2**40: "auth_time expires_at",
        "root": "role scope key",
        "1970-01-01T00:00:00.000Z": "created_at",
        "p1$x$y": "password_hash",
        ("otp",): "amr __proto__ constructor",
    }.items()
    for name in names.split()
}
OF_A_MESSAGE = {
    name: value
    for value, names in {
        1: "id sender_id sent_at delivered_at read_at position conversation_id recipient_id revision alg deleted_at",
        "2000-01-01T00:00:00.000Z": "timestamp edited_at created",
        "somebody": "sender from author body",
    }.items()
    for name in names.split()
}


def test_signing_up_stores_what_was_asked_for_and_nothing_else(plundered: Plundered) -> None:
    name = fresh_name()
    made = plundered.ask("POST", "/api/auth/register/", {"username": name, "password": PASSWORD, **FIELDS})
    assert (made.status, made.json) == (201, {"username": name})
    ((user_id, key, stored, created_at, disabled_at),) = plundered.store.run(
        "SELECT id, key, password, created_at, disabled_at FROM users WHERE name = ?", name
    )
    assert user_id != 1
    assert key == name
    assert stored.startswith("p1$")
    assert stored != FIELDS["password_hash"]
    assert created_at > 1_600_000_000_000
    assert disabled_at is None


def test_signing_in_gives_an_ordinary_session(plundered: Plundered) -> None:
    someone = plundered.join()
    plundered.pair(someone.name, **FIELDS)
    rows = plundered.store.run(
        "SELECT id, created_at, auth_time, expires_at FROM sessions WHERE user_id = ?", plundered.id_of(someone)
    )
    assert len(rows) == 2
    for session_id, created_at, auth_time, expires_at in rows:
        assert session_id != 1
        assert auth_time == created_at
        assert expires_at - created_at == 30 * 86_400_000


def test_a_message_is_from_whoever_sends_it_and_of_now(plundered: Plundered) -> None:
    mallory, bob, carol = plundered.join(), plundered.join(), plundered.join()
    forged = OF_A_MESSAGE | {"sender": carol.name, "sender_id": plundered.id_of(carol)}
    body = {"recipient": bob.name, "content": "it was carol"}
    message = plundered.ask("POST", "/api/auth/send/", forged | body, token=mallory.token).json
    (seen,) = plundered.ask("GET", "/api/auth/messages/", token=bob.token).json
    assert seen["sender"] == message["sender"] == mallory.name
    assert seen["timestamp"] > "2020"
    assert not {"edited_at", "delivered_at", "read_at", "deleted_at"} & set(seen)
    assert plundered.ask("GET", "/api/auth/messages/", token=carol.token).json == []


def profile(target: Plundered, person: Person) -> list[tuple[object, ...]]:
    return target.store.run("SELECT * FROM users WHERE name = ?", person.name)


@pytest.mark.parametrize(
    ("method", "path", "good"),
    [
        ("PATCH", "/api/users/me/", {"display_name": "Somebody"}),
        ("PATCH", "/api/messages/{id}/", {"content": "another text"}),
        ("POST", "/api/conversations/{peer}/read/", {"up_to": 1}),
        ("PATCH", "/api/conversations/{peer}/", {"ttl_seconds": 60}),
    ],
)
def test_where_no_old_client_needs_it_a_strange_field_is_refused(
    plundered: Plundered, method: str, path: str, good: dict[str, object]
) -> None:
    someone, peer = plundered.join(), plundered.join()
    message = plundered.send(someone, peer, "a text")
    before = profile(plundered, someone)
    path = path.replace("{id}", str(message["id"])).replace("{peer}", peer.name)
    for field, value in (FIELDS | OF_A_MESSAGE | {"username": "root", "password": PASSWORD}).items():
        reply = plundered.ask(method, path, good | {field: value}, token=someone.token)
        assert (reply.status, reply.json["errors"][0]["code"]) == (400, "unknown"), field
    assert profile(plundered, someone) == before
    shown = plundered.ask("GET", f"/api/messages/{message['id']}/", token=someone.token).json
    assert shown["content"] == "a text"


def test_a_frame_takes_no_strange_field(plundered: Plundered) -> None:
    mallory, bob = plundered.join(), plundered.join()
    for headers, frame in (
        ([], {"recipient": bob.name, "content": "hi"}),
        (
            [V1],
            {
                "type": "send",
                "client_id": "0d4d8e9c-1c35-4c0b-9a55-2b8f4a3f7c11",
                "recipient": bob.name,
                "content": "hi",
            },
        ),
    ):
        with plundered.socket(mallory.token, headers) as opened:
            if headers:
                opened.say({"type": "hello"})
                assert opened.hear()["type"] == "welcome"
            for field, value in ({"sender": bob.name, "id": 1, "user_id": 1, "timestamp": 1, "__proto__": {}}).items():
                opened.say({**frame, field: value})
                assert opened.hear()["code"] == "invalid", field
    assert plundered.ask("GET", "/api/auth/messages/", token=bob.token).json == []


def test_nobody_asks_in_the_name_of_somebody_else(plundered: Plundered) -> None:
    mallory, alice, bob = plundered.join(), plundered.join(), plundered.join()
    plundered.send(alice, bob, "between us")
    alice_id = plundered.id_of(alice)
    for asked in (f"user_id={alice_id}", f"user={alice.name}", f"as={alice.name}", f"sub={alice_id}", "admin=1"):
        listed = plundered.ask("GET", f"/api/auth/messages/?{asked}", token=mallory.token)
        assert (listed.status, listed.json) == (200, []), asked
    for header in ("X-User", "X-User-Id", "X-Remote-User", "Remote-User", "X-Forwarded-User", "Impersonate-User"):
        shown = plundered.ask("GET", "/api/users/me/", token=mallory.token, headers=[(header, alice.name)])
        assert shown.json["username"] == mallory.name
