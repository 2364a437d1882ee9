"""The command line says what it found, shows it, and exits accordingly."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from prove.__main__ import main
from prove.history import Entry, History
from tests.prove.damage import DAMAGES, true_history


def keep(directory: Path, entries: Sequence[Entry]) -> str:
    history = History(directory)
    for entry in entries:
        history.record(entry)
    history.close()
    return str(directory)


def test_a_true_history_exits_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", keep(tmp_path, true_history())]) == 0
    assert "No promise was broken" in capsys.readouterr().out


def test_a_violation_exits_with_one_and_shows_its_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = list(true_history())
    DAMAGES["a text is changed on its way"][1](entries)
    assert main(["--check", keep(tmp_path, entries)]) == 1
    told = capsys.readouterr().out
    assert "contents intact" in told
    assert "'something else'" in told
    assert '"what":"heard"' in told.partition("Evidence")[2]


def test_the_figures_can_be_had_for_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown", "--check", keep(tmp_path, true_history())]) == 0
    assert "| what happened | times |\n| --- | ---: |" in capsys.readouterr().out


def test_a_server_that_does_not_start_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = shlex.join([sys.executable, "-c", "raise SystemExit('this is no server')"])
    assert main(["--clients", "2", "--server", command, "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().out
    assert "The run failed" in told
    assert "this is no server" in told


@pytest.mark.parametrize("wrong", [["--only", "earthquake"], ["--clients", "many"]])
def test_a_wrong_argument_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err
