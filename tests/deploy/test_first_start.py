"""What the service `secrets` makes: everything at once, each file for one reader, and nothing a second time."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from tests.deploy.stack import Bus, first_start, make_database
from tests.programs import make_directory
from tests.servers import PostgresServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def volume() -> Iterator[Path]:
    directory = make_directory("recado-volume-")
    yield directory
    rmtree(directory)


def files(volume: Path) -> dict[str, str]:
    return {str(path.relative_to(volume)): path.read_text() for path in volume.rglob("*") if path.is_file()}


def test_a_second_start_changes_nothing(volume: Path) -> None:
    assert "made the keys" in first_start(volume).stdout
    before = files(volume)
    assert "nothing to do" in first_start(volume).stdout
    assert files(volume) == before
    assert len(before) == 12


def test_a_key_that_an_older_version_did_not_have_is_added_and_nothing_else_changes(volume: Path) -> None:
    first_start(volume)
    before = files(volume)
    added = volume / "current" / "recado" / "keys" / "push.keys"
    kept = added.stat()
    added.unlink()
    assert "push" in first_start(volume).stdout
    after = files(volume)
    (name,) = {name for name in before if before[name] != after[name]}
    assert name.endswith("push.keys")
    assert set(after) == set(before)
    assert (added.stat().st_mode, added.stat().st_uid) == (kept.st_mode, kept.st_uid)
    assert [path.name for path in volume.iterdir()] == ["current"]
    assert "nothing to do" in first_start(volume).stdout


def test_no_secret_is_told_and_no_two_starts_make_the_same(volume: Path) -> None:
    told = first_start(volume)
    first = files(volume)
    rmtree(volume / "current")
    first_start(volume)
    for name, text in files(volume).items():
        assert text != first[name]
        for word in re.findall(r"[A-Za-z0-9_-]{40,}", first[name]):
            assert word not in told.stdout + told.stderr


def test_each_file_is_for_its_one_reader(volume: Path) -> None:
    first_start(volume)
    for path in (volume / "current").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o710 if path.is_dir() else 0o400), path
    assert (volume / "current").stat().st_mode & 0o777 == 0o711


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away; the container does it as root")
def test_files_belong_to_the_users_of_the_containers(volume: Path) -> None:
    readers = {"recado": (10001, 10001), "postgres": (70, 70), "redis": (999, 1000)}
    options = [f"--{name}={user}:{group}" for name, (user, group) in readers.items()]
    subprocess.run([sys.executable, ROOT / "deploy/first_start.py", volume, *options], check=True, capture_output=True)
    for name, (user, group) in readers.items():
        for path in (volume / "current" / name, *(volume / "current" / name).rglob("*")):
            found = path.stat()
            assert (found.st_uid, found.st_gid) == ((0, group) if path.is_dir() else (user, group)), path
    keys = volume / "current/recado/keys/master.keys"
    volume.chmod(0o755)
    for (user, group), works in ((readers["recado"], True), (readers["postgres"], False), (readers["redis"], False)):
        ran = subprocess.run(
            ["/bin/cat", keys], user=user, group=group, extra_groups=[], capture_output=True, check=False
        )
        assert (ran.returncode == 0) == works, ran


def test_what_an_interrupted_start_left_is_cleared_away(volume: Path) -> None:
    left = volume / ".unfinished-0000"
    (left / "recado").mkdir(parents=True)
    (left / "recado" / "redis-url").write_text("half")
    first_start(volume)
    assert [path.name for path in volume.iterdir()] == ["current"]


def test_a_start_that_fails_leaves_nothing_that_looks_whole(volume: Path) -> None:
    options = ["--recado=0:0", "--postgres=0:0", "--redis=0:0"]
    broken = "import sys, pathlib; sys.argv = sys.argv[1:]; sys.path.insert(0, 'deploy'); import first_start;"
    broken += "first_start.SERVER = pathlib.Path('/none'); sys.exit(first_start.main())"
    ran = subprocess.run(
        [sys.executable, "-c", broken, "first_start.py", volume, *options], cwd=ROOT, capture_output=True, check=False
    )
    assert ran.returncode != 0
    assert not (volume / "current").exists()


def test_recado_owns_its_database_and_nothing_else(volume: Path, own_postgres: PostgresServer) -> None:
    first_start(volume)
    make_database(own_postgres, volume)
    url = urlsplit((volume / "current/recado/database-url").read_text())
    assert (url.hostname, url.port, url.path) == ("postgres", 5432, "/recado")
    there = {"host": "127.0.0.1", "port": own_postgres.port, "user": url.username, "password": url.password}
    connection = psycopg2.connect(**there, dbname="recado")
    with connection, connection.cursor() as cursor:
        rights = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication"
        cursor.execute(f"SELECT {rights} FROM pg_roles WHERE rolname = 'recado'")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'recado'")
        assert cursor.fetchone() == ("C", "UTF8")
        cursor.execute("CREATE TABLE mine (id int)")
    connection.close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(**there, dbname="postgres")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(**{**there, "password": "wrong"}, dbname="recado")


def test_redis_lets_recado_do_what_it_needs_and_strangers_nothing(volume: Path) -> None:
    first_start(volume)
    with Bus(volume) as bus:
        ours = redis.Redis.from_url(bus.url)
        assert ours.ping()
        assert ours.set("recado:b:x", 1, px=1000)
        assert ours.eval("return redis.call('TIME')[1]", 0)
        assert ours.publish("recado:u:1", b"x") == 0
        for forbidden in (
            ("SET", "other", 1),
            ("PUBLISH", "other", 1),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                ours.execute_command(*forbidden)
        ours.close()
        with socket.create_connection(("127.0.0.1", bus.port), timeout=10) as stranger:
            stranger.sendall(b"PING\r\n")
            # What the health check of docker-compose.yml takes for a sign of life.
            assert stranger.recv(100).startswith(b"-NOAUTH ")
