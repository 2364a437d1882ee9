"""One kind of token in place of another: each opens its own door, and no other one.

A library checks a signature, not what a token is for: PyJWT ignores `typ`. Where kinds are mixed up, what lives long
or was made for one use (a refresh token, a ticket, half a sign-in) does the work of what lives short.
"""

import base64
import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from http.cookies import SimpleCookie
from typing import Any

import pytest

from crypto import totp
from tests.adversary.attacker import JSON, PAGE, PASSWORD, Target
from tests.adversary.doors import ACCESS, DOORS, Door, cookie, fits_a_header, refresh, second_factor, ticket
from tests.handlers.raw import PATIENCE_SECONDS, Person


def access_token(target: Target, person: Person) -> str:
    return target.pair(person.name)["access"]


def refresh_token(target: Target, person: Person) -> str:
    return target.pair(person.name)["refresh"]


def used_refresh_token(target: Target, person: Person) -> str:
    """One whose child was used."""
    first = target.pair(person.name)["refresh"]
    renewed = target.ask("POST", "/api/auth/refresh/", {"refresh": first}).json
    assert target.ask("GET", "/api/users/me/", token=renewed["access"]).status == 200
    return first


def page_cookie(target: Target, person: Person) -> str:
    return from_page(target, person)["__Host-recado"].value


def from_page(target: Target, person: Person) -> SimpleCookie:
    """The cookies that a browser is given."""
    host = f"localhost:{target.door.port}"
    body = json.dumps({"username": person.name, "password": PASSWORD}).encode()
    sent = [JSON, PAGE, ("Host", host), ("Origin", f"http://{host}")]
    with closing(http.client.HTTPConnection("127.0.0.1", target.door.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("POST", "/api/auth/login/", body, dict(sent))
        given = connection.getresponse().headers.get_all("set-cookie", [])
    return SimpleCookie("; ".join(each.partition(";")[0] for each in given))


def fresh_ticket(target: Target, person: Person) -> str:
    made = target.ask("POST", "/api/auth/ws-ticket/", token=access_token(target, person))
    text: str = made.json["ticket"]
    return text


def half_a_sign_in(target: Target, person: Person) -> str:
    """The token of somebody who has shown a password, and no second factor yet."""
    seed = base64.b32decode(target.ask("POST", "/api/auth/totp/", token=person.token).json["secret"])
    shown = {"otp": totp.code_at(seed, int(time.time()) // totp.STEP_SECONDS)}
    assert target.ask("POST", "/api/auth/totp/confirm/", shown, token=person.token).status == 200
    reply = target.ask("POST", "/api/auth/login/", {"username": person.name, "password": PASSWORD})
    text: str = reply.json["mfa_token"]
    return text


def mark_of_a_device(target: Target, person: Person) -> str:
    """What a browser keeps after it has signed out."""
    return from_page(target, person)["__Host-recado-device"].value


def used_ticket(target: Target, person: Person) -> str:
    shown = fresh_ticket(target, person)
    assert ticket(target, shown)
    return shown


def part_of_a_ticket(target: Target, person: Person) -> str:
    """The secret, without whom it is for."""
    return fresh_ticket(target, person).rpartition(".")[2]


def session_number(target: Target, person: Person) -> str:
    return fresh_ticket(target, person).split(".")[1]


def request_number(target: Target, person: Person) -> str:
    return target.ask("GET", "/livez").headers["x-request-id"]


def message_number(target: Target, person: Person) -> str:
    return str(target.send(person, person, "a note")["id"])


# What each kind opens: nothing that is not named here.
OPENS: dict[Callable[[Target, Person], str], tuple[Door, ...]] = {
    access_token: ACCESS,
    refresh_token: (refresh, cookie),
    used_refresh_token: (),
    page_cookie: (refresh, cookie),
    fresh_ticket: (ticket,),
    used_ticket: (),
    half_a_sign_in: (second_factor,),
    mark_of_a_device: (),
    part_of_a_ticket: (),
    session_number: (),
    request_number: (),
    message_number: (),
    lambda target, person: PASSWORD: (),
    lambda target, person: person.name: (),
}


@pytest.mark.parametrize("kind", OPENS, ids=lambda kind: kind.__name__)
def test_each_kind_opens_its_own_doors_only(target: Target, kind: Callable[[Target, Person], str]) -> None:
    opened: list[Any] = []
    for door in DOORS:
        person = target.join()  # what is used wrongly may end a session
        shown = kind(target, person)
        assert fits_a_header(shown)
        if door(target, shown):
            opened.append(door)
    assert opened == [door for door in DOORS if door in OPENS[kind]]
