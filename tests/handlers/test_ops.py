"""For whoever runs it: alive without asking anybody, ready only with its database as it should be."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.handlers.raw import ask
from tests.instances import Instance


def test_it_is_alive_and_ready(server: Instance) -> None:
    assert server.call("GET", "/livez").json == {"alive": True}
    reply = server.call("GET", "/readyz")
    assert (reply.status, reply.json) == (200, {"ready": True, "database": "ok", "migrations": "ok", "bus": "ok"})


def test_it_is_not_ready_on_a_database_of_another_version(tmp_path: Path) -> None:
    with Instance(tmp_path) as running:
        with closing(sqlite3.connect(tmp_path / "recado.db")) as db, db:
            db.execute("UPDATE schema_checksum SET sha256 = 'x'")
        reply = running.call("GET", "/readyz")
        assert (reply.status, reply.json["ready"], reply.json["database"]) == (503, False, "ok")
        assert "not the one that was applied" in reply.json["migrations"]
        assert running.call("GET", "/livez").status == 200


def test_neither_tells_versions_paths_or_addresses(server: Instance) -> None:
    for path in ("/livez", "/readyz"):
        text = ask(server, "GET", path).body.decode()
        assert not any(word in text.lower() for word in ("python", "tornado", "sqlite", "/", "localhost", "127."))
