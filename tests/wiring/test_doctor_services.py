"""What the doctor asks of others: real databases and a real Redis, sound and not."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

import models.facts
import models.migrate
from crypto.keyring import Ring, format_ring, make_key
from models.db import Database, execute
from settings import Settings, load
from tests.programs import give_away
from tests.rooms import make_keys
from tests.servers import GivenRedis, PostgresServer, RedisServer
from wiring import doctor_services
from wiring.canaries import make_canaries, rings_of
from wiring.findings import Finding
from wiring.secret_files import create_secrets

ROOT = Path(__file__).parents[2]
UNSAFE = "?options=" + quote("-c synchronous_commit=off")


def settings_of(home: Path, **environ: str) -> Settings:
    return load({"RECADO_SERVER_DATA_DIR": str(home)} | environ, ROOT / "settings.toml")


async def installed(home: Path, url: str) -> Settings:
    """A migrated database, sealed with keys that are there."""
    settings = settings_of(home, DATABASE_URL=url)
    keys = make_keys()
    create_secrets(settings.secrets_dir, {purpose: format_ring(ring) for purpose, ring in rings_of(keys).items()})
    db = Database(settings.database.url, threads=1)
    await models.migrate.up(db)
    await models.facts.add_missing_canaries(db, make_canaries(keys))
    await db.close()
    return settings


async def change(settings: Settings, text: str) -> None:
    db = Database(settings.database.url, threads=1)
    await db.write(execute, text)
    await db.close()


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def told(findings: list[Finding], level: str) -> str:
    return " | ".join(finding.line() for finding in findings if finding.level == level)


async def test_a_sound_database_is_well(tmp_path: Path, database_url: str) -> None:
    settings = await installed(tmp_path, database_url)
    found = await doctor_services.check_database(settings, {})
    assert set(levels(found)) <= {"ok", "weak"}
    lines = "\n".join(finding.line() for finding in found)
    assert "answers in" in lines
    assert "every commit waits for the disk" in lines
    assert "migrated: 0001_base" in lines
    assert "opens with these keys" in lines
    if password := urlsplit(database_url).password:
        assert password not in lines
        assert "***" in lines


async def test_an_empty_database_waits_for_its_first_start_and_stays_empty(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    settings = settings_of(tmp_path, DATABASE_URL=empty_postgres_url)
    found = await doctor_services.check_database(settings, {})
    assert "the next start applies them" in told(found, "note")
    closed = settings_of(tmp_path, DATABASE_URL=empty_postgres_url, RECADO_DATABASE_MIGRATE="false")
    found = await doctor_services.check_database(closed, {})
    assert "server.py migrate" in told(found, "broken")
    db = Database(empty_postgres_url, threads=1)
    assert (await models.migrate.state(db)).applied == ()
    await db.close()


async def test_a_database_of_another_version_is_broken(tmp_path: Path, database_url: str) -> None:
    settings = await installed(tmp_path, database_url)
    await change(settings, "INSERT INTO schema_checksum (name, sha256) VALUES ('9999_future', 'x')")
    found = await doctor_services.check_database(settings, {})
    assert "9999_future" in told(found, "broken")


async def test_the_wrong_keys_are_broken_and_so_are_missing_ones(tmp_path: Path, database_url: str) -> None:
    settings = await installed(tmp_path, database_url)
    master = settings.secrets_dir / "master.keys"
    held = master.read_text()
    master.write_text(format_ring(Ring((make_key(),))))
    found = await doctor_services.check_database(settings, {})
    assert held.split()[0] in told(found, "broken")
    master.unlink()
    found = await doctor_services.check_database(settings, {})
    assert "keys that are not here" in told(found, "broken")
    # Another key that bears the right one's name.
    another = format_ring(Ring((make_key(),))).split()[1]
    found = await doctor_services.check_database(settings, {"RECADO_SECRETS_MASTER": f"{held.split()[0]} {another}"})
    assert "has another master key" in told(found, "broken")
    found = await doctor_services.check_database(settings, {"RECADO_SECRETS_MASTER": held})
    assert "opens with these keys" in told(found, "ok")


async def test_a_database_without_anything_sealed_needs_no_keys(tmp_path: Path, sqlite_url: str) -> None:
    settings = settings_of(tmp_path, DATABASE_URL=sqlite_url)
    db = Database(settings.database.url, threads=1)
    await models.migrate.up(db)
    await db.close()
    found = await doctor_services.check_database(settings, {})
    assert "nothing sealed yet" in told(found, "note")
    assert not settings.secrets_dir.exists()


async def test_a_database_that_may_lose_a_commit_is_broken(tmp_path: Path, postgres_url: str) -> None:
    settings = settings_of(tmp_path, DATABASE_URL=postgres_url + UNSAFE)
    found = await doctor_services.check_database(settings, {})
    assert "synchronous_commit" in told(found, "broken")


async def test_what_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "recado.db").write_bytes(b"this is not a database at all" * 100)
    found = await doctor_services.check_database(settings_of(tmp_path), {})
    assert levels(found) == ["broken"]


async def test_a_database_that_is_down_is_broken(tmp_path: Path, own_postgres: PostgresServer) -> None:
    settings = settings_of(tmp_path, DATABASE_URL=own_postgres.create_database())
    own_postgres.stop()
    found = await doctor_services.check_database(settings, {})
    assert levels(found) == ["broken"]
    assert own_postgres.password not in told(found, "broken")
    assert "***" in told(found, "broken")


async def test_a_redis_behind_a_password_is_well(tmp_path: Path, redis_url: str, postgres_url: str) -> None:
    settings = settings_of(tmp_path, REDIS_URL=redis_url, DATABASE_URL=postgres_url)
    found = await doctor_services.check_redis(settings, {})
    assert levels(found) == ["ok"]
    assert "***" in found[0].told


async def test_a_redis_beside_sqlite_is_weak(tmp_path: Path, redis_url: str) -> None:
    found = await doctor_services.check_redis(settings_of(tmp_path, REDIS_URL=redis_url), {})
    assert "SQLite is for one" in told(found, "weak")


class OpenRedis(RedisServer):
    """A Redis that asks for no password."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _command(self) -> list[str]:
        config = self.directory / "redis.conf"
        config.write_text(f'bind 127.0.0.1\nport {self.port}\nsave ""\ndir "{self.directory}"\n')
        give_away(config)
        return [str(self.program), str(config)]


async def test_a_redis_without_a_password_is_weak(tmp_path: Path, postgres_url: str) -> None:
    with OpenRedis() as server:
        settings = settings_of(tmp_path, REDIS_URL=server.url, DATABASE_URL=postgres_url)
        found = await doctor_services.check_redis(settings, {})
        assert "requirepass" in told(found, "weak")


async def test_a_wrong_password_of_redis_is_broken_and_not_told(
    tmp_path: Path, redis_server: RedisServer | GivenRedis
) -> None:
    if isinstance(redis_server, GivenRedis):
        pytest.skip("somebody else's Redis may have no password")
    url = redis_server.url.replace(redis_server.password, "not-the-password")
    found = await doctor_services.check_redis(settings_of(tmp_path, REDIS_URL=url), {})
    assert "refuses this user and password" in told(found, "broken")
    assert "not-the-password" not in told(found, "broken")


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (4, "ok"), (7, "weak"), (-7, "weak"), (-(10**9), "broken")])
async def test_a_clock_that_disagrees_is_told(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, seconds: int, level: str
) -> None:
    real = doctor_services.milliseconds
    monkeypatch.setattr(doctor_services, "milliseconds", lambda: real() + seconds * 1000)
    found = await doctor_services.check_clock(settings_of(tmp_path, DATABASE_URL=postgres_url), {})
    assert set(levels(found)) == {level}
    if level == "weak":
        assert len(found) == 2
        assert "the database" in told(found, "weak")
        assert "the file system" in told(found, "weak")


async def test_a_clock_with_nothing_beside_it_is_taken_as_it_is(tmp_path: Path) -> None:
    found = await doctor_services.check_clock(settings_of(tmp_path / "nowhere"), {})
    assert levels(found) == ["ok"]
