"""The table of limits: each rule goes as fast as its line says, and no faster; and what is left of it without Redis."""

import pytest

from actions import limits
from actions.errors import TooMany
from actions.limits import CLOSED, HERE, OPEN
from realtime.buckets import Alone, MemoryBuckets, Rule
from tests.instances import ROOT
from tests.markdown import table
from tests.rooms import Clock, running_app

RULES = {name: rule for name, rule in vars(limits).items() if isinstance(rule, Rule)}
# By hand, from the reasons of each: how many at once, then one in how many seconds, and what stays without Redis.
MEANT: dict[str, tuple[int, float, Alone]] = {
    "REGISTER": (50, 6.0, CLOSED),
    "LOGIN_ADDRESS": (100, 1.0, CLOSED),
    "REFRESH": (200, 0.5, OPEN),
    "CHECK_USERNAME": (200, 0.25, CLOSED),
    "CONNECT": (200, 0.25, OPEN),
    "OPERATIONS": (200, 0.25, HERE),
    "LOGIN_PAIR": (10, 30.0, CLOSED),
    "LOGIN_NAME": (100, 600.0, CLOSED),
    "LOGIN_FIRST": (2, 43_200.0, CLOSED),
    "LOGIN_SPARE": (20, 40.0, CLOSED),
    "LOGIN_DEVICE": (10, 30.0, CLOSED),
    "RESET": (20, 6.0, CLOSED),
    "PASSWORD": (10, 30.0, CLOSED),
    "SECOND_FACTOR": (10, 60.0, CLOSED),
    "FACTORS": (30, 10.0, CLOSED),
    "ERASE": (20, 30.0, CLOSED),
    "EXPORT": (3, 1200.0, CLOSED),
    "SEND": (600, 0.02, HERE),
    "READ": (600, 0.05, HERE),
    "TYPING": (2, 2.0, HERE),
    "PUSH": (30, 10.0, OPEN),
    "PROFILE": (20, 5.0, HERE),
    "TIMER": (20, 10.0, HERE),
    "SESSIONS": (30, 2.0, OPEN),
    "TICKET": (60, 1.0, OPEN),
}
# What a rule counts by, as its name ends, and what people are told of it.
KINDS = ("address", "name", "pair", "person", "session")


def test_every_rule_is_tried_here() -> None:
    assert RULES.keys() == MEANT.keys()
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("name", MEANT)
def test_every_rule_says_by_what_it_counts_and_what_stays_without_redis(name: str) -> None:
    assert RULES[name].name.rpartition(".")[2] in KINDS
    assert RULES[name].alone is MEANT[name][2]


def test_a_row_that_says_nothing_is_closed_without_redis() -> None:
    assert limits._rule("x.person", burst=1, each=1.0).alone is CLOSED


def test_the_operators_are_told_the_whole_table() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told = {
        row["limit"].strip("`"): row for row in table(text, "limit", "by", "at once", "one more after", "without Redis")
    }
    assert told.keys() == {rule.name for rule in RULES.values()}
    for rule in RULES.values():
        row = told[rule.name]
        assert (int(row["at once"]), float(row["one more after"])) == (rule.burst, rule.piece / 1_000_000), row
        assert row["without Redis"] == rule.alone.value, row
        assert row["by"], row


@pytest.mark.parametrize(("name", "burst", "each"), [(name, *meant[:2]) for name, meant in MEANT.items()])
async def test_a_rule_lets_its_burst_through_and_then_one_by_one(name: str, burst: int, each: float) -> None:
    clock = Clock()
    buckets, rule = MemoryBuckets(clock=lambda: clock.now / 1000), RULES[name]
    assert [await buckets.spend("key", rule) for _ in range(burst)] == [0.0] * burst
    assert await buckets.spend("key", rule) == pytest.approx(each, abs=0.002)
    clock.turn(seconds=each + 0.002)
    assert await buckets.spend("key", rule) == 0.0
    assert await buckets.spend("key", rule) > 0


@pytest.mark.parametrize("alone", list(Alone))
async def test_a_spent_limit_says_when_there_is_room_again(sqlite_url: str, alone: Alone) -> None:
    rule = Rule("test", 1, 60.0, alone)
    async with running_app(sqlite_url, limits_enabled=True) as app:
        await limits.spend(app, rule, 7)
        with pytest.raises(TooMany) as refused:
            await limits.spend(app, rule, "7")
        assert 50 < refused.value.retry_after <= 60
        await limits.spend(app, rule, 8)
        assert not await limits.has_room(app, rule, 8)
        assert await limits.has_room(app, rule, 9)


async def test_without_limits_nothing_is_counted(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=False) as app:
        for alone in Alone:
            for _ in range(3):
                await limits.spend(app, Rule("test", 1, 60.0, alone), 7)
                assert await limits.has_room(app, Rule("test", 1, 60.0, alone), 7)
        assert isinstance(app.buckets, MemoryBuckets)
        assert isinstance(app.here, MemoryBuckets)
        assert len(app.buckets) == len(app.here) == 0


async def test_what_is_counted_here_never_asks_what_all_share(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        assert isinstance(app.buckets, MemoryBuckets)
        assert isinstance(app.here, MemoryBuckets)
        await limits.spend(app, Rule("test", 1, 60.0, HERE), 7)
        assert (len(app.buckets), len(app.here)) == (0, 1)
        for alone in (OPEN, CLOSED):
            await limits.spend(app, Rule("test", 1, 60.0, alone), alone.value)
        assert (len(app.buckets), len(app.here)) == (2, 1)
