"""The doctor's own look: settings, versions, files, keys, options; and that it changes and tells nothing."""

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from crypto.keyring import PURPOSES, Ring, format_ring, make_key
from settings import Settings, load
from wiring import doctor
from wiring.secret_files import create_secrets

ROOT = Path(__file__).parents[2]
Examine = Callable[..., tuple[int, list[str]]]


def settings_of(home: Path, **environ: str) -> tuple[Settings, dict[str, str]]:
    values = {"RECADO_SERVER_DATA_DIR": str(home)} | environ
    return load(values, ROOT / "settings.toml"), values


def make_secrets(settings: Settings) -> dict[str, str]:
    texts = {purpose: format_ring(Ring((make_key(),))) for purpose in PURPOSES}
    create_secrets(settings.secrets_dir, texts)
    return texts


@pytest.fixture
def examine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Examine:
    """The exit code and the lines of an examination."""
    tmp_path.chmod(0o700)

    def examined(**environ: str) -> tuple[int, list[str]]:
        code = asyncio.run(doctor.examine(*settings_of(tmp_path, **environ)))
        return code, capsys.readouterr().out.splitlines()

    return examined


def of(lines: list[str], level: str, what: str) -> list[str]:
    return [line for line in lines if line.split()[:2] == [level, what]]


def test_a_fresh_installation_is_well_and_stays_untouched(examine: Examine, tmp_path: Path) -> None:
    code, lines = examine()
    assert code == 0
    assert {line.split()[1] for line in lines} == set(doctor.CHECKS)
    assert not [line for line in lines if line.split()[0] in ("weak", "broken")]
    assert of(lines, "note", "secrets")
    assert of(lines, "note", "database")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "not" / "there"
    assert asyncio.run(doctor.examine(*settings_of(home))) == 0
    assert of(capsys.readouterr().out.splitlines(), "note", "data")
    assert not home.parent.exists()


def test_settings_are_told_with_their_sources_and_without_what_is_secret(examine: Examine, tmp_path: Path) -> None:
    ring = format_ring(Ring((make_key(),))).strip()
    code, lines = examine(
        PORT="9000",
        RECADO_AUTH_BCRYPT_ROUNDS="4",
        DATABASE_URL="postgresql://recado:very-secret@127.0.0.1:1/recado",
        REDIS_URL="redis://:very-secret@127.0.0.1:1/0",
        RECADO_SECRETS_MASTER=ring,
        HOME="/elsewhere",
    )
    assert code == 1
    first, second = of(lines, "ok", "settings")
    assert str(ROOT / "settings.toml") in first
    named = {"PORT", "DATABASE_URL", "REDIS_URL", "RECADO_AUTH_BCRYPT_ROUNDS", "RECADO_SECRETS_MASTER"}
    assert all(name in first for name in named)
    assert "HOME" not in first
    assert "server.port=9000" in second
    assert "auth.bcrypt_rounds=4" in second
    assert "very-secret" not in "\n".join(lines)
    assert ring.split()[1] not in "\n".join(lines)


def test_each_ring_is_told_with_its_source_and_number_of_keys(examine: Examine, tmp_path: Path) -> None:
    settings, _ = settings_of(tmp_path)
    texts = make_secrets(settings)
    own = Ring((make_key(), make_key()))
    code, lines = examine(RECADO_SECRETS_BUS=format_ring(own))
    assert code == 0
    assert len(of(lines, "ok", "secrets")) == len(PURPOSES) - 1
    assert any("master: 1 key from" in line and "mode 0600" in line for line in lines)
    assert any("bus: 2 keys from RECADO_SECRETS_BUS" in line for line in of(lines, "note", "secrets"))
    assert not any(text.split()[1] in "\n".join(lines) for text in texts.values())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "bus.keys").unlink(), "bus: no key"),
        (lambda folder: (folder / "bus.keys").chmod(0o644), "can be read by others"),
        (lambda folder: (folder / "bus.keys").write_text("k1 " + "A" * 43 + "\n"), "too few different bytes"),
        (lambda folder: (folder / "bus.keys").write_text("nonsense\n"), "expected a key id and a key"),
        (lambda folder: (folder / "bus.keys").write_text((folder / "audit.keys").read_text()), "serves two purposes"),
    ],
)
def test_a_bad_ring_is_broken(examine: Examine, tmp_path: Path, spoil: Callable[[Path], Any], told: str) -> None:
    settings, _ = settings_of(tmp_path)
    make_secrets(settings)
    spoil(settings.secrets_dir)
    code, lines = examine()
    assert code == 1
    found = of(lines, "broken", "secrets")
    assert len(found) == 1
    assert told in found[0]
    assert " -> " in found[0]


def test_a_key_that_an_older_version_did_not_have_is_only_noted(examine: Examine, tmp_path: Path) -> None:
    settings, _ = settings_of(tmp_path)
    make_secrets(settings)
    (settings.secrets_dir / "push.keys").unlink()
    code, lines = examine()
    assert code == 0
    assert any("push: no key" in line for line in of(lines, "note", "secrets"))


def test_a_data_directory_that_others_can_enter_is_weak(examine: Examine, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code, lines = examine()
    assert code == 0
    assert f"chmod 700 {tmp_path}" in of(lines, "weak", "data")[0]


def test_a_data_directory_that_is_a_file_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert asyncio.run(doctor.examine(*settings_of(tmp_path / "file"))) == 1
    assert of(capsys.readouterr().out.splitlines(), "broken", "data")


@pytest.mark.parametrize(("free", "level"), [(1, "broken"), (500, "weak"), (5_000, "ok")])
def test_a_full_disk_is_told(examine: Examine, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    usage = type("Usage", (), {"free": free << 20})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: usage)
    code, lines = examine()
    assert code == (level == "broken")
    assert f"{free} MB free" in of(lines, level, "data")[0]


@pytest.mark.parametrize(
    ("environ", "level", "what", "told"),
    [
        ({"RECADO_AUTH_BCRYPT_ROUNDS": "9"}, "weak", "auth", "bcrypt_rounds is 9"),
        ({"RECADO_LIMITS_ENABLED": "false"}, "weak", "limits", "guessed without end"),
        ({}, "note", "auth", "token in the URL"),
        (
            {"RECADO_AUTH_WEBSOCKET_QUERY_TOKEN": "false", "RECADO_SERVER_PUBLIC_URL": "https://chat.example"},
            *("ok", "auth", "no weak option"),
        ),
        ({"RECADO_AUTH_SECOND_FACTOR": "off"}, "weak", "auth", "whoever has a password has the account"),
        ({}, "note", "auth", "passkeys work on localhost only"),
        ({"RECADO_SERVER_HOST": "0.0.0.0"}, "weak", "listening", "speaks TLS"),
        (
            {"RECADO_SERVER_HOST": "::", "RECADO_SERVER_PUBLIC_URL": "https://chat.example"},
            "weak",
            "listening",
            "believes no proxy",
        ),
        (
            {
                "RECADO_SERVER_HOST": "0.0.0.0",
                "RECADO_SERVER_PUBLIC_URL": "https://chat.example",
                "RECADO_SERVER_TRUSTED_PROXIES": "10.0.0.0/8",
                "RECADO_SERVER_ALLOWED_HOSTS": "chat.example",
            },
            "ok",
            "listening",
            "https://chat.example",
        ),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "broken", "redis", "ConnectionError"),
        ({"DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}, "broken", "database", "cannot connect"),
        ({"DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}, "note", "redis", "second instance"),
    ],
)
def test_what_is_weak_is_told(examine: Examine, environ: dict[str, str], level: str, what: str, told: str) -> None:
    code, lines = examine(**environ)
    found = of(lines, level, what)
    assert any(told in line for line in found), lines
    assert code == (level == "broken" or "DATABASE_URL" in environ)
    assert level == "ok" or all(" -> " in line for line in found if level != "note")


def test_nothing_is_left_in_a_directory_that_could_be_written_to(examine: Examine, tmp_path: Path) -> None:
    settings, _ = settings_of(tmp_path)
    make_secrets(settings)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert examine()[0] == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_safe_listener_has_nothing_weak(examine: Examine) -> None:
    _, lines = examine()
    assert not of(lines, "weak", "listening")


def test_libraries_are_compared_with_what_was_tested(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pins = tmp_path / "pins.txt"
    hashes = "".join(f" \\\n    --hash=sha256:{digit * 64}" for digit in "ab")
    pins.write_text(
        f"# about\nmsgspec==0.0.1{hashes}\n    # via x\nno-such-library==1  # old\n"
        f"other==1 ; sys_platform == 'plan9'{hashes}\ntornado=={version('tornado')}{hashes}\n"
    )
    monkeypatch.setattr(doctor, "REQUIREMENTS", pins)
    code, lines = examine()
    assert code == 0
    found = of(lines, "weak", "versions")
    assert len(found) == 2
    assert "tested was 0.0.1" in found[0]
    assert "no-such-library is missing" in found[1]


def test_a_page_that_is_not_built_is_broken(examine: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "WEB", tmp_path / "dist")
    code, lines = examine()
    assert code == 1
    assert "make web" in of(lines, "broken", "page")[0]


def test_a_check_that_fails_does_not_hide_the_others(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(settings: Settings, environ: Any) -> Any:
        raise RuntimeError("postgresql://recado:very-secret@db/")

    monkeypatch.setattr(doctor, "CHECKS", {"first": fail, **doctor.CHECKS})
    code, lines = examine()
    assert code == 1
    assert lines[0].startswith("broken  first       could not be looked at: RuntimeError")
    assert of(lines, "ok", "page")
    assert "very-secret" not in "\n".join(lines)
