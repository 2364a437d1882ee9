"""The attacker has something weak, and asks for something strong with it: a factor, a password, an export, an end.

What was stolen an hour after the sign-in opens messages for minutes; it must not open a way to stay (CVE-2021-3967).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adversary.attacker import JSON
from tests.deploy.visits import visit
from tests.handlers.corpus import ALL, GOOD
from tests.handlers.inside import Inside, running_door
from tests.instances import Reply
from wiring.build import milliseconds

SIX_MINUTES = 360_000
# Who asks for these must have signed in, or proved who they are, within five minutes.
BY_STEP_UP = {
    "POST /api/auth/logout/everywhere/",
    "DELETE /api/auth/sessions/",
    "DELETE /api/auth/sessions/{session_id}/",
    "POST /api/auth/totp/",
    "POST /api/auth/totp/confirm/",
    "POST /api/auth/passkeys/options/",
    "DELETE /api/auth/passkeys/{passkey_id}/",
    "POST /api/auth/export/",
}
# These ask for the password, and for the second factor of those who have one.
BY_PASSWORD = {
    "POST /api/auth/step-up/",
    "POST /api/auth/password/",
    "DELETE /api/auth/totp/",
    "POST /api/auth/recovery-codes/",
    "DELETE /api/auth/account/",
}
# These ask for what an authenticator has signed.
BY_PASSKEY = {
    "POST /api/auth/passkeys/",
    "POST /api/auth/passkeys/step-up/options/",
    "POST /api/auth/passkeys/step-up/",
}
# These give nobody a way in, nor take one away.
EVERYDAY = {
    "POST /api/auth/logout/",  # one's own session
    "POST /api/auth/ws-ticket/",  # no more than the session it is for
    "PATCH /api/auth/passkeys/{passkey_id}/",  # what it is called
    "PATCH /api/users/me/",
    "POST /api/auth/send/",
    "PATCH /api/messages/{message_id}/",
    "DELETE /api/messages/{message_id}/",
    "POST /api/conversations/{username}/read/",
    "PATCH /api/conversations/{username}/",
    "DELETE /api/conversations/{username}/",  # one's own side of it, as each of its messages
    "PUT /api/blocks/{username}/",
    "DELETE /api/blocks/{username}/",
    "PUT /api/mutes/{username}/",
    "DELETE /api/mutes/{username}/",
    "POST /api/push/subscriptions/",  # where this session is told that something has come
    "DELETE /api/push/subscriptions/",
    "DELETE /api/push/subscriptions/{session_id}/",
}


def test_every_operation_that_changes_something_is_known_as_strong_or_not() -> None:
    changing = {name for name, operation in ALL.items() if operation.signed_in and operation.method != "GET"}
    assert changing - EVERYDAY == BY_STEP_UP | BY_PASSWORD | BY_PASSKEY


@dataclass(frozen=True)
class Victim:
    """Somebody who signed in at two places, and what is known of them by a thief."""

    inside: Inside
    token: str
    other: str

    async def ask(self, name: str, token: str, **more: object) -> Reply:
        """The operation, with a body that fits it."""
        path = ALL[name].path.replace("{session_id}", self.other).replace("{passkey_id}", "1")
        body = None if ALL[name].body is None else json.dumps(GOOD.get(name, {}) | more).encode()
        headers = [("Authorization", f"Bearer {token}"), *([JSON] if body else [])]
        return await asyncio.to_thread(visit, self.inside.port, ALL[name].method, path, headers, body)

    async def ways_in(self) -> list[list[Any]]:
        """Everything by which somebody can sign in as the victim, or is."""
        columns = {"users": "id, password", "sessions": "id, ended_at", "totps": "*", "passkeys": "*", "resets": "*"}
        return [
            await self.inside.app.db.read(_rows, f"SELECT {what} FROM {table} ORDER BY 1")
            for table, what in columns.items()
        ]


def _rows(engine: Any, text: str) -> list[Any]:
    return list(engine.execute_sql(text).fetchall())


@asynccontextmanager
async def an_hour_later(database_url: str) -> AsyncIterator[Victim]:
    """A door at which somebody signed in twice, long enough ago."""
    async with running_door(database_url) as inside:
        await inside.join("alice")
        token = (await _login(inside)).json["access"]
        listed = await asyncio.to_thread(
            visit, inside.port, "GET", "/api/auth/sessions/", [("Authorization", f"Bearer {token}")]
        )
        (other,) = [session["id"] for session in listed.json if not session["current"]]
        inside.app.clock = lambda: milliseconds() + SIX_MINUTES
        yield Victim(inside, token, str(other))


async def _login(inside: Inside) -> Reply:
    body = json.dumps({"username": "alice", "password": "correct horse battery"}).encode()
    return await asyncio.to_thread(visit, inside.port, "POST", "/api/auth/login/", [JSON], body)


async def test_an_access_token_alone_gets_nothing_that_is_strong(sqlite_url: str) -> None:
    async with an_hour_later(sqlite_url) as victim:
        before = await victim.ways_in()
        assert (await victim.ask("GET /api/users/me/", victim.token)).status == 200
        for name in sorted(BY_STEP_UP):
            reply = await victim.ask(name, victim.token)
            # An address, as here, is no place for a passkey at all.
            code = "passkeys_unavailable" if name.endswith("options/") else "step_up_required"
            assert (reply.status, reply.json["code"]) == (403, code), name
        for name in sorted(BY_PASSWORD):
            field = "current" if name.endswith("password/") else "password"
            reply = await victim.ask(name, victim.token, **{field: "a guess at the password"})
            assert (reply.status, reply.json["code"]) == (401, "wrong_password"), name
        for name in sorted(BY_PASSKEY):
            assert 400 <= (await victim.ask(name, victim.token)).status < 500, name
        assert await victim.ways_in() == before


@pytest.mark.parametrize("kind", ["ticket", "refresh token", "mark of a browser"])
async def test_what_is_weaker_than_an_access_token_is_none(sqlite_url: str, kind: str) -> None:
    async with an_hour_later(sqlite_url) as victim:
        pair = (await _login(victim.inside)).json
        weak = {
            "ticket": (await victim.ask("POST /api/auth/ws-ticket/", pair["access"])).json["ticket"],
            "refresh token": pair["refresh"],
            "mark of a browser": "dv1_" + "A" * 80,
        }[kind]
        before = await victim.ways_in()
        for name in sorted(BY_STEP_UP | BY_PASSWORD | BY_PASSKEY):
            reply = await victim.ask(name, weak)
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated"), name
        assert await victim.ways_in() == before
