"""Sessions: who is asking, the rotating refresh family, one-time tickets, and the end of it all.

A token alone proves nothing: the session behind it is looked at on every request, from memory that
is never older than a few seconds; one that this instance has ended is refused from that moment on.
An ending is told by the bus, and asked for in the database as well: the bus may be down, and whoever
ends sessions at the command line has none.

A session's row is sealed: what it says of its owner, its beginning, its end and the last proof counts
only as we have written it.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

import models.sessions
from actions import audit, limits, notices
from actions.app import App, Caller, Origin, new_id
from actions.errors import TryLater, Unauthenticated
from crypto import tokens
from crypto.errors import BadToken
from models.audit import Record
from models.sessions import Session
from models.users import User
from realtime.events import SessionEnded

log = logging.getLogger("recado.sessions")

DAY = 86_400_000
# How far back endings are asked for: more than a commit takes, and than clocks of instances differ.
LOOK_BACK = 10_000
TICKET_SECONDS = 30
MOST_DEVICE_NAME = 100
# Each failed try means that somebody else's has succeeded, so this many callers can race.
MOST_TRIES = 100

ENDED = "Sign in again."


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a signed-in client holds."""

    access: str
    refresh: str


async def begin(app: App, user: User, origin: Origin, *, device: str) -> Tokens:
    """Start a session for somebody who has just proved who they are, and tell their other devices.

    `user` MUST be as they were when their password was checked: if it has changed since, or they were disabled
    meanwhile, this is `Unauthenticated`.
    """
    now = app.clock()
    session_id = new_id()
    refresh = tokens.make_refresh(app.keys.token, session_id, 1)
    session = Session(
        id=session_id,
        user_id=user.id,
        username=user.name,
        created_at=now,
        used_at=now,
        auth_time=now,
        idle_expires_at=_idle_end(app, now),
        expires_at=now + app.policy.refresh_absolute_days * DAY,
        device=(device or origin.agent)[:MOST_DEVICE_NAME],
        network=origin.network,
        generation=1,
        confirmed=0,
        refresh_mac=_fingerprint(app, user.id, refresh),
        parent_mac=None,
        ended_at=None,
        disabled_at=None,
    )
    session = _sealed(app, session)
    version, most = user.password_version, app.policy.max_sessions
    record = audit.record(app, origin, "login", user_id=user.id, session_id=session_id)
    try:
        evicted = await models.sessions.create(app.db, session, password_version=version, most=most, record=record)
    except models.sessions.Overtaken as error:
        raise Unauthenticated(ENDED) from error
    tell_ended(app, user.id, evicted, "evicted")
    notices.tell(app, user.id, "login", except_session=session_id, session=session_id)
    return Tokens(_access(app, session, 1), refresh)


async def refresh(app: App, text: str, origin: Origin) -> Tokens:
    """Trade a refresh token for the next one and a fresh access token.

    The newest token rotates. Its parent may be traded again while no child of it has been used: the
    answer was lost. Any other token that was ours ends the session (RFC 9700 §4.14.2).
    """
    try:
        shown = tokens.read_refresh(app.keys.token, text)
    except BadToken as error:
        raise Unauthenticated(ENDED) from error
    for _ in range(MOST_TRIES):
        session = await models.sessions.by_id(app.db, shown.session_id)
        now = app.clock()
        if session is None or not session.is_alive(now) or not await _is_ours(app, session):
            raise Unauthenticated(ENDED)
        mac = tokens.fingerprint(app.keys.token, session.user_id, shown)
        if not _is_good(session, shown.generation, mac):
            await _end_reused(app, session, origin)
            raise Unauthenticated(ENDED)
        child = tokens.make_refresh(app.keys.token, session.id, session.generation + 1)
        rotated = await models.sessions.rotate(
            app.db,
            session,
            parent_mac=mac,
            refresh_mac=_fingerprint(app, session.user_id, child),
            now=now,
            idle_expires_at=_idle_end(app, now),
        )
        if rotated:
            app.sessions.drop(session.id)
            return Tokens(_access(app, session, session.generation + 1), child)
    raise TryLater("Too many refreshes of one session at once.")


async def authenticate(app: App, token: str, origin: Origin) -> Caller:
    """Who shows this access token; `Unauthenticated` when it, its session or its person has ended."""
    now = app.clock()
    try:
        claims = tokens.read_access(app.keys.access, token, now // 1000)
    except BadToken as error:
        raise Unauthenticated("The access token is not valid.") from error
    session = await _session(app, claims.session_id)
    if session is None or session.user_id != claims.user_id or not session.is_alive(now):
        raise Unauthenticated(ENDED)
    if claims.generation > session.confirmed:
        await models.sessions.confirm(app.db, session.id, claims.generation)
        app.sessions.drop(session.id)
    return Caller(session.user_id, session.username, session.id, origin, claims.expires_at)


async def own(app: App, caller: Caller) -> Session:
    """The caller's session as it stands in the database; `Unauthenticated` when it has ended."""
    session = await models.sessions.by_id(app.db, caller.session_id)
    if session is None or not session.is_alive(app.clock()) or not await _is_ours(app, session):
        raise Unauthenticated(ENDED)
    return session


async def renew(app: App, caller: Caller, *, record: Record) -> None:
    """Note that the caller has proved just now who they are. What asks for that is step_up.py."""
    session = _sealed(app, replace(await own(app, caller), auth_time=app.clock()))
    renewed = await models.sessions.renew(
        app.db, session.id, auth_time=session.auth_time, seal=session.seal, record=record
    )
    app.sessions.drop(session.id)
    if not renewed:
        raise Unauthenticated(ENDED)


async def end(app: App, caller: Caller) -> None:
    """Sign out: end the caller's own session, everywhere."""
    await limits.spend(app, limits.SESSIONS, caller.user_id)
    record = audit.act(app, caller, "logout")
    await models.sessions.end(app.db, caller.session_id, now=record.at, reason="logout", record=record)
    tell_ended(app, caller.user_id, [caller.session_id], "logout")


async def end_others(app: App, caller: Caller, *, reason: str) -> int:
    """End all of the caller's sessions but the one that asks; how many these were."""
    record = audit.act(app, caller, "sessions_end", reason=reason)
    return await _end_of(app, caller.user_id, caller.session_id, reason, record)


async def end_all(app: App, user_id: int, *, reason: str, record: Record) -> int:
    """End all of a person's sessions, everywhere; how many these were. `record` says who did it, and why."""
    return await _end_of(app, user_id, None, reason, record)


async def make_ticket(app: App, caller: Caller) -> str:
    """A one-time ticket for a WebSocket, good for `TICKET_SECONDS`.

    It names whom it is for, and its fingerprint covers that: moving its row to another session gives nothing.
    """
    await limits.spend(app, limits.TICKET, caller.user_id)
    ticket = _ticket_owner(caller.user_id, caller.session_id) + secrets.token_urlsafe(32)
    now = app.clock()
    await models.sessions.add_ticket(
        app.db,
        mac=tokens.ticket_fingerprint(app.keys.token, ticket),
        session_id=caller.session_id,
        expires_at=now + TICKET_SECONDS * 1000,
        now=now,
    )
    return ticket


async def take_ticket(app: App, ticket: str, origin: Origin) -> Caller:
    """Who was given this ticket; it is used up by asking."""
    now = app.clock()
    mac = tokens.ticket_fingerprint(app.keys.token, ticket)
    session_id = await models.sessions.take_ticket(app.db, mac=mac, now=now)
    session = None if session_id is None else await _session(app, session_id)
    if (
        session is None
        or not session.is_alive(now)
        or not ticket.startswith(_ticket_owner(session.user_id, session.id))
    ):
        raise Unauthenticated("The ticket is not valid.")
    return Caller(session.user_id, session.username, session.id, origin)


async def end_dead_sockets(app: App) -> None:
    """Close the sockets whose session has ended without this instance being told, or has run out."""
    held = {connection.session_id: connection.user_id for connection in app.hub.all()}
    alive = await models.sessions.alive_of(app.db, list(held), app.clock())
    for session_id in held.keys() - alive:
        app.hub.end_sessions(held[session_id], SessionEnded(session_id=session_id, except_id=None, reason="ended"))


async def hear_endings(app: App) -> None:
    """Learn from the database which sessions have just ended, whoever has ended them, and close their sockets."""
    for session_id, user_id in await models.sessions.ended_since(app.db, app.clock() - LOOK_BACK):
        if not app.ended.get(session_id):
            app.ended.put(session_id, True)
            ended = SessionEnded(session_id=session_id, except_id=None, reason="ended")
            app.hub.end_sessions(user_id, ended)


def tell_ended(app: App, user_id: int, session_ids: Iterable[int], reason: str) -> None:
    """Refuse these sessions from now on, and close their sockets on every instance. MUST follow the commit."""
    for session_id in session_ids:
        app.ended.put(session_id, True)
        app.bus.publish([(user_id, None)], SessionEnded(session_id=session_id, except_id=None, reason=reason))


async def _end_of(app: App, user_id: int, except_id: int | None, reason: str, record: Record) -> int:
    ended = await models.sessions.end_of(
        app.db, user_id, except_id=except_id, now=record.at, reason=reason, record=record
    )
    tell_ended(app, user_id, ended, reason)
    return len(ended)


async def _session(app: App, session_id: int) -> Session | None:
    session = app.sessions.get(session_id)
    if session is None:
        async with app.coming:
            session = await models.sessions.by_id(app.db, session_id)
        if session is not None and session.is_alive(app.clock()) and not await _is_ours(app, session):
            session = None
        if session is not None:
            app.sessions.put(session_id, session)
    # Asked last: what was read may be older than the ending.
    return None if app.ended.get(session_id) else session


async def _is_ours(app: App, session: Session) -> bool:
    """Whether a living session is as we have written it; one that is not ends here."""
    if tokens.is_session_seal(app.keys.token, session.seal, *_sealed_facts(session)):
        return True
    log.error("a session's row is not as it was written", extra={"session": session.id, "user": session.user_id})
    record = audit.record(app, None, "session_tampered", outcome="refused", session_id=session.id)
    if await models.sessions.end(app.db, session.id, now=record.at, reason="tampered", record=record):
        tell_ended(app, session.user_id, [session.id], "tampered")
    return False


def _sealed(app: App, session: Session) -> Session:
    return replace(session, seal=tokens.seal_session(app.keys.token, *_sealed_facts(session)))


def _sealed_facts(session: Session) -> tuple[int, ...]:
    return session.id, session.user_id, session.created_at, session.auth_time, session.expires_at


def _is_good(session: Session, generation: int, mac: bytes) -> bool:
    if secrets.compare_digest(mac, session.refresh_mac):
        return True
    # Its children have higher generations, replaced ones as well; `confirmed` is the highest that was used.
    return session.confirmed <= generation and secrets.compare_digest(mac, session.parent_mac or b"")


def _ticket_owner(user_id: int, session_id: int) -> str:
    return f"{user_id}.{session_id}."


async def _end_reused(app: App, session: Session, origin: Origin) -> None:
    record = audit.record(
        app, origin, "refresh_reuse", outcome="refused", user_id=session.user_id, session_id=session.id
    )
    ended = await models.sessions.end(app.db, session.id, now=record.at, reason="refresh_reuse", record=record)
    tell_ended(app, session.user_id, [session.id], "refresh_reuse")
    if ended:
        notices.tell(app, session.user_id, "refresh_reuse", except_session=session.id, session=session.id)


def _fingerprint(app: App, user_id: int, refresh_text: str) -> bytes:
    return tokens.fingerprint(app.keys.token, user_id, tokens.read_refresh(app.keys.token, refresh_text))


def _idle_end(app: App, now: int) -> int:
    return now + app.policy.refresh_idle_days * DAY


def _access(app: App, session: Session, generation: int) -> str:
    now = app.clock() // 1000
    return tokens.issue_access(
        app.keys.access,
        tokens.Access(
            user_id=session.user_id,
            session_id=session.id,
            generation=generation,
            issued_at=now,
            expires_at=now + app.policy.access_minutes * 60,
            auth_time=session.auth_time // 1000,
            token_id=secrets.token_urlsafe(12),
        ),
    )
