"""What an authenticator has signed holds as a whole: a change of any part of it, and it does not fit."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from crypto import passkeys
from crypto.errors import BadToken
from crypto.passkeys import Registered, Site
from tests.authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator, raw, text

SITE = Site("chat.example", "https://chat.example")
CHALLENGE = bytes(range(32))
CREATION = {
    "rp": {"id": SITE.rp_id},
    "user": {"id": text(b"h" * 64)},
    "challenge": text(CHALLENGE),
}
REQUEST = {"challenge": text(CHALLENGE), "allowCredentials": [], "rpId": SITE.rp_id}


def authenticator(**more: Any) -> Authenticator:
    return Authenticator(SITE.origin, **more)


def registered(device: Authenticator, **changes: Any) -> Registered:
    return passkeys.verify_registration(SITE, CHALLENGE, device.create(CREATION, **changes))


def asserted(device: Authenticator, made: Registered, *, verified_user: bool = True, **changes: Any) -> Any:
    shown = device.get(REQUEST, **changes)
    return passkeys.verify_assertion(SITE, CHALLENGE, shown, made.public_key, verified_user=verified_user)


def test_a_passkey_is_registered_and_then_used() -> None:
    device = authenticator()
    made = registered(device)
    assert (text(made.credential_id), made.sign_count) == (next(iter(device.keys)), 0)
    assert (made.backup_eligible, made.backed_up) == (False, False)
    assert [asserted(device, made).sign_count for _ in range(3)] == [1, 2, 3]


def test_a_synced_passkey_says_so() -> None:
    device = authenticator(flags=PRESENT | VERIFIED | ELIGIBLE)
    made = registered(device)
    assert (made.backup_eligible, made.backed_up) == (True, False)
    used = asserted(device, made, flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP)
    assert (used.backup_eligible, used.backed_up) == (True, True)


WRONG: dict[str, dict[str, Any]] = {
    "another challenge": {"challenge": text(bytes(32))},
    "the other ceremony": {"type": "webauthn.other"},
    "another origin": {"origin": "https://evil.example"},
    "an origin that begins alike": {"origin": "https://chat.example.evil.example"},
    "another scheme": {"origin": "http://chat.example"},
    "another port": {"origin": "https://chat.example:8443"},
    "another relying party": {"rp_id": "evil.example"},
    "nobody there": {"flags": VERIFIED},
    "nobody verified": {"flags": PRESENT},
    "backed up, but not eligible": {"flags": PRESENT | VERIFIED | BACKED_UP},
}


@pytest.mark.parametrize("lie", WRONG)
def test_a_registration_that_lies_is_refused(lie: str) -> None:
    with pytest.raises(BadToken):
        registered(authenticator(), **WRONG[lie])


@pytest.mark.parametrize("lie", [*WRONG, "another key", "a swapped type"])
def test_an_assertion_that_lies_is_refused(lie: str) -> None:
    device = authenticator()
    made = registered(device)
    changes = WRONG.get(lie, {"type": "webauthn.create"})
    if lie == "another key":
        changes = {"signer": generate_private_key(SECP256R1())}
    with pytest.raises(BadToken):
        asserted(device, made, **changes)


def test_as_a_second_factor_being_there_is_enough() -> None:
    device = authenticator()
    made = registered(device)
    assert asserted(device, made, verified_user=False, flags=PRESENT).sign_count == 1


def test_an_algorithm_that_was_not_offered_is_refused() -> None:
    with pytest.raises(BadToken):
        registered(authenticator(), alg=-47)


def test_the_largest_credential_id_is_that_of_the_standard() -> None:
    made = registered(authenticator(), credential_id=b"x" * passkeys.MOST_ID)
    assert len(made.credential_id) == passkeys.MOST_ID
    with pytest.raises(BadToken):
        registered(authenticator(), credential_id=b"x" * (passkeys.MOST_ID + 1))


def test_no_byte_of_an_assertion_can_be_changed() -> None:
    device = authenticator()
    made = registered(device)
    good = device.get(REQUEST)
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        whole = raw(good["response"][name])
        for at in range(0, len(whole), 7):
            spoilt = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            shown = {**good, "response": {**good["response"], name: text(spoilt)}}
            with pytest.raises(BadToken):
                passkeys.verify_assertion(SITE, CHALLENGE, shown, made.public_key, verified_user=True)


@pytest.mark.parametrize("part", ["id", "rawId", "type", "response"])
def test_what_is_no_credential_is_refused(part: str) -> None:
    device = authenticator()
    made = registered(device)
    for value in ("", "!", 7, None, [], {}):
        with pytest.raises(BadToken):
            passkeys.verify_assertion(
                SITE, CHALLENGE, {**device.get(REQUEST), part: value}, made.public_key, verified_user=True
            )
        with pytest.raises(BadToken):
            passkeys.verify_registration(SITE, CHALLENGE, {**device.create(CREATION), part: value})


@pytest.mark.parametrize(
    "bomb", [b"", b"\xff", b"\x9f" * 50_000, b"\x81" * 50_000, b"\xa1" * 10_000, b"\x5b" + b"\xff" * 8]
)
def test_an_attestation_that_nobody_can_read_is_refused(bomb: bytes) -> None:
    good = authenticator().create(CREATION)
    shown = {**good, "response": {**good["response"], "attestationObject": text(bomb)}}
    with pytest.raises(BadToken):
        passkeys.verify_registration(SITE, CHALLENGE, shown)


def client_data(**told: Any) -> str:
    return text(json.dumps({"challenge": text(CHALLENGE)} | told).encode())


def test_the_challenge_is_read_from_what_the_browser_says() -> None:
    assert passkeys.challenge_of(client_data(type="webauthn.get", crossOrigin=False)) == CHALLENGE
    assert passkeys.challenge_of(client_data()) == CHALLENGE


@pytest.mark.parametrize(
    "make",
    [
        lambda: client_data(crossOrigin=True),
        lambda: client_data(topOrigin="https://evil.example"),
        lambda: client_data(challenge=7),
        lambda: client_data(challenge="=="),
        lambda: client_data(crossOrigin="no"),
        lambda: text(b"{}"),
        lambda: text(b"[]"),
        lambda: text(b"[" * 100_000),
        lambda: text(b'{"deep":' + b"[" * 100_000),
        lambda: text(b"\xff"),
        lambda: "!",
        lambda: "é",
        lambda: "",
    ],
)
def test_client_data_of_another_kind_or_frame_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(BadToken):
        passkeys.challenge_of(make())


@pytest.mark.parametrize("name", ["", "!", "A", "é", text(b"x" * 1024)])
def test_what_cannot_be_a_credential_id_is_refused(name: str) -> None:
    with pytest.raises(BadToken):
        passkeys.credential_id_of(name)


def test_a_credential_id_is_its_text_and_back() -> None:
    assert passkeys.credential_id_of(passkeys.text_of(b"\x00\xff")) == b"\x00\xff"
