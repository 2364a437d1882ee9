"""A bounded memory whose clock the test turns."""

from actions.lru import Lru
from tests.rooms import Clock


def memory(clock: Clock, most: int = 3) -> Lru[str, int]:
    return Lru(most=most, keep=5_000, clock=clock)


def test_what_was_put_is_there_until_it_is_too_old() -> None:
    clock = Clock()
    lru = memory(clock)
    assert lru.put("a", 1) == 1
    clock.turn(seconds=5)
    assert lru.get("a") == 1
    clock.turn(seconds=0.001)
    assert lru.get("a") is None


def test_being_used_does_not_make_it_younger() -> None:
    clock = Clock()
    lru = memory(clock)
    lru.put("a", 1)
    for _ in range(5):
        clock.turn(seconds=1)
        assert lru.get("a") == 1
    clock.turn(seconds=1)
    assert lru.get("a") is None


def test_a_clock_that_jumps_back_makes_it_too_old() -> None:
    clock = Clock()
    lru = memory(clock)
    lru.put("a", 1)
    clock.turn(seconds=-6)
    assert lru.get("a") is None


def test_the_least_used_goes_first() -> None:
    lru = memory(Clock())
    for key in "abc":
        lru.put(key, ord(key))
    lru.get("a")
    lru.put("d", 4)
    assert [lru.get(key) for key in "abcd"] == [97, None, 99, 4]


def test_it_never_holds_more_than_its_bound() -> None:
    lru = memory(Clock(), most=10)
    for number in range(1000):
        lru.put(str(number), number)
    assert sum(lru.get(str(number)) is not None for number in range(1000)) == 10
    assert len(lru._values) == 10


def test_what_is_dropped_is_gone_and_dropping_it_again_is_harmless() -> None:
    lru = memory(Clock())
    lru.put("a", 1)
    lru.drop("a")
    lru.drop("a")
    assert lru.get("a") is None
