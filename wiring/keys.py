"""Commands for the keys: make, list, add, use, rotate, verify, retire. All of them work while instances run.

A key goes through three states, so that nobody ever meets one that they do not know: `add` puts it into the file,
and running instances read it within seconds; `use` makes it the current one, once all of them know it; `rotate` moves
what the old one sealed to it; `retire` takes the old one away, once nothing needs it.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import models.audit
import models.keys
import models.migrate
from actions import keys as acts
from actions.audit_keeper import Keeper
from actions.keys import Damage
from crypto.keyring import ADDED, PURPOSES, Keys, Ring, format_ring, make_key, parse_ring
from models.audit import Record
from models.db import Database
from models.keys import Rings
from settings import Settings
from wiring.build import check_keys, milliseconds, parse_keys
from wiring.canaries import rings_of
from wiring.secret_files import changing, create_secrets, read_private, replace_secret, secret_path, secret_texts
from wiring.settings_values import SettingsError

REFUSED = 1
# How long running instances are waited for, and how often they are asked.
WAIT_SECONDS = 60.0
ASK_SECONDS = 0.2
TELL_SECONDS = 1.0
MOST_TOLD = 100
MINUTE = 60_000
# How long something that a key has made may still be on its way when another one has taken over.
LINGER = {
    "master": 5 * MINUTE,
    "access": 65 * MINUTE,  # the longest access token, and clocks that differ
    "pepper": 5 * MINUTE,
    "token": 5 * MINUTE,
    "bus": 5 * MINUTE,
    "push": 5 * MINUTE,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    settings: Settings
    environ: Mapping[str, str]
    db: Database
    keys: Keys

    def ring(self, purpose: str) -> Ring:
        """The ring of a purpose."""
        return rings_of(self.keys)[purpose]


def init(settings: Settings, environ: Mapping[str, str]) -> int:
    """Make one key for each purpose, unless all are there; `SettingsError` when only some are, or one is weak.

    A purpose that an older version did not have is given its key.

    It asks no database. One that holds what other keys sealed is protected all the same: no server starts
    on it with keys that do not open it.
    """
    texts = secret_texts(settings, environ, PURPOSES)
    missing = [purpose for purpose, text in texts.items() if text is None]
    lost = [purpose for purpose in missing if purpose not in ADDED]
    if lost and len(missing) < len(texts):
        raise SettingsError(
            f"secrets: {', '.join(lost)}: no key, but the others are there: restore the key files in"
            f" {settings.secrets_dir}, or take the others away if nothing was ever stored with them"
        )
    if not missing:
        parse_keys(texts)
        print("all keys are there already")
        return 0
    made = create_secrets(settings.secrets_dir, {purpose: format_ring(Ring((make_key(),))) for purpose in missing})
    # Another process may have been here first; what counts is what stands there now.
    parse_keys(secret_texts(settings, environ, PURPOSES))
    print(f"made {', '.join(sorted(made))} in {settings.secrets_dir}" if made else "all keys are there already")
    return 0


async def list_all(settings: Settings, environ: Mapping[str, str]) -> int:
    """Print every key: its purpose and id, its state, what hangs on it, and how many running instances know it."""
    async with _desk(settings, environ) as desk:
        held, running = await models.keys.held(desk.db), await models.keys.running(desk.db)
        used = await models.keys.uses(desk.db)
        print(f"{'purpose':8} {'key':34} {'state':9} {'known to':9} needed by")
        for purpose in PURPOSES:
            ring = desk.ring(purpose)
            for key in ring.keys:
                state = _state(ring, key.id, (purpose, key.id) in used)
                known = sum(key.id in rings.get(purpose, ()) for rings in running.values())
                needed = ", ".join(_told(held.get((purpose, key.id), {}))) or "-"
                print(f"{purpose:8} {key.id:34} {state:9} {f'{known} of {len(running)}':9} {needed}")
        for (purpose, key_id), what in sorted(held.items()):
            if key_id not in {key.id for key in desk.ring(purpose).keys}:
                print(f"{purpose:8} {key_id:34} {'MISSING':9} {'-':9} {', '.join(_told(what))}")
    return 0


async def add(settings: Settings, environ: Mapping[str, str], purpose: str) -> int:
    """Make a key and put it behind the others: known, and not yet used."""
    async with _desk(settings, environ) as desk:
        made = await _add(desk, purpose)
        if await _all_running(desk, f"know {purpose} {made}", lambda rings: made in rings.get(purpose, ())):
            _say(f"`keys use {purpose} {made}` makes it the current one")
        else:
            _say("do the same to the copies of the key files that other machines have; then `keys use`")
    return 0


async def use(settings: Settings, environ: Mapping[str, str], purpose: str, key_id: str | None) -> int:
    """Make a key the current one, when every running instance knows it; 1 when one does not."""
    async with _desk(settings, environ) as desk:
        chosen = key_id or await _newest_unused(desk, purpose)
        if chosen is None:
            _say(f"{purpose}: every key has been used: `keys add {purpose}` makes another one")
            return REFUSED
        return 0 if await _use(desk, purpose, chosen) else REFUSED


async def rotate(settings: Settings, environ: Mapping[str, str]) -> int:
    """Make the newest master key the current one, if it is not, and seal everything again by it.

    1 when a running instance cannot come along, or a row does not open. It may be ended at any time and run again.
    """
    async with _desk(settings, environ) as desk:
        chosen = await _newest_unused(desk, "master")
        if chosen is not None and not await _use(desk, "master", chosen):
            return REFUSED
        keys = _read(settings, environ)
        current = keys.master.current.id
        # What an instance seals by the old key behind our back would need that key for ever.
        if not await _all_running(desk, f"seal by master {current}", lambda rings: rings["master"][0] == current):
            return REFUSED
        progress = _Progress()
        done = await acts.rotate(desk.db, keys, progress.tell)
        progress.end()
        await _record(desk, "keys_rotated", "master", current, "ok" if not done.damaged else "partial")
        _say(f"moved {done.moved:,} rows to master {current}")
        return _judged(done.damaged)


async def verify(settings: Settings, environ: Mapping[str, str], *, with_messages: bool) -> int:
    """Try whether everything that is sealed opens; 1, and the rows, when something does not."""
    async with _desk(settings, environ) as desk:
        progress = _Progress()
        damaged = await acts.verify(desk.db, desk.keys, progress.tell, with_messages=with_messages)
        progress.end()
        await _record(desk, "keys_verified", "master", "", "ok" if not damaged else "damaged")
        if not damaged:
            _say("everything opens")
        return _judged(damaged)


async def retire(settings: Settings, environ: Mapping[str, str], purpose: str, key_id: str) -> int:
    """Take a key out of its file for ever, when nothing needs it; 1 when something does."""
    async with _desk(settings, environ) as desk:
        reasons = await _reasons_to_keep(desk, purpose, key_id)
        if reasons:
            for reason in reasons:
                _say(f"{purpose} {key_id} stays: {reason}")
            return REFUSED
        await _record(desk, "key_retired", purpose, key_id, "ok")
        _change(desk, purpose, lambda lines: [line for line in lines if _id_of(line) != key_id])
        _say(f"took {purpose} {key_id} away: whatever copies of the database still hold by it, nobody reads any more")
    return 0


async def _reasons_to_keep(desk: Desk, purpose: str, key_id: str) -> list[str]:
    ring = desk.ring(purpose)
    if purpose == "audit":
        return ["the audit log is checked with every key that it was ever written with"]
    if key_id not in {key.id for key in ring.keys}:
        return ["there is no such key"]
    if key_id == ring.current.id:
        return ["it is the current one"]
    reasons = _told((await models.keys.held(desk.db)).get((purpose, key_id), {}))
    current = (await models.keys.uses(desk.db)).get((purpose, ring.current.id))
    if current is None or current < LINGER[purpose]:
        reasons.append(f"the current one came less than {LINGER[purpose] // MINUTE} minutes ago")
    elif purpose == "token":
        now = milliseconds()
        older = await models.keys.older_sessions(desk.db, now=now, before=now - current)
        reasons += [f"{older:,} sessions that began before the current one"] if older else []
    behind = [
        name for name, rings in (await models.keys.running(desk.db)).items() if _first_of(rings, purpose) == key_id
    ]
    if behind:
        reasons.append(f"{len(behind)} running instances still use it as the current one")
    return reasons


async def _add(desk: Desk, purpose: str) -> str:
    key = make_key()
    _change(desk, purpose, lambda lines: [*lines, format_ring(Ring((key,))).strip()])
    await _record(desk, "key_added", purpose, key.id, "ok")
    _say(f"added {purpose} {key.id}")
    return key.id


async def _use(desk: Desk, purpose: str, key_id: str) -> bool:
    if key_id not in {key.id for key in desk.ring(purpose).keys}:
        _say(f"{purpose}: there is no key {key_id}")
        return False
    if not await _all_running(desk, f"know {purpose} {key_id}", lambda rings: key_id in rings.get(purpose, ())):
        return False
    if (purpose, key_id) in await models.keys.uses(desk.db):
        # Once more: it may seem younger than it is, never older.
        await models.keys.use(desk.db, purpose, key_id)
    await _record(desk, "key_used", purpose, key_id, "ok")
    _change(desk, purpose, lambda lines: _first(lines, key_id))
    await models.keys.use(desk.db, purpose, key_id)
    await check_keys(_read(desk.settings, desk.environ), desk.db)
    _say(f"{purpose} {key_id} is the current key")
    await _all_running(desk, f"use {purpose} {key_id}", lambda rings: _first_of(rings, purpose) == key_id)
    return True


async def _newest_unused(desk: Desk, purpose: str) -> str | None:
    """The last key of the file that was never the current one."""
    used = await models.keys.uses(desk.db)
    ring = desk.ring(purpose)
    unused = [key.id for key in ring.keys if (purpose, key.id) not in used and key.id != ring.current.id]
    return unused[-1] if unused else None


async def _all_running(desk: Desk, what: str, has: Callable[[Rings], bool]) -> bool:
    """Wait until every running instance does; False, with a word, when one does not for long."""
    until, told = time.monotonic() + WAIT_SECONDS, None
    while True:
        running = await models.keys.running(desk.db)
        behind = sum(not has(rings) for rings in running.values())
        if behind == 0:
            return True
        if behind != told:
            _say(f"waiting until all of {len(running)} running instances {what}: {behind} do not yet")
            told = behind
        if time.monotonic() >= until:
            _say(
                f"{behind} of {len(running)} running instances do not {what}: give them the same key files"
                " (they look by themselves, or at once on SIGHUP), and run this again"
            )
            return False
        await asyncio.sleep(ASK_SECONDS)


def _change(desk: Desk, purpose: str, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
    """Rewrite a key file; comments stay. `SettingsError` when the keys are not in a file, or would not be good."""
    path = secret_path(desk.settings, desk.environ, purpose)
    if path is None:
        raise SettingsError(
            f"RECADO_SECRETS_{purpose.upper()}: the environment holds these keys, and no command changes it:"
            " put them into a file, or change the variable and start again"
        )
    with changing(path) as place:
        lines = [line.strip() for line in read_private(place).splitlines()]
        text = "".join(f"{line}\n" for line in change(lines))
        _refuse_bad(path, text)
        replace_secret(place, text)


def _refuse_bad(path: Path, text: str) -> None:
    try:
        parse_ring(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def _first(lines: Sequence[str], key_id: str) -> list[str]:
    """The lines with that key before all others; comments keep their places."""
    chosen = [line for line in lines if _id_of(line) == key_id]
    others = [line for line in lines if _id_of(line) != key_id]
    start = next((number for number, line in enumerate(others) if _id_of(line)), len(others))
    return [*others[:start], *chosen, *others[start:]]


def _first_of(rings: Rings, purpose: str) -> str | None:
    """The current key of an instance; None when its version does not know the purpose."""
    return next(iter(rings.get(purpose, ())), None)


def _id_of(line: str) -> str:
    words = line.partition("#")[0].split()
    return words[0] if words else ""


def _read(settings: Settings, environ: Mapping[str, str]) -> Keys:
    texts = secret_texts(settings, environ, PURPOSES)
    missing = [purpose for purpose, text in texts.items() if text is None]
    if missing:
        raise SettingsError(f"secrets: {', '.join(missing)}: no key: `keys init` makes them ahead of a first start")
    return parse_keys(texts)


@asynccontextmanager
async def _desk(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Desk]:
    keys = _read(settings, environ)
    if settings.database.engine == "sqlite":
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(settings.database.url, threads=1)
    try:
        try:
            if (await models.migrate.state(db)).pending:
                raise SettingsError("database: migrations are pending: run `python server.py migrate`")
        except models.migrate.Changed as error:
            raise SettingsError(f"database: {error}") from error
        models.audit.keep(db, Keeper(lambda: keys.audit))
        yield Desk(settings, environ, db, keys)
    finally:
        await db.close()


async def _record(desk: Desk, action: str, purpose: str, key_id: str, outcome: str) -> None:
    record = Record(at=milliseconds(), action=action, outcome=outcome, target=f"{purpose} {key_id}".strip())
    await models.audit.append(desk.db, record)


def _state(ring: Ring, key_id: str, was_used: bool) -> str:
    if key_id == ring.current.id:
        return "current"
    return "old" if was_used else "unused"


def _told(what: Mapping[str, int]) -> list[str]:
    return [f"{count:,} {name}" for name, count in what.items()]


def _judged(damaged: Sequence[Damage]) -> int:
    for damage in damaged[:MOST_TOLD]:
        _say(f"does not open: {damage.table} {', '.join(map(str, damage.row))} ({damage.reason})")
    if damaged[MOST_TOLD:]:
        _say(f"and {len(damaged) - MOST_TOLD:,} more")
    return REFUSED if damaged else 0


def _say(line: str) -> None:
    print(line, flush=True)


class _Progress:
    """How far it is, on standard error, at most once a second."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._line = ""

    def tell(self, table: str, seen: int, moved: int) -> None:
        """So many rows of a table were looked at, and so many moved."""
        self._line = f"{table}: {seen:,} rows looked at" + (f", {moved:,} moved" if moved else "")
        if time.monotonic() - self._last >= TELL_SECONDS:
            self._show()

    def end(self) -> None:
        """The last line, whenever it was."""
        if self._line:
            self._show()

    def _show(self) -> None:
        print(self._line, file=sys.stderr, flush=True)
        self._last = time.monotonic()
