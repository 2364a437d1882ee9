"""The codes that programs rely on, read from the source: each must stand in docs/protocol.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.source import at, called, sources, text, tree

# Who is given an error's code by position, and at which.
CODE_ARGUMENTS = {"Fault": 1, "FieldError": 1, "field": 1, "FrameError": 0}


def documented_error_codes(root: Path) -> list[str]:
    """Every `code` of an error stands in docs/protocol.md as `code`."""
    codes = {
        code: place for path in sources(root, ("actions", "handlers", "realtime")) for code, place in _codes(path, root)
    }
    protocol = _protocol(root)
    faults = [
        f"{place}: `{code}` is not in docs/protocol.md" for code, place in codes.items() if f"`{code}`" not in protocol
    ]
    return faults if codes else ["actions/errors.py: no error code found"]


def documented_close_codes(root: Path) -> list[str]:
    """Every close code of realtime/codes.py stands in docs/protocol.md."""
    path = root / "realtime" / "codes.py"
    numbers = {
        node.value: node.lineno
        for node in (ast.walk(tree(path)) if path.exists() else ())
        if isinstance(node, ast.Constant) and type(node.value) is int and 1000 <= node.value <= 4999
    }
    protocol = _protocol(root)
    faults = [
        f"{at(path, root, line)}: {number} is not in docs/protocol.md"
        for number, line in numbers.items()
        if not re.search(rf"\b{number}\b", protocol)
    ]
    return faults if numbers else ["realtime/codes.py: no close code found"]


def _codes(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The words that programs get to know an error by, each with its place."""
    for node in ast.walk(tree(path)):
        for value in _code_values(node):
            if word := text(value):
                yield word, at(path, root, value.lineno)


def _code_values(node: ast.AST) -> Iterator[ast.expr]:
    """`code = "..."` in a class, `CODES = {...}`, `code="..."` in a call, and a code given by position."""
    if isinstance(node, ast.ClassDef):
        yield from (value for line in node.body for name, value in _assigned(line) if name == "code")
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        tables = (value for name, value in _assigned(node) if name == "CODES")
        yield from (word for table in tables if isinstance(table, ast.Dict) for word in table.values)
    elif isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        index = CODE_ARGUMENTS.get(called(node))
        if index is not None and index < len(node.args):
            yield node.args[index]


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Each name that an assignment gives a value, and the value."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((getattr(target, "id", ""), node.value) for target in targets)


def _protocol(root: Path) -> str:
    """What docs/protocol.md says; nothing when there is none, so that every code is missing."""
    path = root / "docs" / "protocol.md"
    return path.read_text() if path.exists() else ""
