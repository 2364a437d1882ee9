"""The table of limits: each rule goes as fast as its line says, and no faster."""

import pytest

from actions import limits
from actions.errors import TooMany
from realtime.buckets import MemoryBuckets, Rule
from tests.rooms import Clock, running_app

RULES = {name: rule for name, rule in vars(limits).items() if isinstance(rule, Rule)}
# By hand, from the reasons of each: how many at once, and then one in how many seconds.
MEANT = {
    "REGISTER": (50, 6.0),
    "LOGIN_ADDRESS": (100, 1.0),
    "REFRESH": (200, 0.5),
    "CHECK_USERNAME": (200, 0.25),
    "CONNECT": (200, 0.25),
    "LOGIN_PAIR": (10, 30.0),
    "LOGIN_NAME": (200, 20.0),
    "SEND": (600, 0.02),
    "READ": (600, 0.05),
    "TYPING": (2, 2.0),
    "PROFILE": (20, 5.0),
    "TICKET": (60, 1.0),
}


def test_every_rule_is_tried_here() -> None:
    assert RULES.keys() == MEANT.keys()
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize(("name", "burst", "each"), [(name, *meant) for name, meant in MEANT.items()])
async def test_a_rule_lets_its_burst_through_and_then_one_by_one(name: str, burst: int, each: float) -> None:
    clock = Clock()
    buckets, rule = MemoryBuckets(clock=lambda: clock.now / 1000), RULES[name]
    assert [await buckets.spend("key", rule) for _ in range(burst)] == [0.0] * burst
    assert await buckets.spend("key", rule) == pytest.approx(each, abs=0.002)
    clock.turn(seconds=each + 0.002)
    assert await buckets.spend("key", rule) == 0.0
    assert await buckets.spend("key", rule) > 0


async def test_a_spent_limit_says_when_there_is_room_again(sqlite_url: str) -> None:
    rule = Rule("test", burst=1, per_seconds=60.0)
    async with running_app(sqlite_url, limits_enabled=True) as app:
        for spend in (limits.spend, limits.spend_here):
            await spend(app, rule, 7)
            with pytest.raises(TooMany) as refused:
                await spend(app, rule, "7")
            assert 50 < refused.value.retry_after <= 60
            await spend(app, rule, 8)


async def test_without_limits_nothing_is_counted(sqlite_url: str) -> None:
    rule = Rule("test", burst=1, per_seconds=60.0)
    async with running_app(sqlite_url, limits_enabled=False) as app:
        for _ in range(3):
            await limits.spend(app, rule, 7)
            await limits.spend_here(app, rule, 7)
        assert isinstance(app.buckets, MemoryBuckets)
        assert len(app.buckets) == 0


async def test_what_is_counted_here_is_not_counted_for_all(sqlite_url: str) -> None:
    rule = Rule("test", burst=1, per_seconds=60.0)
    async with running_app(sqlite_url, limits_enabled=True) as app:
        await limits.spend_here(app, rule, 7)
        await limits.spend(app, rule, 7)
