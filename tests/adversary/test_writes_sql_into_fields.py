"""The attacker writes SQL where a name, a number or a text belongs, into every field, on both engines."""

from urllib.parse import quote

import pytest

from handlers.routes import OPERATIONS
from tests.adversary.attacker import PASSWORD, V1, Plundered
from tests.handlers.corpus import GOOD, path_of
from tests.handlers.raw import Person

PAYLOADS = (
    "' OR '1'='1",
    "'; UPDATE users SET disabled_at = 1; --",
    "'); DROP TABLE blocks; --",
    '" OR ""="',
    "1); DELETE FROM messages; --",
    "0 UNION SELECT id, name, key, password FROM users",
    "1; SELECT pg_sleep(30)",
    "' || (SELECT password FROM users LIMIT 1) || '",
    "\\'; ATTACH DATABASE 'x' AS y; --",
    "%' ESCAPE '!' --",
    "$1 ? %s %(x)s {0} :name",
    "id DESC, (SELECT 1/0)",
)
# Where the caller's session would end, or the account.
ENDING = ("logout", "sessions", "password", "account", "erase", "factors", "step-up", "passkeys", "totp", "recovery")


@pytest.fixture
def bystander(plundered: Plundered) -> Person:
    """Somebody whose rows must stay as they are."""
    someone, peer = plundered.join(), plundered.join()
    plundered.send(someone, peer, "untouched")
    return someone


def untouched(target: Plundered, bystander: Person) -> None:
    ((disabled,),) = target.store.run("SELECT count(*) FROM users WHERE disabled_at IS NOT NULL AND disabled_at = 1")
    assert disabled == 0
    assert target.store.run("SELECT count(*) FROM blocks WHERE user_id = ?", 0) == [(0,)]
    (message,) = target.ask("GET", "/api/auth/messages/", token=bystander.token).json
    assert message["content"] == "untouched"


def test_whatever_stands_in_a_body_is_data(plundered: Plundered, bystander: Person) -> None:
    mallory, peer = plundered.join(), plundered.join()
    message = plundered.send(mallory, peer, "a text")
    for operation in OPERATIONS:
        name = f"{operation.method} {operation.path}"
        if operation.body is None or any(word in operation.path for word in ENDING):
            continue
        path = path_of(name, username=peer.name, message_id=str(message["id"]))
        for field, value in (
            GOOD.get(name, {}) | {"client_id": "", "device": "", "ttl_seconds": 1, "language": ""}
        ).items():
            for payload in PAYLOADS:
                reply = plundered.ask(
                    operation.method, path, GOOD.get(name, {}) | {field: payload}, token=mallory.token
                )
                assert reply.status < 500, (name, field, payload, reply)
                assert not isinstance(value, int) or reply.status >= 400
    untouched(plundered, bystander)


def test_whatever_stands_in_a_query_or_a_path_is_data(plundered: Plundered, bystander: Person) -> None:
    mallory = plundered.join()
    for payload in map(quote, PAYLOADS):
        for path in (
            f"/api/auth/check-username/?username={payload}",
            f"/api/auth/messages/?with={payload}",
            f"/api/auth/messages/?before={payload}",
            f"/api/auth/messages/?order={payload}&sort={payload}",
            f"/api/conversations/?before={payload}",
            f"/api/blocks/?after={payload}",
            f"/api/events/?after=0&epoch={payload}",
            f"/api/messages/{payload}/",
        ):
            reply = plundered.ask("GET", path, token=mallory.token)
            assert reply.status < 500, (path, reply)
            assert bystander.name.encode() not in reply.body
            if "check-username" in path:
                assert reply.json == {"exists": False}
        for method, path, body in (
            ("PUT", "blocks/{}/", None),
            ("DELETE", "blocks/{}/", None),
            ("POST", "conversations/{}/read/", {"up_to": 1}),
            ("PATCH", "conversations/{}/", {"ttl_seconds": 60}),
        ):
            reply = plundered.ask(method, f"/api/{path.format(payload)}", body, token=mallory.token)
            assert 400 <= reply.status < 500, (method, path, reply)
    untouched(plundered, bystander)


def test_a_wildcard_is_a_sign_like_any_other(plundered: Plundered) -> None:
    someone = plundered.join()
    for name in ("%", "_" * len(someone.name), f"{someone.name[:3]}%", f"{someone.name[:-1]}_", ".*", "[a-z]*"):
        asked = quote(name)
        assert plundered.ask("GET", f"/api/auth/check-username/?username={asked}").json == {"exists": False}, name
        listed = plundered.ask("GET", f"/api/auth/messages/?with={asked}", token=someone.token)
        assert listed.status == 404, name


def test_whatever_stands_in_a_frame_or_a_handshake_is_data(plundered: Plundered, bystander: Person) -> None:
    mallory = plundered.join()
    with plundered.socket(mallory.token, [V1]) as opened:
        opened.say({"type": "hello", "device": PAYLOADS[1], "epoch": PAYLOADS[2], "position": 0})
        assert opened.hear()["type"] == "welcome"
        for payload in PAYLOADS:
            for frame in (
                {"type": "send", "client_id": payload, "recipient": payload, "content": payload},
                {
                    "type": "send",
                    "client_id": "0d4d8e9c-1c35-4c0b-9a55-2b8f4a3f7c11",
                    "recipient": payload,
                    "content": "x",
                },
                {"type": "read", "peer": payload, "up_to": 1},
                {"type": "edit", "id": payload, "content": payload},
                {"type": "auth", "token": payload},
            ):
                opened.say({**frame, "ref": "1"})
                assert opened.hear()["type"] == "error", frame
    for payload in map(quote, PAYLOADS):
        for query in (f"?token={payload}", f"?ticket={payload}", f"?ticket=1.1.{payload}"):
            with plundered.socket(path=f"/ws/chat/{query}") as refused:
                assert refused.status == 401, query
    untouched(plundered, bystander)


def test_sql_as_a_password_is_a_password(plundered: Plundered) -> None:
    someone = plundered.join()
    for payload in PAYLOADS:
        body = {"username": someone.name, "password": payload}
        assert plundered.ask("POST", "/api/auth/login/", body).status == 401
        body = {"username": f"{someone.name}' --", "password": PASSWORD}
        assert plundered.ask("POST", "/api/auth/login/", body).status == 401
