"""What no answer and no frame may hold: hashes, seals, fingerprints, wrapped keys, tokens of others, key files.

Objects of an API grow out of rows, and a column comes along: a password hash and the secret of a second factor were
broadcast to everybody (CVE-2025-13821), or stood in an answer (CVE-2026-6345, CVE-2026-23477). Here every column that
can hold a secret is named, the rows are filled by a whole life, and everything that the server says is searched.
"""

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from crypto.keyring import parse_ring
from handlers.routes import OPERATIONS
from tests.adversary.attacker import V1, Store, Target, fresh_name
from tests.adversary.test_asks_for_what_is_another_persons import path_of
from tests.handlers.corpus import GOOD
from tests.handlers.raw import Person
from tests.instances import Reply

# Every column of text or bytes: a secret (never told to anybody), or what may be told to whom it concerns.
SECRET = {
    "audit": ("personal", "mac"),
    "audit_head": ("key", "mac", "first_key"),
    "audit_people": ("sealed",),
    "canaries": ("sealed",),
    "challenges": ("mac",),
    "conversation_keys": ("wrapped",),
    "messages": ("body", "kept_body"),
    "passkeys": ("public_key", "mac"),
    "pending_logins": ("mac", "stamp"),
    "push_subscriptions": ("mac", "sealed"),
    "recovery_codes": ("mac",),
    "resets": ("mac",),
    "sessions": ("refresh_mac", "parent_mac", "seal"),
    "tickets": ("mac",),
    "tombstones": ("mac",),
    "totps": ("sealed",),
    "users": ("password",),
}
HARMLESS = {
    "audit": ("action", "outcome", "reason", "request_id", "instance", "prev", "link"),
    "audit_checkpoints": ("log", "link", "floor_link", "previous", "key_id", "signature"),
    "audit_head": ("log", "link"),
    "audit_people": ("key_id",),
    "audit_unchained": ("network", "action", "outcome", "reason", "target", "request_id"),
    "canaries": ("purpose", "key_id"),
    "conversation_keys": ("master_id",),
    "facts": ("name", "value"),
    "instances": ("id", "keys"),
    "key_uses": ("purpose", "key_id"),
    "looks": ("skeleton",),
    "messages": ("client_id",),
    "passkeys": ("credential_id", "handle", "rp_id", "name", "key_id"),
    "pending_logins": ("device",),
    "push_subscriptions": ("master_id", "signer_id"),
    "recovery_codes": ("key_id",),
    "schema_checksum": ("name", "sha256"),
    "schema_migration": ("name", "applied"),
    "sessions": ("device", "network", "ended_reason"),
    "tombstones": ("key_id",),
    "totps": ("master_id",),
    "users": ("name", "key", "display_name", "language"),
}
# Words of which no field of any answer is made.
FORBIDDEN = ("hash", "mac", "seal", "wrapped", "pepper", "fingerprint", "cipher", "master")
LEAST = 12
OWN_PASSWORD = "only alice has thought of this"


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest) -> Store:
    victim = request.getfixturevalue("victim")
    return Store(f"sqlite:///{victim.home / 'recado.db'}")


def columns(store: Store) -> dict[str, set[str]]:
    """The columns of text and bytes, by table."""
    found: dict[str, set[str]] = {}
    for (table,) in store.run("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
        kinds = {name: kind for _, name, kind, *_ in store.run(f"PRAGMA table_info({table})")}
        told = {name for name, kind in kinds.items() if not kind.startswith(("BIGINT", "INTEGER", "SMALLINT", "BOOL"))}
        if told:
            found[table] = told
    return found


def forms(value: bytes) -> Iterator[bytes]:
    """A secret as it could be written into an answer."""
    yield value
    yield value.hex().encode()
    yield base64.b64encode(value)[:-4]
    yield base64.urlsafe_b64encode(value)[:-4]
    yield json.dumps(value.decode("latin-1"))[1:-1].encode()


def secrets_of(target: Target, store: Store) -> dict[str, bytes]:
    """Everything that nobody is ever told: of the rows of all who are there, and of the key files."""
    found = {}
    for table, names in SECRET.items():
        for name in names:
            for number, (value,) in enumerate(store.run(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")):
                raw = value.encode() if isinstance(value, str) else bytes(value)
                if len(raw) >= LEAST:
                    found[f"{table}.{name} {number}"] = raw
    for path in (target.server.home / "secrets").glob("*.keys"):
        for key in parse_ring(path.read_text()).keys:
            found[f"{path.name} {key.id}"] = key.secret
    return found


def life(target: Target) -> list[bytes]:
    """Two people use everything there is; what they are told."""
    bob, name = target.join(), fresh_name()
    body = {"username": name, "password": OWN_PASSWORD}
    assert target.ask("POST", "/api/auth/register/", body).status == 201
    alice = Person(name, target.pair(name, OWN_PASSWORD)["access"])
    told: list[bytes] = []
    export = None
    with target.socket(alice.token, [V1]) as v1, target.socket(bob.token) as plain:
        v1.say({"type": "hello", "position": 0})
        for number in range(2):
            told.append(json.dumps(target.send(alice, bob, f"letter {number}")).encode())
            told.append(json.dumps(target.send(bob, alice, f"answer {number}")).encode())
        for name, operation in {f"{each.method} {each.path}": each for each in OPERATIONS}.items():
            who = alice if "logout" not in name and name != "DELETE /api/auth/sessions/" else target.join()
            numbers = dict.fromkeys(("session_id", "passkey_id"), 1) | {"message_id": 1}
            for token in (who.token, None):
                reply = target.ask(operation.method, path_of(name, numbers, bob.name), GOOD.get(name), token=token)
                told.append(whole(reply))
                export = (reply.status, token) if name == "POST /api/auth/export/" and token else export
        told += [whole(target.ask("POST", "/api/auth/login/", body))]
        target.send(alice, bob, "the end")
        for opened in (v1, plain):
            while "the end" not in (frame := json.dumps(opened.hear())):
                told.append(frame.encode())
    assert export == (200, alice.token)
    return told


def whole(reply: Reply) -> bytes:
    """Headers and body; of a packed file what is in it."""
    body = reply.body
    if reply.headers.get("content-type") == "application/zip":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            body = b"\n".join(packed.read(name) for name in packed.namelist())
        assert b"letter 0" in body
    return json.dumps(reply.headers).encode() + body


def fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each)


def test_every_column_is_known_as_a_secret_or_as_none(store: Store) -> None:
    known = {table: {*SECRET.get(table, ()), *HARMLESS.get(table, ())} for table in SECRET.keys() | HARMLESS.keys()}
    assert columns(store) == known
    assert not [name for table in SECRET for name in SECRET[table] if name in HARMLESS.get(table, ())]


def test_the_search_finds_a_secret_in_every_form() -> None:
    value = bytes(range(200, 232))
    said = [b"{%b}" % value, value.hex().encode(), base64.b64encode(b"" + value), base64.urlsafe_b64encode(value)]
    assert all(any(form in text for form in forms(value)) for text in said)


def test_nothing_secret_is_in_any_answer_or_frame(target: Target, store: Store) -> None:
    told = life(target)
    everything = b"\n".join(told)
    secrets = secrets_of(target, store)
    assert {name.partition(" ")[0] for name in secrets} >= {
        *("users.password", "sessions.refresh_mac", "sessions.seal", "conversation_keys.wrapped", "messages.body"),
    }
    assert len(secrets) > 20
    assert [name for name, value in secrets.items() if any(form in everything for form in forms(value))] == []
    assert OWN_PASSWORD.encode() not in everything


def test_no_field_of_an_answer_is_named_like_a_secret(target: Target) -> None:
    told = life(target)
    names = set()
    for text in told:
        for part in (text, text.partition(b"}")[2]):  # headers come before a body
            try:
                names |= set(fields(json.loads(part)))
            except ValueError:
                continue
    ours = {name for name in names if "-" not in name and "/" not in name and "{" not in name}
    assert len(ours) > 20
    assert [name for name in ours for word in FORBIDDEN if word in name.lower()] == []
