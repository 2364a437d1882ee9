"""A short run of the proof: thirty devices, three instances, two faults, and no promise broken."""

import subprocess
import sys
from pathlib import Path

import pytest

from prove.history import Answered, Fault, Heard, read
from tests.deploy.proxy import NGINX
from tests.instances import ROOT


@pytest.mark.parametrize("faults", ["kill-instance,crash-postgres", "kill-redis,cut-clients"])
def test_no_promise_is_broken_in_a_short_run(tmp_path: Path, faults: str) -> None:
    directory = tmp_path / "history"
    arguments = ["--clients", "30", "--seconds", "12", "--rate", "30", "--faults", "2", "--seed", "4", "--only", faults]
    ran = subprocess.run(
        [sys.executable, "-m", "prove", *arguments, "--out", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert (NGINX is None) == ("without a proxy" in ran.stdout)
    entries = list(read(directory / "history.jsonl"))
    assert {each.fault for each in entries if isinstance(each, Fault)} == set(faults.split(","))
    assert sum(isinstance(each, Answered) for each in entries) > 50
    assert sum(isinstance(each, Heard) for each in entries) > 100
