"""`keys init`: all keys or none, never another one in the place of one that is missing."""

from pathlib import Path

import pytest

import server
from crypto.keyring import PURPOSES, parse_ring
from settings import Settings, load
from wiring.keys import init
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
