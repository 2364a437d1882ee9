"""A rolling restart under load: two instances behind the proxy, one after the other told to leave and replaced."""

import subprocess
import sys
from collections import Counter

import pytest

from prove.figures import figures
from prove.history import Answered, Dismissed, Entry, Fault, Opened, read
from tests.instances import ROOT

CLIENTS = 56
SPREAD_MS = 3000  # `wiring.serve`: within how long the clients of a leaving instance come back
SLOT_MS = 100


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """What the clients saw. That no message was lost, doubled or late is the exit code of the program."""
    directory = tmp_path_factory.mktemp("rolling") / "history"
    size = ["--clients", str(CLIENTS), "--instances", "2", "--seconds", "14", "--rate", "30", "--seed", "2"]
    ran = subprocess.run(
        [sys.executable, "-m", "prove", *size, "--only", "rolling-restart", "--faults", "1", "--out", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return list(read(directory / "history.jsonl"))


def test_nothing_is_lost_or_doubled_and_everybody_was_sent_away(history: list[Entry]) -> None:
    assert [each.phase for each in history if isinstance(each, Fault)] == ["begin", "end"]
    sockets = {each.device for each in history if isinstance(each, Opened) and each.via == "v1"}
    assert {each.device for each in history if isinstance(each, Dismissed)} == sockets
    assert sum(isinstance(each, Answered) for each in history) > 100
    rows = {row[0]: row[1:] for table in figures(history) for row in table.rows}
    assert "all whole" in rows["after everything was mended"][0]


def test_each_is_told_when_to_come_back_and_does_so_no_earlier(history: list[Entry]) -> None:
    asked: dict[str, float] = {}
    obeyed = 0
    for each in history:
        if isinstance(each, Dismissed):
            assert each.bye.code == 1012
            asked[each.device] = each.at + each.bye.resume_after_ms / 1000
        elif isinstance(each, Opened) and each.device in asked:
            assert each.at >= asked.pop(each.device) - 0.001
            obeyed += 1
    assert obeyed >= CLIENTS / 2
    assert not asked


def test_the_times_that_the_server_gives_are_spread_evenly(history: list[Entry]) -> None:
    times = [each.bye.resume_after_ms for each in history if isinstance(each, Dismissed)]
    assert all(0 <= each < SPREAD_MS for each in times)
    # Of so many, by chance: a third in each third of the time, and no crowd in any slot.
    thirds = Counter(each * 3 // SPREAD_MS for each in times)
    assert all(thirds[third] > len(times) / 8 for third in range(3)), thirds
    slots = Counter(each // SLOT_MS for each in times)
    mean = len(times) * SLOT_MS / SPREAD_MS
    assert max(slots.values()) <= mean + 5 * mean**0.5 + 4, slots


def test_they_come_back_as_spread_as_they_were_told(history: list[Entry]) -> None:
    returning: set[str] = set()
    hellos: Counter[int] = Counter()
    for each in history:
        if isinstance(each, Dismissed):
            returning.add(each.device)
        elif isinstance(each, Opened) and each.device in returning:
            returning.remove(each.device)
            hellos[int(each.at * 1000) // SLOT_MS] += 1
    # Twice the mean and what chance and a busy machine add; all in one moment would be half of them.
    mean = sum(hellos.values()) * SLOT_MS / (2 * SPREAD_MS)
    assert max(hellos.values()) <= 2 * mean + 8 * mean**0.5 + 8, hellos
