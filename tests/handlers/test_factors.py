"""The contract of second factors over HTTP: what is asked, what is answered, and to whom."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pyotp
import pytest

from handlers.routes import OPERATIONS
from tests.authenticator import Authenticator
from tests.handlers.corpus import ALL, GOOD, path_of
from tests.handlers.hostile import V1
from tests.handlers.raw import Person, ask, raw_socket
from tests.instances import Instance, Reply

Join = Callable[[], Person]
PASSWORD = "correct horse battery"
JSON_TYPE = ("Content-Type", "application/json")


def enrol(server: Instance, alice: Person) -> tuple[str, list[str]]:
    """One-time passwords: the seed, and the recovery codes."""
    secret = server.call("POST", "/api/auth/totp/", token=alice.token).json["secret"]
    body = {"otp": pyotp.TOTP(secret).now()}
    codes: list[str] = server.call("POST", "/api/auth/totp/confirm/", body, token=alice.token).json["recovery_codes"]
    return secret, codes


def log_in(server: Instance, name: str) -> Reply:
    return server.call("POST", "/api/auth/login/", {"username": name, "password": PASSWORD})


def complete(server: Instance, token: str, **shown: object) -> Reply:
    return server.call("POST", "/api/auth/login/second-factor/", {"mfa_token": token, **shown})


def test_a_seed_is_shown_as_text_as_a_uri_and_as_a_picture(server: Instance, joined: Join) -> None:
    alice = joined()
    offered = server.call("POST", "/api/auth/totp/", token=alice.token)
    assert (offered.status, set(offered.json)) == (200, {"secret", "uri", "qr_svg"})
    assert pyotp.parse_uri(offered.json["uri"]).secret == offered.json["secret"]
    assert alice.name in offered.json["uri"]
    picture = ET.fromstring(offered.json["qr_svg"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    # Only drawn: nothing that a page would run, load or style by.
    assert {each.tag.partition("}")[2] for each in picture.iter()} <= {"svg", "path", "g"}
    assert not [name for each in picture.iter() for name in each.attrib if name.startswith("on") or name == "style"]


def test_a_sign_in_with_a_second_factor_is_the_contract_to_the_letter(server: Instance, joined: Join) -> None:
    alice = joined()
    _, codes = enrol(server, alice)
    assert len(codes) == 10
    asked = log_in(server, alice.name)
    assert (asked.status, asked.headers["content-type"]) == (401, "application/problem+json; charset=utf-8")
    told = asked.json
    assert (told["code"], told["mfa_required"], told["factors"]) == (
        "second_factor_required",
        True,
        ["otp", "recovery_code"],
    )
    assert not {"access", "refresh"} & set(told)
    wrong = complete(server, told["mfa_token"], otp="abc")
    assert (wrong.status, wrong.json["code"]) == (401, "wrong_code")
    pair = complete(server, told["mfa_token"], recovery_code=codes[0])
    assert (pair.status, set(pair.json)) == (200, {"access", "refresh"})
    assert server.call("GET", "/api/users/me/", token=pair.json["access"]).json["username"] == alice.name
    again = complete(server, told["mfa_token"], recovery_code=codes[1])
    assert (again.status, again.json["code"]) == (401, "unauthenticated")


def test_a_wrong_password_is_told_as_for_everybody(server: Instance, joined: Join) -> None:
    alice = joined()
    enrol(server, alice)
    body = {"username": alice.name, "password": "wrong horse battery"}
    wrong, unknown = (
        server.call("POST", "/api/auth/login/", body | other) for other in ({}, {"username": "nobody.here"})
    )
    for reply in (wrong, unknown):
        assert (reply.status, {**reply.json, "request_id": ""}) == (401, {**wrong.json, "request_id": ""})


def test_the_token_opens_nothing_else(server: Instance, joined: Join) -> None:
    alice = joined()
    enrol(server, alice)
    token = log_in(server, alice.name).json["mfa_token"]
    for name, operation in ALL.items():
        if operation.signed_in:
            body = json.dumps(GOOD[name]).encode() if name in GOOD else None
            bearer = ("Authorization", f"Bearer {token}")
            reply = ask(server, operation.method, path_of(name), [bearer, *([JSON_TYPE] if body else [])], body)
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), name
    assert server.call("POST", "/api/auth/refresh/", {"refresh": token}).status == 401
    for target in (f"/ws/chat/?token={token}", f"/ws/chat/?ticket={token}"):
        with raw_socket(server, target=target) as refused:
            assert refused.status == 401
    pair = server.call("POST", "/api/auth/refresh/", {"refresh": "rt1_none"})
    assert complete(server, "rt1_none", otp="123456").status == pair.status == 401
    assert complete(server, alice.token, otp="123456").json["code"] == "unauthenticated"


def test_exactly_one_factor_is_shown(server: Instance, joined: Join) -> None:
    for shown in ({}, {"otp": "123456", "recovery_code": "A"}, {"otp": None}):
        reply = complete(server, "mfa1_none", **shown)
        assert (reply.status, reply.json["errors"][0]["field"]) == (400, "otp"), shown


def test_the_page_gets_its_cookie_after_the_second_factor_only(server: Instance, joined: Join) -> None:
    alice = joined()
    _, codes = enrol(server, alice)
    page = [JSON_TYPE, ("X-Recado-Session", "cookie"), ("Origin", server.url)]
    body = json.dumps({"username": alice.name, "password": PASSWORD}).encode()
    asked = ask(server, "POST", "/api/auth/login/", page, body)
    assert (asked.status, "set-cookie" in asked.headers) == (401, False)
    shown = json.dumps({"mfa_token": asked.json["mfa_token"], "recovery_code": codes[0]}).encode()
    done = ask(server, "POST", "/api/auth/login/second-factor/", page, shown)
    assert (done.status, set(done.json), "__Host-recado=" in done.headers["set-cookie"]) == (200, {"access"}, True)


def test_what_is_left_is_told(server: Instance, joined: Join) -> None:
    alice = joined()
    assert server.call("GET", "/api/auth/factors/", token=alice.token).json == {
        "totp": False,
        "passkeys": 0,
        "recovery_codes": 0,
    }
    _, codes = enrol(server, alice)
    proof = {"password": PASSWORD, "recovery_code": codes[0]}
    fresh = server.call("POST", "/api/auth/recovery-codes/", proof, token=alice.token)
    assert (fresh.status, len(fresh.json["recovery_codes"])) == (200, 10)
    assert server.call("GET", "/api/auth/factors/", token=alice.token).json == {
        "totp": True,
        "passkeys": 0,
        "recovery_codes": 10,
    }
    gone = server.call("DELETE", "/api/auth/totp/", proof, token=alice.token)
    assert (gone.status, gone.json["code"]) == (401, "wrong_code")
    proof["recovery_code"] = fresh.json["recovery_codes"][0]
    assert server.call("DELETE", "/api/auth/totp/", proof, token=alice.token).status == 204
    assert log_in(server, alice.name).status == 200


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance where everybody must have a second factor."""
    settings = {"RECADO_AUTH_SECOND_FACTOR": "required"}
    with Instance(tmp_path_factory.mktemp("strict"), settings=settings) as running:
        yield running


def test_where_one_is_required_only_enrolment_is_open_without(strict: Instance) -> None:
    token = strict.join("alice")
    for name, operation in ALL.items():
        if not operation.signed_in:
            continue
        body = json.dumps(GOOD[name]).encode() if name in GOOD else None
        headers = [("Authorization", f"Bearer {token}"), *([JSON_TYPE] if body else [])]
        if operation.enrols:
            continue
        reply = ask(strict, operation.method, path_of(name), headers, body)
        assert (reply.status, reply.json["code"]) == (403, "enrolment_required"), name
    with raw_socket(strict, token) as refused:
        assert (refused.status, json.loads(refused.body)["code"]) == (403, "enrolment_required")
    enrol(strict, Person("alice", token))
    assert strict.call("GET", "/api/users/me/", token=token).status == 200
    with raw_socket(strict, token) as opened:
        assert opened.status == 101


def test_a_socket_that_shows_its_token_later_is_refused_as_well(strict: Instance) -> None:
    token = strict.join("bob")
    with raw_socket(strict, headers=V1) as opened:
        opened.say({"type": "hello", "token": token})
        assert opened.hear()["code"] == "enrolment_required"


def test_what_enrolment_needs_is_little() -> None:
    """A second look at who may come in where everybody must have a second factor."""
    open_to_all = {f"{each.method} {each.path}" for each in OPERATIONS if each.enrols}
    assert open_to_all >= {"POST /api/auth/totp/", "POST /api/auth/totp/confirm/", "POST /api/auth/passkeys/"}
    assert not [name for name in open_to_all if not name.split()[1].startswith("/api/auth/")]
    assert not [name for name in open_to_all if "messages" in name or "send" in name or "export" in name]


@pytest.fixture(scope="module")
def switched_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance without second factors."""
    settings = {"RECADO_AUTH_SECOND_FACTOR": "off"}
    with Instance(tmp_path_factory.mktemp("off"), settings=settings) as running:
        yield running


@pytest.mark.parametrize("name", [name for name, operation in ALL.items() if operation.tags == ("factors",)])
def test_switched_off_each_call_says_so(switched_off: Instance, name: str) -> None:
    token = switched_off.join(f"person{list(ALL).index(name)}")
    reply = switched_off.call(ALL[name].method, path_of(name), GOOD.get(name), token=token)
    assert (reply.status, reply.json["code"]) == (403, "second_factor_off")


def test_a_passkey_may_be_the_second_factor(server: Instance, joined: Join) -> None:
    alice, device = joined(), Authenticator(server.url)
    options = server.call("POST", "/api/auth/passkeys/options/", token=alice.token).json
    made = {"name": "a phone", "credential": device.create(options)}
    assert server.call("POST", "/api/auth/passkeys/", made, token=alice.token).status == 201
    asked = log_in(server, alice.name).json
    assert asked["factors"] == ["passkey", "recovery_code"]
    options = server.call("POST", "/api/auth/login/passkey/options/", {"mfa_token": asked["mfa_token"]})
    assert (options.status, options.json["userVerification"]) == (200, "preferred")
    pair = complete(server, asked["mfa_token"], credential=device.get(options.json))
    assert (pair.status, set(pair.json)) == (200, {"access", "refresh"})
