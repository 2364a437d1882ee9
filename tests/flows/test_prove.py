"""A short run of the proof: thirty devices, three instances, four faults, and no promise broken."""

import subprocess
import sys
from pathlib import Path

from prove.history import Answered, Blocking, Fault, Heard, Opened, read
from tests.deploy.proxy import NGINX
from tests.instances import ROOT

FAULTS = ("kill-instance", "crash-postgres", "kill-redis", "cut-clients")


def test_no_promise_is_broken_in_a_short_run(tmp_path: Path) -> None:
    directory = tmp_path / "history"
    size = ["--clients", "30", "--seconds", "14", "--rate", "30", "--seed", "4"]
    faults = ["--faults", str(len(FAULTS)), "--only", ",".join(FAULTS)]
    ran = subprocess.run(
        [sys.executable, "-m", "prove", *size, *faults, "--out", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert (NGINX is None) == ("without a proxy" in ran.stdout)
    entries = list(read(directory / "history.jsonl"))
    assert {each.fault for each in entries if isinstance(each, Fault)} == set(FAULTS)
    assert sum(isinstance(each, Answered) for each in entries) > 50
    assert sum(isinstance(each, Heard) for each in entries) > 100
    assert {each.via for each in entries if isinstance(each, Opened)} == {"v1", "poll"}
    assert {each.ends for each in entries if isinstance(each, Blocking)} == {True, False}
