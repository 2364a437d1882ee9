"""The allowance of a connection: above it the next frame waits, and only a flood that goes on ends it."""

import pytest

from handlers.line import MOST_IN_FLIGHT
from handlers.pace import FAIR_FRAMES, PAUSE_SECONDS, WRONG_COST, Allowance, Pace

ALLOWED = Allowance(per_second=100, burst=200, patience_seconds=5)


def test_so_many_at_once_are_free_and_the_next_one_waits() -> None:
    pace = Pace(ALLOWED, 0.0)
    assert [pace.spend(1, 0.0) for _ in range(200)] == [0.0] * 200
    assert pace.spend(1, 0.0) == pytest.approx(PAUSE_SECONDS + 0.01)


def test_a_steady_rate_within_the_allowance_never_waits() -> None:
    pace = Pace(ALLOWED, 0.0)
    assert not any(pace.spend(1, n / 100) for n in range(100_000))


def test_what_comes_back_is_never_more_than_the_burst() -> None:
    pace = Pace(ALLOWED, 0.0)
    assert sum(pace.spend(1, 1e6) == 0 for _ in range(300)) == 200


def test_whoever_has_waited_may_take_many_before_the_next_pause() -> None:
    pace = Pace(ALLOWED, 0.0)
    now = sum(pace.spend(1, 0.0) for _ in range(201))
    assert [pace.spend(1, now) > 0 for _ in range(11)] == [False] * 10 + [True]


def test_a_wrong_frame_counts_as_many() -> None:
    pace = Pace(ALLOWED, 0.0)
    assert sum(pace.spend(WRONG_COST, 0.0) == 0 for _ in range(30)) == 200 / WRONG_COST


@pytest.mark.parametrize("in_flight", [1, 8, 64])
def test_a_client_that_listens_is_slowed_and_never_taken_for_a_flood(in_flight: int) -> None:
    assert in_flight <= MOST_IN_FLIGHT < FAIR_FRAMES
    pace, now, sent = Pace(ALLOWED, 0.0), 0.0, 0
    while now < 60:
        for waiting in reversed(range(in_flight)):  # it sends as much as it may, and all is answered at once
            sent += 1
            if wait := pace.spend(1, now):
                now += wait
                assert not pace.is_flood(now, waiting=waiting)
        now += 0.001
    assert 100 * 60 <= sent <= 100 * 61 + 200


def test_a_flood_is_one_that_goes_on() -> None:
    pace, now = Pace(ALLOWED, 0.0), 0.0
    while not (wait := pace.spend(1, now)) or not pace.is_flood(now := now + wait, waiting=FAIR_FRAMES + 1):
        pass
    assert 5 <= now <= 5.3


@pytest.mark.parametrize("allowed", [Allowance(1, 10, 5), Allowance(1000, 10, 5), Allowance(10, 1000, 5)])
def test_a_flood_is_one_whatever_the_settings(allowed: Allowance) -> None:
    pace, now, heard = Pace(allowed, 0.0), 0.0, 0
    while not (wait := pace.spend(WRONG_COST, now)) or not pace.is_flood(now := now + wait, waiting=1000):
        heard += 1
    assert 5 <= now <= 5 + 2 * (WRONG_COST / allowed.per_second + PAUSE_SECONDS)
    assert heard <= (allowed.burst + allowed.per_second * now) / WRONG_COST + 1


def test_a_pause_with_little_behind_it_or_a_rest_is_forgiven() -> None:
    pace = Pace(ALLOWED, 0.0)
    asked = []
    for begun, ended, waiting in (
        *((0.0, 4.0, 1000), (4.1, 8.0, FAIR_FRAMES), (8.1, 12.0, 1000), (12.5, 17.0, 1000)),
        *((18.1, 20.0, 1000), (20.5, 23.0, 1000), (23.1, 25.1, 1000)),  # before these there was a rest
    ):
        pace.spend(1, begun)
        asked.append(pace.is_flood(ended, waiting=waiting))
    assert asked == [False, False, False, True, False, False, True]
