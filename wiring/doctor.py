"""The doctor: what is configured, reachable, migrated and weak here, with a remedy for each.

It changes nothing: no migration is applied, no key is made, no database comes into being. A line never holds
a secret.
"""

import importlib.metadata
import os
import platform
import shutil
import ssl
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from crypto.keyring import ADDED, PURPOSES, parse_ring
from handlers.logs import told
from handlers.pages import read_files
from settings import Settings
from wiring.build import WEB, parse_keys
from wiring.doctor_services import check_clock, check_database, check_redis
from wiring.findings import BROKEN, Finding, broken, note, ok, weak
from wiring.secret_files import secret_texts
from wiring.settings_values import SettingsError, masked

Check = Callable[[Settings, Mapping[str, str]], Awaitable[list[Finding]]]

REQUIREMENTS = Path(__file__).parent.parent / "requirements.txt"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - told, not bound
FEWEST_ROUNDS = 10
MEGABYTE = 1 << 20
# May carry a password: where they lead is told by the checks of what is there.
HUSHED = frozenset({"database.url", "redis.url"})


async def examine(settings: Settings, environ: Mapping[str, str]) -> int:
    """Print one line for each finding; 1 when something is broken, else 0."""
    worst = 0
    for name, check in CHECKS.items():
        try:
            findings = await check(settings, environ)
        except Exception as error:  # noqa: BLE001 - the other checks must be told all the same
            findings = [broken(name, f"could not be looked at: {told(error)['error']}", "please report this")]
        for finding in findings:
            print(finding.line(), flush=True)
            worst |= finding.level == BROKEN
    return worst


async def check_settings(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Where the settings come from, and which are not the defaults."""
    file = environ.get("RECADO_SETTINGS") or settings.base / "settings.toml"
    ours = sorted(
        name for name in environ if name.startswith("RECADO_") or name in ("PORT", "DATABASE_URL", "REDIS_URL")
    )
    found = [ok("settings", f"from {file}, and from the environment: {', '.join(ours) or 'nothing'}")]
    changed = _changed(settings)
    if changed:
        found.append(ok("settings", f"not the defaults: {', '.join(changed)}"))
    return found


def _changed(settings: Settings) -> list[str]:
    changed = []
    for section in fields(settings):
        values: Any = getattr(settings, section.name)
        if isinstance(values, Path):
            continue
        for option in fields(values):
            value = getattr(values, option.name)
            if value != option.default and f"{section.name}.{option.name}" not in HUSHED:
                changed.append(f"{section.name}.{option.name}={masked(str(value))}")
    return changed


async def check_versions(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """Python, OpenSSL, and each library beside the one it was tested with."""
    found = [ok("versions", f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, {sys.platform}")]
    installed = []
    for name, pinned in _pinned(REQUIREMENTS).items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found.append(weak("versions", f"{name} is missing", "make run, or pip install -r requirements.txt"))
            continue
        installed.append(f"{name} {version}")
        if version != pinned:
            remedy = "pip install -r requirements.txt"
            found.append(weak("versions", f"{name} is {version}; tested was {pinned}", remedy))
    return [found[0], ok("versions", ", ".join(installed)), *found[1:]]


def _pinned(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    wanted = (line.partition("#")[0].strip(" \\").split(";") for line in path.read_text().splitlines())
    # What is for other systems only has a condition behind it; the lines between are hashes.
    pins = (parts[0].strip().partition("==") for parts in wanted if len(parts) == 1)
    return {name.partition("[")[0]: version for name, _, version in pins if version}


async def check_directory(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """The data directory: there, private, writable, with room."""
    place = settings.data_dir
    if not place.exists():
        return [note("data", f"{place} is not there yet: the first start makes it")]
    if not place.is_dir() or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return [broken("data", f"{place} cannot be written to", "chown it to the user of this server")]
    found = []
    mode = stat.S_IMODE(place.stat().st_mode)
    if mode & 0o077:
        found.append(weak("data", f"{place} is open to others (mode {mode:04o})", f"chmod 700 {place}"))
    free = shutil.disk_usage(place).free // MEGABYTE
    room = f"{place}, mode {mode:04o}, {free} MB free"
    if free < 64:
        found.append(broken("data", room, "make room: without it nothing can be stored"))
    elif free < 1024:
        found.append(weak("data", room, "make room soon"))
    else:
        found.append(ok("data", room))
    return found


async def check_secrets(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Each key ring: where it is from, how many keys, whether they are good. Whether they fit: `check_database`."""
    try:
        texts = secret_texts(settings, environ, PURPOSES)
    except SettingsError as error:
        return [broken("secrets", fault, "as it says") for fault in error.faults]
    if not any(texts.values()):
        return [note("secrets", f"no keys yet: the first start makes them in {settings.secrets_dir}")]
    found = []
    for purpose, text in texts.items():
        source, in_environment = _source(settings, environ, purpose)
        if text is None and purpose in ADDED:
            found.append(
                note("secrets", f"{purpose}: no key: a version before this one needed none; the next start makes it")
            )
            continue
        if text is None:
            found.append(broken("secrets", f"{purpose}: no key, but others are there", f"restore {source}"))
            continue
        try:
            count = len(parse_ring(text).keys)
        except ValueError as error:
            found.append(broken("secrets", f"{purpose}: {error}", f"correct {source}"))
            continue
        about = f"{purpose}: {count} key{'s' if count > 1 else ''} from {source}"
        if in_environment:
            found.append(note("secrets", about, "a file (…_FILE) is not seen by whoever can list processes"))
        else:
            found.append(ok("secrets", about))
    return found + _shared(texts, found)


def _source(settings: Settings, environ: Mapping[str, str], purpose: str) -> tuple[str, bool]:
    variable = f"RECADO_SECRETS_{purpose.upper()}"
    if environ.get(variable, "").strip():
        return variable, True
    path = Path(environ.get(f"{variable}_FILE") or settings.secrets_dir / f"{purpose}.keys")
    if not path.exists():
        return str(path), False
    return f"{path} (mode {stat.S_IMODE(path.stat().st_mode):04o})", False


def _shared(texts: Mapping[str, str | None], found: Sequence[Finding]) -> list[Finding]:
    """Whether one secret serves two purposes, which no ring alone can tell."""
    if None in texts.values() or any(finding.level == BROKEN for finding in found):
        return []
    try:
        parse_keys(texts)
    except SettingsError as error:
        return [broken("secrets", fault, "make a key of its own for each purpose") for fault in error.faults]
    return []


async def check_rules(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """Options that are allowed and yet weak."""
    found = []
    if settings.auth.bcrypt_rounds < FEWEST_ROUNDS:
        rounds = f"bcrypt_rounds is {settings.auth.bcrypt_rounds}: passwords of a stolen database are guessed fast"
        found.append(weak("auth", rounds, "RECADO_AUTH_BCRYPT_ROUNDS=12"))
    if not settings.limits.enabled:
        found.append(weak("limits", "off: passwords can be guessed without end", "RECADO_LIMITS_ENABLED=true"))
    if settings.auth.second_factor == "off":
        off = "second_factor is off: whoever has a password has the account"
        found.append(weak("auth", off, "RECADO_AUTH_SECOND_FACTOR=optional"))
    elif not settings.server.public_url and not settings.server.allowed_hosts:
        found.append(note("auth", "passkeys work on localhost only", "RECADO_SERVER_PUBLIC_URL=https://…"))
    if settings.auth.websocket_query_token:
        query = "a WebSocket may show its token in the URL, which ends up in logs of proxies"
        found.append(note("auth", query, "RECADO_AUTH_WEBSOCKET_QUERY_TOKEN=false, once no client needs it"))
    return found or [ok("auth", "no weak option")]


async def check_listener(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """Who can reach this server, and how safely."""
    server = settings.server
    where = f"{server.host}:{server.port}"
    found = []
    if server.host in EVERYWHERE:
        if not server.public_url.startswith("https://"):
            unsafe = f"{where} is open to every machine, and nothing says that a proxy in front speaks TLS"
            found.append(weak("listening", unsafe, "RECADO_SERVER_PUBLIC_URL=https://…, or listen on 127.0.0.1"))
        if not server.trusted_proxies:
            unsafe = f"{where} is open to every machine and believes no proxy: behind one, all share one limit"
            found.append(weak("listening", unsafe, "RECADO_SERVER_TRUSTED_PROXIES=<the proxy's network>"))
        if not server.allowed_hosts:
            unsafe = "it answers under any name (DNS rebinding)"
            found.append(weak("listening", unsafe, "RECADO_SERVER_ALLOWED_HOSTS=<the name people type>"))
    return found or [ok("listening", f"{where}, {server.public_url or 'no public_url'}")]


async def check_page(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:  # noqa: ARG001
    """The chat page is built."""
    try:
        files = read_files(WEB)
    except OSError as error:
        return [broken("page", f"the chat page is not built: {error.strerror}", "make web")]
    return [ok("page", f"built, {len(files.assets)} files")]


CHECKS: Mapping[str, Check] = {
    "settings": check_settings,
    "versions": check_versions,
    "data": check_directory,
    "secrets": check_secrets,
    "database": check_database,
    "redis": check_redis,
    "auth": check_rules,
    "listening": check_listener,
    "clock": check_clock,
    "page": check_page,
}
