"""Sign up and sign in, on both engines: who gets in, who does not, and that nobody learns why."""

import asyncio
import logging
import threading
from dataclasses import replace
from typing import Any

import pytest

import models.users
from actions import accounts, sessions
from actions.accounts import Standing
from actions.app import App, Hashing, Origin
from actions.errors import Conflict, Forbidden, Invalid, NotFound, Refused, TooMany, TryLater, Unauthenticated
from crypto import passwords
from crypto.keyring import Ring, make_key
from realtime.buckets import MemoryBuckets
from tests.actions.stage import change, everything, register, rows, said, sign_in
from tests.rooms import ORIGIN, PASSWORD, Clock, join, make_keys, running_app

ELSEWHERE = Origin(request_id="1" * 16, address="198.51.100.7/32", network="198.51.100.0/24")
LONG = "пароль" * 6 + "x"  # 73 bytes: more than bcrypt looks at


def faults(error: Refused) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in error.faults]


class Work:
    """What bcrypt did: the cost of each check, and in which thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.costs: list[int] = []
        self.threads: set[str] = set()
        check = passwords.bcrypt.checkpw

        def checkpw(password: bytes, hashed: bytes) -> bool:
            self.costs.append(int(hashed[4:6]))
            self.threads.add(threading.current_thread().name.rstrip("_0123456789"))
            return check(password, hashed)

        monkeypatch.setattr(passwords.bcrypt, "checkpw", checkpw)


# Signing up


async def test_who_signs_up_can_sign_in(database_url: str) -> None:
    async with running_app(database_url) as app:
        assert await accounts.register(app, ORIGIN, username="Alice", password=PASSWORD) == "Alice"
        tokens = await accounts.login(app, ORIGIN, username="aLICE", password=PASSWORD)
        caller = await sessions.authenticate(app, tokens.access, ORIGIN)
        assert caller.username == "Alice"


@pytest.mark.parametrize(
    ("username", "password", "told"),
    [
        ("", "", [("username", "too_short"), ("password", "too_short")]),
        ("a b", "password", [("username", "bad_character"), ("password", "common")]),
        ("alice", "short", [("password", "too_short")]),
        ("alice", "x" * 129, [("password", "too_long")]),
        ("alice", "x" * 2_000, [("password", "too_long")]),
        ("alice", "alice123", [("password", "like_name")]),
        ("alice", "correct\0horse", [("password", "invalid")]),
        ("alice", "correct\ud800horse", [("password", "invalid")]),
        ("al", PASSWORD, [("username", "too_short")]),
    ],
)
async def test_every_bad_field_is_named(sqlite_url: str, username: str, password: str, told: list[Any]) -> None:
    async with running_app(sqlite_url) as app:
        with pytest.raises(Invalid) as refused:
            await accounts.register(app, ORIGIN, username=username, password=password)
        assert faults(refused.value) == told
        assert await rows(app, "SELECT id FROM users") == []


TAKEN, ALIKE = Standing.TAKEN, Standing.ALIKE


@pytest.mark.parametrize(
    ("other", "standing"), [("alice", TAKEN), ("ALICE", TAKEN), ("a1ice", ALIKE), ("ａｌｉｃｅ", TAKEN)]
)
async def test_a_taken_name_and_its_look_alikes_are_refused(database_url: str, other: str, standing: Standing) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        assert await accounts.standing(app, other) is standing
        with pytest.raises(Conflict) as refused:
            await register(app, other)
        assert faults(refused.value) == [("username", "taken")]
        assert await rows(app, "SELECT name FROM users") == [("alice",)]


async def test_of_fifty_who_want_a_name_at_once_one_gets_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        app.hashing.close()
        app.hashing = Hashing(threads=2, most_waiting=64)
        spellings = [
            "".join(char.upper() if number >> place & 1 else char for place, char in enumerate("casual"))
            for number in range(50)
        ]
        assert len(set(spellings)) == 50
        tries = [accounts.register(app, ORIGIN, username=name, password=PASSWORD) for name in spellings]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 49
        assert await rows(app, "SELECT name FROM users") == [(winners[0],)]
        assert len(await rows(app, "SELECT user_id FROM heads")) == 1


async def test_a_closed_server_registers_nobody(sqlite_url: str) -> None:
    async with running_app(sqlite_url, registration=False) as app:
        with pytest.raises(Forbidden):
            await register(app, "alice")
        assert await rows(app, "SELECT id FROM users") == []


async def test_signing_up_is_recorded_with_the_account(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        user_id = (await rows(app, "SELECT id FROM users"))[0][0]
        assert await rows(app, "SELECT action, outcome FROM audit") == [("register", "ok")]
        ((actor_id, personal),) = await said(app, "register")
        assert (actor_id, personal.network) == (user_id, ORIGIN.network)


# Signing in


WRONG = {
    "unknown": ("nobody", PASSWORD),
    "impossible name": ("no such name!", PASSWORD),
    "wrong": ("alice", "correct horse batterx"),
    "empty": ("alice", ""),
    "disabled": ("ghost", PASSWORD),
    "wrong and disabled": ("ghost", "something else"),
    "other in the 73rd byte": ("longone", LONG[:-1] + "y"),
    "73 bytes": ("alice", LONG),
    "2,000 bytes": ("alice", "x" * 2_000),
    "2,000 bytes for nobody": ("nobody", "x" * 2_000),
    "lone surrogate": ("alice", PASSWORD + "\ud800"),
    "NUL": ("alice", PASSWORD + "\0"),
}


async def test_every_refused_sign_in_has_the_same_answer_and_the_same_work(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url, bcrypt_rounds=5) as app:
        await register(app, "alice", "ghost")
        await accounts.register(app, ORIGIN, username="longone", password=LONG)
        await change(app, "UPDATE users SET disabled_at = 1 WHERE key = 'ghost'")
        work = Work(monkeypatch)
        answers = {}
        for kind, (username, password) in WRONG.items():
            work.costs.clear()
            with pytest.raises(Unauthenticated) as refused:
                await accounts.login(app, ORIGIN, username=username, password=password)
            answers[kind] = (refused.value.detail, refused.value.code, refused.value.faults, tuple(work.costs))
        assert set(answers.values()) == {(accounts.WRONG, "unauthenticated", (), (5,))}
        assert work.threads == {"recado-hash"}
        assert await sign_in(app, "longone", LONG)
        assert await rows(app, "SELECT COUNT(*) FROM sessions") == [(1,)]


async def test_a_refused_sign_in_is_recorded_without_what_was_typed(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        for username in ("alice", "my-very-secret-password"):
            with pytest.raises(Unauthenticated):
                await sign_in(app, username, "another-secret-password")
        (known, nothing), (nobody, keyed) = await said(app, "login")
        assert known is not None
        assert nobody is None
        assert nothing.target == ""
        assert len(keyed.target) == 32
        assert b"secret" not in await everything(app)


async def test_a_hash_is_made_anew_when_the_cost_was_raised(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        await register(app, "alice")
    async with running_app(database_url, keys, bcrypt_rounds=5) as app:
        with pytest.raises(Unauthenticated):
            await sign_in(app, "alice", "not my password")
        assert "$04$" in (await rows(app, "SELECT password FROM users"))[0][0]
        await sign_in(app, "alice")
        hashed = (await rows(app, "SELECT password FROM users"))[0][0]
        assert "$05$" in hashed
        await sign_in(app, "alice")
        assert await rows(app, "SELECT password FROM users") == [(hashed,)]


async def test_a_hash_is_made_anew_when_the_pepper_was_rotated(database_url: str) -> None:
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        await register(app, "alice", "bob")
    old, new = keys.pepper.current, make_key()
    both, only = replace(keys, pepper=Ring((new, old))), replace(keys, pepper=Ring((new,)))
    async with running_app(database_url, both) as app:
        await sign_in(app, "alice")
    async with running_app(database_url, only) as app:
        await sign_in(app, "alice")
        # Bob did not come while both were there: his hash is of no use, which is no reason to fail otherwise.
        with pytest.raises(Unauthenticated):
            await sign_in(app, "bob")


async def test_a_busy_server_leaves_the_new_hash_for_another_time(sqlite_url: str) -> None:
    keys = make_keys()
    async with running_app(sqlite_url, keys) as app:
        await register(app, "alice")
    async with running_app(sqlite_url, keys, bcrypt_rounds=5) as app:
        run = app.hashing.run

        async def busy(work: Any, *args: Any) -> Any:
            if work is passwords.hash_password:
                raise TryLater("Too many sign-ins at once.")
            return await run(work, *args)

        app.hashing.run = busy  # type: ignore[method-assign]
        assert await sign_in(app, "alice")
        assert "$04$" in (await rows(app, "SELECT password FROM users"))[0][0]


async def test_a_hash_copied_to_another_persons_row_lets_nobody_in(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        await accounts.register(app, ORIGIN, username="mallory", password="mallory knows this")
        stolen = (await rows(app, "SELECT password FROM users WHERE key = 'mallory'"))[0][0]
        await change(app, "UPDATE users SET password = %s WHERE key = 'alice'", stolen)
        for password in ("mallory knows this", PASSWORD):
            with pytest.raises(Unauthenticated):
                await sign_in(app, "alice", password)
        assert await sign_in(app, "mallory", "mallory knows this")


@pytest.mark.parametrize("spoilt", ["", "plain text", "p1$nokey$" + "x" * 60, "p1$.$$2b$31$" + "." * 53])
async def test_a_spoilt_hash_is_refused_like_a_wrong_password_and_noted(
    sqlite_url: str, spoilt: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        await change(app, "UPDATE users SET password = %s", spoilt)
        work = Work(monkeypatch)
        with caplog.at_level(logging.ERROR, "recado"), pytest.raises(Unauthenticated) as refused:
            await sign_in(app, "alice")
        assert refused.value.detail == accounts.WRONG
        assert work.costs == [4]
        assert [record.getMessage() for record in caplog.records] == ["password hash is not usable"]


async def test_a_person_disabled_while_signing_in_gets_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        run = app.hashing.run

        async def overtaken(work: Any, *args: Any) -> Any:
            await change(app, "UPDATE users SET disabled_at = 1")
            return await run(work, *args)

        monkeypatch.setattr(Hashing, "run", lambda self, work, *args: overtaken(work, *args))
        with pytest.raises(Unauthenticated):
            await sign_in(app, "alice")
        assert await rows(app, "SELECT id FROM sessions") == []


async def test_too_many_sign_ins_at_once_are_sent_away_at_once(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        await register(app, "alice")
        app.hashing.close()
        app.hashing = Hashing(threads=1, most_waiting=1)
        running, release = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hold() -> bool:
            loop.call_soon_threadsafe(running.set)
            return release.wait(30)

        held = asyncio.create_task(app.hashing.run(hold))
        await running.wait()
        waiting = asyncio.create_task(app.hashing.run(lambda: True))
        await asyncio.sleep(0)
        for coming in (sign_in(app, "alice"), sign_in(app, "nobody"), register(app, "bob")):
            with pytest.raises(TryLater) as refused:
                await coming
            assert refused.value.retry_after > 0
        release.set()
        assert await held
        assert await waiting
        assert await sign_in(app, "alice")
        assert await rows(app, "SELECT name FROM users") == [("alice",)]


# How often


def turned(app: App, clock: Clock) -> MemoryBuckets:
    app.buckets = buckets = MemoryBuckets(clock=lambda: clock.now / 1000)
    return buckets


async def wrong(app: App, username: str, origin: Origin) -> str:
    """What a wrong password brings: the name of the refusal."""
    with pytest.raises(Refused) as refused:
        await accounts.login(app, origin, username=username, password="a wrong password")
    return type(refused.value).__name__


@pytest.mark.parametrize("username", ["alice", "nobody", "no such name!"])
async def test_guessing_from_one_place_is_slowed_whether_the_name_exists_or_not(sqlite_url: str, username: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        assert [await wrong(app, username, ORIGIN) for _ in range(10)] == ["Unauthenticated"] * 10
        assert await wrong(app, username, ORIGIN) == "TooMany"
        clock.turn(seconds=29)
        assert await wrong(app, username, ORIGIN) == "TooMany"
        clock.turn(seconds=1.1)
        assert await wrong(app, username, ORIGIN) == "Unauthenticated"
        assert await wrong(app, username, ORIGIN) == "TooMany"


async def test_a_thousand_guesses_from_one_place_do_not_lock_the_owner_out_of_another(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        await register(app, "alice")
        turned(app, clock)
        answers = [await wrong(app, "alice", ELSEWHERE) for _ in range(1_000)]
        assert answers.count("Unauthenticated") == 10
        assert await sign_in(app, "alice", origin=ORIGIN)
        with pytest.raises(TooMany):
            await sign_in(app, "alice", origin=ELSEWHERE)


async def test_no_limiter_holds_what_was_typed_as_a_name(sqlite_url: str) -> None:
    clock = Clock()
    async with running_app(sqlite_url, clock=clock, limits_enabled=True) as app:
        buckets = turned(app, clock)
        await wrong(app, "my-very-secret-password", ORIGIN)
        await wrong(app, "my very secret password! " * 100, ORIGIN)
        assert len(buckets) == 4
        assert "secret" not in repr(buckets._rests)


# Who exists


async def test_a_name_exists_without_regard_to_case(database_url: str) -> None:
    async with running_app(database_url) as app:
        assert await accounts.standing(app, "alice") is Standing.UNKNOWN
        await register(app, "Alice")
        assert await accounts.standing(app, "alice") is Standing.TAKEN
        assert await accounts.standing(app, "ALICE") is Standing.TAKEN
        assert await accounts.standing(app, "alicia") is Standing.UNKNOWN
        for impossible in ("", "a", "a b", "x" * 300, "\ud800\ud800\ud800", "a\0bc"):
            assert await accounts.standing(app, impossible) is Standing.UNKNOWN


@pytest.mark.parametrize("name", ["bob", "", "no such name!"])
async def test_whom_one_must_know_is_there_or_not_found(sqlite_url: str, name: str) -> None:
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        assert (await accounts.known(app, "ALICE")).id == alice.user_id
        with pytest.raises(NotFound):
            await accounts.known(app, name)


async def test_who_does_not_exist_is_not_remembered(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        assert await accounts.person(app, "alice") is None
        assert await accounts.standing(app, "alice") is Standing.UNKNOWN
        await register(app, "alice")
        found = await accounts.person(app, "ALICE")
        assert found is not None
        assert found.name == "alice"


async def test_people_are_looked_up_once_a_minute_and_no_more_than_so_many_kept(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.app.MOST_REMEMBERED", 3)
    clock, asked = Clock(), []
    by_key = models.users.by_key

    async def counted(db: Any, key: str) -> Any:
        asked.append(key)
        return await by_key(db, key)

    async with running_app(sqlite_url, clock=clock) as app:
        names = ["alice", "bertha", "carol", "dora", "emma"]
        await register(app, *names)
        monkeypatch.setattr(models.users, "by_key", counted)
        for name in ("alice", "Alice", "ALICE"):
            assert await accounts.person(app, name)
            assert await accounts.standing(app, name) is Standing.TAKEN
        assert asked == ["alice"]
        clock.turn(seconds=61)
        await accounts.person(app, "alice")
        assert asked == ["alice", "alice"]
        for name in names:
            await accounts.person(app, name)
        assert len(app.people._values) == 3


async def test_joining_is_all_that_a_person_needs(database_url: str) -> None:
    async with running_app(database_url) as app:
        caller = await join(app, "Ada_Lovelace")
        assert caller.username == "Ada_Lovelace"
