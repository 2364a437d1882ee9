"""A real browser makes passkeys with an authenticator of its own, and gets in with them and without them."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.instances import Instance

PASSWORD = "correct horse battery"
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# What a page does: ask, let the browser work, and send back what it gave.
CALL = """async ([method, path, body, token]) => {
    const headers = {"Content-Type": "application/json"};
    if (token) headers.Authorization = `Bearer ${token}`;
    const reply = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
    const text = await reply.text();
    return {status: reply.status, json: text ? JSON.parse(text) : null};
}"""
CREATE = """async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({publicKey})).toJSON();
}"""
GET = """async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({publicKey})).toJSON();
}"""


class Visitor:
    """Somebody at the page of this server, with a key in their machine."""

    def __init__(self, page: Page, instance: Instance) -> None:
        self.page = page
        page.goto(instance.url)
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        self.key = self.plug_in()

    def plug_in(self, **more: Any) -> str:
        made = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY | more})
        return str(made["authenticatorId"])

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.key})[
            "credentials"
        ]
        return found

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, Any]:
        reply = self.page.evaluate(CALL, [method, path, body, token])
        return reply["status"], reply["json"]

    def add_passkey(self, token: str, name: str) -> tuple[int, Any]:
        _, options = self.call("POST", "/api/auth/passkeys/options/", token=token)
        made = self.page.evaluate(CREATE, options)
        return self.call("POST", "/api/auth/passkeys/", {"name": name, "credential": made}, token)

    def sign_in(self, **who: str) -> tuple[int, Any]:
        _, options = self.call("POST", "/api/auth/login/passkey/options/", who)
        used = self.page.evaluate(GET, options)
        return self.call("POST", "/api/auth/login/passkey/", {"credential": used, "device": "a browser"})


@pytest.fixture
def visitor(chromium: Browser, instance: Instance) -> Iterator[Visitor]:
    context = chromium.new_context()
    yield Visitor(context.new_page(), instance)
    context.close()


def test_a_browser_registers_signs_in_with_a_name_and_without_and_removes(visitor: Visitor, instance: Instance) -> None:
    token = instance.join("alice")
    status, made = visitor.add_passkey(token, "this browser")
    assert (status, made["name"], len(made["recovery_codes"])) == (201, "this browser", 10)
    (held,) = visitor.credentials()
    assert (held["isResidentCredential"], held["rpId"]) == (True, "localhost")
    for who in ({"username": "alice"}, {}):
        status, pair = visitor.sign_in(**who)
        assert status == 200
        assert visitor.call("GET", "/api/users/me/", token=pair["access"])[1]["username"] == "alice"
    assert visitor.credentials()[0]["signCount"] >= 3
    path = f"/api/auth/passkeys/{made['id']}/"
    assert visitor.call("DELETE", path, token=pair["access"])[0] == 204
    assert visitor.sign_in()[0] == 401
    status, _ = visitor.call("POST", "/api/auth/login/", {"username": "alice", "password": PASSWORD})
    assert status == 200


def test_a_browser_uses_its_passkey_after_the_password(visitor: Visitor, instance: Instance) -> None:
    visitor.add_passkey(instance.join("alice"), "this browser")
    status, asked = visitor.call("POST", "/api/auth/login/", {"username": "alice", "password": PASSWORD})
    assert (status, asked["factors"]) == (401, ["passkey", "recovery_code"])
    token = asked["mfa_token"]
    _, options = visitor.call("POST", "/api/auth/login/passkey/options/", {"mfa_token": token})
    used = visitor.page.evaluate(GET, options)
    body = {"mfa_token": token, "credential": used}
    status, pair = visitor.call("POST", "/api/auth/login/second-factor/", body)
    assert (status, set(pair)) == (200, {"access", "refresh"})
    assert visitor.call("POST", "/api/auth/login/second-factor/", body)[0] == 401


def test_a_browser_does_not_make_a_second_passkey_on_one_key_and_takes_another_key(
    visitor: Visitor, instance: Instance
) -> None:
    token = instance.join("alice")
    visitor.add_passkey(token, "the first")
    with pytest.raises(Exception, match="InvalidStateError"):
        visitor.add_passkey(token, "the same")
    visitor.plug_in(transport="usb")
    assert visitor.add_passkey(token, "another key")[0] == 201
    names = [each["name"] for each in visitor.call("GET", "/api/auth/passkeys/", token=token)[1]]
    assert names == ["the first", "another key"]


def test_a_browser_whose_owner_is_not_verified_does_not_get_in(visitor: Visitor, instance: Instance) -> None:
    visitor.add_passkey(instance.join("alice"), "this browser")
    _, options = visitor.call("POST", "/api/auth/login/passkey/options/", {})
    visitor.devtools.send("WebAuthn.setUserVerified", {"authenticatorId": visitor.key, "isUserVerified": False})
    # The page lies to the browser about what the server wants.
    used = visitor.page.evaluate(GET, options | {"userVerification": "discouraged"})
    assert visitor.call("POST", "/api/auth/login/passkey/", {"credential": used})[0] == 401


def test_a_browser_proves_by_passkey_who_is_there(visitor: Visitor, instance: Instance) -> None:
    token = instance.join("alice")
    visitor.add_passkey(token, "this browser")
    _, options = visitor.call("POST", "/api/auth/passkeys/step-up/options/", token=token)
    used = visitor.page.evaluate(GET, options)
    assert visitor.call("POST", "/api/auth/passkeys/step-up/", {"credential": used}, token)[0] == 204
