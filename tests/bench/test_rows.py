"""The rows that need PostgreSQL and several programs run from end to end, as small as can be."""

import pytest

from bench.goals import COLUMNS, GOALS, LARGE, MAIN, SMALL
from bench.machine import Cores
from bench.results import reached
from bench.rows import ROWS, run_rows
from bench.stage import Bench, Size

TINY = Size(
    rounds=1,
    seconds=0.2,
    warmup_seconds=0.1,
    calls=100,  # the clock of CPU time ticks in hundredths of a second
    pairs=2,
    clients=6,
    storms=1,
    settle_seconds=0.05,
    table=2000,
)


@pytest.fixture
def bench(tmp_path, postgres_server, redis_url):
    urls, told = [], []

    def new_database():
        urls.append(postgres_server.create_database())
        return urls[-1]

    yield Bench(tmp_path, Cores(), TINY, redis_url, (), new_database, told.append)
    for url in urls:
        postgres_server.drop_database(url)


@pytest.mark.parametrize(("row", "subjects"), [("M5", {MAIN}), ("M6", {MAIN}), ("M7", {LARGE, SMALL})])
def test_each_goal_of_the_row_is_measured(bench, row, subjects):
    runs = run_rows(bench, [row])
    assert {run.subject for run in runs} == subjects
    for goal in GOALS:
        assert goal.row != row or reached(runs, goal) is not None, goal.told
    assert all(set(COLUMNS[row]) & set(run.values) for run in runs)
    assert all(run.values.get("lost", 0) == 0 for run in runs)


def test_a_row_that_fails_is_told_and_the_others_go_on(monkeypatch):
    from bench.api import CallFailed
    from bench.results import Run

    def fails(_):
        raise CallFailed("no server")
        yield

    monkeypatch.setattr("bench.rows.ROWS", {"M1": fails, "M8": lambda _: [Run("M8", "", "x", 0, {})]})
    told = []
    assert [run.row for run in run_rows(Bench(None, Cores(), TINY, "", (), str, told.append), ["M1", "M8"])] == ["M8"]
    assert told == ["M1 failed: no server"]


def test_what_leaves_most_behind_comes_last():
    assert list(ROWS)[-1] == "M7"
