"""What was issued once is shown again: after a sign-out, a theft that was noticed, or the end of the account.

Servers kept sockets open behind a revocation (CVE-2026-9162), tokens good behind a deactivation (CVE-2025-3230,
CVE-2026-20796, CVE-2022-24751, CVE-2023-32682, CVE-2024-22513), or denied a token by its text, which can be spelled in
more than one way.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.adversary.attacker import PASSWORD, V1, Target
from tests.adversary.doors import ACCESS, DOORS, answered, ticket
from tests.handlers.raw import Person
from tests.instances import Reply

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Held:
    """What somebody holds who has been in: of one session, and a second one that may end it."""

    person: Person
    access: str
    refresh: str
    other: str


def take(target: Target) -> Held:
    person = target.join()
    pair = target.pair(person.name)
    return Held(person, pair["access"], pair["refresh"], person.token)


def by_signing_out(target: Target, held: Held) -> None:
    assert target.ask("POST", "/api/auth/logout/", token=held.access).status == 204


def by_reuse_of_a_refresh_token(target: Target, held: Held) -> None:
    """The thief has used a copy, and so has the owner; whoever comes third is one too many."""
    pair = target.ask("POST", "/api/auth/refresh/", {"refresh": held.refresh}).json
    assert target.ask("GET", "/api/users/me/", token=pair["access"]).status == 200
    assert target.ask("POST", "/api/auth/refresh/", {"refresh": held.refresh}).status == 401


def by_signing_out_everywhere(target: Target, held: Held) -> None:
    assert target.ask("POST", "/api/auth/logout/everywhere/", token=held.access).status == 204


def by_another_device(target: Target, held: Held) -> None:
    """The owner finds the session in the list, and ends it."""
    listed = target.ask("GET", "/api/auth/sessions/", token=held.other).json
    (theirs,) = [session["id"] for session in listed if not session["current"]]
    assert target.ask("DELETE", f"/api/auth/sessions/{theirs}/", token=held.other).status == 204


def by_ending_all_others(target: Target, held: Held) -> None:
    assert target.ask("DELETE", "/api/auth/sessions/", token=held.other).status == 204


def by_another_password(target: Target, held: Held) -> None:
    body = {"current": PASSWORD, "new": f"{PASSWORD}, and a zebra"}
    assert target.ask("POST", "/api/auth/password/", body, token=held.other).status == 204


ENDINGS = [
    by_signing_out,
    by_reuse_of_a_refresh_token,
    by_signing_out_everywhere,
    by_another_device,
    by_ending_all_others,
    by_another_password,
]
Ending = Callable[[Target, Held], None]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_nothing_of_an_ended_session_opens_anything(target: Target, ending: Ending) -> None:
    held = take(target)
    tickets = [target.ask("POST", "/api/auth/ws-ticket/", token=held.access).json["ticket"] for _ in range(2)]
    assert ticket(target, tickets[0])
    assert all(door(target, held.access) for door in ACCESS)
    ending(target, held)
    for shown in (held.access, held.access + "=", held.refresh, *tickets):
        assert [door.__name__ for door in DOORS if door(target, shown)] == []


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_open_sockets_of_an_ended_session_close_and_hear_nothing_more(target: Target, ending: Ending) -> None:
    held, bob = take(target), target.join()
    polled: list[Reply] = []
    head = target.ask("GET", "/api/events/?after=0", token=held.access).json["position"]
    path = f"/api/events/?after={head}&wait=20"
    waiting = threading.Thread(target=lambda: polled.append(target.ask("GET", path, token=held.access)))
    with target.socket(held.access) as plain, target.socket(held.access, [V1]) as v1:
        v1.say({"type": "hello"})
        assert answered(v1)["type"] == "welcome"
        waiting.start()
        v1.say({"type": "ping"})
        assert answered(v1)["type"] == "pong"
        ending(target, held)
        target.send(bob, held.person, "for whoever is in")
        v1.stream.settimeout(PATIENCE_SECONDS)
        assert v1.close_code() == 4401  # it passes over what is told before
        assert plain.read() == (8, (4401).to_bytes(2) + plain_reason())
    waiting.join(PATIENCE_SECONDS)
    (reply,) = polled
    assert b"for whoever is in" not in reply.body
    if ending is not by_signing_out_everywhere:
        heard = target.ask("GET", "/api/events/?after=0", token=held.other)
        assert (heard.status, b"for whoever is in" in heard.body) == (200, True)


def plain_reason() -> bytes:
    """What a socket is told that ends with its session."""
    from realtime.codes import UNAUTHENTICATED

    return UNAUTHENTICATED.reason.encode()
