"""The attacker shows one thing many times at once, to two instances: what is good once is good once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar
from uuid import uuid4

import pyotp
import pytest

from tests.adversary.attacker import PASSWORD, Plundered, Store, fresh_name
from tests.handlers.raw import raw_socket
from tests.instances import Instance
from tests.servers import GivenPostgres, GivenRedis, PostgresServer, RedisServer

T = TypeVar("T")
AT_ONCE = 16
Pair = tuple[Plundered, Plundered]


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer | GivenPostgres,
    redis_server: RedisServer | GivenRedis,
) -> Iterator[Pair]:
    """Two instances on one PostgreSQL and one Redis."""
    url = postgres_server.create_database()
    home = tmp_path_factory.mktemp("pair")
    given: dict[str, Any] = {
        "database_url": url,
        "redis_url": redis_server.url,
        "settings": {"RECADO_REDIS_PREFIX": "racing"},
    }
    with Instance(home, **given) as one, Instance(home, **given) as other:
        store = Store(url)
        yield Plundered(one, one, store=store), Plundered(other, other, store=store)
    postgres_server.drop_database(url)


def at_once(pair: Pair, act: Callable[[Plundered, int], T]) -> Sequence[T]:
    """Do it so many times at the same moment, in turn at the one and the other."""
    gate = Barrier(AT_ONCE)

    def one(number: int) -> T:
        gate.wait()
        return act(pair[number % 2], number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_of_one_ticket_shown_to_both_one_socket_comes(pair: Pair) -> None:
    mallory = pair[0].join()
    ticket = pair[0].ask("POST", "/api/auth/ws-ticket/", token=mallory.token).json["ticket"]

    def shown(target: Plundered, number: int) -> int:
        with raw_socket(target.door, target=f"/ws/chat/?ticket={ticket}") as opened:
            return opened.status

    assert sorted(at_once(pair, shown)) == [101] + [401] * (AT_ONCE - 1)


def test_of_one_refresh_token_shown_to_both_one_child_lives(pair: Pair) -> None:
    mallory = pair[0].join()
    refresh = pair[0].pair(mallory.name)["refresh"]
    replies = at_once(pair, lambda target, _: target.ask("POST", "/api/auth/refresh/", {"refresh": refresh}))
    # As after a lost answer each may be given a child, and all but the newest of them are dead.
    children = [reply.json for reply in replies if reply.status == 200]
    assert {reply.status for reply in replies} <= {200, 401, 503}
    assert children
    alive = 0
    for number, child in enumerate(children):
        target = pair[number % 2]
        alive += target.ask("POST", "/api/auth/refresh/", {"refresh": child["refresh"]}).status == 200
    assert alive <= 1
    ((sessions,),) = pair[0].store.run("SELECT count(*) FROM sessions WHERE user_id = ?", pair[0].id_of(mallory))
    assert sessions == 2  # the one of joining, and the one that was refreshed


def test_one_client_id_sent_by_both_is_one_message(pair: Pair) -> None:
    mallory, bob = pair[0].join(), pair[0].join()
    body = {"recipient": bob.name, "content": "once", "client_id": str(uuid4())}
    replies = at_once(pair, lambda target, _: target.ask("POST", "/api/auth/send/", body, token=mallory.token))
    assert sorted(reply.status for reply in replies) == [200] * (AT_ONCE - 1) + [201]
    assert len({reply.json["id"] for reply in replies}) == 1
    assert len(pair[1].ask("GET", "/api/auth/messages/", token=bob.token).json) == 1


def test_one_name_taken_at_both_is_one_account(pair: Pair) -> None:
    name = fresh_name("racer")
    spelled = (name, name.upper(), name.replace("r", "R", 1), name.title())

    def sign_up(target: Plundered, number: int) -> int:
        body = {"username": spelled[number % 4], "password": PASSWORD}
        return target.ask("POST", "/api/auth/register/", body).status

    assert sorted(at_once(pair, sign_up)) == [201] + [409] * (AT_ONCE - 1)


def test_whoever_signs_in_everywhere_at_once_keeps_to_the_bound(pair: Pair) -> None:
    mallory = pair[0].join()
    for _ in range(2):
        at_once(pair, lambda target, _: target.pair(mallory.name))
    ((alive,),) = pair[0].store.run(
        "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND user_id = ?", pair[0].id_of(mallory)
    )
    assert alive == 20


@pytest.mark.parametrize("kind", ["otp", "recovery_code"])
def test_one_code_shown_at_two_doors_opens_one(pair: Pair, kind: str) -> None:
    """To complete a sign-in at the one, and to prove who is there at the other."""
    alice = pair[0].join()
    seed = pair[0].ask("POST", "/api/auth/totp/", token=alice.token).json["secret"]
    shown = {"otp": pyotp.TOTP(seed).now()}
    codes = pair[1].ask("POST", "/api/auth/totp/confirm/", shown, token=alice.token).json["recovery_codes"]
    # As half a minute later, when there is another code.
    pair[0].store.run("UPDATE totps SET last_step = 0 WHERE user_id = ?", pair[0].id_of(alice))
    credentials = {"username": alice.name, "password": PASSWORD}
    begun = [pair[0].ask("POST", "/api/auth/login/", credentials).json["mfa_token"] for _ in range(AT_ONCE // 2)]
    code = {kind: pyotp.TOTP(seed).now() if kind == "otp" else codes[0]}

    def show(target: Plundered, number: int) -> int:
        if number % 2:
            return target.ask("POST", "/api/auth/step-up/", {"password": PASSWORD, **code}, token=alice.token).status
        body = {"mfa_token": begun[number // 2], **code}
        return target.ask("POST", "/api/auth/login/second-factor/", body).status

    first, *others = sorted(at_once(pair, show))
    assert first in {200, 204}
    assert others == [401] * (AT_ONCE - 1)
