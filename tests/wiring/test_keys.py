"""The commands for the keys: made all or none, added, used, rotated, verified and retired without a hole."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

import models.keys
import server
from crypto.at_rest import Parties, make_conversation_key
from crypto.keyring import ADDED, PURPOSES, parse_ring
from models.db import Database, execute, open_engine
from settings import Settings, load
from wiring import keys as commands
from wiring.build import check_keys, parse_keys
from wiring.keys import init
from wiring.live_keys import ids_of
from wiring.settings_values import SettingsError

ROOT = Path(__file__).resolve().parents[2]


def settings_in(home: Path) -> Settings:
    return load({"RECADO_SERVER_DATA_DIR": str(home)}, ROOT / "settings.toml")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_key_is_made_for_each_purpose_and_only_its_owner_may_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_in(tmp_path / "home")
    assert init(settings, {}) == 0
    files = sorted(settings.secrets_dir.iterdir())
    assert [file.name for file in files] == sorted(f"{purpose}.keys" for purpose in PURPOSES)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    rings = [parse_ring(file.read_text()) for file in files]
    assert len({ring.current.secret for ring in rings}) == len(PURPOSES)
    told = capsys.readouterr().out
    assert "master" in told
    assert not any(file.read_text().split()[1] in told for file in files)


def test_a_second_time_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_in(tmp_path)
    init(settings, {})
    before = contents(settings.secrets_dir)
    assert init(settings, {}) == 0
    assert contents(settings.secrets_dir) == before
    assert "there already" in capsys.readouterr().out


def test_a_missing_key_among_others_is_not_replaced(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    init(settings, {})
    (settings.secrets_dir / "pepper.keys").unlink()
    before = contents(settings.secrets_dir)
    with pytest.raises(SettingsError, match="pepper: no key, but the others are there"):
        init(settings, {})
    assert contents(settings.secrets_dir) == before


def test_a_key_that_an_older_version_did_not_have_is_added(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    init(settings, {})
    before = contents(settings.secrets_dir)
    for purpose in ADDED:
        (settings.secrets_dir / f"{purpose}.keys").unlink()
    assert init(settings, {}) == 0
    after = contents(settings.secrets_dir)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {f"{purpose}.keys" for purpose in ADDED}


def test_keys_that_are_there_and_weak_are_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    init(settings, {})
    (settings.secrets_dir / "master.keys").write_text("k1 " + "A" * 43 + "\n")
    with pytest.raises(SettingsError, match="master"):
        init(settings, {})


def test_the_command_line_makes_them_and_asks_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECADO_SECRETS_DIR", str(tmp_path / "keys"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert server.main(["keys", "init"]) == 0
    assert len(list((tmp_path / "keys").iterdir())) == len(PURPOSES)
    (tmp_path / "keys" / "bus.keys").unlink()
    assert server.main(["keys", "init"]) == 78
    assert "bus: no key" in capsys.readouterr().err


# With a database


@dataclass(frozen=True)
class Desk:
    """A home with keys and a migrated database, and `python server.py keys …` on it."""

    home: Path
    url: str
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str]:
        code = server.main(["keys", *arguments])
        ended = self.capsys.readouterr()
        return code, ended.out + ended.err

    def file(self, purpose: str) -> Path:
        return self.home / "secrets" / f"{purpose}.keys"

    def ids(self, purpose: str) -> list[str]:
        return [key.id for key in parse_ring(self.file(purpose).read_text()).keys]

    def change(self, text: str, *values: object) -> list[tuple[object, ...]]:
        engine = open_engine(self.url)
        try:
            with engine.atomic():
                cursor = engine.execute_sql(text.replace("%s", engine.param), values)
                return [tuple(row) for row in cursor.fetchall()] if text.startswith("SELECT") else []
        finally:
            engine.close()

    def let_time_pass(self) -> None:
        self.change("UPDATE key_uses SET since = since - 36000000")


@pytest.fixture
def desk(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    monkeypatch.setenv("RECADO_SERVER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert server.main(["migrate"]) == 0
    assert server.main(["keys", "init"]) == 0
    made = Desk(tmp_path, database_url, capsys)
    # As an instance does that has run here.
    asyncio.run(attest(made))
    capsys.readouterr()
    return made


async def attest(desk: Desk, instance: str = "gone", *, ids: dict[str, list[str]] | None = None) -> None:
    db = Database(desk.url, threads=1)
    keys = parse_keys({purpose: desk.file(purpose).read_text() for purpose in PURPOSES})
    await models.keys.attest(db, instance, ids or ids_of(keys))
    await check_keys(keys, db)
    if instance == "gone":
        await db.write(execute, "UPDATE instances SET seen_at = 0")
    await db.close()


def conversation(desk: Desk, number: int, wrapped: bytes | None = None) -> None:
    """A conversation with a key by the current master."""
    ring = parse_ring(desk.file("master").read_text())
    desk.change("INSERT INTO conversations VALUES (%s, %s, %s, 0)", number, 1, number)
    _, made = make_conversation_key(ring, Parties(number, (1, number)), 1)
    values = (number, made.master_id, wrapped or made.wrapped)
    desk.change("INSERT INTO conversation_keys VALUES (%s, 1, %s, %s)", *values)


def test_an_added_key_is_known_and_not_used(desk: Desk) -> None:
    before = desk.ids("master")
    code, told = desk.run("add", "master")
    assert code == 0
    (added,) = set(desk.ids("master")) - set(before)
    assert desk.ids("master") == [*before, added]
    assert f"added master {added}" in told
    assert desk.file("master").stat().st_mode & 0o777 == 0o600
    assert desk.file("master").read_text().split()[-1] not in told
    code, told = desk.run("list")
    assert code == 0
    assert f"master   {added:34} unused" in told
    assert f"master   {before[0]:34} current" in told


def test_comments_in_a_key_file_stay(desk: Desk) -> None:
    path = desk.file("bus")
    path.write_text("# ours\n" + path.read_text().strip() + " # the first\n")
    desk.run("add", "bus")
    desk.run("use", "bus")
    lines = path.read_text().splitlines()
    assert lines[0] == "# ours"
    assert lines[2].endswith("# the first")
    assert len(parse_ring(path.read_text()).keys) == 2


def test_a_key_is_used_when_all_instances_know_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WAIT_SECONDS", 0.0)
    old = desk.ids("access")
    asyncio.run(attest(desk, "running"))
    desk.run("add", "access")
    code, told = desk.run("use", "access")
    assert code == 1
    assert "1 of 1 running instances do not know access" in told
    assert desk.ids("access")[0] == old[0]
    asyncio.run(attest(desk, "running"))
    code, told = desk.run("use", "access")
    assert (code, desk.ids("access")[1]) == (0, old[0])
    assert f"access {desk.ids('access')[0]} is the current key" in told
    assert desk.run("use", "access")[0] == 1  # every one has been used
    assert desk.run("use", "access", old[0])[0] == 0  # by its name all the same
    assert desk.run("use", "access", "nobody")[0] == 1


def test_rotation_moves_everything_and_can_be_verified(desk: Desk) -> None:
    for number in (10, 11, 12):
        conversation(desk, number)
    (old,) = desk.ids("master")
    desk.run("add", "master")
    code, told = desk.run("rotate")
    new = desk.ids("master")[0]
    assert code == 0, told
    assert "moved 3 rows" in told
    assert new != old
    assert desk.change("SELECT DISTINCT master_id FROM conversation_keys") == [(new,)]
    assert desk.run("verify") == (0, "everything opens\nconversation_keys: 3 rows looked at\n")
    code, told = desk.run("rotate")
    assert (code, "moved 0 rows" in told) == (0, True)


def test_rotation_waits_for_an_instance_that_still_uses_the_old_key(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation(desk, 10)
    asyncio.run(attest(desk, "running"))
    monkeypatch.setattr(commands, "WAIT_SECONDS", 0.0)
    desk.run("add", "master")
    assert desk.run("rotate")[0] == 1
    asyncio.run(attest(desk, "running"))
    code, told = desk.run("rotate")
    assert code == 1
    assert "do not seal by master" in told
    asyncio.run(attest(desk, "running"))
    assert desk.run("rotate")[0] == 0


def test_what_does_not_open_is_named(desk: Desk) -> None:
    conversation(desk, 10)
    conversation(desk, 11, b"spoilt")
    code, told = desk.run("verify", "--messages")
    assert code == 1
    assert "does not open: conversation_keys 11, 1 (Tampered)" in told
    desk.run("add", "master")
    code, told = desk.run("rotate")
    assert code == 1
    assert "moved 1 rows" in told
    assert "does not open: conversation_keys 11, 1" in told


def test_a_key_that_something_needs_is_not_retired(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation(desk, 10)
    (old,) = desk.ids("master")
    assert "it is the current one" in desk.run("retire", "master", old)[1]
    desk.run("add", "master")
    desk.run("use", "master")
    code, told = desk.run("retire", "master", old)
    assert code == 1
    assert "1 conversation_keys" in told
    assert "less than 5 minutes ago" in told
    desk.let_time_pass()
    assert "1 conversation_keys" in desk.run("retire", "master", old)[1]
    desk.run("rotate")
    asyncio.run(attest(desk, "behind", ids={purpose: [old] for purpose in PURPOSES}))
    assert "1 running instances still use it" in desk.run("retire", "master", old)[1]
    desk.change("DELETE FROM instances")
    assert desk.run("retire", "master", old)[0] == 0
    assert old not in desk.ids("master")
    assert "no such key" in desk.run("retire", "master", old)[1]
    assert desk.run("verify")[0] == 0


def test_a_key_that_a_subscription_was_made_for_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WAIT_SECONDS", 0.0)
    (old,) = desk.ids("push")
    desk.change("INSERT INTO users (id, name, key, password, created_at) VALUES (1, 'a', 'a', 'x', 0)")
    desk.change(
        "INSERT INTO push_subscriptions (session_id, user_id, mac, master_id, sealed, signer_id, created_at, pushed)"
        " VALUES (1, 1, 'm', %s, 's', %s, 0, 0)",
        *desk.ids("master"),
        old,
    )
    asyncio.run(attest(desk, "older", ids={"master": desk.ids("master")}))  # of a version without that ring
    assert desk.run("add", "push")[0] == 0
    desk.change("DELETE FROM instances")
    assert desk.run("use", "push")[0] == 0
    desk.let_time_pass()
    asyncio.run(attest(desk, "older", ids={"master": desk.ids("master")}))
    code, told = desk.run("retire", "push", old)
    assert code == 1
    assert "1 subscriptions" in told
    desk.change("DELETE FROM push_subscriptions")
    assert desk.run("retire", "push", old)[0] == 0


def test_the_keys_of_the_audit_log_stay_for_ever(desk: Desk) -> None:
    (old,) = desk.ids("audit")
    desk.run("add", "audit")
    desk.run("use", "audit")
    desk.let_time_pass()
    code, told = desk.run("retire", "audit", old)
    assert code == 1
    assert "audit log" in told


def test_a_token_key_stays_while_a_session_may_need_it(desk: Desk) -> None:
    (old,) = desk.ids("token")
    desk.change("INSERT INTO users (id, name, key, password, created_at) VALUES (1, 'a', 'a', 'x', 0)")
    text = (
        "INSERT INTO sessions (id, user_id, created_at, used_at, auth_time, idle_expires_at, expires_at, device,"
        " network, generation, confirmed, refresh_mac) VALUES (1, 1, 0, 0, 0, %s, %s, '', '', 1, 0, %s)"
    )
    desk.change(text, 2**52, 2**52, b"mac")
    desk.run("add", "token")
    desk.run("use", "token")
    desk.let_time_pass()
    assert "1 sessions that began before" in desk.run("retire", "token", old)[1]
    desk.change("UPDATE sessions SET ended_at = 1")
    assert desk.run("retire", "token", old)[0] == 0


def test_keys_that_the_environment_holds_are_not_changed_by_a_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_SECRETS_BUS", desk.file("bus").read_text().strip())
    code, told = desk.run("add", "bus")
    assert code == 78
    assert "RECADO_SECRETS_BUS" in told
    assert desk.file("bus").read_text().split()[1] not in told


def test_what_was_done_to_keys_is_recorded(desk: Desk) -> None:
    desk.run("add", "master")
    desk.run("rotate")
    desk.run("verify")
    actions = [row[0] for row in desk.change("SELECT action FROM audit ORDER BY id")]
    assert [each for each in actions if each.startswith("key")] == [
        "key_added",
        "key_used",
        "keys_rotated",
        "keys_verified",
    ]


def test_a_database_that_is_not_migrated_is_told_so(
    tmp_path: Path, empty_sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECADO_SERVER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", empty_sqlite_url)
    assert server.main(["keys", "list"]) == 78
    assert "keys init" in capsys.readouterr().err
    assert server.main(["keys", "init"]) == 0
    assert server.main(["keys", "list"]) == 78
    assert "server.py migrate" in capsys.readouterr().err
