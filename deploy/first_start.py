"""Makes what `docker compose up` needs before its first start: the keys and two passwords, in a volume of their own.

    first_start.py DIRECTORY --recado UID:GID --postgres UID:GID --redis UID:GID

Below `DIRECTORY/current` each of the three finds a directory that its group may enter, and files that it
alone may read. All is made at once or not at all; what is there stays, so every later start changes nothing.
Needs root for `chown`, and no other right of root.
"""

import argparse
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SERVER = Path(__file__).parent.parent / "server.py"
UNFINISHED = ".unfinished-"
# The keys that an older version did not have: whoever comes from one is given them.
ADDED = ("push.keys",)
# Both sides of each password, and what only one side needs. The default user of Redis can do nothing.
ACL = (
    "user default reset off\n"
    "user recado reset on #{fingerprint} ~recado:* &recado:* -@all +@read +@write +@connection +@pubsub +@scripting"
    " +@transaction -@admin -@dangerous +time +info\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make them if they are not there; the exit code."""
    chosen = _parser().parse_args(arguments)
    current = chosen.directory / "current"
    if current.is_dir():
        added = _add_missing(chosen.directory, current / "recado" / "keys", chosen.recado)
        told = f"made {', '.join(added)}" if added else "there already, nothing to do"
        sys.stdout.write(f"{current}: {told}\n")
        return 0
    for left in chosen.directory.glob(f"{UNFINISHED}*"):  # an earlier start did not come to its end
        shutil.rmtree(left)
    fresh = chosen.directory / f"{UNFINISHED}{secrets.token_hex(8)}"
    fresh.mkdir()
    fresh.chmod(0o711)
    _fill(fresh, chosen.recado, chosen.postgres, chosen.redis)
    fresh.rename(current)
    _sync(chosen.directory)
    sys.stdout.write(f"{current}: made the keys, and a password for PostgreSQL and for Redis\n")
    return 0


def _fill(fresh: Path, recado: tuple[int, int], postgres: tuple[int, int], redis: tuple[int, int]) -> None:
    administrator, database, bus = (secrets.token_urlsafe(32) for _ in range(3))
    fingerprint = hashlib.sha256(bus.encode()).hexdigest()
    _directory(fresh / "postgres", postgres, {"superuser-password": administrator, "recado-password": database})
    _directory(fresh / "redis", redis, {"users.acl": ACL.format(fingerprint=fingerprint)})
    urls = {
        "database-url": f"postgresql://recado:{database}@postgres:5432/recado",
        "redis-url": f"redis://recado:{bus}@redis:6379/0",
    }
    _directory(fresh / "recado", recado, urls)
    _make_keys(fresh / "recado" / "keys", recado)


def _make_keys(directory: Path, reader: tuple[int, int]) -> None:
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "RECADO_SECRETS_DIR": str(directory)}
    # Only this program's own interpreter and file, and a path we chose.
    command = [sys.executable, str(SERVER), "keys", "init"]
    made = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
    if made.returncode:
        raise SystemExit(made.returncode)
    for path in directory.iterdir():
        _give(path, reader)
    _own(directory, reader[1])


def _add_missing(directory: Path, keys: Path, reader: tuple[int, int]) -> list[str]:
    missing = [name for name in ADDED if not (keys / name).exists()]
    if not missing:
        return []
    fresh = directory / f"{UNFINISHED}{secrets.token_hex(8)}"
    fresh.mkdir(mode=0o700)
    try:
        _make_keys(fresh / "keys", reader)
        for name in missing:
            (fresh / "keys" / name).rename(keys / name)
        _sync(keys)
    except PermissionError:  # the directory was given to the server's user, and root has no more rights than that
        message = f"{keys}: {', '.join(missing)}: missing: run `python server.py keys init` as the user who owns it\n"
        raise SystemExit(message) from None
    finally:
        shutil.rmtree(fresh)
    return missing


def _directory(path: Path, reader: tuple[int, int], contents: dict[str, str]) -> None:
    path.mkdir(mode=0o700)
    for name, text in contents.items():
        file = path / name
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        _give(file, reader)
    _own(path, reader[1])


def _give(file: Path, reader: tuple[int, int]) -> None:
    # The mode first: what is somebody else's cannot be changed any more.
    file.chmod(0o400)
    os.chown(file, *reader)


def _own(directory: Path, group: int) -> None:
    """Ours, so that it can be cleared away; its reader goes through it, and cannot list it."""
    directory.chmod(0o710)
    os.chown(directory, -1, group)
    _sync(directory)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    for reader in ("recado", "postgres", "redis"):
        parser.add_argument(f"--{reader}", type=_reader, required=True, metavar="UID:GID")
    return parser


def _reader(text: str) -> tuple[int, int]:
    user, _, group = text.partition(":")
    return int(user), int(group)


if __name__ == "__main__":
    sys.exit(main())
