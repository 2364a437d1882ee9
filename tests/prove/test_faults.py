"""The schedule of faults comes from its seed, hurts everything, and never the same thing twice at once."""

from itertools import combinations

import pytest

from prove.breakage import STEPS
from prove.faults import INSTANCE, INSTANCES, KINDS, LAST_SECONDS, schedule


def test_a_seed_is_a_schedule() -> None:
    assert schedule(5, 60) == schedule(5, 60)
    assert schedule(5, 60) != schedule(6, 60)


def test_every_kind_can_be_carried_out_and_comes_in_a_minute_or_two() -> None:
    assert {kind.name for kind in KINDS} == set(STEPS)
    assert {each.kind for each in schedule(1, 120)} == set(STEPS)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_broken_twice_at_once_and_one_instance_always_lives(seed: int) -> None:
    planned = schedule(seed, 300)
    assert planned == sorted(planned, key=lambda each: each.begins)
    assert all(0 < each.begins < each.ends <= 300 - LAST_SECONDS for each in planned)
    for one, other in combinations(planned, 2):
        if one.target == other.target:
            assert one.ends <= other.begins
    for each in planned:
        down = {other.target for other in planned if other.begins <= each.begins <= other.ends}
        assert len({target for target in down if target.startswith(f"{INSTANCE} ")}) < 3
        assert INSTANCES not in down or not any(target.startswith(f"{INSTANCE} ") for target in down)


def test_it_can_be_short_or_of_some_kinds_only() -> None:
    assert len(schedule(1, 60, most=2)) == 2
    assert schedule(1, 3) == []
    only = [kind for kind in KINDS if kind.name == "kill-redis"]
    assert {each.kind for each in schedule(1, 60, kinds=only)} == {"kill-redis"}
    assert {each.target for each in schedule(1, 60, instances=1)} >= {"instance 1"}
