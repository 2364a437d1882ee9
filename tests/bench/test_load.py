"""The load generator's command line and figures; and it counts right against the real bare relay."""

import subprocess
import sys

import pytest

from bench.load import TITLES, figures_of, main, names_of, parser, plan_of, table_of
from bench.subjects import relay
from bench.talk import Measured


def plan(*arguments: str):
    return plan_of(parser().parse_args(arguments))


def test_without_options_it_is_25_pairs_with_one_message_in_flight():
    found = plan()
    assert (found.urls, found.in_flight, found.length, found.rate) == (["http://localhost:8000"], 1, 100, None)
    assert parser().parse_args([]).pairs == 25


def test_options_become_the_plan():
    found = plan("--url", "https://chat.example/", "--in-flight", "8", "--messages", "50", "--rate", "2000")
    assert (found.urls, found.in_flight, found.messages, found.rate) == (["https://chat.example"], 8, 50, 2000.0)
    assert plan("--server-pid", "1", "--database-pid", "2", "--database-pid", "3").database_pids == [2, 3]


def test_pairs_take_the_instances_in_turn_and_are_together_or_apart():
    two = ["--url", "http://a", "--url", "http://b/"]
    together, apart = plan(*two), plan(*two, "--apart")
    places = [[each.url_of(pair, side)[-1] for pair in range(3) for side in range(2)] for each in (together, apart)]
    assert places == [["a", "a", "b", "b", "a", "a"], ["a", "b", "b", "a", "a", "b"]]
    assert plan("--apart").url_of(1, 1) == plan("--apart").url_of(1, 0)


@pytest.mark.parametrize(
    "wrong",
    [["--pairs", "0"], ["--in-flight", "x"], ["--dialect", "klingon"], ["--seconds", "1", "--messages", "1"]],
)
def test_what_makes_no_sense_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(wrong)
    assert "usage:" in capsys.readouterr().err


def test_it_tells_its_options_when_it_is_run_as_a_program():
    told = subprocess.run([sys.executable, "bench/load.py", "--help"], capture_output=True, text=True, check=True)
    assert "--in-flight" in told.stdout


def test_everybody_has_a_name_of_their_own():
    names = [name for pair in names_of("p", 30) for name in pair]
    assert len(set(names)) == 60


def test_figures_are_per_message_and_per_second():
    measured = Measured(
        seconds=2.0,
        messages=1000,
        latencies=[0.001] * 99 + [0.5],
        own_cpu_seconds=0.5,
        server_cpu_seconds=0.1,
        sent_in_all=1200,
    )
    figures = figures_of(measured, sign_ins=3)
    assert figures["per_second"] == 500
    assert figures["server_cpu_us"] == pytest.approx(100)
    assert (figures["load_cpu_percent"], figures["server_cpu_percent"]) == (25, 5)
    assert (figures["p50_ms"], figures["p99_ms"], figures["max_ms"]) == (1, 1, 500)
    assert "database_cpu_us" not in figures
    assert set(figures) <= set(TITLES)
    assert "messages/s" in table_of(figures)


@pytest.fixture
def running_relay(tmp_path):
    with relay(tmp_path, frozenset()) as subject:
        yield subject


@pytest.mark.parametrize("loop", [["--in-flight", "3"], ["--rate", "2000"]], ids=["closed", "open"])
def test_each_message_arrives_exactly_once_through_the_relay(running_relay, capsys, loop):
    wanted = ["--url", running_relay.url, "--dialect", "relay", "--pairs", "4", "--messages", "200", *loop]
    assert main([*wanted, "--server-pid", str(running_relay.pid)]) == 0
    told = capsys.readouterr().out
    assert '"messages": 200,' in told
    assert '"sent": 200, "lost": 0, "doubled": 0, "strange": 0, "disordered": 0' in told


def test_a_server_that_is_not_there_is_told_in_one_line(capsys):
    assert main(["--url", "http://127.0.0.1:9", "--pairs", "1", "--messages", "1"]) == 1
    assert capsys.readouterr().err.startswith("load: ConnectionRefusedError")
