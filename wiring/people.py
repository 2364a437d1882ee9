"""Commands for people: accounts, one-time tokens, sessions, who may come in. They work while the server runs.

Nothing is asked but a name: the operator never learns a password. Running instances find what was done in the
database, within a second.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from actions import people
from actions.app import App
from actions.errors import Refused
from actions.passwords import RESET_HOURS
from actions.people import Made
from actions.times import when
from settings import Settings
from wiring.build import build_app, load_keys, open_database

HOUR = 3_600_000
EX_REFUSED = 1
# What each command says when it has done what was asked, as lines; a name is all it is told.
Act = Callable[[App, str], Awaitable[Sequence[str]]]


async def create(app: App, name: str) -> Sequence[str]:
    """Make an account."""
    made = await people.create(app, name)
    return [f"made an account for {made.name}", *_token(made)]


async def reset_password(app: App, name: str) -> Sequence[str]:
    """Give out a one-time token."""
    made = await people.reset_password(app, name)
    return [f"{made.name} may set another password; the old one stays good until then", *_token(made)]


async def disable(app: App, name: str) -> Sequence[str]:
    """Let somebody in no more."""
    shown, ended = await people.disable(app, name)
    return [f"{shown} was disabled before" if ended is None else f"{shown} is disabled, {_count(ended)} ended"]


async def enable(app: App, name: str) -> Sequence[str]:
    """Let somebody in again."""
    shown, changed = await people.enable(app, name)
    return [f"{shown} may sign in again" if changed else f"{shown} was not disabled"]


async def sessions(app: App, name: str) -> Sequence[str]:
    """List where somebody is signed in."""
    shown, found = await people.sessions_of(app, name)
    lines = [
        f"{each.id:<16}  since {when(each.created_at)}  used {when(each.used_at // HOUR * HOUR)}"
        f"  {each.network or '-'}  {each.device}"
        for each in found
    ]
    return [f"{shown} has {_count(len(found))}", *lines]


async def end_sessions(app: App, name: str) -> Sequence[str]:
    """Sign somebody out everywhere."""
    shown, ended = await people.end_sessions(app, name)
    return [f"{_count(ended)} of {shown} ended"]


COMMANDS: Mapping[str, Act] = {
    "create": create,
    "reset-password": reset_password,
    "disable": disable,
    "enable": enable,
    "sessions": sessions,
    "end-sessions": end_sessions,
}


async def perform(settings: Settings, environ: Mapping[str, str], command: str, name: str) -> int:
    """Do it, and print what was done; 1 when it is refused, as for a name that nobody has."""
    db = await open_database(settings)
    try:
        app = build_app(settings, db, await load_keys(settings, environ, db))
        try:
            lines = await COMMANDS[command](app, name)
        except Refused as error:
            print(_plain(f"recado: {error.detail}"), file=sys.stderr)
            return EX_REFUSED
        finally:
            app.hashing.close()
            await app.buckets.aclose()
            await app.presence.aclose()
    finally:
        await db.close()
    for line in lines:
        print(_plain(line))
    return 0


def _token(made: Made) -> Sequence[str]:
    return [
        f"give them this token, which is shown this once and good for {RESET_HOURS} hours:",
        f"  {made.token}",
        'they set their password by POST /api/auth/password/reset/ with {"token": "…", "new": "…"}',
    ]


def _count(sessions: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'}"


def _plain(line: str) -> str:
    """The line without what could move the cursor: a device is named by whoever signs in on it."""
    return "".join(mark if mark.isprintable() else "?" for mark in line)
