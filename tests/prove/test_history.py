"""A history on disk is the history that was recorded."""

from pathlib import Path

import msgspec
import pytest

from prove.checker import check
from prove.history import FILE, History, lines_of, person_of, read
from tests.prove.damage import true_history


def kept(directory: Path) -> Path:
    history = History(directory, clock=(n / 1000 for n in range(10**6)).__next__)
    for entry in true_history():
        history.record(entry)
    history.close()
    return history.path


def test_what_was_recorded_is_read_again_with_its_time(tmp_path: Path) -> None:
    found = list(read(kept(tmp_path)))
    assert [msgspec.structs.replace(each, at=0.0) for each in found] == list(true_history())
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert check(found) == []


def test_evidence_is_by_the_number_of_the_line(tmp_path: Path) -> None:
    path = kept(tmp_path)
    first, third = lines_of(path, (1, 3))
    assert '"what":"began"' in first
    assert third == path.read_text().splitlines()[2]


def test_an_older_history_is_not_overwritten(tmp_path: Path) -> None:
    kept(tmp_path)
    with pytest.raises(FileExistsError):
        History(tmp_path)
    assert (tmp_path / FILE).stat().st_size > 0


def test_a_device_names_its_person() -> None:
    assert person_of("p017/2") == "p017"
