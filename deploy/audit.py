"""Known weaknesses of everything that is pinned, as PyPI tells them; where it cannot be asked, one line says so.

`python deploy/audit.py <requirements file>`: 0 when there is none, or nobody could be asked; 1 and a line for each
that there is. Asks through pip-audit, which is given pins with hashes and so installs and resolves nothing.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

COMMAND = (
    *("pip_audit", "--format=json", "--progress-spinner=off", "--disable-pip", "--require-hashes"),
    *("--timeout=10", "--requirement"),
)
PATIENCE_SECONDS = 300


def main(arguments: Sequence[str]) -> int:
    """Ask about what this file pins, and tell; the exit code."""
    (file,) = arguments
    # Only this program's own interpreter, and a module by its name.
    command = [sys.executable, "-m", *COMMAND, file]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return _unasked("no answer in time")
    try:
        asked: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _unasked(_last(ran.stderr))
    known = [library for library in asked if "skip_reason" not in library]
    if not known:
        return _unasked(f"whoever answers for PyPI knows none of the {len(asked)}")
    if len(known) < len(asked):
        unknown = ", ".join(sorted(library["name"] for library in asked if "skip_reason" in library))
        sys.stdout.write(f"not known to PyPI: {unknown}\n")
    found = weaknesses(known)
    for line in found:
        sys.stdout.write(f"{line}\n")
    if not found:
        sys.stdout.write(f"no known weakness in {len(known)} libraries\n")
    return 1 if found else 0


def weaknesses(known: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each weakness."""
    lines = []
    for library in known:
        for weakness in library["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version yet"
            lines.append(f"{library['name']} {library['version']}: {weakness['id']}, mended in {mended}")
    return lines


def _unasked(reason: str) -> int:
    sys.stdout.write(f"known weaknesses of the libraries were not asked for: {reason}\n")
    return 0


def _last(text: str) -> str:
    """The last line, which says what went wrong, as one line of bounded length."""
    lines = text.split("\n")
    return next((" ".join(line.split())[:200] for line in reversed(lines) if line.strip()), "no answer")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
