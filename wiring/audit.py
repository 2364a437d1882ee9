"""The audit log at work: what the server does for it while it runs, and the commands `audit init`, `verify`, `keys`.

Checkpoints leave the database by two ways: a file that is only appended to, and the standard output.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import models.audit
import models.audit_log
from actions import audit, audit_checks
from actions.app import App
from actions.audit import Outlet
from actions.audit_checks import Evidence, Report
from actions.audit_keeper import Keeper
from crypto import chain, checkpoints
from crypto.checkpoints import Checkpoint
from crypto.errors import Tampered
from models.audit import Record
from models.audit_log import Due
from models.db import Database
from settings import Settings
from wiring.build import load_keys, milliseconds, open_database
from wiring.secret_files import read_private
from wiring.settings_values import SettingsError

log = logging.getLogger("recado.audit")

# How many records the check at the start looks at; all of them once a day.
NEWEST = 2_000
HOURS_OF_A_DAY = 24
TAIL_BYTES = 65_536
TELL_EVERY_SECONDS = 2.0
# May carry a password: not even a fingerprint of it is kept.
HUSHED = frozenset({"url"})


class Watch:
    """What an instance does for the log, turn by turn."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due = Due(settings.audit.checkpoint_records, settings.audit.checkpoint_minutes * 60_000)
        self._file = checkpoint_file(settings)
        self._outlet = Outlet(self._write)
        self._hours = 0
        self._is_failing = False
        self._printed = ""

    async def begin(self, app: App) -> None:
        """Tell the log that an instance starts, and with which settings."""
        self._outlet.last = await self._last(app)
        await models.audit.append(app.db, self._about(app, "server_start"))

    async def turn(self, app: App) -> None:
        """Make a checkpoint if one is due, and send out what has not gone out."""
        await audit.checkpoint(app, self._due)
        await self._export(app)

    async def check_newest(self, app: App) -> None:
        """Check the end of the log, at the start of an instance."""
        await audit_checks.verify_own(app, outside=self._outside(TAIL_BYTES), newest=NEWEST)

    async def hourly(self, app: App) -> None:
        """Drop what is too old, seal what is sealed with an older key; once a day, check all of the log."""
        await audit.retain(app, self._outlet, days=self._settings.audit.keep_days)
        await audit.reseal(app)
        if self._hours % HOURS_OF_A_DAY == 0:
            await audit_checks.verify_own(app, outside=await asyncio.to_thread(self._outside))
        self._hours += 1

    async def end(self, app: App) -> None:
        """Tell the log that an instance stops, and cover all by a last checkpoint."""
        await audit.flush(app)
        await models.audit.append(app.db, self._about(app, "server_stop"))
        await audit.checkpoint(app, Due(1, 0))
        await self._export(app)

    async def _export(self, app: App) -> None:
        try:
            app.notes.checkpoints += await audit.export(app, self._outlet)
        except OSError as error:
            if not self._is_failing:  # it is tried again with every turn
                log.error("checkpoints cannot be written", extra={"file": str(self._file), "reason": error.strerror})
            self._is_failing = True
        else:
            self._is_failing = False

    def _about(self, app: App, action: str) -> Record:
        return Record(app.clock(), action, reason=f"settings={fingerprint(self._settings)}")

    async def _last(self, app: App) -> int:
        """The newest checkpoint that is known to have gone out: what is not in the file goes out again."""
        if self._file is not None:
            name = (await models.audit_log.begin(app.db)).log
            known = [each.number for each in self._outside(TAIL_BYTES) if each.log == name]
            return max(known, default=0)
        newest = await models.audit_log.newest_checkpoint(app.db)
        # It may have been made, and its instance have died, before it was printed.
        return newest.number - 1 if newest else 0

    def _outside(self, last: int | None = None) -> list[Checkpoint]:
        """What went out by the file, or by its last bytes."""
        if self._file is None or not self._file.exists():
            return []
        return read_checkpoints(self._file, last)[0]

    def _write(self, line: str) -> None:
        if line != self._printed:
            print(line, flush=True)
            self._printed = line
        if self._file is not None:
            append_line(self._file, line)


def checkpoint_file(settings: Settings) -> Path | None:
    """Where checkpoints are appended; None for nowhere."""
    name = settings.audit.checkpoint_file
    return settings.data_dir / name if name else None


def append_line(path: Path, line: str) -> None:
    """Append one line, durably; no line that is there is touched."""
    # A line that a crash has cut short must not swallow this one.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        whole = size == 0 or os.pread(handle, 1, size - 1) == b"\n"
        os.write(handle, (("" if whole else "\n") + line + "\n").encode("ascii"))
        os.fsync(handle)
    finally:
        os.close(handle)


def read_checkpoints(path: Path, last: int | None = None) -> tuple[list[Checkpoint], int]:
    """The checkpoints in a file (or its `last` bytes), and how many lines were broken ones.

    They may stand among whatever else a standard output held.
    """
    found: dict[tuple[str, int, bytes], Checkpoint] = {}
    broken = 0
    with path.open("rb") as file:
        if last is not None and path.stat().st_size > last:
            file.seek(-last, os.SEEK_END)
            file.readline()  # cut in two by where we began
        for raw in file:
            line = raw.decode("utf-8", "replace")
            start = line.find('{"type":"' + checkpoints.TYPE + '"')
            if start < 0:
                continue
            try:
                each = checkpoints.from_line(line[start:].strip())
            except Tampered:
                broken += 1
            else:
                found[each.log, each.number, each.signature] = each
    return list(found.values()), broken


def fingerprint(settings: Settings) -> str:
    """Changes when a setting does; tells none of them."""
    shown = {
        section: {name: value for name, value in values.items() if name not in HUSHED}
        for section, values in asdict(settings).items()
        if isinstance(values, dict)
    }
    return chain.fingerprint(repr(sorted(shown.items())))


async def init(settings: Settings, environ: Mapping[str, str], to: str | None) -> int:
    """Hand out the first key of the log, once, and erase it here; then tell the public key."""
    db = await open_database(settings)
    try:
        keeper = await _kept(settings, environ, db)
        head = await models.audit_log.begin(db)
        key = keeper.first_key(head)
        if key is None:
            print("the first key was handed out before; it is not here any more")
        else:
            line = chain.format_first_key(head.log, key)
            if to is None:
                print(line)
            else:
                _write_new(Path(to), line + "\n")
            await models.audit_log.take_first_key(db)
            await models.audit.append(db, Record(milliseconds(), "audit_first_key", reason="handed out"))
            where = to or "the line above"
            print(f"keep {where} away from this machine: it checks every record, and is not kept here any more")
        print(f"public key: {checkpoints.format_public_keys(keeper.public_keys()).splitlines()[0]}")
        return 0
    finally:
        await db.close()


async def keys(settings: Settings, environ: Mapping[str, str]) -> int:
    """Print the public keys that check the signatures of checkpoints: no secret."""
    db = await open_database(settings)
    try:
        keeper = await _kept(settings, environ, db)
        print(checkpoints.format_public_keys(keeper.public_keys()), end="")
        return 0
    finally:
        await db.close()


async def verify(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    public_key: str | None,
    outside: str | None,
    first_key: str | None,
) -> int:
    """Check the whole log and print each fault; 1 when there is one. `SettingsError` when a file is not what it should.

    With a public key no secret of the server is read, and the result is not told to the log.
    """
    evidence = _evidence(settings, public_key, outside, first_key)
    db = await open_database(settings)
    try:
        if public_key is None:
            keeper = await _kept(settings, environ, db)
            evidence = Evidence(keeper.public_keys(), keeper, evidence.outside, evidence.first_key)
        report = await audit_checks.verify(db, evidence, progress=_Telling())
        if evidence.keeper is not None:
            await models.audit.append(db, audit_checks.result(report, milliseconds()))
    finally:
        await db.close()
    _tell(report, evidence)
    return 1 if report.faults else 0


def _evidence(settings: Settings, public_key: str | None, outside: str | None, first_key: str | None) -> Evidence:
    path = Path(outside) if outside else checkpoint_file(settings)
    found: list[Checkpoint] = []
    try:
        if path is not None and (outside or path.exists()):
            found, broken = read_checkpoints(path)
            if broken:
                print(f"note: {path}: {broken} lines are cut short or changed", file=sys.stderr)
        public = checkpoints.parse_public_keys(Path(public_key).read_text("utf-8")) if public_key else {}
        first = chain.parse_first_key(read_private(Path(first_key))) if first_key else None
    except OSError as error:
        raise SettingsError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"audit: {error}") from error
    return Evidence(public, None, found, first)


def _tell(report: Report, evidence: Evidence) -> None:
    for fault in report.faults:
        print(fault.line())
    print(f"{report.records} records up to {report.head}, {report.checkpoints} checkpoints up to {report.covered}")
    outside = len(evidence.outside)
    print(f"checkpoints that left the machine: {outside or 'none was given: what was cut off by now cannot be told'}")
    print(f"MACs checked: {report.vouched}")
    print("TAMPERED" if report.faults else "intact")


async def _kept(settings: Settings, environ: Mapping[str, str], db: Database) -> Keeper:
    loaded = await load_keys(settings, environ, db)
    keeper = Keeper(lambda: loaded.audit)
    models.audit.keep(db, keeper)
    return keeper


def _write_new(path: Path, text: str) -> None:
    """Into a file that was not there, for its owner only, durably."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error


class _Telling:
    """Progress on what takes long: a line on standard error every two seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + TELL_EVERY_SECONDS

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL_EVERY_SECONDS
            print(f"record {done} of {total}", file=sys.stderr, flush=True)
