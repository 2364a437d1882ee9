"""Guessing is slowed, from wherever it comes, and the owner gets in all the same."""

import contextlib
from dataclasses import replace

import pytest

from actions import accounts, guessing, limits, sessions
from actions.app import App, Origin
from actions.errors import Refused, TooMany
from crypto import marks, tokens
from realtime.buckets import MemoryBuckets, Rule
from tests.actions.stage import change, register, rows, sign_in
from tests.rooms import ORIGIN, PASSWORD, Clock, running_app

HOUR = 3600.0
ELSEWHERE = Origin(request_id="1" * 16, address="198.51.100.7/32", network="198.51.100.0/24")


class Noting(MemoryBuckets):
    """Buckets that note what is spent."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=lambda: clock.now / 1000)
        self.spent: list[tuple[str, str]] = []

    async def spend(self, key: str, rule: Rule, cost: int = 1) -> float:
        self.spent.append((rule.name, key))
        return await super().spend(key, rule, cost)

    def taken(self) -> list[str]:
        """The names of what was spent since the last look."""
        names = [name for name, _ in self.spent]
        self.spent.clear()
        return names


def turned(app: App, clock: Clock) -> Noting:
    app.buckets = buckets = Noting(clock)
    return buckets


def place(number: int, **more: str) -> Origin:
    """One of many networks of a botnet."""
    return replace(ELSEWHERE, network=f"10.{number >> 8}.{number & 255}.0/24", **more)


async def tried(app: App, origin: Origin, name: str = "alice") -> str:
    """What a wrong password brings: the name of the refusal."""
    with pytest.raises(Refused) as refused:
        await accounts.login(app, origin, username=name, password="a wrong password")
    return type(refused.value).__name__


async def guess(app: App, *places: int) -> int:
    """One guess at Alice's password from each place; how many were let through."""
    name, let = tokens.keyed_name(app.keys.token, "alice"), 0
    ((user_id,),) = await rows(app, "SELECT id FROM users WHERE key = 'alice'")
    for number in places:
        with contextlib.suppress(TooMany):
            await guessing.admit(app, place(number), name=name, user_id=user_id)
            let += 1
    return let


async def emptied(app: App) -> None:
    """The name's bucket and the spare one are spent, by so many networks."""
    enough = limits.LOGIN_NAME.burst + limits.LOGIN_SPARE.burst
    assert await guess(app, *range(enough + 5)) == enough


@pytest.mark.parametrize("name", ["alice", "nobody", "no such name!"])
async def test_what_a_try_spends_does_not_depend_on_whether_the_name_exists(sqlite_url: str, name: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        buckets = turned(app, clock)
        assert await tried(app, ELSEWHERE, name) == "Unauthenticated"
        assert buckets.taken() == ["login.pair", "login.name"]


async def test_an_attacker_from_many_places_keeps_nobody_out_who_is_at_home(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        await sign_in(app, "alice", origin=ORIGIN)
        buckets = turned(app, clock)
        await emptied(app)
        assert await tried(app, place(60_000)) == "TooMany"
        buckets.taken()
        assert await sign_in(app, "alice", origin=ORIGIN)
        assert buckets.taken() == ["login.pair"]
        # That is a way in for the owner, not for guesses without end.
        answers = [await tried(app, ORIGIN) for _ in range(12)]
        assert answers == ["Unauthenticated"] * 9 + ["TooMany"] * 3
        # Whoever has signed out is a stranger like all others.
        await change(app, "UPDATE sessions SET ended_at = 1")
        clock.turn(seconds=30)
        buckets.taken()
        await tried(app, ORIGIN)
        assert buckets.taken()[:2] == ["login.pair", "login.name"]


async def test_an_attacker_from_many_places_keeps_nobody_out_on_a_known_device(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        pair = await sign_in(app, "alice", origin=ORIGIN)
        mark = guessing.mark_of(app, pair.refresh)
        await sessions.end(app, await sessions.authenticate(app, pair.access, ORIGIN))
        buckets = turned(app, clock)
        await emptied(app)
        abroad = place(60_000, mark=mark)
        assert await tried(app, replace(abroad, mark="")) == "TooMany"
        buckets.taken()
        assert await sign_in(app, "alice", origin=abroad)
        assert buckets.taken() == ["login.session"]
        # A stolen mark gives as many guesses as a familiar network, wherever it is shown.
        answers = [await tried(app, place(61_000 + number, mark=mark)) for number in range(12)]
        assert answers == ["Unauthenticated"] * 9 + ["TooMany"] * 3


async def test_a_neighbour_in_the_same_network_keeps_nobody_out_on_a_known_device(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        pair = await sign_in(app, "alice", origin=ORIGIN)
        turned(app, clock)
        while await tried(app, ORIGIN) != "TooMany":
            pass
        with pytest.raises(TooMany):
            await sign_in(app, "alice", origin=ORIGIN)
        assert await sign_in(app, "alice", origin=replace(ORIGIN, mark=guessing.mark_of(app, pair.refresh)))


async def test_from_a_new_place_the_owner_gets_in_at_once_although_the_name_is_guessed_at(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        # Two hundred networks guess on and on, each as fast as it is let.
        for _ in range(4):
            await guess(app, *range(200))
            clock.turn(seconds=300)
        for number in range(1000, 1006):
            await guess(app, *range(200))
            assert await tried(app, place(number)) == "Unauthenticated"  # a slip
            assert await sign_in(app, "alice", origin=place(number))
            clock.turn(seconds=300)


async def test_from_a_new_place_the_owner_waits_for_a_moment_after_the_last_of_a_hundred_fresh_networks(
    sqlite_url: str,
) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        await emptied(app)
        with pytest.raises(TooMany) as refused:
            await sign_in(app, "alice", origin=place(60_000))
        assert refused.value.retry_after == pytest.approx(40, abs=1)
        clock.turn(seconds=41)
        assert await sign_in(app, "alice", origin=place(60_000))


async def test_a_network_that_has_tried_is_told_to_wait_for_the_name_and_not_for_half_a_day(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        await emptied(app)
        clock.turn(seconds=200)  # five are spare again
        assert await guess(app, 60_000, 60_000, 60_000) == 2
        with pytest.raises(TooMany) as refused:
            await sign_in(app, "alice", origin=place(60_000))
        assert refused.value.retry_after == pytest.approx(400, abs=1)


async def test_in_the_long_run_strangers_have_less_than_a_hundred_guesses_an_hour(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        await emptied(app)
        guesses = 0
        for number in range(1000, 1300):
            clock.turn(seconds=HOUR / 300)
            guesses += await guess(app, number, number + 300)
        assert 94 <= guesses <= 97


@pytest.mark.parametrize("mark", ["", "dm1_forged", "x" * 5000, "rt1_AAAA"])
async def test_a_mark_that_is_none_counts_for_nothing(sqlite_url: str, mark: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        buckets = turned(app, clock)
        assert await tried(app, replace(ELSEWHERE, mark=mark)) == "Unauthenticated"
        assert buckets.taken() == ["login.pair", "login.name"]


async def test_the_mark_of_another_person_or_of_a_session_that_was_taken_away_counts_for_nothing(
    database_url: str,
) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        await accounts.register(app, ORIGIN, username="mallory", password=PASSWORD)
        hers = guessing.mark_of(app, (await sign_in(app, "alice", origin=ORIGIN)).refresh)
        his = guessing.mark_of(app, (await sign_in(app, "mallory", origin=ORIGIN)).refresh)
        nobodys = marks.make_mark(app.keys.token, 12345)
        buckets = turned(app, clock)
        for name, mark in (("alice", his), ("nobody", hers), ("alice", nobodys)):
            assert await tried(app, replace(ELSEWHERE, mark=mark), name) == "Unauthenticated"
            assert buckets.taken() == ["login.pair", "login.name"]
        await change(app, "UPDATE sessions SET ended_at = 1, ended_reason = 'revoked'")
        assert await tried(app, replace(ELSEWHERE, mark=hers)) == "Unauthenticated"
        assert buckets.taken() == ["login.pair", "login.name"]


async def test_no_bucket_holds_a_name(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        buckets = turned(app, clock)
        await emptied(app)
        assert await tried(app, ELSEWHERE, "my-very-secret-password") == "Unauthenticated"
        assert not [key for _, key in buckets.spent if "alice" in key or "secret" in key]
