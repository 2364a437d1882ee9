"""What is left of somebody in the files themselves: every byte of a database and of all logs, before and after.

docs/operations.md says what stays where and for how long; this is where it is looked for.
"""

import asyncio
import base64
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from cryptography.fernet import InvalidToken
from psycopg2 import sql

import models.erasure
from actions import erasure, expiry
from crypto.keyring import parse_ring
from settings import load
from tests.instances import ROOT, Instance
from tests.servers import PostgresServer
from wiring.build import build_app, load_keys, open_database

PASSWORD = "correct horse battery"
# Where PostgreSQL keeps what it has written lately.
WRITE_AHEAD = ("pg_wal",)
IN_THE_CLEAR = {"her name", "her device", "her display name"}
Ask = Callable[[str], list[tuple[Any, ...]]]


class Search:
    """Marks, and the folders in whose files they are looked for; `texts` are the kinds that nobody may ever find."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self.marks: dict[str, bytes] = {}
        self.texts: set[str] = set()

    def add(self, kind: str, value: bytes) -> None:
        self.marks[kind] = value

    def text(self, kind: str) -> str:
        """A word that stands nowhere else, as the text of a message."""
        self.texts.add(kind)
        return self.word(kind)

    def word(self, kind: str) -> str:
        """A word that stands nowhere else, of letters and digits, as a name is."""
        made = f"mark{secrets.token_hex(8)}"
        self.add(kind, made.encode())
        return made

    def rows(self, kind: str, rows: list[tuple[Any, ...]]) -> None:
        for number, row in enumerate(rows):
            self.add(f"{kind} {number}", bytes(row[0]))

    def found(self, *, without: tuple[str, ...] = ()) -> set[str]:
        """The kinds of marks that stand in some file, in any of the forms in which they could."""
        seen: set[str] = set()
        for path in (path for folder in self.folders for path in folder.rglob("*") if path.is_file()):
            if not any(part in path.parts for part in without):
                content = path.read_bytes()
                seen |= {kind for kind, value in self.marks.items() if any(form in content for form in forms(value))}
        return seen


def forms(value: bytes) -> list[bytes]:
    return [value, value.hex().encode(), base64.b64encode(value), value.decode("latin-1").encode("utf-16-le")]


def test_the_search_finds_every_form(tmp_path: Path) -> None:
    for form in forms(b"mark1234"):
        (tmp_path / "file").write_bytes(b"... " + form + b" ...")
        search = Search(tmp_path)
        search.add("it", b"mark1234")
        search.add("another", b"mark4321")
        assert search.found() == {"it"}
    assert search.found(without=("file",)) == set()


def live(instance: Instance, search: Search) -> tuple[str, str]:
    """Somebody who leaves much behind, and a friend: her token and his."""
    her, him = search.word("her name"), "bob"
    instance.register(her)
    his = instance.join(him)
    signing = {"username": her, "password": PASSWORD, "device": search.word("her device")}
    hers: str = instance.call("POST", "/api/auth/login/", signing).json["access"]
    profile = {"display_name": search.word("her display name")}
    assert instance.call("PATCH", "/api/users/me/", profile, token=hers).status == 200

    def send(token: str, to: str, kind: str, **more: Any) -> int:
        body = {"recipient": to, "content": search.text(kind), **more}
        number: int = instance.call("POST", "/api/auth/send/", body, token=token).json["id"]
        return number

    send(hers, him, "a message of hers")
    send(hers, her, "a note of hers")
    edited = send(hers, him, "the first text of an edited one")
    body = {"content": search.text("the second text")}
    assert instance.call("PATCH", f"/api/messages/{edited}/", body, token=hers).status == 200
    deleted = send(hers, him, "a message she deleted")
    assert instance.call("DELETE", f"/api/messages/{deleted}/", token=hers).status == 204
    send(hers, him, "a message that disappears", ttl_seconds=1)
    send(his, her, "a message of his")
    return hers, his


def erase(instance: Instance, token: str, ask: Ask) -> None:
    """Her account goes, and so much time passes that nothing is left to do."""
    assert instance.call("DELETE", "/api/auth/account/", {"password": PASSWORD}, token=token).status == 204
    ask("UPDATE erasures SET begun_at = 0, touched_at = 0")
    asyncio.run(_go_on(instance))
    ask("UPDATE doomed_keys SET after_at = 0")
    asyncio.run(_go_on(instance))


async def _go_on(instance: Instance) -> None:
    """What every instance does once a minute."""
    settings = load(instance.environment, ROOT / "settings.toml")
    db = await open_database(settings)
    app = build_app(settings, db, await load_keys(settings, instance.environment, db))
    try:
        await expiry.sweep(app)
        await erasure.resume(app)
    finally:
        app.hashing.close()
        await db.close()


def what_he_has(instance: Instance, token: str) -> list[bytes]:
    return [each["content"].encode() for each in instance.call("GET", "/api/auth/messages/", token=token).json]


def test_sqlite_and_the_logs_hold_no_byte_of_somebody_erased(tmp_path: Path) -> None:
    search = Search(tmp_path)

    def ask(text: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(tmp_path / "recado.db", timeout=20)) as db, db:
            return db.execute(text).fetchall()

    with Instance(tmp_path, settings={"RECADO_LOG_LEVEL": "debug"}) as instance:
        hers, his = live(instance, search)
        search.rows("ciphertext", ask("SELECT body FROM messages WHERE body IS NOT NULL"))
        search.rows("wrapped key", ask("SELECT wrapped FROM conversation_keys"))
        before = search.found()
        assert before >= IN_THE_CLEAR | {"ciphertext 0", "wrapped key 0"}
        assert before & search.texts == set()
        erase(instance, hers, ask)
        # While it runs, and there is a -wal; his own words, which stay, are sealed anew.
        assert search.found() == set()
        assert what_he_has(instance, his) == [search.marks["a message of his"]]
    assert search.found() == set()


def of_postgres(url: str) -> Ask:
    def ask(text: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(url)) as db:
            db.autocommit = True  # VACUUM wants no transaction
            with db.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else []

    return ask


def test_postgresql_holds_what_the_documents_say(tmp_path: Path, own_postgres: PostgresServer) -> None:
    search = Search(tmp_path, own_postgres.directory / "cluster")
    url = own_postgres.create_database()
    ask = of_postgres(url)
    with Instance(tmp_path, database_url=url, settings={"RECADO_LOG_LEVEL": "debug"}) as instance:
        hers, his = live(instance, search)
        search.rows("ciphertext", ask("SELECT body FROM messages WHERE body IS NOT NULL"))
        search.rows("wrapped key", ask("SELECT wrapped FROM conversation_keys"))
        own_postgres.databases.run(sql.SQL("CHECKPOINT"))
        before = search.found(without=WRITE_AHEAD)
        assert before >= IN_THE_CLEAR | {"ciphertext 0", "wrapped key 0"}
        assert before & search.texts == set()
        erase(instance, hers, ask)
        assert what_he_has(instance, his) == [search.marks["a message of his"]]
    # What no query finds stands in the free room of its page until that is used again, or the table is written anew.
    for table in models.erasure.VACUUMED:
        ask(f"VACUUM FULL {table}")
    own_postgres.databases.run(sql.SQL("CHECKPOINT"))
    assert search.found(without=WRITE_AHEAD) == set()
    # In the write-ahead log it stands until that file is used again: names and ciphertext, and no text even there.
    kept = search.found()
    assert kept >= {"her name", "ciphertext 0", "wrapped key 0"}
    assert kept & search.texts == set()


def test_what_the_write_ahead_log_keeps_opens_with_no_key_that_is_left(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    """The conversation's key is gone; the copy of it there was wrapped by a master that went with the next rotation."""
    search = Search(own_postgres.directory / "cluster")
    url = own_postgres.create_database()
    ask = of_postgres(url)
    with Instance(tmp_path, database_url=url) as instance:
        hers, _ = live(instance, search)
        search.rows("wrapped key", ask("SELECT wrapped FROM conversation_keys"))
        wrapped = [value for kind, value in search.marks.items() if kind.startswith("wrapped")]
        file = tmp_path / "secrets" / "master.keys"
        (old,) = parse_ring(file.read_text()).keys
        assert all(old.fernet.decrypt(each) for each in wrapped)
        erase(instance, hers, ask)
        assert search.found() >= {"wrapped key 0", "wrapped key 1"}
        keys(instance, "add", "master")
        keys(instance, "rotate")
        ask("UPDATE key_uses SET since = since - 3600000")
        keys(instance, "retire", "master", old.id)
    for key in parse_ring(file.read_text()).keys:
        assert key.id != old.id
        for each in wrapped:
            with pytest.raises(InvalidToken):
                key.fernet.decrypt(each)


def keys(instance: Instance, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "server.py"), "keys", *arguments]
    ended = subprocess.run(command, env=instance.environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
