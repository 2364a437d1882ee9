"""The audit log as people and the server use it.

What is recorded, and what is only noted; a person's own events; checkpoints, and the end of a segment.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

import models.audit
import models.audit_log
from actions import limits
from actions.app import App, Caller, Origin
from actions.audit_keeper import Keeper, checkpoint_of
from actions.times import when
from crypto import checkpoints
from crypto.checkpoints import Checkpoint
from crypto.errors import Tampered, UnknownKey
from models.audit import LARGEST_ID, Record, Stored
from models.audit_log import Due
from models.db import Database

log = logging.getLogger("recado.audit")

DAY_MILLISECONDS = 86_400_000
PAUSE_SECONDS = 0.05

# For a person: what it was, by action and outcome; where the outcome is not named, whatever it was.
TITLES: dict[tuple[str, str], str] = {
    ("register", ""): "Account created",
    ("login", "ok"): "Signed in",
    ("login", "pending"): "Password accepted, second factor asked for",
    ("login", "refused"): "Sign-in refused",
    ("logout", ""): "Signed out",
    ("refresh_reuse", ""): "A copied sign-in was used; the session was ended",
    ("session_tampered", ""): "A session was found changed, and refused",
    ("session_end", ""): "Session ended",
    ("sessions_end", ""): "Sessions ended",
    ("step_up", "ok"): "Identity confirmed",
    ("step_up", "refused"): "Identity not confirmed",
    ("password_change", "ok"): "Password changed",
    ("password_reset_offer", ""): "The operator offered a new password",
    ("password_reset", ""): "Password set with the operator's token",
    ("second_factor", "ok"): "Second factor used",
    ("second_factor", "refused"): "Second factor refused",
    ("totp_added", ""): "One-time passwords set up",
    ("totp_removed", ""): "One-time passwords given up",
    ("recovery_codes_renewed", ""): "New recovery codes",
    ("passkey_added", "ok"): "Passkey added",
    ("passkey_added", "refused"): "A passkey that did not fit was refused",
    ("passkey_removed", ""): "Passkey removed",
    ("passkey_cloned", ""): "A passkey seems to have been copied",
    ("disable", ""): "Account disabled by the operator",
    ("enable", ""): "Account enabled by the operator",
    ("limit", ""): "Slowed down: too many requests",
    ("integrity", ""): "Stored data was found changed",
    ("export", ""): "Own data exported",
    ("conversation_deleted", ""): "Conversation deleted",
}


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A security event of the caller: `title` for a person, `action`, `outcome` and `reason` for a program."""

    id: int
    at: str
    title: str
    action: str
    outcome: str
    reason: str = ""
    network: str = ""
    session_id: int | None = None
    device: str = ""


async def list_own(app: App, caller: Caller, *, before: int | None, limit: int) -> list[Event]:
    """What was done in the caller's own name, newest first: ids below `before`."""
    await limits.spend(app, limits.READ, caller.user_id)
    return await own_events(app, caller, before=before, limit=limit)


async def own_events(app: App, caller: Caller, *, before: int | None, limit: int) -> list[Event]:
    """The same for whoever has spent for it already."""
    upper = LARGEST_ID if before is None else before
    name, person, rows = await models.audit.own(app.db, caller.user_id, before=upper, limit=limit)
    keeper = keeper_of(app.db)
    said = [keeper.open(name, row, person) for row in rows]
    sessions = sorted({each.session_id for each in said if each.session_id is not None})
    devices = await models.audit.devices(app.db, caller.user_id, sessions)
    return [
        Event(
            id=row.id,
            at=when(row.at),
            title=title(row),
            action=row.action,
            outcome=row.outcome,
            reason=row.reason,
            network=each.network,
            session_id=each.session_id,
            device=devices.get(each.session_id or 0, ""),
        )
        for row, each in zip(rows, said, strict=True)
    ]


def title(row: Stored) -> str:
    """A few words for a person; of an action without a title, its own name."""
    named = TITLES.get((row.action, row.outcome)) or TITLES.get((row.action, ""))
    return named or row.action.replace("_", " ").capitalize() + (", refused" if row.outcome == "refused" else "")


def record(
    app: App,
    origin: Origin | None,
    action: str,
    *,
    user_id: int | None = None,
    session_id: int | None = None,
    outcome: str = "ok",
    reason: str = "",
    target: str = "",
) -> Record:
    """The record of something that is done now, in this person's name if it is anybody's."""
    return Record(
        at=app.clock(),
        action=action,
        outcome=outcome,
        actor_id=user_id,
        session_id=session_id,
        network=origin.network if origin else "",
        reason=reason,
        target=target,
        request_id=origin.request_id if origin else "",
    )


def act(app: App, caller: Caller, action: str, *, outcome: str = "ok", reason: str = "", target: str = "") -> Record:
    """The record of something that the caller does now, with the session in which they do it."""
    who, where = caller.user_id, caller.session_id
    return record(
        app, caller.origin, action, user_id=who, session_id=where, outcome=outcome, reason=reason, target=target
    )


def note(app: App, action: str, *, origin: Origin | None = None, user_id: int | None = None, reason: str = "") -> None:
    """Note a refusal or a failure that nobody waits for; of many, some are only counted (see actions/notes.py)."""
    app.notes.add(record(app, origin, action, user_id=user_id, outcome="refused", reason=reason))


async def flush(app: App) -> None:
    """Record what was noted."""
    await app.notes.flush(app.db, app.clock())


def keeper_of(db: Database) -> Keeper:
    """Who keeps this database's log."""
    keeper = models.audit.keeper_of(db.engine)
    assert isinstance(keeper, Keeper)  # noqa: S101 (`keep` is the only one that gives one)
    return keeper


async def checkpoint(app: App, due: Due) -> Checkpoint | None:
    """Sign where the log stands, if that is due."""
    made = await models.audit_log.make_checkpoint(app.db, keeper_of(app.db), at=app.clock(), due=due)
    return checkpoint_of(made) if made else None


@dataclass(slots=True)
class Outlet:
    """Where checkpoints go when they leave the database: `write` takes one line and returns when it is safe."""

    write: Callable[[str], None]
    last: int = 0  # the number of the newest that went out


async def export(app: App, outlet: Outlet) -> int:
    """Send out the checkpoints that have not gone out yet, whichever instance made them; how many those were.

    One that is not signed by us is not passed on: somebody has put it there.
    """
    keys = keeper_of(app.db).public_keys()
    count = 0
    for row in await models.audit_log.checkpoints(app.db, after=outlet.last):
        found = checkpoint_of(row)
        try:
            checkpoints.check(keys, found)
        except (Tampered, UnknownKey) as error:
            log.error("a checkpoint is not ours", extra={"number": found.number, "reason": type(error).__name__})
            note(app, "integrity", reason="audit_checkpoint")
            outlet.last = found.number
            continue
        await asyncio.to_thread(outlet.write, checkpoints.to_line(found))
        outlet.last = found.number
        count += 1
    return count


async def retain(app: App, outlet: Outlet, *, days: int) -> int:
    """Close off what is older than so many days by a checkpoint, send that out, and only then drop it.

    Several instances may do so at once. Returns how many records were dropped.
    """
    before = app.clock() - days * DAY_MILLISECONDS
    await models.audit_log.close(app.db, keeper_of(app.db), at=app.clock(), before=before)
    await export(app, outlet)
    total = 0
    while dropped := await models.audit_log.drop_closed(app.db):
        total += dropped
        await asyncio.sleep(PAUSE_SECONDS)
    if total:
        await models.audit.append(app.db, Record(app.clock(), "retention", reason=f"records={total}"))
    return total


async def reseal(app: App) -> int:
    """Bring people's audit keys under the current key, so that older ones may go; how many were not."""
    total = 0
    while moved := await models.audit_log.reseal(app.db, keeper_of(app.db)):
        total += moved
        await asyncio.sleep(PAUSE_SECONDS)
    return total
