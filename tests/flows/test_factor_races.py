"""Two instances, one code: however many show it at once, and wherever, exactly one succeeds."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pyotp
import pytest

from tests.authenticator import Authenticator
from tests.instances import Instance, Reply

PASSWORD = "correct horse battery"
PUBLIC = "https://chat.example"
AT_ONCE = 10
Replicas = tuple[Instance, Instance]


def at_once(replicas: Replicas, calls: Sequence[tuple[str, str, Any, str | None]]) -> list[Reply]:
    """These calls (method, path, body, token), all at the same time, on both instances in turn."""
    with ThreadPoolExecutor(len(calls)) as pool:
        asked = [
            pool.submit(replicas[number % 2].call, method, path, body, token=token)
            for number, (method, path, body, token) in enumerate(calls)
        ]
        return [each.result() for each in asked]


def statuses(replies: Sequence[Reply]) -> dict[int, int]:
    told = [reply.status for reply in replies]
    return {status: told.count(status) for status in set(told)}


def pending(instance: Instance, name: str) -> str:
    reply = instance.call("POST", "/api/auth/login/", {"username": name, "password": PASSWORD})
    assert reply.status == 401
    token: str = reply.json["mfa_token"]
    return token


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Replicas]:
    """Two instances behind one name, which passkeys belong to."""
    settings = {"RECADO_SERVER_PUBLIC_URL": PUBLIC}
    with (
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url, settings=settings) as first,
        Instance(tmp_path, database_url=postgres_url, redis_url=redis_url, settings=settings) as second,
    ):
        yield first, second


@pytest.fixture
def enrolled(replicas: Replicas) -> tuple[str, str, list[str]]:
    """Alice, whose confirmation was shown many times at once: her token, her seed and her recovery codes."""
    token = replicas[0].join("alice")
    secret = replicas[0].call("POST", "/api/auth/totp/", token=token).json["secret"]
    body = {"otp": pyotp.TOTP(secret).now()}
    replies = at_once(replicas, [("POST", "/api/auth/totp/confirm/", body, token)] * AT_ONCE)
    assert statuses(replies) == {200: 1, 409: AT_ONCE - 1}
    (codes,) = [reply.json["recovery_codes"] for reply in replies if reply.status == 200]
    return token, secret, codes


def test_of_many_who_show_one_code_one_gets_in(replicas: Replicas, enrolled: tuple[str, str, list[str]]) -> None:
    _, secret, codes = enrolled
    shift(replicas)
    otp = pyotp.TOTP(secret).now()
    tokens = [pending(replicas[number % 2], "alice") for number in range(AT_ONCE)]
    path = "/api/auth/login/second-factor/"
    shown = [{"mfa_token": token, "otp": otp} for token in tokens]
    assert statuses(at_once(replicas, [("POST", path, body, None) for body in shown])) == {200: 1, 401: AT_ONCE - 1}
    tokens = [pending(replicas[number % 2], "alice") for number in range(AT_ONCE)]
    shown = [{"mfa_token": token, "recovery_code": codes[0]} for token in tokens]
    assert statuses(at_once(replicas, [("POST", path, body, None) for body in shown])) == {200: 1, 401: AT_ONCE - 1}
    # One sign-in, many different codes: one session.
    token = pending(replicas[0], "alice")
    shown = [{"mfa_token": token, "recovery_code": code} for code in codes[1:6]]
    assert statuses(at_once(replicas, [("POST", path, body, None) for body in shown])) == {200: 1, 401: 4}


def test_of_many_who_show_one_assertion_one_gets_in(replicas: Replicas) -> None:
    device, token = Authenticator(PUBLIC), replicas[0].join("alice")
    options = replicas[0].call("POST", "/api/auth/passkeys/options/", token=token).json
    made = {"name": "a phone", "credential": device.create(options)}
    replies = at_once(replicas, [("POST", "/api/auth/passkeys/", made, token)] * AT_ONCE)
    assert statuses(replies) == {201: 1, 400: AT_ONCE - 1}
    options = replicas[1].call("POST", "/api/auth/login/passkey/options/", {}).json
    used = {"credential": device.get(options)}
    replies = at_once(replicas, [("POST", "/api/auth/login/passkey/", used, None)] * AT_ONCE)
    assert statuses(replies) == {200: 1, 401: AT_ONCE - 1}


def shift(replicas: Replicas) -> None:
    """Make the step that was confirmed one of long ago, as if half a minute had passed."""
    with closing(psycopg2.connect(replicas[0].environment["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute("UPDATE totps SET last_step = last_step - 2")
