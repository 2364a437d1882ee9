"""The command line as people and process managers meet it: real processes, their words and their exit codes."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.keyring import Ring, format_ring, make_key
from models.db import execute, open_engine
from models.migrate import DIRECTORY
from tests.instances import ROOT, Instance
from tests.programs import free_port
from tests.servers import PostgresServer
from tests.talk import talking

COMMANDS = ("serve", "migrate", "keys", "doctor", "user")
KEYS = [f"keys {name}" for name in ("init", "list", "add", "use", "rotate", "verify", "retire")]
EX_CONFIG, EX_UNAVAILABLE = 78, 69
SECONDS = 60

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Run `server.py` with these arguments to its end, in an environment of its own."""

    def ran(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "server.py"), *arguments],
            env=Instance(home).environment | {"PORT": "0"} | environ,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return ran


def faults(ended: subprocess.CompletedProcess[str], code: int = EX_CONFIG) -> list[str]:
    """The faults that were told, one a line; nothing else is printed."""
    assert ended.returncode == code, ended
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert all(line.startswith("recado: ") for line in lines), ended.stderr
    return [line.removeprefix("recado: ") for line in lines]


def of(ended: subprocess.CompletedProcess[str], level: str) -> list[str]:
    """The doctor's findings of one level."""
    assert ended.stderr == ""
    return [line for line in ended.stdout.splitlines() if line.split()[0] == level]


# Help


def test_help_names_every_command(run: Run) -> None:
    ended = run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(f"\n    {command} " in ended.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", ["serve", "migrate", "keys", *KEYS, "doctor", "user", "user reset-password"])
def test_each_command_has_help_and_does_nothing_for_it(run: Run, home: Path, command: str) -> None:
    ended = run(*command.split(), "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"server.py {command}" in ended.stdout
    assert list(home.iterdir()) == []


def test_a_command_that_does_not_exist_is_told_so(run: Run) -> None:
    ended = run("serv")
    assert ended.returncode == 2
    assert "serve" in ended.stderr
    assert "Traceback" not in ended.stderr


# Wrong settings


@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_every_wrong_setting_is_told_on_a_line_of_its_own(run: Run, home: Path, command: str) -> None:
    told = faults(
        run(
            command,
            RECADO_SERVER_PROT="1",
            RECADO_AUTH_BCRYPT_ROUNDS="99",
            DATABASE_URL="mysql://recado:very-secret@db/recado",
        )
    )
    assert len(told) == 3
    assert any("RECADO_SERVER_PROT" in fault and "did you mean RECADO_SERVER_PORT?" in fault for fault in told)
    assert any("RECADO_AUTH_BCRYPT_ROUNDS" in fault and "from 4 to 16" in fault for fault in told)
    assert any("DATABASE_URL" in fault and "postgresql://" in fault for fault in told)
    assert "very-secret" not in "".join(told)
    assert list(home.iterdir()) == []


def test_a_file_of_settings_that_is_missing_or_wrong_is_told(run: Run, home: Path) -> None:
    assert "cannot be read" in faults(run(RECADO_SETTINGS=str(home / "none.toml")))[0]
    (home / "own.toml").write_text("[server]\nprot = 1\n")
    assert "did you mean port?" in faults(run(RECADO_SETTINGS=str(home / "own.toml")))[0]


def test_a_weak_key_is_told_and_not_shown(run: Run) -> None:
    weak = "A" * 43
    (fault,) = faults(run(RECADO_SECRETS_BUS=f"k1 {weak}"))
    assert "bus" in fault
    assert weak not in fault


def test_a_port_that_is_taken_is_told_before_anything_is_made(run: Run, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # Tornado leaves the socket that could not be bound to the collector.
        (fault,) = faults(run(PORT=str(port), PYTHONWARNINGS=""))
    assert str(port) in fault
    assert "in use" in fault
    assert list(home.iterdir()) == []


def test_other_keys_than_the_databases_are_told_and_so_are_missing_ones(run: Run, home: Path) -> None:
    with Instance(home):
        pass
    master = home / "secrets" / "master.keys"
    held = master.read_text()
    other = format_ring(Ring((make_key(),)))
    master.write_text(other)
    (fault,) = faults(run())
    assert "not the database's own key" in fault
    assert held.split()[0] in fault
    assert other.split()[1] not in fault
    for path in (home / "secrets").iterdir():
        path.unlink()
    (fault,) = faults(run())
    assert "restore the key files" in fault
    assert list((home / "secrets").iterdir()) == []
    for ended in (run("doctor"),):
        assert ended.returncode == 1
        assert of(ended, "broken")
    assert list((home / "secrets").iterdir()) == []
    master.write_text(held)
    master.chmod(0o600)
    (fault,) = faults(run())
    assert "no key" in fault


def test_a_deployment_that_is_older_than_a_key_is_given_it_and_one_that_has_lost_it_is_told(
    run: Run, home: Path
) -> None:
    with Instance(home):
        pass
    keys = {path.name: path.read_text() for path in (home / "secrets").iterdir()}
    push = home / "secrets" / "push.keys"
    push.unlink()
    (fault,) = faults(run())
    assert fault.startswith("secrets: push: no key, but the database holds what was sealed with one")
    engine = open_engine(f"sqlite:///{home / 'recado.db'}")
    execute(engine, "DELETE FROM canaries WHERE purpose = 'push'")
    engine.close()
    with Instance(home):
        made = push.read_text()
    assert made != keys["push.keys"]
    assert {path.name: path.read_text() for path in (home / "secrets").iterdir()} == keys | {"push.keys": made}


def test_a_key_that_others_may_read_or_that_is_no_key_stops_the_start(run: Run, home: Path) -> None:
    with Instance(home):
        pass
    master = home / "secrets" / "master.keys"
    held = master.read_text()
    master.chmod(0o640)
    (fault,) = faults(run())
    assert "chmod 600" in fault
    master.chmod(0o600)
    for spoilt in ("", "k1\n", "k1 short\n", "k1 YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE\n", held + held):
        master.write_text(spoilt)
        (fault,) = faults(run())
        assert fault.startswith("secrets: master: ")
        assert held.split()[1] not in fault


def test_a_master_key_that_something_is_sealed_with_must_stay(run: Run, home: Path) -> None:
    with Instance(home) as instance:
        token = instance.join("alice")
        sent = instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "note"}, token=token)
        assert sent.status == 201
    master = home / "secrets" / "master.keys"
    held, fresh = master.read_text(), format_ring(Ring((make_key(),)))
    master.write_text(fresh + held)
    with Instance(home):
        pass  # now the database knows the new one as well
    master.write_text(fresh)
    (fault,) = faults(run())
    assert f"key {held.split()[0]} is missing" in fault
    master.write_text(fresh + held)
    assert run("keys", "rotate").returncode == 0
    master.write_text(fresh)
    with Instance(home) as instance:
        listed = instance.call("GET", "/api/auth/messages/", token=instance.sign_in("alice"))
        assert listed.json[0]["content"] == "note"


def test_pending_migrations_are_told_where_the_start_may_not_apply_them(run: Run, home: Path) -> None:
    (fault,) = faults(run(RECADO_DATABASE_MIGRATE="false"))
    assert "server.py migrate" in fault
    assert run("migrate").returncode == 0
    with Instance(home, settings={"RECADO_DATABASE_MIGRATE": "false"}) as instance:
        assert instance.call("GET", "/readyz").status == 200


def test_a_database_of_a_newer_version_is_told(run: Run, home: Path) -> None:
    assert run("migrate").returncode == 0
    change(f"sqlite:///{home}/recado.db", "INSERT INTO schema_checksum (name, sha256) VALUES ('9999_future', 'x')")
    for command in ("serve", "migrate"):
        (fault,) = faults(run(command))
        assert "9999_future" in fault


# A database out of reach


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_out_of_reach_has_a_code_of_its_own(run: Run, command: str) -> None:
    url = f"postgresql://recado:very-secret@127.0.0.1:{free_port()}/recado"
    (fault,) = faults(run(command, DATABASE_URL=url), EX_UNAVAILABLE)
    assert "database cannot be reached" in fault
    assert "very-secret" not in fault


def test_a_refused_password_of_the_database_is_out_of_reach_too(run: Run, own_postgres: PostgresServer) -> None:
    url = own_postgres.url.replace(own_postgres.password, "not-the-password")
    (fault,) = faults(run(DATABASE_URL=url), EX_UNAVAILABLE)
    assert "not-the-password" not in fault


# The end


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_server_cleanly(home: Path, signum: signal.Signals) -> None:
    instance = Instance(home)
    instance.start()
    token = instance.join("alice")
    assert instance.call("GET", "/api/auth/messages/", token=token).status == 200
    assert instance.stop(signum) == 0
    log = instance.log()
    assert "Traceback" not in log
    assert "Warning" not in log
    assert '"stopped"' in log


async def test_it_ends_cleanly_with_sockets_open_and_tells_them_to_come_back(home: Path) -> None:
    with Instance(home) as instance:
        token = instance.join("alice")
        async with talking(instance.socket_url, token) as talk:
            await talk.say({"recipient": "alice", "content": "note"})
            assert (await talk.hear())["message"] == "note"
            assert instance.process is not None
            instance.process.send_signal(signal.SIGTERM)
            assert await talk.closed() == 1012
        assert instance.stop() == 0
        assert "Traceback" not in instance.log()


# Migrations


def test_migrations_are_told_and_applied_once(run: Run, home: Path) -> None:
    first, second = run("migrate"), run("migrate")
    told = [f"applied {path.stem}" for path in sorted(DIRECTORY.glob("[0-9]*.py"))]
    assert first.stdout.splitlines() == [*told, "the database is up to date"]
    assert second.stdout == "the database is up to date\n"
    assert first.returncode == second.returncode == 0
    assert not (home / "secrets").exists()


def test_migrate_does_no_harm_while_the_server_runs(run: Run, postgres_url: str, home: Path) -> None:
    for url in (None, postgres_url):
        place = home / ("postgresql" if url else "sqlite")
        place.mkdir(0o700)
        with Instance(place, database_url=url) as instance:
            token = instance.join("alice")
            environ = {"RECADO_SERVER_DATA_DIR": str(place)} | ({"DATABASE_URL": url} if url else {})
            ended = run("migrate", **environ)
            assert (ended.returncode, ended.stdout) == (0, "the database is up to date\n")
            sent = instance.call("POST", "/api/auth/send/", {"recipient": "alice", "content": "note"}, token=token)
            assert sent.status == 201
            assert instance.call("GET", "/readyz").status == 200


# The doctor


def test_the_doctor_finds_a_fresh_installation_well_and_leaves_it_fresh(run: Run, home: Path) -> None:
    ended = run("doctor", RECADO_AUTH_BCRYPT_ROUNDS="12", RECADO_LIMITS_ENABLED="true")
    assert ended.returncode == 0
    assert of(ended, "weak") == of(ended, "broken") == []
    assert len(of(ended, "note")) >= 3
    assert list(home.iterdir()) == []


def test_the_doctor_examines_a_running_server_and_tells_no_secret(
    run: Run, home: Path, postgres_url: str, redis_url: str
) -> None:
    with Instance(home, database_url=postgres_url, redis_url=redis_url) as instance:
        instance.join("alice")
        ended = run("doctor", DATABASE_URL=postgres_url, REDIS_URL=redis_url)
        assert ended.returncode == 0, ended.stdout
        assert instance.call("GET", "/readyz").status == 200
    told = ended.stdout
    for sound in ("opens with these keys", "migrated: 0001_base", "every commit waits for the disk", "built"):
        assert sound in told
    assert {line.split()[1] for line in of(ended, "weak")} >= {"auth", "limits"}
    for path in (home / "secrets").iterdir():
        assert path.read_text().split()[1] not in told
    for url in (postgres_url, redis_url):
        assert url.rpartition("@")[0].rpartition(":")[2] not in told


def test_the_doctor_tells_everything_that_is_broken_at_once(run: Run, home: Path) -> None:
    with Instance(home):
        pass
    (home / "secrets" / "bus.keys").chmod(0o644)
    change(f"sqlite:///{home}/recado.db", "UPDATE schema_checksum SET sha256 = 'edited'")
    ended = run("doctor", REDIS_URL=f"redis://:very-secret@127.0.0.1:{free_port()}/0")
    assert ended.returncode == 1
    broken = of(ended, "broken")
    assert {line.split()[1] for line in broken} == {"secrets", "database", "redis"}
    assert all(" -> " in line for line in broken)
    assert "very-secret" not in ended.stdout


# Keys


def test_keys_can_be_made_ahead_and_are_then_used(run: Run, home: Path) -> None:
    assert run("keys", "init").returncode == 0
    made = {path.name: path.read_text() for path in (home / "secrets").iterdir()}
    assert len(made) == 7
    with Instance(home) as instance:
        instance.join("alice")
    assert {path.name: path.read_text() for path in (home / "secrets").iterdir()} == made
    again = run("keys", "init")
    assert again.returncode == 0
    assert "already" in again.stdout
    assert not any(text.split()[1] in again.stdout + again.stderr for text in made.values())


def change(url: str, text: str) -> None:
    engine = open_engine(url)
    with engine.atomic():
        assert execute(engine, text) >= 1
    engine.close()
