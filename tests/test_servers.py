"""The servers of the tests: each source starts, takes a write, dies by SIGKILL and comes back."""

import os

import psutil
import psycopg2
import pytest
import redis

from tests import programs
from tests.programs import NoProgram, Source, chosen, postgres_sources, redis_sources
from tests.servers import PostgresServer, RedisServer

each_postgres = pytest.mark.parametrize("source", postgres_sources().values(), ids=lambda source: source.name)
each_redis = pytest.mark.parametrize("source", redis_sources().values(), ids=lambda source: source.name)


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@each_postgres
def test_postgres_keeps_what_was_committed_before_it_was_killed(source: Source) -> None:
    with PostgresServer(source) as server:
        url = server.create_database()
        query(url, "CREATE TABLE note (text text)")
        query(url, "INSERT INTO note VALUES ('kept')")
        server.kill()
        assert not server.running
        with pytest.raises(psycopg2.OperationalError):
            query(url, "SELECT 1")
        server.start()
        assert query(url, "SELECT text FROM note") == [("kept",)]
        server.restart()
        assert query(url, "SELECT text FROM note") == [("kept",)]
    assert not server.directory.exists()


@each_postgres
def test_postgres_runs_with_full_durability_for_a_plain_role(source: Source) -> None:
    with PostgresServer(source) as server:
        url = server.create_database()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(url, f"SHOW {setting}") == [("on",)]
        assert query(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(url.replace(server.password, "wrong"), "SELECT 1")


@each_redis
def test_redis_comes_back_empty_after_it_was_killed(source: Source) -> None:
    with RedisServer(source) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("note", "lost")
            assert client.get("note") == b"lost"
        server.kill()
        assert not server.running
        with redis.Redis.from_url(server.url, retry=None) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("note") is None
    assert not server.directory.exists()


def test_no_server_runs_as_root() -> None:
    with PostgresServer() as postgres, RedisServer() as broker:
        for server in (postgres, broker):
            assert server.process is not None
            assert 0 not in psutil.Process(server.process.pid).uids()


def test_the_wheels_carry_both_servers() -> None:
    assert "wheel" in postgres_sources()
    assert "wheel" in redis_sources()


def test_a_program_out_of_reach_is_copied_with_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = (PostgresServer, postgres_sources()["wheel"]), (RedisServer, redis_sources()["wheel"])
    monkeypatch.setattr(programs, "first_line", lambda command: "")
    for make_server, source in wheels:
        with make_server(source) as server:
            assert server.program.is_relative_to(server.directory)
            assert server.running


def test_a_copied_database_holds_what_its_template_was_filled_with(own_postgres: PostgresServer) -> None:
    def fill(url: str) -> None:
        query(url, "CREATE TABLE note (text text)")

    for _ in range(2):
        url = own_postgres.create_database(template=own_postgres.template("filled", fill))
        assert query(url, "SELECT text FROM note") == []
        query(url, "INSERT INTO note VALUES ('of this copy only')")


def test_each_database_starts_empty_and_goes_with_its_connections(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    assert url != own_postgres.create_database()
    left_open = psycopg2.connect(url)
    own_postgres.drop_database(url)
    left_open.close()
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        query(url, "SELECT 1")


def test_the_source_is_chosen_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    installed, wheel = Source("installed", programs.Path("a")), Source("wheel", programs.Path("b"))
    both = {"installed": installed, "wheel": wheel}
    monkeypatch.delenv("RECADO_TEST_SERVERS", raising=False)
    assert chosen(both, "Redis") is installed
    assert chosen({"wheel": wheel}, "Redis") is wheel
    monkeypatch.setenv("RECADO_TEST_SERVERS", "wheel")
    assert chosen(both, "Redis") is wheel
    monkeypatch.setenv("RECADO_TEST_SERVERS", "installed")
    with pytest.raises(NoProgram, match="found: wheel"):
        chosen({"wheel": wheel}, "Redis")
    monkeypatch.setenv("RECADO_TEST_SERVERS", "cloud")
    with pytest.raises(NoProgram, match="must be"):
        chosen(both, "Redis")


def test_the_environment_of_whoever_runs_the_tests_does_not_reach_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    environment = programs.plain_environment(programs.Path(os.sep))
    assert "PGOPTIONS" not in environment
    assert environment["LC_ALL"] == "C"
