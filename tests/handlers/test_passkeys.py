"""The contract of passkeys over HTTP: WebAuthn's own JSON both ways, and which places they are for."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.authenticator import Authenticator
from tests.handlers.raw import Person
from tests.instances import Instance, Reply

Join = Callable[[], Person]


def add(server: Instance, alice: Person, device: Authenticator, **more: Any) -> Reply:
    options = server.call("POST", "/api/auth/passkeys/options/", token=alice.token).json
    made = {"name": "a phone", "credential": device.create(options)}
    return server.call("POST", "/api/auth/passkeys/", made | more, token=alice.token)


def log_in(server: Instance, device: Authenticator, **who: str) -> Reply:
    options = server.call("POST", "/api/auth/login/passkey/options/", who).json
    return server.call("POST", "/api/auth/login/passkey/", {"credential": device.get(options)})


def test_the_options_are_what_a_browser_parses(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = server.call("POST", "/api/auth/passkeys/options/", token=alice.token)
    told = reply.json
    assert reply.status == 200
    assert told["rp"] == {"id": "localhost", "name": "Recado"}
    assert (told["user"]["name"], told["user"]["displayName"], len(told["user"]["id"])) == (alice.name, alice.name, 86)
    assert [each["alg"] for each in told["pubKeyCredParams"]] == [-8, -7, -257]
    assert (told["attestation"], told["timeout"], len(told["challenge"])) == ("none", 300_000, 43)
    assert told["authenticatorSelection"]["userVerification"] == "required"


def test_a_passkey_comes_is_used_renamed_and_goes(server: Instance, joined: Join) -> None:
    alice, device = joined(), Authenticator(server.url)
    made = add(server, alice, device)
    assert (made.status, set(made.json)) == (201, {"id", "name", "created_at", "synced", "recovery_codes"})
    assert set(add(server, alice, Authenticator(server.url)).json) == {"id", "name", "created_at", "synced"}
    for who in ({"username": alice.name}, {}):
        pair = log_in(server, device, **who)
        assert (pair.status, set(pair.json)) == (200, {"access", "refresh"})
        assert server.call("GET", "/api/users/me/", token=pair.json["access"]).json["username"] == alice.name
    path = f"/api/auth/passkeys/{made.json['id']}/"
    assert server.call("PATCH", path, {"name": "a key"}, token=alice.token).json["name"] == "a key"
    first, second = server.call("GET", "/api/auth/passkeys/", token=alice.token).json
    assert (first["name"], "used_at" in first, "used_at" in second) == ("a key", True, False)
    assert server.call("DELETE", path, token=alice.token).status == 204
    assert server.call("DELETE", path, token=alice.token).status == 404
    assert log_in(server, device).status == 401


def test_no_answer_shows_a_key_a_handle_or_a_counter(server: Instance, joined: Join) -> None:
    alice, device = joined(), Authenticator(server.url)
    add(server, alice, device)
    (shown,) = server.call("GET", "/api/auth/passkeys/", token=alice.token).json
    assert set(shown) <= {"id", "name", "created_at", "synced", "used_at", "suspect"}


def test_an_unknown_name_is_answered_as_a_known_one(server: Instance, joined: Join) -> None:
    alice, device = joined(), Authenticator(server.url)
    add(server, alice, device)
    asked = [
        server.call("POST", "/api/auth/login/passkey/options/", {"username": name})
        for name in (alice.name, "nobody.here", "nobody.here", "a b", joined().name)
    ]
    assert {reply.status for reply in asked} == {200}
    shapes = {(frozenset(reply.json), len(reply.json["challenge"]), reply.json["rpId"]) for reply in asked}
    assert len(shapes) == 1
    assert all({len(each["id"]) for each in reply.json["allowCredentials"]} == {43} for reply in asked)
    assert asked[1].json["allowCredentials"] == asked[2].json["allowCredentials"]
    assert len({reply.json["challenge"] for reply in asked}) == len(asked)


def test_whose_passkeys_is_said_once(server: Instance) -> None:
    both = {"username": "alice", "mfa_token": "mfa1_none"}
    assert server.call("POST", "/api/auth/login/passkey/options/", both).json["errors"][0]["field"] == "username"
    reply = server.call("POST", "/api/auth/login/passkey/options/", {"mfa_token": "mfa1_none"})
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", ["99999999999999999", "9" * 5000, "0"])
def test_an_id_that_nobody_has_is_not_found(server: Instance, joined: Join, path: str) -> None:
    reply = server.call("PATCH", f"/api/auth/passkeys/{path}/", {"name": "x"}, token=joined().token)
    assert (reply.status, reply.json["code"]) == (404, "not_found")


def test_further_fields_of_a_browser_are_ignored_and_all_others_refused(server: Instance, joined: Join) -> None:
    alice, device = joined(), Authenticator(server.url)
    options = server.call("POST", "/api/auth/passkeys/options/", token=alice.token).json
    made = device.create(options) | {"authenticatorAttachment": "platform"}
    made["response"] |= {"transports": ["internal"], "publicKeyAlgorithm": -7, "authenticatorData": "AAAA"}
    reply = server.call("POST", "/api/auth/passkeys/", {"name": "x", "credential": made, "more": 1}, token=alice.token)
    assert (reply.status, reply.json["errors"][0]["code"]) == (400, "unknown")
    assert (
        server.call("POST", "/api/auth/passkeys/", {"name": "x", "credential": made}, token=alice.token).status == 201
    )


def test_an_address_is_no_place_for_a_passkey(server: Instance, joined: Join) -> None:
    for host in (f"127.0.0.1:{server.port}", f"[::1]:{server.port}", "chat.example", "localhost.evil.example"):
        reply = server.call("POST", "/api/auth/login/passkey/options/", {}, headers={"Host": host})
        assert (reply.status, reply.json["code"]) == (403, "passkeys_unavailable"), host


def test_the_place_is_the_one_that_the_operator_has_named(tmp_path) -> None:
    settings = {"RECADO_SERVER_PUBLIC_URL": "https://chat.example"}
    with Instance(tmp_path, settings=settings) as running:
        alice = Person("alice", running.join("alice"))
        good, spoofed = Authenticator("https://chat.example"), Authenticator("https://evil.example")
        options = running.call(
            "POST", "/api/auth/passkeys/options/", token=alice.token, headers={"Host": "evil.example"}
        ).json
        assert options["rp"]["id"] == "chat.example"
        made = {"name": "x", "credential": spoofed.create(options)}
        assert running.call("POST", "/api/auth/passkeys/", made, token=alice.token).status == 400
        assert add(running, alice, good).status == 201
        assert log_in(running, good).status == 200
