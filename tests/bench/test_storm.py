"""A storm's figures are of all its clients; and on a real server everybody catches up, also a second time."""

import json
import os

import pytest

from bench.away import Away, State
from bench.catchup import Storm
from bench.readiness import Probes
from bench.storm import TITLES, figures_of, main


def test_figures_are_per_event_and_of_the_slowest():
    storm = Storm(took=[1.0, 3.0, 4.0], again=2, wrong=1, lost=5, server_cpu_seconds=2.0, own_cpu_seconds=1.0)
    probes = Probes("http://server")
    probes.asked, probes.not_ready, probes.slowest_seconds = 9, 1, 0.25
    figures = figures_of(storm, State("run", 20, 100, [Away("a", "")] * 3), probes, 7.0)
    assert (figures["seconds"], figures["p50_s"], figures["events"]) == (4.0, 3.0, 60)
    assert (figures["lost"], figures["wrong"], figures["again"], figures["not_ready"]) == (5, 1, 2, 1)
    assert figures["server_cpu_us"] == pytest.approx(2e6 / 60)
    assert (figures["server_cpu_percent"], figures["load_cpu_percent"]) == (50, 25)
    assert "database_cpu_percent" not in figures
    assert set(figures) <= set(TITLES)


def test_everybody_catches_up_and_may_come_back_again(instance, tmp_path, capsys):
    keep = tmp_path / "storm.json"
    wanted = ["--clients", "6", "--writers", "3", "--waiting", "5", "--settle", "0.01", "--keep", str(keep)]
    wanted += ["--url", instance.url, "--server-pid", str(os.getpid())]
    kept = set()
    for _ in range(2):
        assert main(wanted) == 0
        kept.add(keep.read_bytes())
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["clients"], told["events"], told["lost"], told["wrong"]) == (6, 30, 0, 0)
        assert (told["probes"] >= 1, told["not_ready"]) == (True, 0)
    assert len(kept) == 1  # the second time nothing was prepared


def test_a_server_that_is_not_there_is_told_in_one_line(capsys):
    assert main(["--url", "http://127.0.0.1:9", "--clients", "1"]) == 1
    assert capsys.readouterr().err.startswith("storm: ConnectionRefusedError")
