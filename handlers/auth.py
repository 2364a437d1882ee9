"""Sign up, sign in, refresh, sign out, tickets for a WebSocket."""

from typing import Annotated

import msgspec
from msgspec import Meta

from actions import accounts, sessions
from actions.accounts import Standing
from actions.errors import Invalid
from actions.sessions import Tokens
from handlers.operation import Answer, Call


class Credentials(msgspec.Struct, frozen=True):
    """A name and a password. Further fields are ignored, as the first system of this kind did."""

    username: Annotated[str, Meta(examples=["alice"], extra_json_schema={"minLength": 3, "maxLength": 32})]
    password: Annotated[
        str, Meta(examples=["correct horse battery"], extra_json_schema={"minLength": 8, "maxLength": 128})
    ]


class Login(msgspec.Struct, frozen=True):
    """A name, a password, and what this device is to be called in the list of sessions."""

    username: Annotated[str, Meta(examples=["alice"])]
    password: Annotated[str, Meta(examples=["correct horse battery"])]
    device: str = ""


class RefreshToken(msgspec.Struct, frozen=True):
    """A refresh token; the page leaves it out, it is in its cookie."""

    refresh: str | None = None


class Registered(msgspec.Struct, frozen=True):
    """The new account's name, as it will be shown."""

    username: str


class TokenPair(msgspec.Struct, frozen=True, omit_defaults=True):
    """A short access token, and a refresh token that is good for one use; without it when a cookie has it."""

    access: str
    refresh: str | None = None


class Ticket(msgspec.Struct, frozen=True):
    """A one-time ticket for `/ws/chat/?ticket=…`, and for how many seconds it is good."""

    ticket: str
    expires_in: int


class UsernameQuery(msgspec.Struct, frozen=True):
    """The name to look for."""

    username: Annotated[str, Meta(examples=["alice"])]


class Existence(msgspec.Struct, frozen=True):
    """Whether somebody has the name. `available` is false where nobody has it, and nobody can take it either."""

    exists: bool
    available: bool | msgspec.UnsetType = msgspec.UNSET


async def register(call: Call[Credentials, None]) -> Answer:
    """Make an account."""
    body = call.body
    name = await accounts.register(call.app, call.origin, username=body.username, password=body.password)
    return Answer(Registered(name), status=201)


async def login(call: Call[Login, None]) -> Answer:
    """Sign in with name and password."""
    body = call.body
    tokens = await accounts.login(
        call.app, call.origin, username=body.username, password=body.password, device=body.device
    )
    return token_answer(call.keeps_cookie, tokens)


async def refresh(call: Call[RefreshToken, None]) -> Answer:
    """Trade a refresh token for a new pair."""
    text = call.cookie or "" if call.keeps_cookie else call.body.refresh
    if text is None:
        raise Invalid.field("refresh", "missing", "The field is missing.")
    return token_answer(call.keeps_cookie, await sessions.refresh(call.app, text, call.origin))


async def logout(call: Call[None, None]) -> Answer:
    """End this session everywhere."""
    await sessions.end(call.app, call.caller)
    if call.keeps_cookie:
        return Answer(status=204, refresh_cookie="", headers={"Clear-Site-Data": '"cache", "storage"'})
    return Answer(status=204)


async def ws_ticket(call: Call[None, None]) -> Answer:
    """Make a one-time ticket for a WebSocket."""
    return Answer(Ticket(await sessions.make_ticket(call.app, call.caller), sessions.TICKET_SECONDS))


async def check_username(call: Call[None, UsernameQuery]) -> Answer:
    """Say whether a name exists."""
    found = await accounts.standing(call.app, call.query.username)
    available = False if found is Standing.ALIKE else msgspec.UNSET
    return Answer(Existence(found is Standing.TAKEN, available))


def token_answer(keeps_cookie: bool, tokens: Tokens) -> Answer:
    """What somebody gets who has signed in: both tokens, or for the page one of them and a cookie."""
    if keeps_cookie:
        return Answer(TokenPair(tokens.access), refresh_cookie=tokens.refresh)
    return Answer(TokenPair(tokens.access, tokens.refresh))
