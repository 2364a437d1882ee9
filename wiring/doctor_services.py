"""What the doctor asks of others: the database, Redis, and their clocks."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import models.audit_log
import models.checkup
import models.facts
import models.migrate
from crypto.keyring import PURPOSES, parse_ring
from models.db import Database, Unavailable
from settings import Settings
from wiring.build import milliseconds
from wiring.canaries import strangers
from wiring.findings import Finding, broken, note, ok, weak
from wiring.secret_files import secret_texts
from wiring.settings_values import SettingsError, masked

SLOW_MILLISECONDS = 20
# Times of several instances are compared: an access token is believed this much too early.
MOST_APART = 5_000
# This program is younger than that, whatever a clock without a battery says.
EARLIEST = 1_735_689_600_000


async def check_database(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Reachable, durable, migrated, and sealed with our keys."""
    url = settings.database.url
    if not _is_there(settings):
        return [note("database", f"{_file_of(url)} is not there yet: the first start makes it")]
    db = Database(url, threads=1)
    try:
        vitals = await models.checkup.look(db)
        return [
            *_told_vitals(url, vitals),
            await _migrations(settings, db),
            *await _canaries(settings, environ, db),
            *await _first_key(db),
        ]
    except Unavailable as error:
        return [broken("database", f"{masked(url)}: {error}", "start it, or correct DATABASE_URL")]
    finally:
        await db.close()


def _told_vitals(url: str, vitals: models.checkup.Vitals) -> list[Finding]:
    about = f"{masked(url)}: {vitals.version}, answers in {vitals.milliseconds:.1f} ms"
    slow = vitals.milliseconds > SLOW_MILLISECONDS
    found = [weak("database", about, "bring it nearer, or give it more")] if slow else [ok("database", about)]
    if vitals.unsafe:
        lost = f"a crash can lose what was answered as stored: {', '.join(vitals.unsafe)}"
        return [*found, broken("database", lost, "switch it on in the database's own configuration")]
    return [*found, ok("database", "every commit waits for the disk")]


async def _migrations(settings: Settings, db: Database) -> Finding:
    try:
        state = await models.migrate.state(db)
    except models.migrate.Changed as error:
        return broken("database", str(error), "run the version of Recado that made it, or a newer one")
    if not state.pending:
        return ok("database", f"migrated: {', '.join(state.applied)}")
    pending = f"migrations are pending: {', '.join(state.pending)}"
    if settings.database.migrate:
        return note("database", f"{pending}: the next start applies them")
    return broken("database", pending, "python server.py migrate")


async def _canaries(settings: Settings, environ: Mapping[str, str], db: Database) -> list[Finding]:
    """Whether the keys we would start with open what the database holds."""
    if "canaries" not in await models.checkup.tables(db):
        return []
    canaries = await models.facts.canaries(db)
    if not canaries:
        return [note("database", "holds nothing sealed yet")]
    try:
        texts = secret_texts(settings, environ, PURPOSES)
        rings = {purpose: parse_ring(text) for purpose, text in texts.items() if text is not None}
    except (SettingsError, ValueError):
        return []  # `check_secrets` has said why
    remedy = f"restore the key files in {settings.secrets_dir} that were made with it"
    found = [
        broken("database", f"was made with {purpose} keys that are not here", remedy)
        for purpose in sorted({purpose for purpose, _ in canaries} - rings.keys())
    ]
    for purpose, ids in strangers(rings, canaries).items():
        found.append(broken("database", f"has another {purpose} key: {' or '.join(ids)}", remedy))
    return found or [ok("database", "opens with these keys")]


async def _first_key(db: Database) -> list[Finding]:
    """Whether what checks the whole audit log lies where an intruder would look for it."""
    if "audit_head" not in await models.checkup.tables(db):
        return []
    head = await models.audit_log.head(db)
    if head is None or head.first_key is None:
        return []
    here = "the first key of the audit log is still on this machine: with it the log can be rewritten from the start"
    return [note("database", here, "python server.py audit init --to FILE, and move that file elsewhere")]


async def check_redis(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """Configured, reachable, closed to strangers; a bus between instances needs a database they can share."""
    url = settings.redis.url
    if not url:
        if settings.database.engine == "sqlite":
            return [ok("redis", "not configured: one instance needs none")]
        return [note("redis", "not configured: a second instance would not hear of this one's messages", "REDIS_URL")]
    from realtime import redis_checkup  # noqa: PLC0415 (the client is loaded only where it is used)

    try:
        vitals = await redis_checkup.look(url)
    except redis_checkup.Unreachable as error:
        return [broken("redis", f"{masked(url)}: {error}", "start it, or correct REDIS_URL")]
    about = f"{masked(url)}: {vitals.version}, answers in {vitals.milliseconds:.1f} ms"
    found = [ok("redis", about)]
    if vitals.milliseconds > SLOW_MILLISECONDS:
        found = [weak("redis", about, "bring it nearer, or give it more")]
    if not vitals.needs_password:
        found.append(weak("redis", "lets anybody in without a password", "requirepass, and the password in REDIS_URL"))
    if settings.database.engine == "sqlite":
        shared = "is there for several instances, but SQLite is for one"
        found.append(weak("redis", shared, "DATABASE_URL=postgresql://…, or no REDIS_URL"))
    return found


async def check_clock(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """Ours, against that of the file system and that of the database."""
    if milliseconds() < EARLIEST:
        return [broken("clock", "is years behind: no session would ever begin", "set it; use NTP")]
    apart = {"the file system": _files_apart(settings.data_dir), "the database": await _database_apart(settings)}
    compared = {whose: difference for whose, difference in apart.items() if difference is not None}
    found = [
        weak("clock", f"{difference / 1000:+.1f} s from that of {whose}", "use NTP on both")
        for whose, difference in compared.items()
        if abs(difference) > MOST_APART
    ]
    return found or [ok("clock", f"agrees with {' and '.join(compared) or 'itself: there is nothing to compare with'}")]


def _files_apart(directory: Path) -> int | None:
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            file.write(b"?")
            written = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
            return milliseconds() - written
    except OSError:
        return None


async def _database_apart(settings: Settings) -> int | None:
    if settings.database.engine == "sqlite":
        return None
    db = Database(settings.database.url, threads=1)
    try:
        clock = (await models.checkup.look(db)).clock
        return None if clock is None else milliseconds() - clock
    except Unavailable:
        return None
    finally:
        await db.close()


def _is_there(settings: Settings) -> bool:
    return settings.database.engine != "sqlite" or _file_of(settings.database.url).exists()


def _file_of(url: str) -> Path:
    return Path(unquote(urlsplit(url).path[1:]))
