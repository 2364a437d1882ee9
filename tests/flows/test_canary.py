"""Nothing that is secret is left behind: not in a log, not on a disk, not on the bus, whatever fails.

Every operation and the socket are driven with marked passwords, tokens, contents and queries, in success
and in failure; then everything that an operator could ever look at is searched for the marks.
"""

import base64
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import create_connection, socket
from urllib.parse import quote

import psycopg2
import pyotp
import pytest

from handlers.routes import OPERATIONS
from tests.handlers.corpus import GOOD
from tests.handlers.raw import BINARY, Headers, ask, raw_socket
from tests.instances import Instance, Reply
from tests.servers import PostgresServer, RedisServer
from tests.wiring.test_people import token_in, user

JSON = ("Content-Type", "application/json")
PREFIX = 12
Spoil = Callable[[str], None]


class Marks:
    """The secrets of a run: what was made up here (all begin alike), and what the server gave out."""

    def __init__(self) -> None:
        self.start = f"zq{secrets.token_hex(8)}"
        self.made = 0
        self.tokens: dict[str, str] = {}

    def word(self) -> str:
        """A fresh secret that nobody else could write."""
        self.made += 1
        return f"{self.start}{self.made:04}"

    def token(self, kind: str, text: str) -> str:
        """A secret that the server made."""
        self.tokens[f"{kind} {len(self.tokens)}"] = text
        return text

    def forms(self) -> dict[str, bytes]:
        """Each secret in every form in which it could be written down."""
        found: dict[str, bytes] = {}
        for kind, text in {"a secret": self.start, **self.tokens}.items():
            raw = text.encode()
            found[f"{kind} as it is"] = raw
            found[f"{kind} in hex"] = raw.hex().encode()
            found[f"{kind} in HEX"] = raw.hex().upper().encode()
            found[f"{kind} in a URL"] = quote(text, safe="").encode()
            found[f"{kind} percent by percent"] = "".join(f"%{byte:02x}" for byte in raw).encode()
            for shift in range(3):
                # What of the encoded text does not depend on its neighbours.
                encoded = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
                found[f"{kind} in base64, shifted by {shift}"] = encoded
        for kind, text in self.tokens.items():
            parts = [part for part in text.split(".") if not part.isdecimal()]  # a ticket begins with its owner's id
            found |= {f"the start of {kind}, part {n}": part[:PREFIX].encode() for n, part in enumerate(parts)}
        return found

    def found_in(self, name: str, content: bytes) -> list[str]:
        """Which secret was found, and what stands around it."""
        leaks = ((kind, content.find(form)) for kind, form in self.forms().items())
        return [f"{kind} in {name}: {content[max(0, at - 80) : at + 40]!r}" for kind, at in leaks if at >= 0]


def sign_in(instance: Instance, marks: Marks, name: str, password: str) -> str:
    pair = instance.call("POST", "/api/auth/login/", {"username": name, "password": password}).json
    marks.token("a refresh token", pair["refresh"])
    return marks.token("an access token", pair["access"])


def drive_well(instance: Instance, other: Instance, marks: Marks) -> dict[str, str]:
    """Two people and a good day, on two instances: who they are, and their passwords."""
    people = {f"{name}{secrets.token_hex(3)}": marks.word() for name in ("anna", "bert")}
    for name, password in people.items():
        assert instance.call("POST", "/api/auth/register/", {"username": name, "password": password}).status == 201
    (anna, bert), token = people, ""
    token = sign_in(instance, marks, anna, people[anna])
    theirs = sign_in(other, marks, bert, people[bert])
    own = ("Origin", instance.url)
    body = json.dumps({"username": anna, "password": people[anna]}).encode()
    page = ask(instance, "POST", "/api/auth/login/", [JSON, own, ("X-Recado-Session", "cookie")], body)
    cookie = marks.token("a cookie", page.headers["set-cookie"].partition("=")[2].partition(";")[0])
    marks.token("an access token", page.json["access"])
    renewed = ask(
        *(instance, "POST", "/api/auth/refresh/"),
        [JSON, own, ("X-Recado-Session", "cookie"), ("Cookie", f"__Host-recado={cookie}")],
        b"{}",
    )
    marks.token("a cookie", renewed.headers["set-cookie"].partition("=")[2].partition(";")[0])
    pair = instance.call("POST", "/api/auth/login/", {"username": anna, "password": people[anna]}).json
    again = instance.call(
        "POST", "/api/auth/refresh/", {"refresh": marks.token("a used refresh token", pair["refresh"])}
    )
    marks.token("a refresh token", again.json["refresh"])
    assert instance.call("POST", "/api/auth/refresh/", {"refresh": pair["refresh"]}).status == 200  # an answer got lost
    ticket = marks.token("a ticket", instance.call("POST", "/api/auth/ws-ticket/", token=token).json["ticket"])
    with (
        raw_socket(instance, target=f"/ws/chat/?ticket={ticket}") as here,
        raw_socket(other, theirs) as there,
        raw_socket(other, headers=[("Authorization", f"Bearer {theirs}")]) as third,
    ):
        assert (here.status, there.status, third.status) == (101, 101, 101)
        by_socket, by_api = marks.word(), marks.word()
        here.say({"recipient": bert, "content": by_socket})
        assert [each.hear()["message"] for each in (here, there, third)] == [by_socket] * 3
        sent = other.call("POST", "/api/auth/send/", {"recipient": anna, "content": by_api}, token=theirs)
        assert sent.status == 201
        assert [each.hear()["message"] for each in (here, there, third)] == [by_api] * 3
    for path in (
        "/api/auth/messages/?limit=1",
        f"/api/auth/messages/?with={bert}",
        f"/api/messages/{sent.json['id']}/",
    ):
        assert instance.call("GET", path, token=token).status == 200
    assert instance.call("GET", f"/api/auth/check-username/?username={marks.word()}").json == {"exists": False}
    for path in ("/api/conversations/", "/api/users/me/", "/livez", "/readyz", "/"):
        assert instance.call("GET", path, token=token).status == 200
    leaving = sign_in(instance, marks, anna, people[anna])
    assert instance.call("POST", "/api/auth/logout/", token=leaving).status == 204
    drive_factors(instance, other, marks, anna, people[anna])
    people[anna] = drive_passwords(instance, other, marks, anna, people[anna])
    return people


def drive_factors(instance: Instance, other: Instance, marks: Marks, name: str, password: str) -> None:
    """Somebody takes a second factor, signs in with it, and gives it up."""
    token = sign_in(instance, marks, name, password)
    seed = marks.token("a seed", instance.call("POST", "/api/auth/totp/", token=token).json["secret"])
    confirmed = other.call("POST", "/api/auth/totp/confirm/", {"otp": pyotp.TOTP(seed).now()}, token=token)
    codes = [marks.token("a recovery code", code) for code in confirmed.json["recovery_codes"]]
    asked = instance.call("POST", "/api/auth/login/", {"username": name, "password": password}).json
    shown = {"mfa_token": marks.token("a pending sign-in", asked["mfa_token"]), "recovery_code": marks.word()}
    assert other.call("POST", "/api/auth/login/second-factor/", shown).status == 401
    pair = other.call("POST", "/api/auth/login/second-factor/", shown | {"recovery_code": codes[0]}).json
    marks.token("an access token", pair["access"])
    proof = {"password": password, "recovery_code": codes[1]}
    assert instance.call("DELETE", "/api/auth/totp/", proof, token=token).status == 204


def drive_passwords(instance: Instance, other: Instance, marks: Marks, name: str, password: str) -> str:
    """Somebody proves who they are, changes the password, and sets it by a token of the operator: the last one."""
    token, changed, last = sign_in(instance, marks, name, password), marks.word(), marks.word()
    for shown, status in ((marks.word(), 401), (password, 204)):
        assert other.call("POST", "/api/auth/step-up/", {"password": shown}, token=token).status == status
        body = {"current": shown, "new": changed}
        assert instance.call("POST", "/api/auth/password/", body, token=token).status == status
    reset = marks.token("a reset token", token_in(user(instance, "reset-password", name)))
    for new, status in (("short", 400), (last, 204), (marks.word(), 401)):
        assert other.call("POST", "/api/auth/password/reset/", {"token": reset, "new": new}).status == status
    return last


def drive_badly(instance: Instance, marks: Marks, people: dict[str, str]) -> None:
    """Every way to be refused, on every operation and on the socket."""
    (anna, bert), limit = people, 300_000
    call = instance.call
    token = sign_in(instance, marks, anna, people[anna])
    assert call("POST", "/api/auth/login/", {"username": anna, "password": marks.word()}).status == 401
    typed = {"username": marks.word(), "password": marks.word()}
    assert call("POST", "/api/auth/login/", typed).status == 401
    for name in (anna, "a b", marks.word() * 3):
        assert call("POST", "/api/auth/register/", {"username": name, "password": marks.word()}).status >= 400
    for refused in ("rt1_" + marks.word(), marks.word()):
        assert call("POST", "/api/auth/refresh/", {"refresh": refused}).status == 401
    for operation in OPERATIONS:
        path = operation.path.replace("{message_id}", "1").replace("{session_id}", "1").replace("{passkey_id}", "1")
        good = GOOD.get(f"{operation.method} {operation.path}", {"x": 1})
        spoilt: list[bytes] = [
            *(f'{{"{field}": "{marks.word()}", "{field}": 1}}'.encode() for field in good),
            *(json.dumps(good | {field: [marks.word()]}).encode() for field in good),
            *(f'{{"a": {depth}"{marks.word()}'.encode() for depth in ("", "[" * 40, "NaN, ")),
            json.dumps({marks.word(): 1}).encode(),
            f'"{marks.word()}'.encode() + b"\xff\xed\xa0\x80",
            marks.word().encode() * (limit // 22),
        ]
        for body in spoilt:
            query = f"?{marks.word()}={marks.word()}&token={marks.word()}&a=%zz"
            headers: Headers = [
                *((JSON, ("Authorization", f"Bearer {token}"), ("Cookie", f"__Host-recado={marks.word()}"))),
                *(("Referer", f"/?{marks.word()}"), ("X-Request-Id", marks.word())),
            ]
            assert refused_well(ask(instance, operation.method, path + query, headers, body)), path
            assert refused_well(ask(instance, operation.method, path, [JSON], body)) or not operation.signed_in
        for scheme in ("Bearer", "Basic"):
            shown = ("Authorization", f"{scheme} {marks.word()}")
            ask(instance, operation.method, path, [shown, ("Content-Type", marks.word())], b"{}")
        ask(instance, "FOO" + marks.word(), path)
        ask(instance, "GET", f"{path}{marks.word()}")
    for target, headers in (
        (f"/ws/chat/?token={marks.word()}", ()),
        (f"/ws/chat/?ticket={marks.word()}&{marks.word()}=%ff", ()),
        (f"/ws/chat/?token={token}&token={marks.word()}", ()),
        (f"/ws/chat/?token={token}", [("Origin", f"https://{marks.word()}")]),
        (f"/ws/chat/?token={token}", [("Upgrade", marks.word())]),
        ("/ws/chat/", [("Authorization", f"Bearer {marks.word()}")]),
        ("/ws/chat/", [("Sec-WebSocket-Protocol", marks.word())]),
    ):
        with raw_socket(instance, target=target, headers=headers) as answer:
            assert 400 <= answer.status < 500
    with raw_socket(instance, token) as opened:
        for text in (
            f'{{"recipient": "{bert}", "content": "{marks.word()}", "{marks.word()}": 1}}',
            f'{{"recipient": "{bert}", "content": "{marks.word()}\\u0000"}}',
            f'{{"recipient": "{bert}", "content": ["{marks.word()}"]}}',
            f'{{"recipient": "{marks.word()}", "content": "{marks.word()}"}}',
            f'{{"recipient": "{bert}", "content": "{marks.word() * 1000}"}}',
            f'{{"recipient": "{bert}", "content": "{marks.word()}", "client_id": "{marks.word()}"}}',
            marks.word(),
            marks.word() * (limit // 22),
        ):
            opened.say(text)
            assert "error" in opened.hear()
        opened.send(marks.word().encode(), BINARY)
        assert "error" in opened.hear()
        opened.send(marks.word().encode() + b"\xff")
        opened.close_code()
    with raw_socket(instance, token) as opened:
        opened.send(marks.word().encode(), rsv=7)
        opened.close_code()


def refused_well(reply: Reply) -> bool:
    return 400 <= reply.status < 500


def drive_into_failure(instance: Instance, marks: Marks, people: dict[str, str], spoil: Spoil) -> None:
    """A server whose database is not what it was: 500 and 503 over HTTP, error frames on the socket."""
    _, bert = people
    token = sign_in(instance, marks, bert, people[bert])
    with raw_socket(instance, token) as opened:
        assert opened.status == 101
        spoil("ALTER TABLE messages RENAME TO mislaid")
        opened.say({"recipient": bert, "content": marks.word()})
        body = {"recipient": bert, "content": marks.word()}
        assert instance.call("POST", f"/api/auth/send/?{marks.word()}=1", body, token=token).status >= 500
        assert opened.hear()["code"] in {"internal", "unavailable"}
        for path in ("/api/auth/messages/", "/api/conversations/", "/api/messages/1/"):
            query = f"?before=1&{marks.word()}=1" if path == "/api/auth/messages/" else ""
            assert instance.call("GET", path + query, token=token).status >= 500
        spoil("ALTER TABLE mislaid RENAME TO messages")


@contextmanager
def overheard(server: RedisServer) -> Iterator[bytearray]:
    """Everything that Redis is told meanwhile (MONITOR)."""
    from urllib.parse import urlsplit

    parts = urlsplit(server.url)
    heard = bytearray()

    def listen(line: socket) -> None:
        while got := line.recv(65_536):
            heard.extend(got)

    with create_connection((parts.hostname or "", parts.port or 0)) as line:
        if parts.password:
            user = parts.username or "default"
            line.sendall(f"AUTH {user} {parts.password}\r\n".encode())
        line.sendall(b"MONITOR\r\n")
        listener = threading.Thread(target=listen, args=(line,))
        listener.start()
        yield heard
        line.shutdown(2)
        listener.join()


def files_since(folder: Path, start: float) -> Iterator[Path]:
    """The files below `folder` that were written since; PostgreSQL's own template is none of ours."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mtime >= start:
            yield path


def nothing_in_files(marks: Marks, folder: Path, start: float) -> list[str]:
    return [leak for path in files_since(folder, start) for leak in marks.found_in(path.name, path.read_bytes())]


def test_the_search_finds_what_there_is_to_find(tmp_path: Path) -> None:
    marks = Marks()
    word, token = marks.word(), marks.token("a token", "rt1_abcdefghijklmnopqrstuvwxyz")
    for number, written in enumerate(
        (
            f"?password={word}",
            word.encode().hex(),
            base64.b64encode(f"x{word}".encode()).decode(),
            base64.b64encode(f"xy{word}".encode()).decode(),
            base64.b64encode(f"xyz{word}".encode()).decode(),
            "".join(f"%{byte:02x}" for byte in word.encode()),
            f"token={token[:12]}...",
        )
    ):
        (tmp_path / str(number)).write_text(f"... {written} ...")
    leaks = nothing_in_files(marks, tmp_path, 0)
    assert {leak.partition(":")[0].split()[-1] for leak in leaks} == {str(number) for number in range(7)}


def test_nothing_secret_is_left_in_logs_and_files_of_one_instance(tmp_path: Path) -> None:
    marks, start = Marks(), time.time() - 1

    def spoil(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "recado.db", timeout=20)) as db, db:
            db.execute(statement)

    with Instance(tmp_path) as running:
        people = drive_well(running, running, marks)
        drive_badly(running, marks, people)
        assert (tmp_path / "recado.db-wal").stat().st_size > 0
        anna = next(iter(people))
        spoil(f"UPDATE users SET password = x'ff00' WHERE name = '{anna}'")
        body = {"username": anna, "password": marks.word()}
        assert running.call("POST", f"/api/auth/login/?{marks.word()}=1", body).status == 500
        drive_into_failure(running, marks, people, spoil)
        alive = nothing_in_files(marks, tmp_path, start)  # while there is still a -wal
        log = running.log()
    assert alive + nothing_in_files(marks, tmp_path, start) == []
    assert marks.made > 500
    assert '"level": "error"' in log
    for status in (101, 200, 201, 204, 400, 401, 404, 405, 413, 415, 500):
        assert f'"status": {status},' in log, status


@pytest.mark.parametrize("style", ["json", "text"])
def test_nothing_secret_is_left_by_two_replicas_their_database_and_their_bus(
    tmp_path: Path, own_postgres: PostgresServer, own_redis: RedisServer, style: str
) -> None:
    marks, start = Marks(), time.time() - 1
    url = own_postgres.create_database()

    def spoil(statement: str) -> None:
        with closing(psycopg2.connect(url)) as db, db, db.cursor() as cursor:
            cursor.execute(statement)

    settings = {"RECADO_LOG_FORMAT": style, "RECADO_LOG_LEVEL": "debug", "RECADO_LIMITS_ENABLED": "true"}
    given = {"database_url": url, "redis_url": own_redis.url, "settings": settings}
    with overheard(own_redis) as heard, Instance(tmp_path, **given) as one, Instance(tmp_path, **given) as two:  # type: ignore[arg-type]
        people = drive_well(one, two, marks)
        if style == "json":
            drive_badly(one, marks, people)
            drive_into_failure(two, marks, people, spoil)
        token = sign_in(one, marks, next(iter(people)), next(iter(people.values())))
        with raw_socket(one, token) as opened:
            own_redis.kill()
            opened.say({"recipient": next(iter(people)), "content": marks.word()})
            assert "message" in opened.hear()
            own_postgres.kill()
            opened.say({"recipient": next(iter(people)), "content": marks.word()})
            assert opened.hear()["code"] in {"internal", "unavailable"}
        for instance in (one, two):
            body = {"username": marks.word(), "password": marks.word()}
            assert instance.call("POST", "/api/auth/login/", body).status == 503
            sent = {"recipient": next(iter(people)), "content": marks.word()}
            assert instance.call("POST", "/api/auth/send/", sent, token=token).status >= 500
            with raw_socket(instance, marks.word()) as refused:
                assert refused.status == 401
    assert b"PUBLISH" in heard.upper()
    assert marks.found_in("the bus", bytes(heard)) == []
    assert nothing_in_files(marks, tmp_path, start) == []
    assert nothing_in_files(marks, own_postgres.directory, start) == []
