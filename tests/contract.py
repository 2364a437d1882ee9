"""The codes that programs rely on, read from the source: each stands in docs/protocol.md, with what now."""

import ast
from pathlib import Path

from tests.codes import codes_of
from tests.markdown import tables
from tests.source import at, tree

RECONNECT = {"yes", "after a new token", "no"}


def documented_error_codes(root: Path) -> list[str]:
    """Every `code` of an error has a row in docs/protocol.md that says what now, and no other code has one."""
    codes = codes_of(root)
    rows = {
        row["code"].strip("`"): row
        for row in tables(_protocol(root), "code", "what now")
        if row["code"].startswith("`")
    }
    return [
        *([] if codes else ["actions/errors.py: no error code found"]),
        *(f"{place}: `{code}` is not in docs/protocol.md" for code, place in codes.items() if code not in rows),
        *(f"docs/protocol.md: `{code}` is no code of ours" for code in rows if code not in codes),
        *(f"docs/protocol.md: `{code}` does not say what now" for code, row in rows.items() if not row["what now"]),
    ]


def documented_close_codes(root: Path) -> list[str]:
    """Every close code of realtime/codes.py has a row in docs/protocol.md: come back or not, and what now."""
    path = root / "realtime" / "codes.py"
    numbers = {
        str(node.value): node.lineno
        for node in (ast.walk(tree(path)) if path.exists() else ())
        if isinstance(node, ast.Constant) and type(node.value) is int and 1000 <= node.value <= 4999
    }
    rows = {row["code"]: row for row in tables(_protocol(root), "code", "reconnect?", "what now")}
    return [
        *([] if numbers else ["realtime/codes.py: no close code found"]),
        *(
            f"{at(path, root, line)}: {number} is not in docs/protocol.md"
            for number, line in numbers.items()
            if number not in rows
        ),
        *(f"docs/protocol.md: {number} is no close code of ours" for number in rows if number not in numbers),
        *(f"docs/protocol.md: {number} does not say what now" for number, row in rows.items() if not row["what now"]),
        *(
            f"docs/protocol.md: {number} does not say whether to reconnect"
            for number, row in rows.items()
            if row["reconnect?"] not in RECONNECT
        ),
    ]


def _protocol(root: Path) -> str:
    """What docs/protocol.md says; nothing when there is none, so that every code is missing."""
    path = root / "docs" / "protocol.md"
    return path.read_text() if path.exists() else ""
