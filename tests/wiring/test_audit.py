"""The audit log at work: the file of checkpoints, the commands, a crash, a role that may only insert."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import peewee
import pytest
from psycopg2 import sql

from crypto import checkpoints
from crypto.checkpoints import Checkpoint
from models.db import Engine, execute, fetch, open_engine
from settings import load
from tests.instances import ROOT, Instance
from tests.servers import GivenPostgres, PostgresServer
from wiring.audit import append_line, fingerprint, read_checkpoints

SECONDS = 60
ROLES = ROOT / "deploy" / "postgres-roles.sql"
LINE = checkpoints.to_line(
    Checkpoint(log="a", number=1, at=1, record=1, link=b"", floor=0, floor_link=b"", previous=b"")
)


def command(running: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Another process of the same installation."""
    return subprocess.run(
        [sys.executable, str(ROOT / "server.py"), "audit", *arguments],
        env=running.environment,
        cwd=running.home,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def in_database(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run these as whoever the URL names; the rows of the last one."""
    engine: Engine = open_engine(url)
    engine.connect()
    try:
        with engine.atomic():
            for statement in statements[:-1]:
                execute(engine, statement)
            last = statements[-1]
            return fetch(engine, last) if last.startswith("SELECT") else [(execute(engine, last),)]
    finally:
        engine.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """An instance that makes checkpoints often."""
    settings = {"RECADO_AUDIT_CHECKPOINT_RECORDS": "3"}
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with Instance(tmp_path, database_url=url, settings=settings) as instance:
        yield instance


def url_of(running: Instance) -> str:
    return running.environment.get("DATABASE_URL", f"sqlite:///{running.home / 'recado.db'}")


def file_of(running: Instance) -> Path:
    return running.home / "audit-checkpoints.jsonl"


# The file


def test_a_line_is_appended_and_nothing_before_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    append_line(path, LINE)
    append_line(path, LINE)
    assert path.read_text() == f"{LINE}\n{LINE}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    path.write_text(LINE[:40])
    append_line(path, LINE)
    found, broken = read_checkpoints(path)
    assert ([each.number for each in found], broken) == ([1], 1)


def test_checkpoints_are_found_in_a_standard_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_bytes(
        b"Recado is at http://x\n\xff\xfe\nrecado1  | " + LINE.encode() + b"\n" + LINE.encode() + b"\n{}\n"
    )
    found, broken = read_checkpoints(path)
    assert ([each.number for each in found], broken) == ([1], 0)
    assert read_checkpoints(path, 10) == ([], 0)
    assert len(read_checkpoints(path, len(LINE) + 20)[0]) == 1


def test_a_setting_changes_the_fingerprint_and_a_password_does_not(tmp_path: Path) -> None:
    def of(**environ: str) -> str:
        return fingerprint(load(environ, ROOT / "settings.toml"))

    assert of() == of()
    assert of() != of(RECADO_AUTH_BCRYPT_ROUNDS="11")
    one, other = ("postgresql://recado:one@db/recado", "postgresql://recado:other@db/recado")
    assert of(DATABASE_URL=one) == of(DATABASE_URL=other)


# The commands, beside a running instance


def test_tampering_is_told_by_the_command_with_kind_place_and_exit_code(running: Instance) -> None:
    for name in ("alice", "bob", "carol"):
        running.join(name)
    running.stop()
    running.start()
    running.join("dave")
    intact = command(running, "verify")
    assert (intact.returncode, intact.stderr) == (0, ""), intact
    assert intact.stdout.splitlines()[-1] == "intact"
    public = running.home / "public"
    public.write_text(command(running, "keys").stdout)
    copy = running.home / "copy.jsonl"
    copy.write_text(file_of(running).read_text())
    without_secrets = {"public": ("--public-key", str(public), "--checkpoints", str(copy)), "own": ()}
    for arguments in without_secrets.values():
        assert command(running, "verify", *arguments).returncode == 0
    disarm = (
        "ALTER TABLE audit DISABLE TRIGGER USER" if "DATABASE_URL" in running.environment else "DROP TRIGGER audit_kept"
    )
    in_database(url_of(running), disarm, "UPDATE audit SET outcome = 'x' WHERE id = 4")
    for arguments in without_secrets.values():
        told = command(running, "verify", *arguments)
        assert told.returncode == 1
        assert told.stdout.startswith("edited: record 4\n")
        assert told.stdout.splitlines()[-1] == "TAMPERED"
    results = in_database(
        url_of(running), "SELECT outcome FROM audit WHERE action = 'audit_verify' ORDER BY id DESC LIMIT 1"
    )
    assert results == [("failed",)]
    running.stop()
    running.start()
    running.stop()
    assert "the audit log was tampered with" in running.log()


def test_what_was_cut_off_while_it_stood_still_is_told_by_the_file(running: Instance) -> None:
    running.join("alice")
    running.stop()
    every = [f"DELETE FROM {table}" for table in ("audit", "audit_checkpoints", "audit_head")]
    disarm = (
        [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("audit", "audit_checkpoints")]
        if "DATABASE_URL" in running.environment
        else ["DROP TRIGGER audit_stays", "DROP TRIGGER audit_checkpoints_stay"]
    )
    in_database(url_of(running), *disarm, *every)
    told = command(running, "verify")
    assert told.returncode == 1
    assert told.stdout.startswith("truncated: records 1 to ")


def test_the_first_key_is_handed_out_once_and_checks_every_mac(running: Instance) -> None:
    running.join("alice")
    secret = running.home / "elsewhere"
    given = command(running, "init", "--to", str(secret))
    assert (given.returncode, given.stderr) == (0, ""), given
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().split()[2] not in given.stdout
    assert in_database(url_of(running), "SELECT first_key FROM audit_head") == [(None,)]
    again = command(running, "init")
    assert "handed out before" in again.stdout
    assert "recado-audit-1" not in again.stdout
    checked = command(running, "verify", "--first-key", str(secret))
    assert (checked.returncode, "MACs checked: all" in checked.stdout) == (0, True)


def test_files_that_are_not_what_they_should_be_are_told(instance: Instance, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    nonsense.chmod(0o600)
    for option in ("--public-key", "--first-key"):
        for path in (nonsense, tmp_path / "none"):
            told = command(instance, "verify", option, str(path))
            assert (told.returncode, told.stdout) == (78, ""), told
            assert told.stderr.startswith("recado: ")
    assert command(instance, "verify", "--checkpoints", str(tmp_path / "none")).returncode == 78
    assert command(instance, "init", "--to", str(nonsense)).returncode == 78
    assert "recado-audit-1" in command(instance, "init").stdout  # it was not lost to a file that could not be made


# As long as it runs


def test_checkpoints_leave_by_the_file_and_by_the_standard_output(running: Instance) -> None:
    running.join("alice")
    running.stop()
    found, broken = read_checkpoints(file_of(running))
    assert broken == 0
    assert found
    assert read_checkpoints(running.log_path)[0] == found
    rows = in_database(url_of(running), "SELECT max(id) FROM audit")
    assert found[-1].record == rows[0][0]  # leaving, it covered all
    actions = [row[0] for row in in_database(url_of(running), "SELECT action FROM audit ORDER BY id")]
    assert (actions[0], actions[-1]) == ("server_start", "server_stop")
    for line in running.log().splitlines():
        if line.startswith("{"):
            json.loads(line)


def test_the_checkpoints_of_a_log_begun_anew_go_out_beside_those_of_the_old_one(tmp_path: Path) -> None:
    with Instance(tmp_path, settings={"RECADO_AUDIT_CHECKPOINT_RECORDS": "1"}) as running:
        running.join("alice")
        running.stop()
        old = read_checkpoints(file_of(running))[0]
        for path in tmp_path.glob("recado.db*"):
            path.unlink()
        running.start()
        running.stop()
        both = read_checkpoints(file_of(running))[0]
        assert both[: len(old)] == old
        assert both[len(old)].number == 1
        assert both[len(old)].log != old[0].log
        assert "of another log, which is gone" in running.log()


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    settings = {"RECADO_AUDIT_CHECKPOINT_FILE": "checkpoints/none/file", "RECADO_AUDIT_CHECKPOINT_RECORDS": "1"}
    with Instance(tmp_path, settings=settings) as running:
        running.join("alice")
        assert running.stop() == 0
        assert running.log().count("checkpoints cannot be written") == 1
        assert read_checkpoints(running.log_path)[0]


def test_without_a_file_checkpoints_go_to_the_standard_output(tmp_path: Path) -> None:
    with Instance(tmp_path, settings={"RECADO_AUDIT_CHECKPOINT_FILE": ""}) as running:
        running.join("alice")
        running.stop()
        assert read_checkpoints(running.log_path)[0]
        assert not file_of(running).exists()


def test_two_instances_that_are_killed_while_they_write_leave_an_intact_log(
    replicas: tuple[Instance, Instance],
) -> None:
    first, second = replicas
    people = [f"person{number}" for number in range(16)]

    def come(name: str, instance: Instance) -> None:
        with suppress(OSError, HTTPException, AssertionError):
            instance.join(name)
            while True:
                instance.sign_in(name)

    with ThreadPoolExecutor(len(people)) as crowd:
        for number, name in enumerate(people):
            crowd.submit(come, name, replicas[number % 2])
        recorded = 0
        while recorded < 100:
            recorded = in_database(url_of(first), "SELECT count(*) FROM audit")[0][0]
        first.kill()
        second.kill()
    first.port = second.port = 0
    first.start()
    first.join("latecomer")
    told = command(first, "verify")
    assert (told.returncode, told.stdout.splitlines()[-1]) == (0, "intact"), told


# A role that may only insert


def test_the_server_runs_as_a_role_that_can_only_add_to_the_log(
    postgres_server: PostgresServer | GivenPostgres, postgres_url: str, tmp_path: Path
) -> None:
    owner = Instance(tmp_path, database_url=postgres_url)
    migrated = subprocess.run(
        [sys.executable, str(ROOT / "server.py"), "migrate"],
        env=owner.environment,
        cwd=tmp_path,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert migrated.returncode == 0, migrated
    role = f"server_{os.urandom(4).hex()}"
    postgres_server.databases.run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(role)))
    try:
        _grant(postgres_server, postgres_url, role)
        _live_as(role, postgres_url, tmp_path)
    finally:
        _give_up(postgres_server, postgres_url, role)


def _grant(server: PostgresServer | GivenPostgres, url: str, role: str) -> None:
    script = ROLES.read_text().replace("recado_server", role)
    # The schema belongs to the database's owner in production, here to the administrator.
    code = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    statements = [each for each in code.split(";") if each.strip() and "ON SCHEMA public FROM" not in each]
    in_database(url, *statements)


def _live_as(role: str, owner_url: str, home: Path) -> None:
    parts = urlsplit(owner_url)
    url = urlunsplit(parts._replace(netloc=f"{role}:x@{parts.hostname}:{parts.port}"))
    settings = {"RECADO_DATABASE_MIGRATE": "false", "RECADO_AUDIT_CHECKPOINT_RECORDS": "2"}
    with Instance(home, database_url=url, settings=settings) as running:
        running.join("alice")
        token = running.join("bob")
        sent = running.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "hi"}, token=token)
        assert sent.status == 201
        assert running.stop() == 0
        told = command(running, "verify")
        assert (told.returncode, told.stdout.splitlines()[-1]) == (0, "intact"), told
    for statement in (
        "UPDATE audit SET at = 1",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM audit_checkpoints",
        "ALTER TABLE audit DISABLE TRIGGER USER",
        "DROP TABLE audit",
    ):
        with pytest.raises(peewee.ProgrammingError, match=r"permission denied|must be owner"):
            in_database(url, statement)
    # What no checkpoint has closed off stays, whatever a temporary table says; what is closed off may go.
    fake = "CREATE TEMPORARY TABLE audit_checkpoints (floor bigint, record bigint)"
    assert in_database(url, fake, "INSERT INTO pg_temp.audit_checkpoints VALUES (9, 9)", "SELECT audit_drop(99)") == [
        (0,)
    ]


def _give_up(server: PostgresServer | GivenPostgres, url: str, role: str) -> None:
    in_database(url, f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
    in_database(url, f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}")
    with suppress(peewee.DatabaseError):
        in_database(url, f"REVOKE ALL ON SCHEMA public FROM {role}")


def test_the_doctor_says_where_the_first_key_lies(tmp_path: Path) -> None:
    with Instance(tmp_path) as running:

        def notes() -> list[str]:
            ended = subprocess.run(
                [sys.executable, str(ROOT / "server.py"), "doctor"],
                env=running.environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            return [line for line in ended.stdout.splitlines() if "first key of the audit log" in line]

        assert len(notes()) == 1
        assert command(running, "init").returncode == 0
        assert notes() == []
