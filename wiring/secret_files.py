"""Files that hold secrets: nobody else may read them, and they appear whole or not at all.

Knows no purpose of a key and no settings beyond where the files are.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wiring.settings_values import SettingsError, meant

if TYPE_CHECKING:
    from settings import Settings

LARGEST = 65_536


def secret_texts(settings: "Settings", environ: Mapping[str, str], purposes: Sequence[str]) -> dict[str, str | None]:
    """For each purpose the text of its key ring, lines `<id> <key>`, or None where there is none yet.

    From RECADO_SECRETS_<PURPOSE> (entries divided by commas or lines, `id key` or `id:key`), else from the
    file that RECADO_SECRETS_<PURPOSE>_FILE names, else from `<secrets_dir>/<purpose>.keys`. SettingsError
    with every fault; no fault repeats a secret.
    """
    found: dict[str, str | None] = {}
    variables = {f"RECADO_SECRETS_{purpose.upper()}": purpose for purpose in purposes}
    known = {"RECADO_SECRETS_DIR", *variables, *(f"{variable}_FILE" for variable in variables)}
    faults = [
        f"{variable}: there is no such secret{meant(variable, known)}"
        for variable in sorted(environ)
        if variable.startswith("RECADO_SECRETS_") and variable not in known
    ]
    for variable, purpose in variables.items():
        text, file = environ.get(variable, "").strip(), environ.get(f"{variable}_FILE", "")
        if text and file:
            faults.append(f"{variable}_FILE: is set together with {variable}: choose one")
        elif text:
            found[purpose] = "".join(f"{entry.strip().replace(':', ' ', 1)}\n" for entry in re.split(r"[,\n]", text))
        else:
            path = Path(file) if file else settings.secrets_dir / f"{purpose}.keys"
            try:
                found[purpose] = read_private(path) if file or path.is_symlink() or path.exists() else None
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                faults.append(f"{f'{variable}_FILE' if file else path}: {why}")
    if faults:
        raise SettingsError(*faults)
    return found


def secret_path(settings: "Settings", environ: Mapping[str, str], purpose: str) -> Path | None:
    """The file that holds the key ring of a purpose; None when the environment itself holds it."""
    variable = f"RECADO_SECRETS_{purpose.upper()}"
    if environ.get(variable, "").strip():
        return None
    file = environ.get(f"{variable}_FILE", "")
    return Path(file) if file else settings.secrets_dir / f"{purpose}.keys"


@contextmanager
def changing(path: Path) -> Iterator[Path]:
    """Nobody else changes the secrets beside this one meanwhile; yields the file that a link leads to.

    SettingsError when that cannot be made sure.
    """
    import fcntl  # noqa: PLC0415 - POSIX only

    try:
        place = path.resolve(strict=True)
        handle = os.open(place.parent, os.O_RDONLY)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be changed: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield place
    finally:
        os.close(handle)


def replace_secret(path: Path, text: str) -> None:
    """Put a text in the place of a secret: whole or not at all, durable when it returns; owner and mode stay.

    MUST be called inside `changing`. SettingsError when it cannot be done.
    """
    try:
        found = path.stat()
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), found.st_mode & 0o700)
                if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                    # Else the server, which is another user than root, could not read it any more.
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error


def read_private(path: Path) -> str:
    """The text of a file that only we or root may read; ValueError for any other."""
    try:
        # What is judged is what was opened, wherever a link led; a pipe must not hold up the start.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{path} is not a file")
            if os.name == "posix" and found.st_uid not in (os.geteuid(), 0):
                raise ValueError(f"{path} belongs to somebody else: chown it to the user of this server")
            if os.name == "posix" and found.st_mode & 0o077:
                raise ValueError(f"{path} can be read by others: chmod 600 {path}")
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise ValueError(f"{path} is too large for a secret")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text") from None


def create_secrets(directory: Path, contents: Mapping[str, str]) -> frozenset[str]:
    """Write `<purpose>.keys` (0600) for each purpose into the directory (0700); return those that are ours.

    All or none, and durable when it returns. What is there already stays: of two processes that race one
    wins, so the caller MUST read with `secret_texts` what now stands there. SettingsError when it cannot be
    done.
    """
    fresh = None
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        for purpose, text in contents.items():
            _write_private(fresh / f"{purpose}.keys", text)
        _sync(fresh)
        made = _publish(fresh, directory)
        _sync(directory.parent)
    except OSError as error:
        raise SettingsError(f"{directory}: the secrets cannot be written: {error.strerror}") from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
    return frozenset(made)


def _publish(fresh: Path, directory: Path) -> list[str]:
    """Show the new files at their place: all at once, or beside those that are there already."""
    names = sorted(path.name for path in fresh.iterdir())
    try:
        fresh.rename(directory)
    except OSError:  # it is not empty, or a volume is mounted there
        if not directory.is_dir():
            raise
    else:
        return [name.removesuffix(".keys") for name in names]
    made = []
    directory.chmod(0o700)
    for name in names:
        try:
            (directory / name).hardlink_to(fresh / name)
        except FileExistsError:
            continue
        made.append(name.removesuffix(".keys"))
    _sync(directory)
    return made


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
