"""Secrets: from the environment or from files that nobody else may read; made whole or not at all."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from settings import Settings, SettingsError, create_secrets, secret_texts
from wiring import secret_files

PURPOSES = ("master", "access")
NONE = {"master": None, "access": None}


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return Settings(base=tmp_path)


def write(path: Path, text: str = "k hunter2\n", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def faults(place: Settings, environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        secret_texts(place, environ, PURPOSES)
    assert "hunter2" not in str(caught.value)
    return caught.value.faults


def test_there_are_none_at_first(place: Settings) -> None:
    assert secret_texts(place, {}, PURPOSES) == NONE


def test_what_was_created_is_read_back(place: Settings) -> None:
    assert create_secrets(place.secrets_dir, {"master": "a 1\n", "access": "b 2\n"}) == set(PURPOSES)
    assert secret_texts(place, {}, PURPOSES) == {"master": "a 1\n", "access": "b 2\n"}
    assert [oct(path.stat().st_mode) for path in place.secrets_dir.iterdir()] == ["0o100600"] * 2
    assert oct(place.secrets_dir.stat().st_mode) == oct(place.data_dir.stat().st_mode) == "0o40700"
    assert [path.name for path in place.data_dir.iterdir()] == ["secrets"]


def test_the_environment_wins_over_a_named_file_and_that_over_the_directory(place: Settings, tmp_path: Path) -> None:
    write(place.secrets_dir / "master.keys", "dir")
    environ = {"RECADO_SECRETS_MASTER_FILE": str(write(tmp_path / "named", "named"))}
    assert secret_texts(place, {}, PURPOSES) == NONE | {"master": "dir"}
    assert secret_texts(place, environ, PURPOSES) == NONE | {"master": "named"}
    assert secret_texts(place, {"RECADO_SECRETS_MASTER": "x y"}, PURPOSES) == NONE | {"master": "x y\n"}
    assert "choose one" in faults(place, environ | {"RECADO_SECRETS_MASTER": "x y"})[0]
    empty = {"RECADO_SECRETS_MASTER": "", "RECADO_SECRETS_MASTER_FILE": ""}
    assert secret_texts(place, empty, PURPOSES)["master"] == "dir"


def test_a_ring_in_a_variable_may_be_divided_by_commas_or_lines(place: Settings) -> None:
    for text in ("a 1,b 2", "a:1, b:2", "a 1\nb 2\n", "a:1\r\nb:2"):
        assert secret_texts(place, {"RECADO_SECRETS_ACCESS": text}, PURPOSES)["access"].split() == [
            "a",
            "1",
            "b",
            "2",
        ]


def test_an_unknown_secret_is_a_fault(place: Settings) -> None:
    assert faults(place, {"RECADO_SECRETS_MASTR": "k hunter2", "RECADO_SECRETS_DIR": "x"}) == (
        "RECADO_SECRETS_MASTR: there is no such secret; did you mean RECADO_SECRETS_MASTER?",
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601, 0o444, 0o777])
def test_a_file_that_others_may_read_is_refused(place: Settings, mode: int) -> None:
    write(place.secrets_dir / "master.keys", mode=mode)
    (line,) = faults(place, {})
    assert "chmod 600" in line


def test_a_file_of_somebody_else_is_refused(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(place.secrets_dir / "master.keys")
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    (line,) = faults(place, {})
    assert "somebody else" in line


def test_a_link_is_judged_by_where_it_leads(place: Settings, tmp_path: Path) -> None:
    target = write(tmp_path / "elsewhere", "k v")
    link = place.secrets_dir / "master.keys"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert secret_texts(place, {}, PURPOSES)["master"] == "k v"
    target.chmod(0o644)
    assert "chmod 600" in faults(place, {})[0]
    target.unlink()
    assert "No such file" in faults(place, {})[0]


def test_what_is_no_text_file_is_refused_without_waiting(place: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * (secret_files.LARGEST + 1))
    for name in ("binary", "large"):
        (tmp_path / name).chmod(0o600)
    for name, why in {
        "pipe": "not a file",
        "binary": "not text",
        "large": "too large",
        "none": "No such",
    }.items():
        (line,) = faults(place, {"RECADO_SECRETS_MASTER_FILE": str(tmp_path / name)})
        assert why in line
    (tmp_path / "folder").mkdir()
    assert len(faults(place, {"RECADO_SECRETS_MASTER_FILE": str(tmp_path / "folder"), "RECADO_SECRETS_X": "y"})) == 2


def test_of_many_that_race_one_wins_whole(tmp_path: Path) -> None:
    racers = 4
    with ThreadPoolExecutor(racers) as pool:
        for race in range(25):
            barrier, directory = Barrier(racers), tmp_path / str(race) / "secrets"

            def run(racer: int, barrier=barrier, directory=directory) -> frozenset[str]:
                barrier.wait()
                return create_secrets(directory, dict.fromkeys(PURPOSES, f"{racer}"))

            made = list(pool.map(run, range(racers)))
            texts = {path.read_text() for path in directory.iterdir()}
            winners = [racer for racer in range(racers) if made[racer]]
            assert texts == {str(winner) for winner in winners}
            assert len(winners) == 1
            assert made[winners[0]] == set(PURPOSES)
            assert [path.name for path in directory.parent.iterdir()] == ["secrets"]


def test_what_is_missing_is_added_and_nothing_is_overwritten(place: Settings) -> None:
    write(place.secrets_dir / "master.keys", "old")
    place.secrets_dir.chmod(0o755)
    assert create_secrets(place.secrets_dir, {"master": "new", "access": "new"}) == {"access"}
    assert secret_texts(place, {}, PURPOSES) == {"master": "old", "access": "new"}
    assert oct(place.secrets_dir.stat().st_mode) == "0o40700"


def test_when_one_cannot_be_written_none_appears(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_one = secret_files._write_private

    def fail_at_the_second(path: Path, text: str) -> None:
        if path.name == "access.keys":
            raise OSError(28, "No space left on device")
        write_one(path, text)

    monkeypatch.setattr(secret_files, "_write_private", fail_at_the_second)
    with pytest.raises(SettingsError, match="No space left"):
        create_secrets(place.secrets_dir, {"master": "a", "access": "b"})
    assert list(place.data_dir.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with pytest.raises(SettingsError, match="cannot be written"):
        create_secrets(tmp_path / "file", {"master": "a"})
    with pytest.raises(SettingsError, match="cannot be written"):
        create_secrets(tmp_path / "file" / "secrets", {"master": "a"})


def test_a_secret_is_replaced_whole_and_keeps_its_owner_and_mode(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(place.secrets_dir / "master.keys", "old", 0o400)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    with secret_files.changing(path) as found:
        secret_files.replace_secret(found, "new")
    after = path.stat()
    assert path.read_text() == "new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [each.name for each in place.secrets_dir.iterdir()] == ["master.keys"]

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SettingsError, match="No space left"), secret_files.changing(path) as found:
            secret_files.replace_secret(found, "half")
    assert path.read_text() == "new"
    assert [each.name for each in place.secrets_dir.iterdir()] == ["master.keys"]


def test_a_link_to_a_secret_stays_a_link(place: Settings, tmp_path: Path) -> None:
    target = write(tmp_path / "elsewhere", "old")
    link = place.secrets_dir / "master.keys"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with secret_files.changing(link) as found:
        secret_files.replace_secret(found, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_of_many_that_change_a_secret_none_is_lost(place: Settings) -> None:
    path = write(place.secrets_dir / "master.keys", "")

    def add(number: int) -> None:
        with secret_files.changing(path) as found:
            secret_files.replace_secret(found, f"{found.read_text()}{number}\n")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert sorted(map(int, path.read_text().split())) == list(range(40))


def test_what_is_not_there_cannot_be_changed(place: Settings) -> None:
    with pytest.raises(SettingsError, match="cannot be changed"), secret_files.changing(place.secrets_dir / "x.keys"):
        pass


def test_where_a_secret_is_kept_is_told_as_it_is_read(place: Settings) -> None:
    assert secret_files.secret_path(place, {}, "master") == place.secrets_dir / "master.keys"
    assert secret_files.secret_path(place, {"RECADO_SECRETS_MASTER_FILE": "/x"}, "master") == Path("/x")
    assert secret_files.secret_path(place, {"RECADO_SECRETS_MASTER": "k v"}, "master") is None
