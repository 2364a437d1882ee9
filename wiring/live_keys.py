"""The keys of a running instance: read again when their files change, so that no key change needs a restart.

An instance tells the database which keys it knows: a key is made the current one when all know it, and taken away
when nobody needs it. Keys that cannot be used, or that lack one that is needed, are not taken over.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping

import models.keys
from actions.app import App
from crypto.keyring import PURPOSES, Keys
from settings import Settings
from wiring.build import check_keys, parse_keys
from wiring.canaries import rings_of
from wiring.secret_files import secret_path, secret_texts
from wiring.settings_values import SettingsError

log = logging.getLogger("recado.keys")

# How often the files are looked at, and how often the database is told that this instance runs.
LOOK_SECONDS = 1.0
ATTEST_SECONDS = 15.0

Stamp = tuple[tuple[int, int, int] | None, ...]


class LiveKeys:
    """Those of one instance. `look` is called again and again; `reload` when somebody asks for it (SIGHUP)."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._name = secrets.token_hex(8)
        self._attested = 0.0
        self._lock = asyncio.Lock()
        self._stamp = self._look()

    async def look(self, app: App) -> None:
        """Take over what has changed, and tell that this instance runs when it is time."""
        if await asyncio.to_thread(self._look) != self._stamp:
            await self.reload(app)
        elif time.monotonic() - self._attested >= ATTEST_SECONDS:
            await self.attest(app)

    async def attest(self, app: App) -> None:
        """Tell the database which keys this instance knows."""
        await models.keys.attest(app.db, self._name, ids_of(app.keys))
        self._attested = time.monotonic()

    async def leave(self, app: App) -> None:
        """Tell the database that this instance needs its keys no more: nobody has to wait until it is forgotten."""
        await models.keys.leave(app.db, self._name)

    async def reload(self, app: App) -> None:
        """Read the keys again; with a fault, which is logged, those that are there stay."""
        async with self._lock:
            stamp = await asyncio.to_thread(self._look)
            try:
                texts = await asyncio.to_thread(secret_texts, self._settings, self._environ, PURPOSES)
                keys = parse_keys(texts)
                await check_keys(keys, app.db)
            except SettingsError as error:
                log.error("keys not reloaded", extra={"faults": list(error.faults)})
                self._stamp = stamp
                return
            changed = ids_of(keys) != ids_of(app.keys)
            app.keys = keys
            self._stamp = stamp
            if changed:
                log.info("keys reloaded", extra={"current": {name: ids[0] for name, ids in ids_of(keys).items()}})
        await self.attest(app)

    def _look(self) -> Stamp:
        return tuple(self._stamp_of(purpose) for purpose in PURPOSES)

    def _stamp_of(self, purpose: str) -> tuple[int, int, int] | None:
        path = secret_path(self._settings, self._environ, purpose)
        try:
            found = None if path is None else path.stat()
        except OSError:
            return None
        return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)


def ids_of(keys: Keys) -> dict[str, list[str]]:
    """The ids of each ring's keys, current first."""
    return {purpose: [key.id for key in ring.keys] for purpose, ring in rings_of(keys).items()}
